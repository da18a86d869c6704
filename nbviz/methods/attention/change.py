"""Changes of attention, made where the weights are computed, so that all that follows sees them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from nbviz.methods.attention.math import masked_in, to_weights

Heads = bool | str | int | tuple[int, int] | Sequence["int | tuple[int, int]"]
"""Which heads: True or ``"all"``; a layer's number; ``(layer, head)``; or a list of the last two."""


@dataclass(frozen=True)
class Change:
    """What is changed in one attention.

    Attributes
    ----------
    temperature : float
        Above 0. The logits are divided by it: below 1 sharper, above 1 flatter.
    hidden : tuple of int
        Columns whose weight becomes 0; the rest of a row is scaled to add up to 1 again, which is the same
        as a logit of minus infinity. A row that could look at nothing else becomes 0.
    uniform : tuple of int
        Heads that look at all columns they may see alike.
    ablated : tuple of int
        Heads whose weights become 0, so that they add nothing to what follows.
    """

    temperature: float = 1.0
    hidden: tuple[int, ...] = ()
    uniform: tuple[int, ...] = ()
    ablated: tuple[int, ...] = ()

    def weights(self, logits: torch.Tensor) -> torch.Tensor:
        """The changed weights for logits of shape (batch, heads, rows, columns)."""
        masked = masked_in(logits)
        changed = logits.to(torch.promote_types(logits.dtype, torch.float32)) / self.temperature
        heads = torch.arange(logits.shape[1], device=logits.device).reshape(1, -1, 1, 1)
        if self.uniform:
            changed = torch.where(_among(heads, self.uniform), torch.zeros_like(changed), changed)
        if self.hidden:
            columns = torch.arange(logits.shape[-1], device=logits.device)
            masked = masked | _among(columns, self.hidden)
        weights = to_weights(changed.masked_fill(masked, -math.inf))
        return weights.masked_fill(_among(heads, self.ablated), 0.0) if self.ablated else weights


def _among(numbers: torch.Tensor, chosen: Iterable[int]) -> torch.Tensor:
    return torch.isin(numbers, torch.tensor(list(chosen), device=numbers.device))


def check_temperature(temperature: float) -> float:
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature={temperature} must be above 0 (1 leaves the attention as it is)")
    return float(temperature)


def check_columns(hidden: Iterable[int] | int, n: int) -> tuple[int, ...]:
    """Columns to hide, counted from 0, from the end if below 0."""
    chosen = [hidden] if isinstance(hidden, int) else list(hidden)
    for column in chosen:
        if not -n <= column < n:
            raise ValueError(f"mask={column} is no column: there are {n}, numbered 0 to {n - 1}")
    return tuple(sorted({int(column) % n for column in chosen}))


def heads_by_layer(what: str, heads: Heads, n_layers: int, n_heads: int) -> dict[int, tuple[int, ...]]:
    """The chosen heads of each layer.

    Raises
    ------
    ValueError
        If there is no such layer or head.
    """
    every = tuple(range(n_heads))
    if isinstance(heads, bool):
        return dict.fromkeys(range(n_layers), every) if heads else {}
    if isinstance(heads, str):
        if heads != "all":
            raise ValueError(f"{what}={heads!r}: say 'all', a layer, (layer, head), or a list of these")
        return dict.fromkeys(range(n_layers), every)
    if isinstance(heads, int) or (isinstance(heads, tuple) and len(heads) == 2 and _are_numbers(heads)):
        heads = [heads]  # type: ignore[list-item]
    chosen: dict[int, set[int]] = {}
    for item in heads:
        layer, some = (item, every) if isinstance(item, int) else (item[0], (item[1],))
        if not 0 <= layer < n_layers or not all(0 <= head < n_heads for head in some):
            raise ValueError(
                f"{what}={item!r} is not there: layers are 0 to {n_layers - 1}, heads 0 to {n_heads - 1}"
            )
        chosen.setdefault(layer, set()).update(some)
    return {layer: tuple(sorted(some)) for layer, some in chosen.items()}


def _are_numbers(items: Iterable[object]) -> bool:
    return all(isinstance(item, int) for item in items)
