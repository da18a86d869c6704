"""Which cells are on throughout a run and off around it, for many runs at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nbviz.methods.cell_selection import Sign
from nbviz.methods.state_levels import Cuts
from nbviz.methods.state_planes import count_bits
from nbviz.methods.state_store import StateStore

BYTES_AT_ONCE = 2**22
"""Levels gathered at once: what fits a processor's cache."""
FEW_RUNS = 32
"""So many runs or fewer are reduced one by one, over contiguous steps."""


class Fits:
    """The rule of one query: threshold, margins, and the sides on which a cell may fit."""

    def __init__(self, store: StateStore, found: Cuts, margins: tuple[int, int], sign: Sign):
        self.store = store
        self.found = found
        self.margins = margins
        self.sides = {"positive": (1,), "negative": (-1,), "both": (1, -1)}[sign]
        self.n_cells = store.n_cells

    def selected(
        self, starts: NDArray, lengths: NDArray, cells: NDArray, signs: NDArray
    ) -> NDArray[np.int64]:
        """How many of the cells fit each run, each at its own side."""
        order = _longest_first(lengths)
        begins, sizes = starts[order], lengths[order]
        total = np.zeros(len(order), dtype=np.int64)
        for cell, sign in zip(cells.tolist(), signs.tolist(), strict=True):
            levels = self.store.by_cell[cell]
            cut = self.found.above[cell] if sign > 0 else self.found.below[cell]
            total[order] += self._fit(levels, begins, sizes, int(sign), cut)
        return total

    def count(self, starts: NDArray, lengths: NDArray) -> NDArray[np.int64]:
        """How many of all cells fit each run."""
        order = _longest_first(lengths)
        total = np.zeros(len(starts), dtype=np.int64)
        at_once = max(1, BYTES_AT_ONCE // self.n_cells)
        for at in range(0, len(starts), at_once):
            part = order[at : at + at_once]
            for sign in self.sides:
                cut = self.found.above if sign > 0 else self.found.below
                fit = self._fit(self.store.by_step, starts[part], lengths[part], sign, cut)
                total[part] += fit.sum(axis=1, dtype=np.int32)
        return total

    def least(self, starts: NDArray, lengths: NDArray) -> NDArray[np.int64]:
        """At least so many of all cells fit each run: those on throughout at a higher plane.

        With margins, those of them that are off around at a lower plane; 0 where there are no such planes.
        """
        planes, threshold = self.store.planes, self.found.threshold
        total = np.zeros(len(starts), dtype=np.int64)
        higher, lower = planes.at_least(threshold), planes.at_most(threshold)
        if higher is None or (lower is None and any(self.margins)):
            return total
        order = _longest_first(lengths)
        at_once = max(1, 8 * BYTES_AT_ONCE // self.n_cells)
        for at in range(0, len(starts), at_once):
            part = order[at : at + at_once]
            for side in self.sides:
                if side not in planes.bits:  # no cell of the store has this side
                    continue
                bits = planes.bits[side]
                on = _over_run(bits[higher], starts[part], lengths[part], np.bitwise_and)
                if lower is not None:
                    for which, steps in self._around(starts[part], lengths[part]):
                        on[which] &= ~bits[lower].take(steps, axis=0)
                total[part] += count_bits(on)
        return total

    def _fit(
        self, levels: NDArray[np.uint8], starts: NDArray, lengths: NDArray, sign: int, cut: NDArray
    ) -> NDArray[np.bool_]:
        """On throughout and off around: (runs,) for levels (time,), (runs, cells) for (time, cells)."""
        pick = np.minimum if sign > 0 else np.maximum
        extreme = _over_run(levels, starts, lengths, pick)
        fit = extreme > cut if sign > 0 else extreme < cut
        for which, steps in self._around(starts, lengths):
            around = levels.take(steps, axis=0)
            fit[which] &= around <= cut if sign > 0 else around >= cut
        return fit

    def _around(self, starts: NDArray, lengths: NDArray) -> Iterator[tuple[NDArray, NDArray]]:
        """For each demanded step around the runs: the runs that have it in their sequence, and where."""
        left, right = self.margins
        if not (left or right):
            return
        begins = self.store.starts
        sequence = np.searchsorted(begins, starts, side="right")
        low = begins[sequence - 1]
        high = np.append(begins, self.store.n_steps)[sequence]
        for offset in (*range(-left, 0), *range(right)):
            steps = starts + offset + (lengths if offset >= 0 else 0)
            which = np.flatnonzero((steps >= low) & (steps < high))
            yield which, steps[which]


def _longest_first(lengths: NDArray) -> NDArray[np.int64]:
    """Order of the runs, those of one length as they stand."""
    if len(lengths) and lengths.max() <= 0xFFFF:  # numpy sorts 16 bits by radix: a fifth of the time
        lengths = lengths.astype(np.uint16)
        return np.argsort(0xFFFF - lengths, kind="stable")
    return np.argsort(-lengths, kind="stable")


def _over_run(levels: NDArray, starts: NDArray, lengths: NDArray, pick: np.ufunc) -> NDArray:
    """``pick`` over the steps of each run, longest run first: step by step while many runs go on."""
    found = levels.take(starts, axis=0)
    shorter_first = -lengths
    step = 1
    while True:
        going_on = int(np.searchsorted(shorter_first, -step))  # runs longer than ``step``
        if going_on <= FEW_RUNS:
            break
        pick(found[:going_on], levels.take(starts[:going_on] + step, axis=0), out=found[:going_on])
        step += 1
    for run in range(going_on):
        rest = levels[starts[run] + step : starts[run] + lengths[run]]
        found[run] = pick(found[run], pick.reduce(rest, axis=0))
    return found
