"""A tape of the operations that a model carries out on one input, so that they can be run again in parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch


class Untraceable(RuntimeError):
    """The model cannot be taken apart into operations; it can still be run as a whole."""


class Ref(NamedTuple):
    """The result of a step: its tensor, or number ``item`` of several."""

    step: int
    item: int = -1


class PerBatch(NamedTuple):
    """An integer argument that grows with the batch: ``first + (batch - 1) * slope``."""

    first: int
    slope: int


@dataclass(eq=False)
class Step:
    """One operation. ``value`` is what it gives on the clean input; ``op`` is None for the input itself."""

    index: int
    op: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    value: Any
    from_input: bool = False
    """Whether the value depends on the model's input,"""
    per_batch: bool = False
    """and whether it depends on the batch size alone (a start state, an expanded token)."""
    pointwise: bool = False
    """Whether the operation works value by value."""
    kernel: Callable[[torch.Tensor, Any], torch.Tensor] | None = None
    """A faster way to carry a convolution out: takes the input and the padding."""

    def refs(self) -> list[Ref]:
        """Every reference among the arguments, in order."""
        found: list[Ref] = []
        for argument in (*self.args, *self.kwargs.values()):
            if isinstance(argument, Ref):
                found.append(argument)
            elif isinstance(argument, tuple | list):
                found.extend(leaf for leaf in argument if isinstance(leaf, Ref))
        return found

    def run(self, lookup: Callable[[Ref], Any], batch: int) -> Any:
        """Carry the operation out on other values of its arguments."""

        def fill(leaf: Any) -> Any:
            if isinstance(leaf, Ref):
                return lookup(leaf)
            return leaf.first + (batch - 1) * leaf.slope if isinstance(leaf, PerBatch) else leaf

        if self.kernel is not None:
            return self.kernel(fill(self.args[0]), self.args[4])
        return self.op(*each_leaf(fill, self.args), **each_leaf(fill, self.kwargs))


@dataclass(eq=False)
class Tape:
    """The steps in order; number 0 is the input. ``watched`` is the output of the layer asked for."""

    steps: list[Step]
    output: Ref
    watched: Ref | None = None
    outputs: int = 1
    """How many tensors the model returns; ``output`` is one of them."""

    def clean(self, ref: Ref) -> torch.Tensor:
        """Value of ``ref`` on the clean input."""
        value = self.steps[ref.step].value
        return value if ref.item < 0 else value[ref.item]

    def needed(self) -> list[Step]:
        """The steps that the output or the watched layer depends on, in order."""
        wanted = {ref.step for ref in (self.output, self.watched) if ref is not None}
        for step in reversed(self.steps):
            if step.index in wanted:
                wanted.update(ref.step for ref in step.refs())
        return [step for step in self.steps if step.index in wanted]

    def uses(self) -> dict[Ref, list[int]]:
        """For each value, the steps that read it. The output and the watched layer are read at the end."""
        uses: dict[Ref, list[int]] = {}
        for step in self.needed():
            for ref in step.refs():
                uses.setdefault(ref, []).append(step.index)
        for end in (self.output, self.watched):
            if end is not None:
                uses.setdefault(end, []).append(len(self.steps))
        return uses


def each_leaf(change: Callable[[Any], Any], tree: Any) -> Any:
    """``tree`` with every leaf changed; references count as leaves."""
    if isinstance(tree, Ref | PerBatch):
        return change(tree)
    if isinstance(tree, dict):
        return {key: each_leaf(change, value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)(each_leaf(change, value) for value in tree)
    return change(tree)
