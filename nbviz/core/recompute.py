"""The focus knob: one worker and one latest-wins slot per view.

A change of a parameter only puts a job into the slot and returns. The worker takes the newest job and runs
its generator step by step. Two rules make dragging a slider feel right:

* the first ``Preview`` of a job is not cancelled by newer requests, or a drag would show nothing at all;
* what follows it is cancelled at the next ``yield`` as soon as a newer job waits.

A job that has no preview after ``patience`` seconds may be cancelled too: it is not a cheap one.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import inspect
import logging
import sys
import threading
import time
import weakref
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any

from nbviz.core.delivery import delivery_lock
from nbviz.core.events import Event, Preview, Result, Steps

PROGRESS_INTERVAL = 0.1
"""Seconds between two progress reports: the notebook server drops messages that come too fast."""


EXIT_PATIENCE = 3.0
"""Seconds that a leaving process waits for its workers to reach their next ``yield``."""


@dataclass(frozen=True, slots=True)
class Update:
    """What the worker tells the view. ``state`` is running, done, error or cancelled."""

    generation: int
    request: int
    state: str
    event: Event | None
    error: Exception | None
    elapsed: float
    context: contextvars.Context | None


@dataclass(slots=True)
class _Job:
    generation: int
    request: int
    params: Any
    context: contextvars.Context | None
    steps: Steps | None = None
    started: float = 0.0
    has_picture: bool = False
    last_progress: float = field(default=-1e9)


class Recompute:
    """Runs the newest request; see the module's text for the rules.

    Parameters
    ----------
    compute : callable
        ``compute(params)`` gives a generator of :data:`~nbviz.core.events.Event`. A bound method is held
        weakly, so that a view can be collected.
    deliver : callable
        ``deliver(update)`` is called for every :class:`Update`, on the worker.
    executor : {"thread", "inline", "manual"}, optional
        On a daemon thread (the default); inside :meth:`submit` (for Pyodide, which has no threads, and for
        tests); or only when :meth:`step` is called (for exact tests of the order of things).
    patience : float
        Seconds after which a job without a preview gives way to a newer one.
    """

    def __init__(
        self,
        compute: Callable[[Any], Steps],
        deliver: Callable[[Update], None],
        *,
        executor: str | None = None,
        patience: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.executor = executor or ("inline" if sys.platform == "emscripten" else "thread")
        if self.executor not in ("thread", "inline", "manual"):
            raise ValueError(f"executor must be thread, inline or manual, got {executor!r}")
        self._compute, self._deliver = _weak(compute), _weak(deliver)
        self._patience, self._clock = patience, clock
        self._changed = threading.Condition()
        self._pending: _Job | None = None
        self._running: _Job | None = None
        self._newest = self._finished = self._stopped = 0
        self._error: Exception | None = None
        self._closed = False
        self._thread: threading.Thread | None = None
        self._stepping = False
        weakref.finalize(self, _wake, self._changed)
        _alive.add(self)

    @property
    def generation(self) -> int:
        """Number of the newest request; 0 before the first."""
        return self._newest

    @property
    def is_idle(self) -> bool:
        """Whether the newest request is finished."""
        return self._finished >= self._newest

    def submit(self, params: Any, *, request: int = 0, context: contextvars.Context | None = None) -> int:
        """Ask for ``params``; a request that still waits is dropped. Returns the generation; never blocks."""
        with self._changed:
            if self._closed:
                return self._newest
            self._newest += 1
            self._pending = _Job(self._newest, request, params, context)
            if self.executor == "thread" and self._thread is None:
                self._thread = threading.Thread(
                    target=_work, args=(self._changed, weakref.ref(self)), name="nbviz-worker", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()
            generation = self._newest
        if self.executor == "inline" and not self._stepping:
            while self.step():
                continue
        return generation

    def cancel(self) -> None:
        """Stop what runs and what waits, also a preview. The last good picture stays."""
        with self._changed:
            self._stopped = self._newest
            self._changed.notify_all()

    def step(self) -> bool:
        """Advance the work by one ``yield``. Returns False if there is nothing to do."""
        with self._changed:
            if self._running is None and not self._closed:
                self._running, self._pending = self._pending, None
            job = self._running
        if job is None:
            return False
        self._stepping = True
        try:
            self._advance(job)
        finally:
            self._stepping = False
        return True

    def _advance(self, job: _Job) -> None:
        try:
            reason = self._reason_to_stop(job)
            if reason is not None:
                if job.steps is not None:
                    _close(job.steps)
                self._finish(job, reason)
                return
            if job.steps is None:
                job.started = self._clock()
                compute = self._compute()
                if compute is None:
                    raise RuntimeError("the view is gone")
                job.steps = compute(job.params)
                self._tell(job, "running")
                return
            event = next(job.steps)
        except StopIteration:
            self._finish(job, "done")
        except Exception as error:  # noqa: BLE001  (errors are data: shown in the view, raised by wait())
            self._finish(job, "error", error=error)
        else:
            try:
                self._handle(job, event)
            except Exception as error:  # noqa: BLE001  (a picture that cannot be drawn must not end the worker)
                _close(job.steps)
                self._finish(job, "error", error=error)

    def _handle(self, job: _Job, event: Event) -> None:
        if isinstance(event, Result):
            _close(job.steps)
            self._finish(job, "done", event)
        elif isinstance(event, Preview):
            job.has_picture = True
            if self._reason_to_stop(job) != "cancelled":
                self._tell(job, "running", event)
        elif self._clock() - job.last_progress >= PROGRESS_INTERVAL:
            job.last_progress = self._clock()
            self._tell(job, "running", event)

    def _reason_to_stop(self, job: _Job) -> str | None:
        with self._changed:
            if self._closed or job.generation <= self._stopped:
                return "cancelled"
            if self._pending is None or job.steps is None:
                return None
            impatient = self._clock() - job.started > self._patience
            return "superseded" if job.has_picture or impatient else None

    def _tell(
        self, job: _Job, state: str, event: Event | None = None, error: Exception | None = None
    ) -> None:
        deliver = self._deliver()
        if deliver is not None and not self._closed:
            elapsed = self._clock() - job.started
            deliver(Update(job.generation, job.request, state, event, error, elapsed, job.context))

    def _finish(
        self, job: _Job, state: str, event: Event | None = None, error: Exception | None = None
    ) -> None:
        try:
            if state != "superseded":
                self._tell(job, state, event, error)
        except Exception as failure:  # noqa: BLE001  (a picture that cannot be drawn is an error to show)
            error = failure
            try:
                self._tell(job, "error", None, failure)
            except Exception:
                logging.getLogger("nbviz").exception("the view cannot show its error")
        finally:
            with self._changed:
                self._running = None
                self._error = error
                self._finished = job.generation
                self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the request that was asked for last is finished.

        Raises
        ------
        Exception
            What the computation raised.
        TimeoutError
            If it takes longer than ``timeout`` seconds.
        RuntimeError
            Inside a callback: there, waiting would block the very delivery that is waited for.
        """
        if not self.is_idle:
            if delivery_lock.is_mine or threading.current_thread() is self._thread or self._stepping_here():
                raise RuntimeError(
                    "cannot wait for a result inside a callback: it would block its own delivery. "
                    "Read the value that the callback gets, or wait in a cell."
                )
            if self.executor == "manual":
                raise RuntimeError("the manual executor waits for step() to be called")
        with self._changed:
            target = self._newest
            if not self._changed.wait_for(lambda: self._closed or self._finished >= target, timeout):
                raise TimeoutError(f"no result after {timeout} s")
            error = self._error if self._finished >= target else None
        if error is not None:
            raise error

    def _stepping_here(self) -> bool:
        return self.executor == "inline" and self._stepping

    async def idle(self) -> None:
        """As :meth:`wait`, without blocking the event loop."""
        if self.is_idle or self.executor != "thread":
            self.wait()
        else:
            await asyncio.get_running_loop().run_in_executor(None, self.wait)

    def close(self) -> None:
        """Stop the work and end the worker; nothing is delivered after this."""
        with self._changed:
            self._closed = True
            self._pending = None
            self._changed.notify_all()
        if self.executor != "thread":
            while self.step():
                continue


def _work(changed: threading.Condition, ref: weakref.ref[Recompute]) -> None:
    """The worker. It holds the Recompute only while there is something to do."""
    while True:
        with changed:
            owner = ref()
            if owner is None:
                return
            if owner._pending is None and owner._running is None:
                if owner._closed:
                    return
                del owner
                changed.wait()
                continue
        try:
            owner.step()
        finally:
            del owner


_alive: weakref.WeakSet[Recompute] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """End the workers before the interpreter does: a thread killed inside torch aborts the process."""
    workers = list(_alive)
    for recompute in workers:
        recompute.close()
    end = time.monotonic() + EXIT_PATIENCE
    for recompute in workers:
        if recompute._thread is not None:
            recompute._thread.join(max(0.0, end - time.monotonic()))


def _wake(changed: threading.Condition) -> None:
    with changed:
        changed.notify_all()


def _close(steps: Steps | None) -> None:
    """End a generator at its ``yield``; another iterator has nothing to end."""
    if isinstance(steps, Generator):
        steps.close()


def _weak(function: Callable[..., Any]) -> Callable[[], Callable[..., Any] | None]:
    if inspect.ismethod(function):
        return weakref.WeakMethod(function)
    return lambda: function
