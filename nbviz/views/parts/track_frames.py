"""The states that are drawn, as the trait ``track`` holds them; see js/src/parts/track.ts."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbviz.methods.state_track import StateTrack


def pack_track(track: StateTrack, *arrays: np.ndarray, **meta: Any) -> dict[str, Any]:
    """The levels, cell-major, and after them ``arrays``; ``meta`` is added to what is said about them."""
    buffers = [np.ascontiguousarray(array) for array in (track.levels.T, *arrays)]
    return {
        "meta": {
            "key": track.key,
            "first": track.first,
            "steps": len(track.levels),
            "total": track.total,
            "tokens": track.tokens,
            "layers": [{"name": x.name, "from": x.start, "cells": x.cells} for x in track.layers],
            "quantity": track.quantity,
            "signed": track.signed,
            "scale": track.scale,
            "boundaries": [
                int(s) - track.first for s in track.starts if 0 < s - track.first < len(track.levels)
            ],
            **meta,
        },
        "dtypes": [array.dtype.name for array in buffers],
        "buffers": [array.data.cast("B") if array.size else b"" for array in buffers],
    }
