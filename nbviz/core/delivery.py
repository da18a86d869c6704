"""The one lock under which pictures are handed over.

ipywidgets applies a message from the browser inside ``hold_trait_notifications``. If it holds an invalid
value, everything that changed meanwhile is rolled back, including what a worker has set: a picture is lost
without a trace. So applying and delivering exclude each other. One lock for the whole process: two linked
views with a lock each could wait for each other for ever.
"""

from __future__ import annotations

import threading
from types import TracebackType


class OwnedLock:
    """A reentrant lock that can say whether the caller holds it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._depth = 0

    @property
    def is_mine(self) -> bool:
        """Whether the calling thread holds the lock."""
        return self._owner == threading.get_ident()

    def __enter__(self) -> OwnedLock:
        self._lock.acquire()
        self._owner = threading.get_ident()
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._owner = None
        self._lock.release()


delivery_lock = OwnedLock()
