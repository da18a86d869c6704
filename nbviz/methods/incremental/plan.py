"""Which part of every map each window changes, and up to which step it pays to recompute parts only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.methods.incremental.rules import Pair, Rule, map_size, rule_of
from nbviz.methods.incremental.tape import Ref, Tape

# What moving one value through memory costs, in multiplications. Only the order of the candidates
# follows from it: which one is taken is measured.
_MOVE = 16.0
_OVERHEAD = (1.0, 1.6, 3.0)


@dataclass(frozen=True)
class Region:
    """The changed part of one map for each of n windows.

    ``lo``, ``hi`` : (n, 2) int, rows and columns that can differ from the clean map.
    ``origin`` : (n, 2) int and ``size``: a box of one size for all windows that holds ``lo`` … ``hi`` and
    lies inside the map, so that all windows can be computed in one batch.
    """

    lo: np.ndarray
    hi: np.ndarray
    origin: np.ndarray
    size: Pair

    @classmethod
    def around(cls, lo: np.ndarray, hi: np.ndarray, map_shape: Pair) -> Region:
        """The smallest boxes of one size around ``lo`` … ``hi``."""
        height, width = (int(n) for n in np.maximum((hi - lo).max(0), 1))
        return cls(lo, hi, np.minimum(lo, np.array(map_shape) - (height, width)), (height, width))


class Plan:
    """The geometry of a sweep.

    Parameters
    ----------
    tape : Tape
    lo, hi : (n, 2) int arrays
        For each window the first row and column that it changes in the model's input, and one past the last.

    Attributes
    ----------
    rules, regions : dict
        By step, for the steps that can be computed in parts.
    order : list of int
        The steps that lead from the input to the output, without those that depend on nothing.
    first_global : int
        Position in ``order`` of the first step that needs whole maps; parts end there at the latest.
    """

    def __init__(self, tape: Tape, lo: np.ndarray, hi: np.ndarray) -> None:
        self.tape = tape
        uses = tape.uses()
        self.order = [s.index for s in tape.needed() if s.from_input and s.index]
        self._last_reader = {ref: index for index in self.order for ref in tape.steps[index].refs()}
        self._last_reader[tape.output] = len(tape.steps)
        size = map_size(tape.steps[0].value)
        self.regions: dict[int, Region] = {0: Region.around(lo, hi, size)}
        self.rules: dict[int, Rule] = {}
        self.first_global = len(self.order)
        for position, index in enumerate(self.order):
            rule = rule_of(tape.steps[index], tape, uses)
            if rule is None:
                self.first_global = position
                break
            self.rules[index] = rule
            self.regions[index] = self._region(rule, self.map_size(index))

    def map_size(self, index: int) -> Pair:
        """Height and width of what step ``index`` returns."""
        return map_size(self.value(index))

    def value(self, index: int) -> Any:
        """The clean map of step ``index``."""
        value = self.tape.steps[index].value
        return value[0] if isinstance(value, tuple | list) else value

    def crossing(self, cut: int) -> list[Ref]:
        """Values that the parts hand over when the first ``cut`` steps are computed in parts."""
        before = {0, *self.order[:cut]}
        after = self.order[cut] if cut < len(self.order) else len(self.tape.steps)
        return [ref for ref, last in self._last_reader.items() if ref.step in before and last >= after]

    def cuts(self) -> list[int]:
        """Promising numbers of steps to compute in parts, the most promising first."""
        found = [self._cheapest(overhead) for overhead in _OVERHEAD]
        return list(dict.fromkeys([found[1], found[0], found[2]]))

    def affected_share(self) -> float:
        """Share of all multiplications that are inside changed regions, 0 to 1: the floor of any method."""
        done = total = 0.0
        for index in self.order:
            work = self._work(index)
            total += work
            done += work * (self._coverage(index, tight=True) if index in self.regions else 1.0)
        return done / max(total, 1.0)

    def work(self) -> float:
        """Multiplications of one whole forward pass."""
        return sum(self._work(index) for index in self.order)

    def _region(self, rule: Rule, size: Pair) -> Region:
        boxes = [
            rule.affected(self.regions[ref.step].lo, self.regions[ref.step].hi, size) for ref in rule.sources
        ]
        lo = np.min([low for low, _ in boxes], axis=0)
        hi = np.max([high for _, high in boxes], axis=0)
        return Region.around(np.minimum(lo, np.array(size) - 1), hi, size)

    def _coverage(self, index: int, tight: bool = False) -> float:
        region, cells = self.regions[index], math.prod(self.map_size(index))
        if tight:
            return float((region.hi - region.lo).prod(1).mean()) / cells
        return math.prod(region.size) / cells

    def _work(self, index: int) -> float:
        """Multiplications of one step on a whole map."""
        rule = self.rules.get(index)
        if rule is not None:
            return (
                float(self.value(index).numel() * rule.multiplications) if rule.multiplications > 1 else 0.0
            )
        weights = [a for a in self.tape.steps[index].args if getattr(a, "ndim", 0) >= 2]
        return float(sum(w.numel() for w in weights))

    def _cheapest(self, overhead: float) -> int:
        """The cut with the least work, if a multiplication in a part costs ``overhead`` times as much."""
        full = [self._work(i) + _MOVE * self.value(i).numel() for i in self.order]
        cost, best, at = float(sum(full)), math.inf, 0
        for cut in range(self.first_global + 1):
            handed = sum(self.value(ref.step).numel() for ref in self.crossing(cut))
            if cost + _MOVE * handed < best:
                best, at = cost + _MOVE * handed, cut
            if cut < self.first_global:
                index = self.order[cut]
                share = self._coverage(index)
                gathered = 0.0
                for ref in () if self.rules[index].cellwise else self.rules[index].sources:
                    extent = self.rules[index].needed(np.zeros((1, 2), int), self.regions[index].size)[1]
                    gathered += math.prod(extent) * self.value(ref.step).shape[1]
                cost += full[cut] * (share * overhead - 1) + _MOVE * gathered
        return at
