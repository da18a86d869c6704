"""What the time-scale view sends: the text, distances over time, τ, and the curves of a bracket.

The other half is js/src/views/time_scales/meta.ts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.methods.bracket_memory import BracketMemory
from nbviz.methods.time_scales import TimeScales as Mean
from nbviz.methods.typo import Typo
from nbviz.views.parts.frames import Frame

MOST_EXAMPLES = 6


@dataclass(frozen=True, eq=False, repr=False)
class TimeScalesPicture(Brief):
    """One picture of the view.

    Attributes
    ----------
    tokens : list of str
        The text as it was given.
    typo : Typo
    mean : Mean or None
        Over many typos, where asked for; of some of them while the others run.
    bracket : BracketMemory or None
        The other experiment, where asked for.
    off : list of (str, int)
        Cells switched off in it: layer, and number within it.
    """

    tokens: list[str]
    typo: Typo
    mean: Mean | None = None
    bracket: BracketMemory | None = None
    off: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()


def encode_picture(picture: TimeScalesPicture) -> Frame:
    """Arrays: relative distances of the typo, (layers, steps); mean, lower and upper of many, the same way;
    the bracket's curves, three rows (mean, lower, upper) each; how many passages each distance has."""
    typo, mean, bracket = picture.typo, picture.mean, picture.bracket
    none = np.zeros(0, np.float32)
    meta: dict[str, Any] = {
        "tokens": picture.tokens,
        "layers": list(typo.layers),
        "position": typo.position,
        "original": typo.original,
        "replacement": typo.replacement,
        "source": typo.source,
        "normalise": typo.normalise,
        "steps": typo.relative.shape[1],
        "tau": [_number(tau) for tau in typo.tau],
        "mean": None,
        "bracket": None,
        "notes": list(picture.notes),
    }
    arrays = [typo.relative.astype(np.float32), none, none, none, none, none]
    if mean is not None:
        meta["mean"] = {
            "trials": mean.trials,
            "positions": mean.n_positions,
            "steps": mean.relative.shape[1],
            "tau": [_number(tau) for tau in mean.tau],
            "interval": [[_number(low), _number(high)] for low, high in mean.tau_interval],
        }
        arrays[1:4] = [a.astype(np.float32) for a in (mean.relative, mean.lower, mean.upper)]
    if bracket is not None:
        meta["bracket"] = _bracket(picture, bracket)
        curves = [(c.mean, c.lower, c.upper) for c in bracket.curves.values()]
        arrays[4] = np.array(curves, np.float32)
        arrays[5] = bracket.count.astype(np.int32)
    return Frame(meta, arrays)


def _bracket(picture: TimeScalesPicture, bracket: BracketMemory) -> dict[str, Any]:
    return {
        "opening": bracket.opening,
        "closing": bracket.closing,
        "instead": bracket.instead,
        "contexts": len(bracket.starts),
        "steps": len(bracket.distance),
        "curves": list(bracket.curves),
        "memory": [
            _number(bracket.memory(name)) if "bracket replaced" in bracket.curves else None
            for name in bracket.curves
        ],
        "off": [f"{name} · {cell}" for name, cell in picture.off],
        "examples": bracket.examples[:: max(1, len(bracket.examples) // MOST_EXAMPLES)][:MOST_EXAMPLES],
    }


def _number(value: float) -> float | None:
    """For JSON, which has no infinity: None."""
    return float(value) if math.isfinite(value) else None
