"""Hooks on the recurrent modules of a twin, for one pass: what each call got and gave, and its state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from nbviz.methods.recurrent.calls import (
    Call,
    State,
    copied,
    lengths,
    state_after,
    state_before,
    weights_of,
    with_state,
)

_MOST_CHAINS = 16  # looked at: where the model changes its state at each step, every call begins a new one


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
            before = state_before(module, args, kwargs)
            chains = self.chains.setdefault(name, [])
            number = _continued(before, chains)
            self._pending[name] = number
            carried = self.carried.get(name, [])
            if before is None or number < len(chains) or number >= len(carried):
                return None
            return with_state(module, args, kwargs, carried[number])

        return enter

    def _leave(self, name: str) -> Callable[..., Any]:
        def leave(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
            call = Call(module, args, kwargs, output, {})
            call.before = state_before(module, args, kwargs)
            call.after = state_after(module, args, kwargs, output)
            call.steps, call.batch = lengths(module, args, kwargs)
            if self.keep or self.replace is not None:
                if name not in self._weights:
                    self._weights[name] = weights_of(module)
                call.weights = self._weights[name]
                call.args, call.kwargs, call.output = copied(args), copied(kwargs), copied(output)
            handed_on = None if self.replace is None else self.replace(name, self._pending[name], call)
            if handed_on is not None:
                call.after = state_after(module, args, kwargs, handed_on)
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
