"""Parts marked on several pictures, as a trait: a name and one box, or none, for each picture.

The other half is js/src/parts/boxes.ts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import traitlets as t


class Parts(Mapping[str, np.ndarray]):
    """Boxes by the name of the part: (n_pictures, 4) float64, NaN in a row where the part is not marked.

    It is set as a whole, ``view.parts = {**view.parts, "nose": boxes}``, so that no change goes unnoticed.
    Two of them are equal if they have the same names in the same order, and the same boxes.
    """

    def __init__(self, boxes: Mapping[str, Any]) -> None:
        self._boxes: dict[str, np.ndarray] = {}
        for name, rows in boxes.items():
            array = _rows(name, rows)
            array.setflags(write=False)
            self._boxes[str(name)] = array

    def __getitem__(self, name: str) -> np.ndarray:
        return self._boxes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._boxes)

    def __len__(self) -> int:
        return len(self._boxes)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Parts)
            and list(self) == list(other)
            and all(np.array_equal(self[name], other[name], equal_nan=True) for name in self)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Parts({ {name: _to_rows(boxes) for name, boxes in self._boxes.items()} })"

    def count(self, name: str) -> int:
        """On how many pictures the part is marked."""
        return int(np.isfinite(self[name]).all(1).sum())


class PartBoxes(t.TraitType[Parts, Any]):
    """A mapping of part names to boxes (top, left, bottom, right); None or NaN where a part is not marked."""

    info_text = "a mapping of names to boxes"
    default_value: Any = Parts({})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tag(to_json=_to_json, from_json=_from_json)

    def validate(self, obj: Any, value: Any) -> Parts:
        if isinstance(value, Parts):
            return value
        if not isinstance(value, Mapping):
            raise t.TraitError(
                f"{self.name} maps the name of each part to its boxes, "
                f"{{'nose': [(top, left, bottom, right), None, ...]}}; got {type(value).__name__}"
            )
        return Parts(value)


def _rows(name: object, given: Any) -> np.ndarray:
    nothing = [np.nan] * 4
    try:
        rows = given if hasattr(given, "shape") else [nothing if box is None else box for box in given]
        array = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise t.TraitError(
            f"part {name!r}: a list of boxes (top, left, bottom, right) is wanted, None where a picture "
            f"lacks the part; got {given!r}"
        ) from error
    if array.size == 0:
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise t.TraitError(f"part {name!r}: a box has four numbers; got an array of shape {array.shape}")
    return array


def _to_rows(boxes: np.ndarray) -> list[list[int] | None]:
    return [[int(v) for v in box] if np.isfinite(box).all() else None for box in boxes]


def _to_json(value: Parts, _widget: Any) -> list[dict[str, Any]]:
    return [{"name": name, "boxes": _to_rows(boxes)} for name, boxes in value.items()]


def _from_json(value: Any, _widget: Any) -> Parts:
    names = [str(part["name"]) for part in value or []]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise t.TraitError(f"two parts are called {sorted(twice)[0]!r}: names must differ")
    return Parts({part["name"]: part["boxes"] for part in value or []})
