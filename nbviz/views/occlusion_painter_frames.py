"""What the occlusion painter sends: pictures, class probabilities, and the map of the sliding window.

The other half is js/src/views/occlusion_painter.ts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.methods.occlusion_effect import OcclusionEffect
from nbviz.methods.occlusion_map import OcclusionMap
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.pixels import shown_pixels

_CLASSES_SHOWN = 10


@dataclass(frozen=True)
class PainterPicture:
    """One picture of the view: the effect of what is painted and, in slide mode, the map so far."""

    row: int
    effect: OcclusionEffect
    map: OcclusionMap | None


def encode_painting(value: PainterPicture, name_of: Callable[[int], str]) -> Frame:
    """The picture as it is and as it is covered, the classes, and the map; ``name_of`` names a class."""
    effect = value.effect
    top = np.argsort(-effect.before, kind="stable")
    gained = np.argsort(-effect.after, kind="stable")
    shown = list(dict.fromkeys([*top[: _CLASSES_SHOWN - 2], *gained[:2], *top]))[:_CLASSES_SHOWN]
    picture, occluded = shown_pixels(effect.picture), shown_pixels(effect.occluded, like=effect.picture)
    meta: dict[str, Any] = {
        "row": value.row,
        "size": list(picture.shape[:2]),
        "covered": effect.covered,
        "classes": [
            {
                "name": name_of(int(i)),
                "index": int(i),
                "before": float(effect.before[i]),
                "after": float(effect.after[i]),
            }
            for i in shown
        ],
        "layers": [{"name": name, "change": change} for name, change in effect.layer_change.items()],
        "notes": list(effect.notes),
        "map": None,
    }
    arrays = [picture.ravel(), occluded.ravel()]
    if value.map is not None:
        meta["map"] = _described(value.map, name_of)
        arrays += _map_arrays(value.map)
    return Frame(meta, arrays)


def _described(found: OcclusionMap, name_of: Callable[[int], str]) -> dict[str, Any]:
    return {
        "rows": found.probability.shape[0],
        "columns": found.probability.shape[1],
        "window": list(found.window),
        "stride": list(found.stride),
        "target": name_of(found.target),
        "clean": {
            "probability": found.clean_probability,
            "logit": found.clean_logit,
            "class": found.clean_top_class,
            "activation": found.clean_unit_activation,
        },
        "layer": found.layer,
        "unit": found.unit,
        "partial": found.partial,
        "path": found.path,
        "notes": list(found.notes),
        "classNames": {int(i): name_of(int(i)) for i in np.unique(found.top_class) if i >= 0},
    }


def _map_arrays(found: OcclusionMap) -> list[np.ndarray]:
    activation = found.unit_activation
    if activation is None:
        activation = np.full(found.probability.shape, np.nan, np.float32)
    return [
        found.positions[..., 0].ravel().astype(np.int32),
        found.positions[..., 1].ravel().astype(np.int32),
        found.probability.ravel().astype(np.float32),
        found.logit.ravel().astype(np.float32),
        found.top_class.ravel().astype(np.int32),
        activation.ravel().astype(np.float32),
    ]
