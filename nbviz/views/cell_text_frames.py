"""What the cell text sends: the states that are drawn, and how well each cell follows each annotation.

The other half is js/src/views/cell_text/meta.ts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.methods.cell_readings import RankedText
from nbviz.methods.cell_scores import CellScores
from nbviz.methods.state_track import StateTrack
from nbviz.views.parts.frames import Frame


@dataclass(frozen=True, eq=False, repr=False)
class TextPicture(Brief):
    """One picture of the view.

    Attributes
    ----------
    track : StateTrack
        The stretch of text that is shown, and its states.
    sort_by : str
        As asked for; the ranking may have left it out.
    ranked : RankedText or None
        None if nothing is known about the text. Its columns are the cells of the track.
    notes : tuple of str
        What a reader should be told, in plain words.
    """

    track: StateTrack
    sort_by: str = ""
    ranked: RankedText | None = None
    notes: tuple[str, ...] = ()


def encode_picture(picture: TextPicture) -> Frame:
    """Scores as (annotations, cells) float32: r and AUC on the text, r and AUC on the held-out text; NaN
    where there is none. Then the order of the cells, and the annotation along the steps that are drawn."""
    track, ranked = picture.track, picture.ranked
    ranking = None if ranked is None else ranked.ranking
    meta: dict[str, Any] = {
        "key": track.key,
        "steps": track.total,
        "heldOutSteps": 0 if ranked is None else ranked.held_out_steps,
        "names": [],
        "leftOut": {},
        "sortBy": "",
        "measure": "",
        "best": None,
        "annotation": None,
        "notes": list(picture.notes),
    }
    order = np.arange(track.cells)
    scores: list[np.ndarray] = [np.zeros(0, np.float32)] * 4
    along = np.zeros(0, np.float32)
    if ranking is not None:
        order = ranking.order
        names = list(ranking.text)
        meta |= {
            "names": names,
            "leftOut": ranking.left_out,
            "sortBy": ranking.sort_by,
            "measure": ranking.measure,
        }
        scores = [
            _table([part.get(name) for name in names], what, track.cells)
            for part in (ranking.text, ranking.held_out)
            for what in ("correlation", "auc")
        ]
        if ranking.best is not None:
            best = ranking.best
            meta["best"] = {
                "score": float(best.held_out[0]),
                "heldOut": ranking.sort_by in ranking.held_out,
                "baseline": best.baseline,
                "shuffled": [float(best.shuffled.mean()), float(np.quantile(best.shuffled, 0.95))],
            }
    values = _labels(picture)
    if values is not None:
        along = values[track.first : track.first + len(track.levels)].astype(np.float32)
        finite = values[np.isfinite(values)]
        meta["annotation"] = {
            "name": picture.sort_by,
            "isBoolean": values.dtype == bool,
            "domain": [float(finite.min()), float(finite.max())] if len(finite) else [0.0, 1.0],
        }
    return Frame(meta, [*scores, order.astype(np.uint16), along])


def _table(scores: list[CellScores | None], what: str, cells: int) -> np.ndarray:
    none = np.full(cells, np.nan, np.float32)
    rows = [none if s is None or getattr(s, what) is None else getattr(s, what) for s in scores]
    return np.asarray(rows, np.float32).reshape(len(rows), cells).ravel()


def _labels(picture: TextPicture) -> np.ndarray | None:
    """The annotation that sorts, at every step, also where it is the same at all of them."""
    name = picture.sort_by
    known = {} if picture.ranked is None else picture.ranked.annotations
    values = known.get(name)
    if values is None:
        base, _, category = name.rpartition(" = ")
        values = known.get(base)
        if values is None:
            return None
        return np.array([str(value) == category for value in values.tolist()])
    return values if values.dtype.kind in "biuf" else None
