"""One call of a recurrent module: its arguments, its lengths, and the state it begins and ends with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

SEQUENCES = (nn.LSTM, nn.GRU, nn.RNN)
CELLS = (nn.LSTMCell, nn.GRUCell, nn.RNNCell)

State = tuple[Tensor, ...]
"""h, or h and c: (layers x directions, 1, features) of a sequence module, (1, features) of a Cell."""


@dataclass(slots=True)
class Call:
    """One call of a recurrent module.

    Attributes
    ----------
    module : torch.nn.Module
        The module that was called, for its settings. Its weights may have been trained on since.
    args, kwargs : what it was called with, and
    output : what it returned, before any hook of the user's: copies.
    weights : dict of str to tensor
        Its parameters and buffers as they were in the call, by name.
    before, after : tuple of tensors or None
        State that it began with and ended with; None of a custom module.
    steps, batch : int or None
        Length and number of the sequences; None of a custom module.
    """

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    output: Any
    weights: dict[str, Tensor]
    before: State | None = None
    after: State | None = None
    steps: int | None = None
    batch: int | None = None
    states: Any = None
    """Filled in where the states were computed during the call (a clamped run)."""

    def argument(self, position: int, name: str) -> Any:
        """An argument by its position or its name; None if it was not given."""
        return self.args[position] if len(self.args) > position else self.kwargs.get(name)


def copied(value: Any) -> Any:
    """Copies of all tensors in ``value``: a model may write to them after the call."""
    if isinstance(value, PackedSequence):
        return PackedSequence(value.data.clone(), *value[1:])
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, tuple | list):
        return type(value)(map(copied, value)) if type(value) in (tuple, list) else value
    return {key: copied(part) for key, part in value.items()} if isinstance(value, dict) else value


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Copies of the weights that a call used, also where they are parametrised or pruned."""
    if isinstance(module, nn.RNNBase):
        found = dict(zip(module._flat_weights_names, module._flat_weights, strict=True))
    elif isinstance(module, nn.RNNCellBase):
        found = {key: getattr(module, key) for key in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    else:
        found = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {key: tensor.detach().clone() for key, tensor in found.items() if tensor is not None}


def given_as(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str) -> Any:
    return args[position] if len(args) > position else kwargs.get(name)


def _parts(state: Any) -> State:
    return tuple(state) if isinstance(state, tuple | list) else (state,)


def is_batched(module: nn.Module, inputs: Any) -> bool:
    """Whether a recurrent module of torch was given a batch, not a sequence alone."""
    return isinstance(inputs, PackedSequence) or inputs.ndim == (3 if isinstance(module, SEQUENCES) else 2)


def state_before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> State | None:
    if not isinstance(module, SEQUENCES + CELLS):
        return None
    inputs, given = given_as(args, kwargs, 0, "input"), given_as(args, kwargs, 1, "hx")
    if given is not None:
        return _batched(module, inputs, _parts(given))
    data = inputs.data if isinstance(inputs, PackedSequence) else inputs
    batch = lengths(module, args, kwargs)[1] or 1
    is_lstm = isinstance(module, nn.LSTM | nn.LSTMCell)
    if isinstance(module, nn.RNNBase):
        count = module.num_layers * (2 if module.bidirectional else 1)
        first = data.new_zeros(count, batch, module.proj_size or module.hidden_size)
        return (first, data.new_zeros(count, batch, module.hidden_size)) if is_lstm else (first,)
    first = data.new_zeros(batch, module.hidden_size)
    return (first, first.clone()) if is_lstm else (first,)


def state_after(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> State | None:
    if not isinstance(module, SEQUENCES + CELLS):
        return None
    state = _parts(output[1] if isinstance(module, SEQUENCES) else output)
    return tuple(part.clone() for part in _batched(module, given_as(args, kwargs, 0, "input"), state))


def _batched(module: nn.Module, inputs: Any, state: State) -> State:
    """With a batch axis, as (…, 1, features)."""
    return state if is_batched(module, inputs) else tuple(part.unsqueeze(-2) for part in state)


def lengths(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[int | None, int | None]:
    """Steps and sequences of a call."""
    inputs = given_as(args, kwargs, 0, "input")
    if isinstance(inputs, PackedSequence):
        return len(inputs.batch_sizes), int(inputs.batch_sizes[0])
    if isinstance(module, SEQUENCES):
        if inputs.ndim == 2:
            return inputs.shape[0], 1
        time = 1 if module.batch_first else 0
        return inputs.shape[time], inputs.shape[1 - time]
    if isinstance(module, CELLS):
        return 1, inputs.shape[0] if inputs.ndim == 2 else 1
    return None, None


def with_state(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], state: State) -> Any:
    """The arguments of a call, with another state to begin with."""
    inputs = given_as(args, kwargs, 0, "input")
    parts = state if is_batched(module, inputs) else tuple(part.squeeze(-2) for part in state)
    begin = parts if len(parts) > 1 else parts[0]
    if len(args) > 1:
        return (args[0], begin, *args[2:]), kwargs
    return args, {**kwargs, "hx": begin}
