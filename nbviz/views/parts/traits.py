"""Traits that ipywidgets lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import traitlets as t


class Number(t.Float):
    """A float that is also taken from numpy: ``for p in np.arange(5, 50, 5): view.perplexity = p``."""

    def validate(self, obj: Any, value: Any) -> float:
        return super().validate(obj, float(value) if isinstance(value, np.integer | np.floating) else value)


class Whole(np.ndarray):
    """An array that is equal or not as a whole to another of its kind.

    ``traitlets.link`` compares the values of two traits with ``!=`` and wants a yes or a no. Compared with
    anything else, it behaves as any array.
    """

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Whole):
            return bool(np.array_equal(np.asarray(self), np.asarray(other)))
        return np.asarray(self) == other

    def __ne__(self, other: object) -> Any:
        if isinstance(other, Whole):
            return not np.array_equal(np.asarray(self), np.asarray(other))
        return np.asarray(self) != other

    __hash__ = None


class ArrayTrait(t.TraitType[np.ndarray, Any]):
    """A trait whose value is an array. Setting an equal array notifies nobody."""

    default_value: Any = ()
    empty: np.ndarray

    def make_dynamic_default(self) -> np.ndarray:
        return self.empty.view(Whole)

    def array(self, value: Any) -> np.ndarray:
        """``value`` as the array to keep, or a TraitError."""
        raise NotImplementedError

    def validate(self, obj: Any, value: Any) -> np.ndarray:
        return self.array(value).view(Whole)

    def set(self, obj: Any, value: Any) -> None:
        new: Any = self._validate(obj, value)
        old: Any = obj._trait_values.get(self.name)
        if old is not None and np.array_equal(old, new):
            return
        obj._trait_values[self.name] = new
        obj._notify_trait(self.name, self.make_dynamic_default() if old is None else old, new)


class Indices(ArrayTrait):
    """Row numbers of samples, a sorted (m,) int64 array; empty for none. Travels as int32 bytes.

    Lists, arrays and boolean masks are taken. Numbers below zero are refused.
    """

    info_text = "row numbers"
    empty = np.zeros(0, np.int64)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tag(to_json=_to_bytes, from_json=_from_bytes)

    def array(self, value: Any) -> np.ndarray:
        array = np.asarray(value)
        if array.dtype == bool:
            array = np.flatnonzero(array)
        if array.size == 0:
            return self.empty
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise t.TraitError(f"{self.name} takes row numbers, got {array.dtype} of shape {array.shape}")
        if array.min() < 0:
            raise t.TraitError(f"{self.name} takes row numbers from 0, got {array.min()}")
        return np.unique(array).astype(np.int64)


def _to_bytes(value: np.ndarray, _widget: Any) -> memoryview | bytes:
    return np.ascontiguousarray(value, np.int32).data.cast("B") if len(value) else b""


def _from_bytes(value: Any, _widget: Any) -> np.ndarray:
    if isinstance(value, list):
        return np.asarray(value, np.int64)
    return np.frombuffer(value, np.int32).astype(np.int64) if value is not None else np.zeros(0, np.int64)
