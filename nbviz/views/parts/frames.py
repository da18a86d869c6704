"""Pictures on their way to the browser: small ones in a synced trait, large ones as acknowledged messages.

The other half is js/src/channel.ts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TRAIT_BYTES = 256_000
"""A preview above this goes as a message, one at a time, so that frames do not queue up."""

SNAPSHOT_BYTES = 1_000_000
"""A result above this is not kept in the notebook; the browser asks for it again."""

ACK_TIMEOUT = 3.0
"""Seconds after which an unacknowledged message no longer holds back the next one."""


@dataclass(frozen=True)
class Frame:
    """One picture: ``meta`` is plain JSON, ``buffers`` are float32, int32, uint16 or uint8 arrays.

    Lists called ``"notes"`` in the meta, or in a part of it, are remarks for the person; ``asides`` are those
    that the picture shows in another way, such as beside a row.
    """

    meta: dict[str, Any]
    buffers: list[np.ndarray] = field(default_factory=list)
    asides: tuple[str, ...] = ()

    @property
    def nbytes(self) -> int:
        return sum(b.nbytes for b in self.buffers)

    @property
    def notes(self) -> tuple[str, ...]:
        """All remarks, each once."""
        return tuple(dict.fromkeys((*_notes_in(self.meta), *filter(None, self.asides))))


def _notes_in(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for item in part:
            if isinstance(item, dict):
                yield from _notes_in(item)
    elif isinstance(part, dict):
        for key, value in part.items():
            yield from value if key == "notes" else _notes_in(value)


class Outbox:
    """Hands frames over, the newest first; one large message is under way at a time."""

    def __init__(self, send: Callable[[], Callable[[dict[str, Any], bool], None] | None]) -> None:
        self._send = send
        self._guard = threading.Lock()
        self._under_way: tuple[int, float] | None = None
        self._waiting: dict[str, Any] | None = None
        self._last: dict[str, Any] | None = None

    def post(self, frame: Frame, generation: int, request: int, kind: str) -> None:
        """Send ``frame``, or let it wait for the acknowledgement of the one before."""
        packed = {
            "generation": generation,
            "request": request,
            "kind": kind,
            "meta": frame.meta,
            "dtypes": [b.dtype.name for b in frame.buffers],
            "buffers": [np.ascontiguousarray(b).data.cast("B") if b.size else b"" for b in frame.buffers],
        }
        small = frame.nbytes <= (SNAPSHOT_BYTES if kind == "result" else TRAIT_BYTES)
        with self._guard:
            self._last = packed
            if small:
                self._waiting = None
            elif self._is_blocked():
                self._waiting = packed
                return
            else:
                self._under_way = (generation, time.monotonic())
        self._hand_over(packed, as_message=not small)

    def _is_blocked(self) -> bool:
        return self._under_way is not None and time.monotonic() - self._under_way[1] < ACK_TIMEOUT

    def acknowledged(self, generation: int) -> None:
        """The browser has drawn a message of ``generation``."""
        with self._guard:
            self._under_way = None
            packed, self._waiting = self._waiting, None
            if packed is not None:
                self._under_way = (packed["generation"], time.monotonic())
        if packed is not None:
            self._hand_over(packed, as_message=True)

    def resend(self) -> None:
        """The browser misses the newest frame (messages can be dropped on the way)."""
        with self._guard:
            packed = self._last
        if packed is not None:
            self._hand_over(packed, as_message=True)

    def clear(self) -> None:
        with self._guard:
            self._last = self._waiting = self._under_way = None

    def _hand_over(self, packed: dict[str, Any], as_message: bool) -> None:
        send = self._send()
        if send is not None:
            send(packed, as_message)
