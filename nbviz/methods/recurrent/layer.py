"""The states of one recurrent layer, and the comparison with what the module itself gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from nbviz.core.errors import ModelError


@dataclass(slots=True)
class LayerStates:
    """The states of one layer (in one direction) for the steps of a call.

    Attributes
    ----------
    name : str
        What stands behind the module's path in the layer's name, ``"0"`` or ``"1 reverse"``; may be empty.
    kind : str
        As it is displayed, ``"LSTM"``.
    hidden : (time, features) tensor
    cell : (time, cells) tensor, optional
    gates : dict of str to (time, cells) tensor
    checks : list of (what, recomputed tensor, the module's own tensor)
        Pairs that must agree.
    """

    name: str
    kind: str
    hidden: Tensor
    cell: Tensor | None = None
    gates: dict[str, Tensor] = field(default_factory=dict)
    checks: list[tuple[str, Tensor, Tensor]] = field(default_factory=list)


def joined(parts: Sequence[LayerStates]) -> LayerStates:
    """The steps of one layer over several calls."""
    first = parts[0]
    if len(parts) == 1:
        return first
    cells = [part.cell for part in parts if part.cell is not None]
    checks = [
        (each[0][0], torch.cat([c[1] for c in each]), torch.cat([c[2] for c in each]))
        for each in zip(*(part.checks for part in parts), strict=True)
    ]
    return LayerStates(
        first.name,
        first.kind,
        torch.cat([part.hidden for part in parts]),
        torch.cat(cells) if cells else None,
        {gate: torch.cat([part.gates[gate] for part in parts]) for gate in first.gates},
        checks,
    )


def tolerance(own: Tensor) -> float:
    """How far recomputed values of size 1 may lie from the module's own."""
    if own.dtype in (torch.float16, torch.bfloat16):
        return 5e-3 if own.dtype == torch.float16 else 4e-2
    if own.device.type == "cuda" and torch.backends.cudnn.allow_tf32:
        return 5e-3  # cuDNN rounds the factors of its products to 10 bits
    return 1e-5 if own.device.type == "cpu" else 1e-4


def check(states: LayerStates, layer: str) -> None:
    """Compare what was recomputed with what the module itself gave.

    Raises
    ------
    Mismatch
        If they differ.
    """
    for what, computed, own in states.checks:
        _compare(f"{what} of layer {layer!r} ({states.kind})", computed, own)


def _compare(what: str, computed: Tensor, own: Tensor) -> None:
    """Where both are numbers: what is not a number is reported, not compared."""
    finite = computed.isfinite() & own.isfinite()
    if (computed.isfinite() != own.isfinite()).any():
        distance, size = float("inf"), 1.0
    elif not finite.any():
        return
    else:
        distance = float((computed - own.to(computed.dtype))[finite].abs().max())
        size = max(1.0, float(own[finite].abs().max()))
    if distance > tolerance(own) * size:
        raise Mismatch(
            f"{what}, recomputed from its weights: a difference of {distance:.2g} to what the module itself "
            f"gave (allowed: {tolerance(own) * size:.0e}). It does not compute what its class says (a "
            "forward of its own?), so its gates cannot be told: see register_extractor."
        )


class Mismatch(ModelError):
    """What was recomputed is not what the module gave; also where its weights change meanwhile."""
