"""Find the fastest of several ways to do the same, while doing it.

Every way gives the same outputs, so they are tried out on the sweep's own windows: nothing that is computed
while trying is thrown away. What is known is kept for the next sweep of the same kind.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any

from nbviz.core.network import Network

_TRIALS = 3
"""Batches on which a way is tried. The first one warms up and does not count."""

_tuners: weakref.WeakKeyDictionary[Network, dict[Hashable, Tuner]] = weakref.WeakKeyDictionary()


def tuner_for(network: Network, kind: Hashable, ways: Callable[[], list[tuple[Any, int]]]) -> Tuner:
    """The tuner of this kind of sweep of ``network``, with what it has learnt so far."""
    kept = _tuners.setdefault(network, {})
    if kind not in kept:
        kept[kind] = Tuner(ways())
    return kept[kind]


class Tuner:
    """Tries each way on a few batches and stays with the fastest.

    Parameters
    ----------
    ways : list of (way, batch)
        The most promising first.

    Attributes
    ----------
    current : (way, batch)
        How the next windows are to be run.
    verified : bool
        Whether the outputs were compared with those of the model itself.
    """

    def __init__(self, ways: list[tuple[Any, int]]) -> None:
        self._open = list(dict.fromkeys(ways))
        self._rates: dict[tuple[Any, int], float] = {}
        self._tried = 0
        self.current = self._open[0]
        self.verified = False

    def took(self, count: int, seconds: float) -> None:
        """Tell how long ``count`` windows took. Much smaller batches than asked for say nothing."""
        if not self._open or count < 0.5 * self.current[1]:
            return
        self._tried += 1
        if self._tried > 1:
            self._rates[self.current] = min(self._rates.get(self.current, float("inf")), seconds / count)
        if self._tried >= _TRIALS:
            self._open.pop(0)
            self._tried = 0
            self.current = self._open[0] if self._open else min(self._rates, key=self._rates.__getitem__)

    def limit(self, batch: int) -> None:
        """Never take more than ``batch`` windows at once from now on."""
        self._open = []
        self.current = (self.current[0], max(1, batch))
