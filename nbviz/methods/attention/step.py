"""One step of a step-by-step decoder, watched, and run again with its attention changed if that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.attention.change import Change, check_columns, check_temperature, heads_by_layer
from nbviz.methods.attention.watch import Site, Watch

ChangeOf = Callable[[int, int], Change]
"""From the numbers of heads and columns, known once the model has run, to what is changed."""


@dataclass(frozen=True)
class Step:
    """What one step gave: logits (output ids,), weights and mask (heads, columns), and the new state."""

    logits: NDArray[np.float32]
    weights: NDArray[np.float32]
    masked: NDArray[np.bool_]
    state: Any
    path: str


def edit_of(
    mask: Sequence[int] | int,
    temperature: float,
    uniform: bool | Sequence[int],
    ablate: bool | Sequence[int],
) -> ChangeOf | None:
    """The change that these parameters of :func:`~nbviz.methods.seq2seq.decode` ask for, if any."""
    check_temperature(temperature)
    nothing = (
        (not isinstance(mask, int) and len(mask) == 0)
        and temperature == 1
        and not _any(uniform)
        and not _any(ablate)
    )
    if nothing:
        return None

    def change(heads: int, columns: int) -> Change:
        return Change(
            float(temperature),
            check_columns(mask, columns),
            _heads("uniform", uniform, heads),
            _heads("ablate", ablate, heads),
        )

    return change


def _any(heads: bool | Sequence[int]) -> bool:
    return heads if isinstance(heads, bool) else len(heads) > 0


def _heads(what: str, heads: bool | Sequence[int], n: int) -> tuple[int, ...]:
    chosen = heads if isinstance(heads, bool) else [(0, head) for head in heads]
    return heads_by_layer(what, chosen, 1, n).get(0, ())


def take_step(
    network: Network, token: torch.Tensor, state: Any, memory: Any, change: ChangeOf | None
) -> Step:
    """One step from ``state``. With a change it runs twice: first to find where the weights are made."""
    with network.running() as module, torch.no_grad():
        names = {child: path for path, child in module.named_modules()}
        watch = Watch(1)
        logits, after, weights, site = _watched(module, watch, token, state, memory)
        values = weights.reshape(-1, weights.shape[-1])
        if change is not None:
            if site is None:
                raise ModelError(
                    "the weights that step(...) returns come from no softmax over the last axis that was "
                    "seen, so they cannot be changed. Compute them with torch.softmax(energies, -1)."
                )
            index, wanted = site.index, change(*values.shape)
            rows = (1, len(values), 1, values.shape[-1])  # a step has one row: what looks like rows is heads

            def edit(here: Site, grid: torch.Tensor) -> torch.Tensor | None:
                return wanted.weights(grid.reshape(rows)).reshape(grid.shape) if here.index == index else None

            watch = Watch(1, edit=edit)
            logits, after, weights, _ = _watched(module, watch, token, state, memory)
            values = weights.reshape(-1, weights.shape[-1])
        masked = np.zeros(values.shape, bool) if site is None else site.masked.reshape(values.shape)
        path = next((names[m] for m in names if names[m].endswith("attention")), "step")
        return Step(
            logits.reshape(-1).to("cpu", torch.float32, copy=True).numpy(),
            values.to("cpu", torch.float32, copy=True).numpy(),
            masked,
            after,
            path,
        )


def called(method: Callable[..., Any], *args: Any) -> Any:
    """Call one of the decoder's methods.

    Raises
    ------
    ModelError
        With the method's name and its own message.
    """
    try:
        return method(*args)
    except Exception as error:
        name = getattr(method, "__name__", "step")
        raise ModelError(f"the model's {name}(...) raised {type(error).__name__}: {error}") from error


def _watched(
    module: Any, watch: Watch, token: torch.Tensor, state: Any, memory: Any
) -> tuple[torch.Tensor, Any, torch.Tensor, Site | None]:
    with watch:
        returned = called(module.step, token, state, memory)
    if not (isinstance(returned, tuple) and len(returned) == 3):
        raise ModelError("step(token, state, memory) must return (logits, state, weights)")
    logits, after, weights = returned
    if not isinstance(weights, torch.Tensor) or weights.ndim not in (2, 3) or len(weights) != 1:
        shape = tuple(weights.shape) if isinstance(weights, torch.Tensor) else type(weights).__name__
        raise ModelError(f"step(...) must return weights (1, columns) or (1, heads, columns), got {shape}")
    same = (site for site in reversed(watch.sites) if site.holds(weights))
    return logits, after, weights, watch.followed.site_of(weights) or next(same, None)
