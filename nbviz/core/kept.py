"""Results of earlier computations, for as long as what they were made from stays the same."""

from __future__ import annotations

from typing import Any

from nbviz.core.events import Result, Steps


class Kept:
    """The newest result of each of a few computations, by name. One worker's own: it is not locked."""

    def __init__(self) -> None:
        self._results: dict[str, tuple[Any, Any]] = {}

    def steps(self, name: str, key: Any, steps: Steps) -> Steps:
        """The kept result of ``name`` alone, if it was made under an equal ``key``; else all of ``steps``."""
        if name in self._results and self._results[name][0] == key:
            yield Result(self._results[name][1])
            return
        for event in steps:
            if isinstance(event, Result):
                self._results[name] = (key, event.value)
            yield event


class Itself:
    """An array, or anything else, as part of a key: equal to the very same object only."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)
