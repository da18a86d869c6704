"""What the evolution explorer sends: maps and trails of all frames, packed for the browser.

The other half is js/src/views/evolution_explorer.ts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.core.samples import Samples
from nbviz.methods.epoch_activations import FrameActivations, FrameAnswers
from nbviz.methods.evolution_result import Evolution
from nbviz.views.parts.columns import names_in_order, prediction_columns
from nbviz.views.parts.frames import Frame


@dataclass(frozen=True, eq=False, repr=False)
class EvolutionPicture(Brief):
    """One picture of the view.

    Attributes
    ----------
    over, layer : str
        What they were asked to show: epochs of the layer, or all layers.
    evolution : Evolution
        The maps.
    frames : FrameActivations
        What they are made of, with the accuracies.
    trails : (n, points, 2) float32 array or None
        Bundled paths of the samples; None while the maps still move.
    """

    over: str
    layer: str
    evolution: Evolution
    frames: FrameActivations
    trails: np.ndarray | None


def encode_evolution(value: EvolutionPicture) -> Frame:
    """Positions and trails as uint16 within the extent of all frames, and what is said about each frame."""
    maps, frames = value.evolution, value.frames
    everything = maps.positions.reshape(-1, 2)
    if value.trails is not None:
        everything = np.concatenate([everything, value.trails.reshape(-1, 2)])
    low, high = everything.min(0).astype(np.float64), everything.max(0).astype(np.float64)
    span = np.where(high > low, high - low, 1.0)

    def packed(positions: np.ndarray) -> np.ndarray:
        return np.round((positions - low) / span * 65535).astype(np.uint16).ravel()

    arrays = [packed(maps.positions), frames.rows.astype(np.int32)]
    if value.trails is not None:
        arrays.append(packed(value.trails))
    hit, direct = maps.neighbourhood_hit, maps.neighbourhood_hit_activations
    moved = maps.relative_displacement
    meta = {
        "over": value.over,
        "names": [str(name) for name in maps.names],
        "extent": [float(low[0]), float(low[1]), float(low[0] + span[0]), float(low[1] + span[1])],
        "samples": maps.positions.shape[1],
        "pointsPerTrail": 0 if value.trails is None else value.trails.shape[1],
        "mode": maps.mode,
        "iteration": maps.iteration,
        "kl": _numbers(maps.kl),
        "hit": _numbers(hit),
        "hitActivations": _numbers(direct),
        "accuracy": _numbers(frames.accuracy),
        "displacement": float(moved.mean()),
        "k": maps.k,
        "notes": [*maps.notes, *frames.notes],
    }
    return Frame(meta, arrays)


def packed_answers(
    frames: FrameActivations, samples: Samples, class_names: tuple[str, ...]
) -> dict[str, Any]:
    """What the network of each frame says of the samples shown, as columns; empty where a frame says nothing.

    Parameters
    ----------
    frames : FrameActivations
    samples : Samples
        All of them.
    class_names : tuple of str
        The network's.
    """
    answers = [said for said in frames.answers if said is not None]
    if len(answers) < len(frames.names):
        return {}
    n = len(frames.rows)
    names = names_in_order(samples, class_names, [(said.classes, said.truth) for said in answers])
    columns = [
        prediction_columns(
            said.predictions, np.arange(n), n, classes=said.classes, names=names, truth=said.truth
        )
        for said in answers
    ]
    return {"rows": frames.rows.astype(np.int32).tobytes(), "frames": columns}


def same_answers(now: FrameActivations, before: FrameActivations | None) -> bool:
    """Whether two say the same of the same samples."""
    if before is None or now.names != before.names or not np.array_equal(now.rows, before.rows):
        return False
    return all(map(_is_same_answer, now.answers, before.answers))


def _is_same_answer(now: FrameAnswers | None, before: FrameAnswers | None) -> bool:
    if now is None or before is None:
        return now is before
    pairs = [
        (now.predictions.classes, before.predictions.classes),
        (now.predictions.confidence, before.predictions.confidence),
    ]
    return all(a is b or np.array_equal(a, b, equal_nan=True) for a, b in pairs)


def _numbers(values: Sequence[float] | np.ndarray | None) -> list[float | None] | None:
    return None if values is None else [float(v) if np.isfinite(v) else None for v in values]
