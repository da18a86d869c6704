"""What the attention view sends: the matrix that is drawn, and all heads as small pictures.

The other half is js/src/views/attention_heatmap/meta.ts.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from nbviz.methods.attention import patch_grid
from nbviz.methods.attention.effect import log_probabilities
from nbviz.methods.attention.result import Attention, AttentionGroup
from nbviz.methods.attention.summary import (
    entropy,
    first_token_score,
    induction_score,
    mean_distance,
    previous_token_score,
)
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.pixels import shown_pixels

if TYPE_CHECKING:
    from nbviz.views.attention_heatmap_picture import AttentionPicture

EXACT = 60_000
"""Weights up to this many travel as float32, more as bytes with their scale."""

THUMBNAIL = 28
"""Largest side of a head's small picture, in cells."""

LIKELIEST = 5
CHANGES_LISTED = 8


def encode_picture(picture: AttentionPicture, vocabulary: list[str]) -> Frame:
    """The matrix, its tokens, and what the changes did."""
    group, weights = picture.group, picture.weights
    layers, heads = group.weights.shape[:2]
    rows, columns = weights.shape
    top = float(weights.max(initial=0.0))
    exact = weights.size <= EXACT
    bytes_ = weights if exact else np.round(255 * weights / (top or 1)).astype(np.uint8)
    attention, baseline = picture.attention, picture.baseline
    meta: dict[str, Any] = {
        "groups": [g.name for g in attention.groups],
        "group": group.name,
        "kind": group.kind,
        "layers": layers,
        "heads": heads,
        "layerNames": list(group.layers),
        "rows": list(group.rows),
        "columns": list(group.columns),
        "size": [rows, columns],
        "top": top,
        "exact": exact,
        "drawn": picture.drawn,
        "written": attention.output_text,
        "unchanged": baseline.output_text,
        "likeliest": _likeliest(attention, vocabulary) if vocabulary else [],
        "effect": None,
        "notes": [*attention.notes, *picture.notes],
        "grid": None,
    }
    if picture.effect is not None:
        kl = picture.effect.kl
        meta["effect"] = {
            "kl": None if kl is None else [round(float(x), 5) for x in kl[:512]],
            "relative": picture.effect.relative,
            "tops": [
                [x.position, x.before, x.after, round(x.before_probability, 4), round(x.after_probability, 4)]
                for x in picture.effect.tops[:CHANGES_LISTED]
            ],
            "changed": len(picture.effect.tops),
        }
    arrays = [
        np.ascontiguousarray(bytes_).ravel(),
        np.packbits(picture.masked.ravel()),
        weights.sum(1).astype(np.float32),
    ]
    if picture.pixels is not None and picture.grid is not None:
        height, width = picture.grid
        meta["grid"] = {"height": height, "width": width, "before": columns - height * width}
        meta["grid"]["picture"] = list(picture.pixels.shape[:2])
        arrays.append(picture.pixels.ravel())
    return Frame(meta, arrays)


def picture_grid(
    attention: Attention, group: AttentionGroup, source: Any, grid: tuple[int, int] | None
) -> tuple[np.ndarray | None, tuple[int, int] | None, tuple[str, ...]]:
    """The picture that the model read, its patches down and across, and what is to be said about them.

    Raises
    ------
    ValueError
        If a ``grid`` is given that does not fit the main group.
    """
    pixels = _pixels(source)
    if pixels is None:
        note = "grid= is for attention over a picture, and what was read here is no picture: it is not used"
        return None, None, () if grid is None else (note,)
    try:
        patches = patch_grid(attention, grid, group=group.name)
    except ValueError:
        if grid is not None and group is attention.main:
            raise
        return None, None, ()
    shape = (int(patches.maps.shape[-2]), int(patches.maps.shape[-1]))
    skipped = len(patches.skipped)
    if grid is None or skipped < 2:
        return pixels, shape, ()
    note = (
        f"the grid of {shape[0]} × {shape[1]} takes the last {shape[0] * shape[1]} of "
        f"{group.weights.shape[-1]} columns; the first {skipped} count as no patch (class token, registers)"
    )
    return pixels, shape, (note,)


def _pixels(source: Any) -> np.ndarray | None:
    """The picture that the model read, (H, W, 3) uint8; None if it read something else."""
    array = source.detach().cpu().numpy() if hasattr(source, "detach") else source
    if hasattr(source, "getbands"):  # a PIL image
        array = np.asarray(source.convert("RGB"))
    if not isinstance(array, np.ndarray) or array.ndim not in (2, 3, 4):
        return None
    if array.ndim == 4:
        array = array[0]
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[-1] not in (1, 3):
        array = np.moveaxis(array, 0, -1)
    return shown_pixels(array) if min(array.shape[:2]) >= 8 else None


def _likeliest(attention: Attention, vocabulary: list[str]) -> list[list[list[Any]]]:
    """For each token written the five likeliest in its place, with their probabilities."""
    if attention.logits is None:
        return []
    shares = np.exp(log_probabilities(attention.logits.astype(np.float64)))
    best = np.argsort(-shares, axis=1, kind="stable")[:, :LIKELIEST]
    return [
        [[vocabulary[i], round(float(row[i]), 4)] for i in ids] for row, ids in zip(shares, best, strict=True)
    ]


def encode_overview(group: AttentionGroup) -> dict[str, Any]:
    """All heads as small pictures, for the trait ``overview``; each scaled to its own largest weight."""
    layers, heads = group.weights.shape[:2]
    small = _shrunk(group.weights)
    tops = small.max((-2, -1), keepdims=True)
    pictures = np.round(255 * small / np.where(tops > 0, tops, 1)).astype(np.uint8)
    scores = {"entropy": entropy(group), "first token": first_token_score(group)}
    if group.kind == "self" and group.weights.shape[-1] == group.weights.shape[-2]:
        scores["distance"] = mean_distance(group)
        scores["previous token"] = previous_token_score(group)
        scores["induction"] = induction_score(group)
    key = hashlib.blake2b(pictures.tobytes() + group.name.encode(), digest_size=8).hexdigest()
    return {
        "key": key,
        "layers": layers,
        "heads": heads,
        "height": small.shape[-2],
        "width": small.shape[-1],
        "scores": {
            name: [None if np.isnan(x) else round(float(x), 4) for x in values.ravel()]
            for name, values in scores.items()
        },
        "pictures": np.ascontiguousarray(pictures).data.cast("B"),
    }


def _shrunk(weights: np.ndarray) -> np.ndarray:
    """The largest weight of each block, so that no narrow line is lost; at most THUMBNAIL cells a side."""
    for axis in (-2, -1):
        n = weights.shape[axis]
        if n > THUMBNAIL:
            edges = np.linspace(0, n, THUMBNAIL, endpoint=False).astype(int)
            weights = np.maximum.reduceat(weights, edges, axis=axis)
    return weights
