"""One pass of a recurrent model over one sequence, watched; where its time axis lies is found by trying."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.recurrent.calls import Call, State
from nbviz.methods.recurrent.extract import recurrent_modules
from nbviz.methods.recurrent.threads import one_thread
from nbviz.methods.recurrent.tokens import Given
from nbviz.methods.recurrent.watch import Watch


@dataclass
class Layout:
    """How a model wants its input: which of :meth:`Given.candidates` it takes. Filled by the first pass."""

    number: int | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass gave: the model's output and the calls of its recurrent modules."""

    output: Tensor | None
    watch: Watch

    @property
    def ends_in_states(self) -> bool:
        """Whether the output is that of a recurrent module: hidden states, not scores of tokens."""
        return self.output is not None and any(
            _ends_with(self.output, chain[-1]) for chains in self.watch.chains.values() for chain in chains
        )


def run(
    network: Network,
    given: Given,
    layout: Layout,
    *,
    keep: bool = True,
    carried: Mapping[str, list[State]] | None = None,
    replace: Callable[[str, int, Call], Any] | None = None,
) -> Pass:
    """Run the model on one sequence, without gradients.

    Raises
    ------
    ModelError
        If the model has no recurrent layer, raises, or takes the sequence for a batch.
    """
    first_error: ModelError | None = None
    spare: tuple[int, Pass] | None = None
    count = 1
    number = 0
    while number < count:
        # Anew for each try: a model may keep a state.
        with network.running() as module, torch.no_grad(), one_thread(network):
            modules = recurrent_modules(module)
            inputs = given.candidates(network, _is_time_first(modules))
            count = len(inputs)
            if layout.number is not None:
                number = count = layout.number
            watch = Watch(modules, keep, carried or {}, replace)
            try:
                with watch.attached():
                    output = network.call(module, inputs[number])
            except ModelError as error:
                if count == 1 or layout.number is not None:
                    raise
                first_error = first_error or error
                number += 1
                continue
            found = Pass(_picked(network, output), watch)
        if layout.number is not None or _fits(watch, given.steps):
            if given.steps != 1:
                layout.number = number
            return found
        if spare is None and _runs_alone(watch):
            spare = (number, found)
        number += 1
    if spare is not None:
        layout.number = spare[0]
        return spare[1]
    if first_error is not None:
        raise first_error
    raise ModelError(_wrong_batch(watch))


def _picked(network: Network, output: Any) -> Tensor | None:
    first = output[0] if type(output) is tuple and output else output
    if isinstance(first, PackedSequence) and network.output is None:
        return None  # of several sequences, or of one that only recurrent layers read
    return network.pick(output).detach().clone()


def _ends_with(output: Tensor, call: Call) -> bool:
    own = call.output
    while isinstance(own, tuple) and not isinstance(own, PackedSequence):
        own = own[0]
    own = own.data if isinstance(own, PackedSequence) else own
    if not isinstance(own, Tensor) or own.ndim == 0 or output.ndim == 0 or own.shape[-1] != output.shape[-1]:
        return False
    values = output.reshape(-1)[-own.numel() :]  # a single call of a loop gave the last row only
    return own.dtype == values.dtype and torch.equal(values, own.reshape(-1))


def _is_time_first(modules: Mapping[str, nn.Module]) -> bool:
    return not getattr(next(iter(modules.values())), "batch_first", True)


def _totals(watch: Watch) -> list[int]:
    """Numbers of steps that a chain, or one of its calls, ran alone (without others in the batch)."""
    found = []
    for chains in watch.chains.values():
        alone = [[call.steps or 0 for call in chain if call.batch == 1] for chain in chains]
        found += [sum(steps) for steps in alone] + [n for steps in alone for n in steps]
        found.append(sum(sum(steps) for steps in alone))
    return found


def _fits(watch: Watch, steps: int | None) -> bool:
    custom = any(call.steps is None for chains in watch.chains.values() for chain in chains for call in chain)
    return custom or steps is None or steps in _totals(watch)


def _runs_alone(watch: Watch) -> bool:
    return any(_totals(watch))


def _wrong_batch(watch: Watch) -> str:
    if not watch.chains:
        return "the model has recurrent layers, but its forward pass calls none of them on this input"
    seen = Counter(
        f"{name or 'the model'}: {call.batch} sequences of {call.steps} steps"
        for name, chains in watch.chains.items()
        for chain in chains
        for call in chain
    )
    return (
        f"the recurrent layers ran a batch, not one sequence ({'; '.join(list(seen)[:3])}). "
        "Say how the model is called with one: Network(model, forward=lambda module, inputs: ...)."
    )
