"""Attention that came as an array, and attention over the patches of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.methods.attention.result import Attention, AttentionGroup

_SUM_TOLERANCE = 1e-3


def from_weights(
    weights: ArrayLike,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    *,
    masked: ArrayLike | None = None,
    name: str = "attention",
) -> Attention:
    """Attention computed elsewhere.

    Parameters
    ----------
    weights : array_like, shape (layers, heads, rows, columns), (heads, rows, columns) or (rows, columns)
        Finite, 0 or more. Rows that do not add up to 1 are kept as they are and said in the ``notes``.
        ``output.attentions`` of transformers, a tuple of (1, heads, rows, columns) by layer, will do too.
    rows, columns : sequence of str, optional
        Default: the positions.
    masked : array_like of bool, optional
        Where the model may not look; of the shape of ``weights``, or of any that NumPy broadcasts to it.
    name : str

    Raises
    ------
    ValueError
        An array of another shape, empty, or with values that are not finite or below 0, with the place of
        the first; a number of names that is not the array's.
    TypeError
        Values that are no numbers.
    """
    array = _array(weights)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"weights must be numbers, got {array.dtype}")
    if array.ndim == 5:
        array = _without_batch(array)
    if not 2 <= array.ndim <= 4 or array.size == 0:
        raise ValueError(
            f"weights have shape {array.shape}; wanted are (rows, columns), (heads, rows, columns) or "
            "(layers, heads, rows, columns), none of them 0"
        )
    array = array.astype(np.float32).reshape((1,) * (4 - array.ndim) + array.shape)
    for wrong, what in ((~np.isfinite(array), "not finite"), (array < 0, "below 0")):
        if wrong.any():
            place = ", ".join(str(int(i)) for i in np.argwhere(wrong)[0])
            raise ValueError(
                f"{int(wrong.sum())} weights are {what}, the first at (layer, head, row, column) = ({place})"
            )
    n_layers, _, n_rows, n_columns = array.shape
    row_names, column_names = _names("rows", rows, n_rows), _names("columns", columns, n_columns)
    hidden = np.broadcast_to(np.asarray(False if masked is None else masked, dtype=bool), array.shape)
    notes = []
    sums = array.sum(-1)
    if (wrong := np.abs(sums - 1) > _SUM_TOLERANCE).any():
        notes.append(
            f"{int(wrong.sum())} of {wrong.size} rows do not add up to 1 "
            f"(their sums reach from {sums.min():.3g} to {sums.max():.3g})"
        )
    if (array[hidden] != 0).any():
        notes.append("some masked places have a weight; it is kept, and drawn as masked")
    group = AttentionGroup(
        name=name,
        kind="self" if row_names == column_names else "cross",
        weights=array,
        masked=hidden,
        rows=row_names,
        columns=column_names,
        layers=tuple(f"layer {i}" for i in range(n_layers)),
    )
    return Attention((group,), column_names, row_names, notes=tuple(notes))


def _array(weights: Any) -> np.ndarray:
    """An array of an array, a tensor, or a tuple or list of tensors by layer."""
    if hasattr(weights, "detach"):
        weights = weights.detach().cpu()
        return np.asarray(weights.float() if weights.is_floating_point() else weights)
    if isinstance(weights, tuple | list) and len(weights) and all(hasattr(x, "detach") for x in weights):
        shapes = [tuple(x.shape) for x in weights]
        if len(set(shapes)) > 1:
            other = next(shape for shape in shapes if shape != shapes[0])
            raise ValueError(
                f"the layers' weights have different shapes, {shapes[0]} and {other}: "
                "give one layer, or those of one shape"
            )
        return np.stack([_array(x) for x in weights])
    return np.asarray(weights)


def _without_batch(array: np.ndarray) -> np.ndarray:
    """(layers, 1, heads, rows, columns), as transformers returns it, without the axis of the batch."""
    if array.shape[1] == 1:
        return array[:, 0]
    raise ValueError(
        f"weights have shape {array.shape}. If that is (layers, batch, heads, rows, columns), as "
        "output.attentions of transformers is when stacked, choose one of the batch: "
        "[layer[0] for layer in output.attentions]"
    )


def _names(what: str, names: Sequence[str] | None, n: int) -> tuple[str, ...]:
    if names is None:
        return tuple(str(i) for i in range(n))
    if len(names) != n:
        raise ValueError(f"{what} holds {len(names)} names, but the weights have {n} {what}")
    return tuple(str(name) for name in names)


@dataclass(frozen=True, eq=False, repr=False)
class PatchMaps(Brief):
    """Attention over the patches of a picture.

    Attributes
    ----------
    maps : ndarray of float32, shape (layers, heads, rows, grid height, grid width)
        In [0, 1]. The maps of a row add up to 1 less what is in ``elsewhere``.
    elsewhere : ndarray of float32, shape (layers, heads, rows)
        Attention to columns that are no patch (class token, registers), in [0, 1].
    rows : tuple of str
        Who looks: class token and patches, or the words of a caption.
    skipped : tuple of str
        The columns that are no patch.
    """

    maps: NDArray[np.float32]
    elsewhere: NDArray[np.float32]
    rows: tuple[str, ...]
    skipped: tuple[str, ...]


def patch_grid(
    attention: Attention, grid: tuple[int, int] | None = None, *, group: str | None = None
) -> PatchMaps:
    """Each row of attention as a map over a picture (vision transformers; Xu et al. 2015).

    Parameters
    ----------
    attention : Attention
    grid : (height, width), optional
        Patches down and across. Columns before them (class token, registers) are no patches. Default: what
        the model says, else a square, with no or one column before it.
    group : str, optional
        Default: the main group.

    Raises
    ------
    ValueError
        If the columns make no such grid: there are fewer, or they make a square by themselves and the grid
        leaves more than one of them out.
    """
    chosen = attention.group(group)
    *lead, n = chosen.weights.shape
    grid = chosen.grid if grid is None else grid
    if grid is None:
        side = _side(n)
        if side is None:
            raise ValueError(
                f"{n} columns make no square, nor do {n - 1}: say the grid, grid=(height, width)"
            )
        grid = (side, side)
    height, width = grid
    before = n - height * width
    square = _side(n)
    if height < 1 or width < 1 or before < 0 or (before > 1 and square is not None):
        instead = "" if square is None else f"; they make a square of {square} × {square}"
        raise ValueError(f"a grid of {height} × {width} does not fit in {n} columns{instead}")
    maps = chosen.weights[..., before:].reshape(*lead, height, width)
    return PatchMaps(maps, chosen.weights[..., :before].sum(-1), chosen.rows, chosen.columns[:before])


def _side(n: int) -> int | None:
    """Side of the square that ``n`` columns make, or all of them but the first; None if they make none."""
    return next((math.isqrt(m) for m in (n, n - 1) if m > 0 and math.isqrt(m) ** 2 == m), None)
