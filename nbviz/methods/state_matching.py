"""Other places where the selected cells are on together, best first.

Strobelt, Gehrmann, Pfister and Rush, "LSTMVis", IEEE TVCG 24(1), 2018, section 5.2 (matching). A candidate
is a maximal run of steps at which enough of the selected cells are on. A cell *fits* a run if it is on at
every step of it, and off at the steps demanded around it. Runs are ranked by

    1. |selected ∩ fitting|, most first;
    2. |selected ∪ fitting|, fewest first;
    3. length, longest first;  4. position, earliest first.

LSTMVis ranks at most 10,000 candidates; here all runs are. Only the union needs all cells, and only for
runs that can still enter the list: of most runs a bound tells that they cannot (see ``state_planes``).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.methods.activation_checks import check_choice
from nbviz.methods.cell_selection import SIGNS, Sign, check_margins, check_span
from nbviz.methods.run_fits import Fits
from nbviz.methods.state_levels import Cuts
from nbviz.methods.state_store import StateStore

FORMULA = "most selected cells (∩), then fewest cells in all (∪), then longest, then earliest"
"""The ranking in plain words, for the screen."""


@dataclass(frozen=True, eq=False, repr=False)
class Matches(Brief):
    """The best runs, best first, and how they were asked for.

    Attributes
    ----------
    starts, lengths : (n,) int64 arrays
        First step of each run, and its steps.
    intersection : (n,) int64 array
        Selected cells that fit the run.
    union : (n,) int64 array
        Cells, with their signs, that are selected or fit the run.
    jaccard : (n,) float64 array
        Intersection over union, 0 to 1. Shown, not ranked by.
    count : (n_steps,) uint8 or uint16 array
        Selected cells that are on, at every step of the corpus.
    n_runs : int
        Runs that were ranked.
    seconds : float
        What the query took.
    cells, signs : the selection.
    threshold : float
        As snapped to the levels, in units of the state.
    margins : tuple of two ints
    most : int
    length : int or None
    limit : int
    exclude : tuple of two ints or None
    sign : {"positive", "negative", "both"}
        Sides on which a cell may fit.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    intersection: NDArray[np.int64]
    union: NDArray[np.int64]
    count: NDArray
    n_runs: int
    seconds: float
    cells: NDArray[np.int64]
    signs: NDArray[np.int8]
    threshold: float
    margins: tuple[int, int]
    most: int
    length: int | None
    limit: int
    exclude: tuple[int, int] | None
    sign: Sign
    jaccard: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "jaccard", self.intersection / np.maximum(self.union, 1))

    def __len__(self) -> int:
        return len(self.starts)

    def steps(self) -> NDArray[np.int64]:
        """All steps inside the runs, ascending, each once."""
        if not len(self):
            return np.zeros(0, dtype=np.int64)
        runs = zip(self.starts.tolist(), self.lengths.tolist(), strict=True)
        return np.unique(np.concatenate([np.arange(start, start + length) for start, length in runs]))


def match_states(
    store: StateStore,
    cells: ArrayLike,
    signs: ArrayLike = 1,
    threshold: float = 0.3,
    *,
    margins: tuple[int, int] = (0, 0),
    most: int = 0,
    length: int | None = None,
    limit: int = 50,
    exclude: tuple[int, int] | None = None,
    sign: Sign | None = None,
) -> Matches:
    """Rank all runs at which the selected cells are on together; see the head of this module for the rule.

    Sequence boundaries are barriers: a run ends there, and steps beyond are not demanded to be off. Runs of
    one step count, and so do runs at the very start and end.

    Parameters
    ----------
    store : StateStore
    cells : (n,) array_like of int
        Distinct; at least one.
    signs : (n,) array_like of 1 or -1, or one for all
        Above the threshold or below minus the threshold.
    threshold : float
        In units of the state; snapped to the levels.
    margins : (left, right)
        Steps before and after the run at which a cell must be off to fit; True is 1.
    most : int
        How many of the cells may be missing: 0 for all cells, up to n - 1. The runs of at least n cells are
        ranked together with those of at least n - 1, ... n - `most` (a run found twice counts once).
    length : int, optional
        Only runs of exactly so many steps.
    limit : int
        Runs returned.
    exclude : (first, one past the last), optional
        Runs that touch this span are left out: the span that was selected from.
    sign : {"positive", "negative", "both"}, optional
        Sides on which any cell may fit, and so count in the union; by default those that `signs` has.

    Raises
    ------
    TypeError, ValueError
        Cells, signs, threshold, margins or numbers out of range.
    """
    began = time.perf_counter()
    chosen, sides = check_cells(store, cells, signs)
    around = check_margins("margins", margins)
    if not 0 <= most < len(chosen):
        raise ValueError(f"most={most} must be from 0 to {len(chosen) - 1}: one cell at least must be on")
    if limit < 1 or (length is not None and length < 1):
        raise ValueError(f"limit={limit} and length={length} must be at least 1")
    span = None if exclude is None else check_span(exclude, store.n_steps)
    has = "both" if len(np.unique(sides)) > 1 else "positive" if sides[0] > 0 else "negative"
    searched: Sign = has if sign is None else check_choice("sign", sign, SIGNS)  # type: ignore[assignment]
    if searched not in ("both", has):
        raise ValueError(f"sign={searched!r} leaves out selected cells: their signs are {has}")

    found = store.cuts(threshold)
    count = _count(store, chosen, sides, found)
    starts, lengths, level = _runs(store, count, len(chosen), most)
    keep = np.ones(len(starts), dtype=bool) if length is None else lengths == length
    if span is not None:
        keep &= (starts + lengths <= span[0]) | (starts >= span[1])
    starts, lengths, level = starts[keep], lengths[keep], level[keep]
    fits = Fits(store, found, around, searched)
    intersection = _intersections(fits, (starts, lengths, level), chosen, sides, limit)
    best, fitting = _best(fits, starts, lengths, intersection, limit)
    return Matches(
        starts=starts[best],
        lengths=lengths[best],
        intersection=intersection[best],
        union=fitting + len(chosen) - intersection[best],
        count=count,
        n_runs=len(starts),
        seconds=time.perf_counter() - began,
        cells=chosen,
        signs=sides,
        threshold=found.threshold,
        margins=around,
        most=most,
        length=length,
        limit=limit,
        exclude=span,
        sign=searched,
    )


def _count(store: StateStore, cells: NDArray, signs: NDArray, found: Cuts) -> NDArray:
    """How many of the cells are on at each step."""
    count = np.zeros(store.n_steps, dtype=np.uint8 if len(cells) < 256 else np.uint16)
    for cell, sign in zip(cells.tolist(), signs.tolist(), strict=True):
        levels = store.by_cell[cell]
        on = levels > found.above[cell] if sign > 0 else levels < found.below[cell]
        np.add(count, on.view(np.uint8), out=count)
    return count


def _runs(
    store: StateStore, count: NDArray, n_cells: int, most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Starts, lengths and levels of the maximal runs of at least n, n - 1, ... n - most cells, each once.

    A run found at several levels has the highest of them. That bounds its intersection: were more cells
    on at all of its steps, it would be a maximal run of so many cells, too.
    """
    starts, ends, levels = [], [], []
    for level in range(n_cells, n_cells - most - 1, -1):
        on = count >= level
        change = on[1:] != on[:-1]
        change[store.starts[1:] - 1] |= on[store.starts[1:]]
        begins = on.copy()
        begins[1:] &= change
        finishes = on.copy()
        finishes[:-1] &= change
        starts.append(np.flatnonzero(begins))
        ends.append(np.flatnonzero(finishes) + 1)
        levels.append(np.full(len(starts[-1]), level))
    all_starts, all_ends, all_levels = map(np.concatenate, (starts, ends, levels))
    if most:  # the first of equal entries is kept, and it has the highest level
        _, first = np.unique(all_starts * (store.n_steps + 1) + all_ends, return_index=True)
        all_starts, all_ends, all_levels = all_starts[first], all_ends[first], all_levels[first]
    return all_starts, all_ends - all_starts, all_levels


def _intersections(
    fits: Fits,
    runs: tuple[NDArray, NDArray, NDArray],
    cells: NDArray[np.int64],
    signs: NDArray[np.int8],
    limit: int,
) -> NDArray[np.int64]:
    """Selected cells that fit each run; -1 for runs that ``limit`` others are ahead of in any case."""
    starts, lengths, level = runs
    found = np.full(len(starts), -1)
    for bound in _from_highest(level):
        if np.count_nonzero(found > bound) >= limit:
            break
        group = np.flatnonzero(level == bound)
        if bound == len(cells) and fits.margins == (0, 0):
            found[group] = bound
        else:
            found[group] = fits.selected(starts[group], lengths[group], cells, signs)
    return found


def _from_highest(counts: NDArray) -> NDArray[np.int64]:
    """The different counts, from -1 on, highest first. Counts are small: to sort them would take longer."""
    return np.flatnonzero(np.bincount(counts + 1))[::-1] - 1


def _best(
    fits: Fits, starts: NDArray, lengths: NDArray, intersection: NDArray, limit: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the best runs in order, and how many cells of all fit each."""
    best, fitting = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    wanted = limit
    for value in _from_highest(intersection):
        if wanted == 0:
            break
        group = np.flatnonzero(intersection == value)
        order, counts = _fewest(fits, starts[group], lengths[group], int(value), wanted)
        best.append(group[order])
        fitting.append(counts)
        wanted -= len(order)
    return np.concatenate(best), np.concatenate(fitting)


def _fewest(
    fits: Fits, starts: NDArray, lengths: NDArray, at_least: int, wanted: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The runs that fewest cells fit (then longest, then earliest), and how many these are.

    ``at_least`` cells fit all of them: those of the intersection.

    The full counts of a few likely runs put a ceiling on what can enter the list. The runs whose lower bound
    is not above it are counted best bound first, until the next one, taken for the count, could not enter.
    """
    bound = np.maximum(fits.least(starts, lengths), at_least)
    left = np.arange(len(starts))
    if len(left) > 4 * wanted:
        likely = np.argpartition(bound, wanted)[:wanted]
        left = np.flatnonzero(bound <= fits.count(starts[likely], lengths[likely]).max())
    left = left[np.lexsort((starts[left], -lengths[left], bound[left]))]
    best = np.zeros(0, dtype=np.int64)
    counts = np.zeros(0, dtype=np.int64)
    size = 2 * wanted
    while len(left):
        if len(best) == wanted:
            last = (counts[-1], -lengths[best[-1]], starts[best[-1]])
            if (bound[left[0]], -lengths[left[0]], starts[left[0]]) > last:
                break
        batch, left = left[:size], left[size:]
        best = np.concatenate([best, batch])
        counts = np.concatenate([counts, fits.count(starts[batch], lengths[batch])])
        order = np.lexsort((starts[best], -lengths[best], counts))[:wanted]
        best, counts = best[order], counts[order]
        size *= 2
    return best, counts


def check_cells(
    store: StateStore, cells: ArrayLike, signs: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Distinct cells of the store and a sign for each."""
    chosen = np.asarray(cells)
    if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
        raise ValueError("cells must be a list of at least one cell number: no cell is selected")
    if chosen.min() < 0 or chosen.max() >= store.n_cells or len(np.unique(chosen)) < len(chosen):
        raise ValueError(f"cells must be distinct numbers from 0 to {store.n_cells - 1}")
    sides = np.asarray(signs)
    if sides.shape not in ((), chosen.shape) or not np.isin(sides, (1, -1)).all():
        raise ValueError(f"signs must be 1 or -1 for each of the {len(chosen)} cells")
    return chosen.astype(np.int64), np.broadcast_to(sides, chosen.shape).astype(np.int8)
