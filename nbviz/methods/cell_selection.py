"""Which cells are on in a span, and off around it.

Strobelt, Gehrmann, Pfister and Rush, "LSTMVis: A Tool for Visual Analysis of Hidden State Dynamics in
Recurrent Neural Networks", IEEE TVCG 24(1), 2018, section 5.1 (selection); here for both signs, exact for
margins of several steps, for spans of one step, and at the very start and end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.methods.activation_checks import check_choice
from nbviz.methods.state_levels import Cuts, cuts

Sign = Literal["positive", "negative", "both"]
SIGNS = ("positive", "negative", "both")


@dataclass(frozen=True, eq=False, repr=False)
class CellSelection(Brief):
    """The cells whose on/off signature fits a span.

    Attributes
    ----------
    cells : (n,) int64 array
        In ascending order.
    signs : (n,) int8 array
        1 where the cell is on above the threshold, -1 where it is on below minus the threshold.
    threshold : float
        As snapped to the levels, in units of the state.
    span : tuple of two ints
        First step, and one past the last.
    zeros : tuple of two ints
        Steps demanded to be off before and after, as asked for.
    """

    cells: NDArray[np.int64]
    signs: NDArray[np.int8]
    threshold: float
    span: tuple[int, int]
    zeros: tuple[int, int]

    def __len__(self) -> int:
        return len(self.cells)


def select_cells(
    levels: NDArray[np.uint8],
    span: tuple[int, int],
    threshold: float,
    zeros: tuple[int, int] = (0, 0),
    sign: Sign = "positive",
    *,
    signed: bool | ArrayLike = True,
    scale: float | ArrayLike = 1.0,
    starts: ArrayLike | None = None,
) -> CellSelection:
    """Cells that are on at every step of a span and off at the steps demanded around it.

    A cell is on at a step if its state is at least `threshold` (positive) or at most minus `threshold`
    (negative). It is selected if it is on at every step of ``[b0, b1)``, and off at the ``zeros[0]`` steps
    before and at the ``zeros[1]`` steps after. A step outside the data, or in another sequence than the end
    of the span that it adjoins, does not exist and is not demanded. Without zeros, a higher threshold never
    adds a cell.

    Parameters
    ----------
    levels : (time, cells) uint8 array
        From :func:`~nbviz.methods.state_levels.quantise`.
    span : (b0, b1)
        0 <= b0 < b1 <= time. It may cross from one sequence into the next.
    threshold : float
        In units of the state; snapped to the levels, see ``threshold`` of the result.
    zeros : (left, right)
        Numbers of steps, 0 or more.
    sign : {"positive", "negative", "both"}
        With ``"both"`` a cell is selected if either of its sides fits; both cannot.
    signed, scale : bool and float, or one entry per cell
        As given to ``quantise``. An unsigned cell has no negative side.
    starts : array_like of int, optional
        Steps at which a sequence begins, ascending; one sequence if not given.

    Raises
    ------
    TypeError, ValueError
        Levels that are not a (time, cells) uint8 array, a span, zeros, threshold or sign out of range.
    """
    check_choice("sign", sign, SIGNS)
    n_steps, n_cells = check_levels(levels)
    first, last = check_span(span, n_steps)
    left, right = check_margins("zeros", zeros)
    found = cuts(threshold, signed, scale, n_cells=n_cells)
    begins = check_starts(starts, n_steps)
    low = max(first - left, int(begins[begins <= first][-1]))
    after = begins[begins >= last]
    high = min(last + right, int(after[0]) if len(after) else n_steps)
    window = levels[low:high]
    demanded = np.zeros((len(window), 1), dtype=bool)
    demanded[first - low : last - low] = True
    none = np.zeros(n_cells, dtype=bool)
    above = none if sign == "negative" else ((window > found.above) == demanded).all(axis=0)
    below = none if sign == "positive" else ((window < found.below) == demanded).all(axis=0)
    cells = np.flatnonzero(above | below)
    signs = np.where(above[cells], 1, -1).astype(np.int8)
    return CellSelection(cells, signs, found.threshold, (first, last), (left, right))


def count_on(
    levels: NDArray[np.uint8], cells: NDArray[np.int64], signs: NDArray[np.int8], found: Cuts
) -> NDArray[np.int64]:
    """How many of the cells are on at each step of ``levels``, shape (time, cells)."""
    part = levels[:, cells]
    on = np.where(signs > 0, part > found.above[cells], part < found.below[cells])
    return on.sum(axis=1)


def check_levels(levels: NDArray) -> tuple[int, int]:
    """Shape of an array of levels, if it is one."""
    if not isinstance(levels, np.ndarray) or levels.dtype != np.uint8:
        raise TypeError("levels must be a uint8 array, as state_levels.quantise() gives it")
    if levels.ndim != 2 or 0 in levels.shape:
        raise ValueError(
            f"levels have the shape {levels.shape}; (time, cells) is needed, with at least one of each"
        )
    return levels.shape[0], levels.shape[1]


def check_span(span: tuple[int, int], n_steps: int) -> tuple[int, int]:
    """The span as two ints, if it has at least one step and lies in the data."""
    first, last = int(span[0]), int(span[1])
    if not 0 <= first < last <= n_steps:
        raise ValueError(f"span={tuple(span)} must be (first, one past the last) within 0 to {n_steps}")
    return first, last


def check_margins(name: str, margins: tuple[int, int]) -> tuple[int, int]:
    """Two numbers of steps; True counts as one step."""
    left, right = int(margins[0]), int(margins[1])
    if left < 0 or right < 0:
        raise ValueError(f"{name}={tuple(margins)} must be two numbers of steps, 0 or more")
    return left, right


def check_starts(starts: ArrayLike | None, n_steps: int) -> NDArray[np.int64]:
    """First steps of the sequences: ascending, below ``n_steps``; step 0 is one whether given or not."""
    begins = np.asarray([] if starts is None else starts, dtype=np.int64).ravel()
    if not len(begins) or begins[0] > 0:
        begins = np.insert(begins, 0, 0)
    if begins[0] < 0 or (np.diff(begins) <= 0).any() or begins[-1] >= n_steps:
        raise ValueError(
            f"starts must be ascending and from 0 to {n_steps - 1}: the first step of each sequence"
        )
    return begins
