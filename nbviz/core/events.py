"""What a computation says while it runs.

A method that takes time is a generator of these. Every ``yield`` is a place where a newer request may
stop it, so no ``yield`` may stand inside a context that holds a lock or a changed state.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture that is good enough to show now; a better one follows."""

    value: Any


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work has come: ``done`` of ``total`` steps of ``what`` (plain words, for the screen)."""

    done: int
    total: int
    what: str


@dataclass(frozen=True, slots=True)
class Result:
    """The final value. Nothing follows it."""

    value: Any


Event = Preview | Progress | Result
Steps = Iterator[Event]


def run_to_end(steps: Steps) -> Any:
    """Run a computation without a view and return the value of its :class:`Result`.

    Raises
    ------
    RuntimeError
        If the computation ends without a result.
    """
    for event in steps:
        if isinstance(event, Result):
            return event.value
    raise RuntimeError("the computation ended without a Result")


def result_of(steps: Steps) -> Generator[Progress, None, Any]:
    """The result of a computation inside another one: ``value = yield from result_of(steps)``.

    Its progress is passed on; its previews, which show only a part of the outer picture, are not.

    Raises
    ------
    RuntimeError
        If the computation ends without a result.
    """
    for event in steps:
        if isinstance(event, Result):
            return event.value
        if isinstance(event, Progress):
            yield event
    raise RuntimeError("the computation ended without a Result")
