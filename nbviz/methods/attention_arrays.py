"""Attention that came as an array, and attention over the patches of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.methods.attention_result import Attention, AttentionGroup

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
    array = np.asarray(weights.detach().cpu() if hasattr(weights, "detach") else weights)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"weights must be numbers, got {array.dtype}")
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


def _names(what: str, names: Sequence[str] | None, n: int) -> tuple[str, ...]:
    if names is None:
        return tuple(str(i) for i in range(n))
    if len(names) != n:
        raise ValueError(f"{what} holds {len(names)} names, but the weights have {n} {what}")
    return tuple(str(name) for name in names)


@dataclass(frozen=True, eq=False)
class PatchMaps:
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
        If the columns make no such grid.
    """
    chosen = attention.group(group)
    *lead, n = chosen.weights.shape
    grid = chosen.grid if grid is None else grid
    if grid is None:
        side = next((math.isqrt(m) for m in (n, n - 1) if m > 0 and math.isqrt(m) ** 2 == m), None)
        if side is None:
            raise ValueError(
                f"{n} columns make no square, nor do {n - 1}: say the grid, grid=(height, width)"
            )
        grid = (side, side)
    height, width = grid
    before = n - height * width
    if height < 1 or width < 1 or before < 0:
        raise ValueError(f"a grid of {height} × {width} does not fit in {n} columns")
    maps = chosen.weights[..., before:].reshape(*lead, height, width)
    return PatchMaps(maps, chosen.weights[..., :before].sum(-1), chosen.rows, chosen.columns[:before])
