"""Which cells are on throughout a run and off around it, for many runs at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nbviz.methods.cell_selection import Sign
from nbviz.methods.state_levels import Cuts
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
        order = np.argsort(-lengths, kind="stable")
        begins, sizes = starts[order], lengths[order]
        total = np.zeros(len(order), dtype=np.int64)
        for cell, sign in zip(cells.tolist(), signs.tolist(), strict=True):
            levels = self.store.by_cell[cell]
            cut = self.found.above[cell] if sign > 0 else self.found.below[cell]
            total[order] += self._fit(levels, begins, sizes, int(sign), cut)
        return total

    def count(self, starts: NDArray, lengths: NDArray, first: int, last: int) -> NDArray[np.int64]:
        """How many of the cells ``first`` to ``last`` fit each run. Runs must come longest first."""
        levels = self.store.by_step[:, first:last]
        total = np.zeros(len(starts), dtype=np.int64)
        at_once = max(1, BYTES_AT_ONCE // (last - first))
        for at in range(0, len(starts), at_once):
            part = slice(at, at + at_once)
            for sign in self.sides:
                cut = (self.found.above if sign > 0 else self.found.below)[first:last]
                fit = self._fit(levels, starts[part], lengths[part], sign, cut)
                total[part] += fit.sum(axis=1, dtype=np.uint16)
        return total

    def _fit(
        self, levels: NDArray[np.uint8], starts: NDArray, lengths: NDArray, sign: int, cut: NDArray
    ) -> NDArray[np.bool_]:
        """On throughout and off around: (runs,) for levels (time,), (runs, cells) for (time, cells)."""
        if sign > 0:
            fit = _extreme(levels, starts, lengths, np.minimum) > cut
        else:
            fit = _extreme(levels, starts, lengths, np.maximum) < cut
        left, right = self.margins
        if not (left or right):
            return fit
        begins = self.store.starts
        which = np.searchsorted(begins, starts, side="right")
        low = begins[which - 1]
        high = np.append(begins, self.store.n_steps)[which]
        for offset in (*range(-left, 0), *range(right)):
            steps = starts + offset + (lengths if offset >= 0 else 0)
            exists = np.flatnonzero((steps >= low) & (steps < high))
            around = levels[steps[exists]]
            fit[exists] &= around <= cut if sign > 0 else around >= cut
        return fit


def _extreme(
    levels: NDArray[np.uint8], starts: NDArray, lengths: NDArray, pick: np.ufunc
) -> NDArray[np.uint8]:
    """Least or greatest level of each run, longest run first: step by step while many runs go on."""
    found = levels[starts]
    shorter_first = -lengths
    step = 1
    while True:
        going_on = int(np.searchsorted(shorter_first, -step))  # runs longer than ``step``
        if going_on <= FEW_RUNS:
            break
        found[:going_on] = pick(found[:going_on], levels[starts[:going_on] + step])
        step += 1
    for run in range(going_on):
        rest = levels[starts[run] + step : starts[run] + lengths[run]]
        found[run] = pick(found[run], pick.reduce(rest, axis=0))
    return found
