"""A computation that goes on where the request before it left it."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from nbviz.core.events import Preview, Progress, Result, Steps


class Resumable:
    """Keeps one computation between requests, so that what does not concern it does not start it anew.

    A view whose picture is a slow part (a map) with quick ones on top asks for the slow part through this:
    a request that changes only a quick part takes the slow one where it stands, finished or not. It belongs
    to one view, whose requests are computed one at a time.
    """

    def __init__(self) -> None:
        self._key: Hashable = None
        self._steps: Steps | None = None
        self._last: Preview | Result | None = None

    def holds(self, key: Hashable) -> bool:
        """Whether there is a picture of the computation known by ``key`` already."""
        return self._last is not None and self._key == key

    def steps(self, key: Hashable, begin: Callable[[], Steps]) -> Steps:
        """The last picture of the computation known by ``key``, and what is still to come of it; a new one
        if the last was another, or raised."""
        if self._steps is None or self._key != key:
            self._key, self._steps, self._last = key, begin(), None
        if self._last is not None:
            yield self._last
            if isinstance(self._last, Result):
                return
        steps = self._steps
        try:
            # A request that is given up closes this generator, but not the one that it reads.
            for event in steps:
                if not isinstance(event, Progress):
                    self._last = event
                yield event
        except Exception:
            self.clear()
            raise

    def clear(self) -> None:
        """Forget it."""
        self._key = self._steps = self._last = None
