"""Hooks on the recurrent modules of a twin, for one pass: what each call got and gave, and its state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

SEQUENCES = (nn.LSTM, nn.GRU, nn.RNN)
CELLS = (nn.LSTMCell, nn.GRUCell, nn.RNNCell)

_MOST_CHAINS = 16  # looked at: where the model changes its state at each step, every call begins a new one

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


@dataclass
class Watch:
    """What is to be seen and changed in a pass; filled by it.

    Attributes
    ----------
    modules : dict of str to nn.Module
        Recurrent modules of the twin, by path.
    keep : bool
        Whether inputs, outputs and weights are kept (to compute states), or only lengths and end states.
    carried : dict of str to list of State
        State that the first call of each chain begins with, by module; empty: as the model says.
    replace : callable, optional
        ``replace(name, number of the chain, call)`` gives the output to hand on instead, or None.
    chains : dict of str to list of list of Call
        By module, in the order of their first calls. Calls of which each begins with the state that
        another one left follow it in its chain.
    """

    modules: Mapping[str, nn.Module]
    keep: bool = True
    carried: Mapping[str, list[State]] = field(default_factory=dict)
    replace: Callable[[str, int, Call], Any] | None = None
    chains: dict[str, list[list[Call]]] = field(default_factory=dict)
    _weights: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    _pending: dict[str, int] = field(default_factory=dict)

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Hooks for one pass. Ours see the inputs after the user's hooks, and the output before them."""
        handles = []
        try:
            for name, module in self.modules.items():
                handles.append(module.register_forward_pre_hook(self._enter(name), with_kwargs=True))
                handles.append(
                    module.register_forward_hook(self._leave(name), with_kwargs=True, prepend=True)
                )
            yield
        finally:
            for handle in handles:
                handle.remove()

    def ends(self) -> dict[str, list[State]]:
        """The state that each chain ended with, to be carried on."""
        return {
            name: [chain[-1].after for chain in chains if chain[-1].after is not None]
            for name, chains in self.chains.items()
        }

    def _enter(self, name: str) -> Callable[..., Any]:
        def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            before = _state_before(module, args, kwargs)
            chains = self.chains.setdefault(name, [])
            number = _continued(before, chains)
            self._pending[name] = number
            carried = self.carried.get(name, [])
            if before is None or number < len(chains) or number >= len(carried):
                return None
            return _with_state(module, args, kwargs, carried[number])

        return enter

    def _leave(self, name: str) -> Callable[..., Any]:
        def leave(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
            call = Call(module, args, kwargs, output, {})
            call.before = _state_before(module, args, kwargs)
            call.after = _state_after(module, args, kwargs, output)
            call.steps, call.batch = _lengths(module, args, kwargs)
            if self.keep or self.replace is not None:
                if name not in self._weights:
                    self._weights[name] = weights_of(module)
                call.weights = self._weights[name]
                call.args, call.kwargs, call.output = copied(args), copied(kwargs), copied(output)
            handed_on = None if self.replace is None else self.replace(name, self._pending[name], call)
            if handed_on is not None:
                call.after = _state_after(module, args, kwargs, handed_on)
            if not self.keep:
                call.args, call.kwargs = (), {}
            chains, number = self.chains[name], self._pending[name]
            if number == len(chains):
                chains.append([])
            if not self.keep and chains[number]:  # the last call is enough to carry on
                call.steps = (call.steps or 0) + (chains[number].pop().steps or 0)
            chains[number].append(call)
            return handed_on

        return leave


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


def _given(args: tuple[Any, ...], kwargs: dict[str, Any], position: int, name: str) -> Any:
    return args[position] if len(args) > position else kwargs.get(name)


def _parts(state: Any) -> State:
    return tuple(state) if isinstance(state, tuple | list) else (state,)


def is_batched(module: nn.Module, inputs: Any) -> bool:
    """Whether a recurrent module of torch was given a batch, not a sequence alone."""
    return isinstance(inputs, PackedSequence) or inputs.ndim == (3 if isinstance(module, SEQUENCES) else 2)


def _state_before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> State | None:
    if not isinstance(module, SEQUENCES + CELLS):
        return None
    inputs, given = _given(args, kwargs, 0, "input"), _given(args, kwargs, 1, "hx")
    if given is not None:
        return _batched(module, inputs, _parts(given))
    data = inputs.data if isinstance(inputs, PackedSequence) else inputs
    batch = _lengths(module, args, kwargs)[1] or 1
    is_lstm = isinstance(module, nn.LSTM | nn.LSTMCell)
    if isinstance(module, nn.RNNBase):
        count = module.num_layers * (2 if module.bidirectional else 1)
        first = data.new_zeros(count, batch, module.proj_size or module.hidden_size)
        return (first, data.new_zeros(count, batch, module.hidden_size)) if is_lstm else (first,)
    first = data.new_zeros(batch, module.hidden_size)
    return (first, first.clone()) if is_lstm else (first,)


def _state_after(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> State | None:
    if not isinstance(module, SEQUENCES + CELLS):
        return None
    state = _parts(output[1] if isinstance(module, SEQUENCES) else output)
    return tuple(part.clone() for part in _batched(module, _given(args, kwargs, 0, "input"), state))


def _batched(module: nn.Module, inputs: Any, state: State) -> State:
    """With a batch axis, as (…, 1, features)."""
    return state if is_batched(module, inputs) else tuple(part.unsqueeze(-2) for part in state)


def _lengths(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[int | None, int | None]:
    """Steps and sequences of a call."""
    inputs = _given(args, kwargs, 0, "input")
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


def _with_state(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], state: State) -> Any:
    """The arguments of a call, with another state to begin with."""
    inputs = _given(args, kwargs, 0, "input")
    parts = state if is_batched(module, inputs) else tuple(part.squeeze(-2) for part in state)
    begin = parts if len(parts) > 1 else parts[0]
    if len(args) > 1:
        return (args[0], begin, *args[2:]), kwargs
    return args, {**kwargs, "hx": begin}


def _continued(before: State | None, chains: list[list[Call]]) -> int:
    """Number of the chain whose last state a call begins with; that of a new chain if there is none."""
    if before is not None:
        for number, chain in enumerate(chains[:_MOST_CHAINS]):
            after = chain[-1].after
            if after is not None and all(map(_same, before, after)):
                return number
    return len(chains)


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and one.device == other.device and torch.equal(one, other)
