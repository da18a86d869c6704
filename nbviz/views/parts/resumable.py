"""A computation that goes on where the request before it left it."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from nbviz.core.events import Preview, Result, Steps


class Resumable:
    """Keeps one computation between requests, so that what does not concern it does not start it anew.

    A view whose picture is a slow part (a map) with quick ones on top asks for the slow part through this:
    a request that changes only a quick part takes the slow one where it stands, finished or not. The one
    that was finished last is kept too, until the next is finished. It belongs to one view, whose requests
    are computed one at a time.
    """

    def __init__(self) -> None:
        self._finished: tuple[Hashable, Result] | None = None
        self._key: Hashable = None
        self._steps: Steps | None = None  # under way
        self._last: Preview | None = None  # of it

    def last(self, key: Hashable) -> Preview | Result | None:
        """The last picture of the computation known by ``key``, if there is one."""
        if self._finished is not None and self._finished[0] == key:
            return self._finished[1]
        return self._last if self._key == key else None

    def steps(self, key: Hashable, begin: Callable[[], Steps]) -> Steps:
        """The last picture of the computation known by ``key``, and what is still to come of it; a new one
        if it is not known, or raised."""
        known = self.last(key)
        if known is not None:
            yield known
        if isinstance(known, Result):
            return
        if self._steps is None or self._key != key:
            self._key, self._steps, self._last = key, begin(), None
        steps = self._steps
        try:
            # A request that is given up closes this generator, but not the one that it reads.
            for event in steps:
                if isinstance(event, Result):
                    self._finished = (key, event)
                    self._give_up()
                elif isinstance(event, Preview):
                    self._last = event
                yield event
        except Exception:
            self._give_up()
            raise

    def go_on(self, steps: Steps) -> None:
        """From its last picture on, the computation under way is another one."""
        self._steps = steps

    def clear(self) -> None:
        """Forget all."""
        self._finished = None
        self._give_up()

    def _give_up(self) -> None:
        self._key = self._steps = self._last = None
