"""Activations that were computed once are kept, up to a stated number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np

DEFAULT_BUDGET = 256 * 2**20
"""Bytes of activations kept per Network. Binder allows 2 GB in all."""


class ActivationCache:
    """Arrays by key; the least recently used one goes first when the budget is exceeded.

    Parameters
    ----------
    budget : int
        Bytes. An array larger than the budget is not kept.
    """

    def __init__(self, budget: int = DEFAULT_BUDGET) -> None:
        self.budget = budget
        self._arrays: OrderedDict[Hashable, np.ndarray] = OrderedDict()
        self._guard = threading.Lock()

    @property
    def used(self) -> int:
        """Bytes held now."""
        with self._guard:
            return sum(a.nbytes for a in self._arrays.values())

    def get(self, key: Hashable) -> np.ndarray | None:
        with self._guard:
            array = self._arrays.get(key)
            if array is not None:
                self._arrays.move_to_end(key)
            return array

    def put(self, key: Hashable, array: np.ndarray) -> None:
        with self._guard:
            self._arrays.pop(key, None)  # never leave an older array under the key
            if array.nbytes > self.budget:
                return
            self._arrays[key] = array
            while sum(a.nbytes for a in self._arrays.values()) > self.budget:
                self._arrays.popitem(last=False)

    def clear(self) -> None:
        with self._guard:
            self._arrays.clear()
