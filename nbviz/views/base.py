"""What every view shares: parameters, frames, status, errors, the way to the browser and back.

The other half is js/src/channel.ts.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import inspect
import sys
import time
import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ClassVar

import anywidget
import traitlets as t

from nbviz.core.delivery import delivery_lock
from nbviz.core.errors import unknown_keyword
from nbviz.core.events import Preview, Progress, Result, Steps
from nbviz.core.recompute import Recompute, Update
from nbviz.views.parts import model_watch
from nbviz.views.parts.bundle import load_bundle
from nbviz.views.parts.frames import Frame, Outbox

FIRST_PICTURE = 0.3
"""Seconds in which a first picture should be there."""


_CLOSED = "the view is closed: its model and data are gone. Run the cell that opened it again."


class View(anywidget.AnyWidget):
    """A picture that is recomputed in the kernel when a parameter changes.

    A subclass declares its parameters as traits tagged ``sync=True, parameter=True`` and defines

    * ``compute(params)``: a generator of events whose ``Preview`` and ``Result`` hold any value; beside the
      parameters ``params`` has ``version``, that of the model's weights (None without a model),
    * ``encode(value)``: that value as a :class:`~nbviz.views.parts.frames.Frame` for the browser,
    * ``summary()``: the current state in plain words.

    One that shows a model keeps its Network as ``_network``, or defines ``shown_network()``.
    """

    status = t.Enum(["idle", "pending", "running", "done", "error", "cancelled"], "idle").tag(sync=True)
    """State of the newest request."""

    progress = t.Dict().tag(sync=True)
    """How far it has come: ``{"done": int, "total": int, "what": str}``; empty when at rest."""

    elapsed = t.Float(0.0).tag(sync=True)
    """Seconds that the newest request has taken so far."""

    problem = t.Dict().tag(sync=True)
    """What went wrong, ``{"type": str, "message": str}``; empty if nothing did."""

    frame = t.Dict().tag(sync=True, echo_update=False)
    """The newest picture: generation, request, kind, meta and buffers, always of one computation."""

    request = t.Int(0).tag(sync=True)
    """Number of the browser's newest request; the frame that answers it carries it back."""

    model_changed = t.Bool(False).tag(sync=True)
    """Whether the model has changed since the picture was made; :meth:`refresh` shows it as it is now."""

    model_notes = t.List(t.Unicode()).tag(sync=True)
    """What a person should know about the model as it is run (:attr:`nbviz.Network.notes`). Not to be set."""

    height = t.Int(460, min=200, max=2000).tag(sync=True)
    """Height of the picture, pixels."""

    _own_names: ClassVar[tuple[str, ...]] = ("layout", "tooltip", "tabbable")
    _other_words: ClassVar[dict[str, str]] = {}  # keywords of other libraries, and what they are called here
    _is_closed = False
    _latest: Any = None  # the newest value of compute()
    _notes: tuple[str, ...] = ()  # on the newest picture

    def __init__(self, *, executor: str | None = None, **traits: Any) -> None:
        known = {name for name in self.trait_names() if not name.startswith("_")} - {"comm", "keys", "log"}
        for name in traits:
            if name not in known:
                meant = self._other_words.get(name)
                arguments = list(inspect.signature(type(self)).parameters)
                words = {*self.keywords(), *arguments} - {"traits", "executor"}
                raise unknown_keyword(type(self).__name__, name, words, meant=meant)
        self._parameters = tuple(self.trait_names(parameter=True))
        self._holds = 0
        self._links: list[t.link] = []  # to other views; gone when this one is closed
        self._asked = False
        self._latest_generation = 0
        self._error: Exception | None = None
        self._made_for: Any = None  # version of the model that the picture shows
        self._computing_for: Any = None  # and of the one that is being computed
        self._compare_when_done = False
        self._browser_context: contextvars.Context | None = None
        self._recompute: Recompute | None = None
        self._outbox = Outbox(weakref.WeakMethod(self._send_frame))
        load_bundle(type(self), View)
        super().__init__(**traits)
        self.observe(self._ask, [*self._parameters, "request"])
        self.on_msg(self._heard)
        self._recompute = Recompute(self._steps, self._deliver, executor=executor)
        model_watch.watch(self)
        self._ask()

    @classmethod
    def keywords(cls) -> list[str]:
        """Keywords that a call may use."""
        hidden = {"comm", "keys", "log", "frame", "request", "status", "progress", "elapsed", "problem"}
        hidden |= {"model_changed", "model_notes"}
        names = {name for name in cls.class_trait_names() if not name.startswith("_")}
        from_the_kernel = set(cls.class_trait_names(echo_update=False))  # not to be set
        return sorted(names - hidden - from_the_kernel - set(cls._own_names))

    # What a subclass defines

    def compute(self, params: SimpleNamespace) -> Steps:
        raise NotImplementedError

    def encode(self, value: Any) -> Frame:
        raise NotImplementedError

    def told(self, frame: Frame) -> Frame:
        """The frame of ``encode``, with what else a person should be told of it."""
        return frame

    def summary(self) -> str:
        """The current state in plain words, for text output and screen readers."""
        return f"{type(self).__name__}: {self.state_in_words()}"

    def state_in_words(self) -> str:
        """What the view is about while there is no picture to speak of."""
        if self._is_closed:
            return "closed"
        if self.status == "error":
            return f"error, {self.problem.get('type')}: {self.problem.get('message')}"
        if self.status == "cancelled":
            return "stopped before the first picture"
        if self.progress:
            return "computing, {done:,} of {total:,} {what}".format(**self.progress)
        return "computing its first picture" if self.status in ("pending", "running") else self.status

    def __repr__(self) -> str:
        text = self.summary()
        if self._latest is None:
            return text
        if self.status in ("pending", "running"):
            text = f"{text} (a newer picture is being computed)"
        elif self.status == "error":
            text = f"{text} (the last picture; then: {self.state_in_words()})"
        elif self.model_changed:
            text = f"{text} (the model has changed since: refresh())"
        return "\n  ".join([text, *self._notes])

    def receive(self, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """A message of the view's own from the browser. It must return at once."""

    def shown_network(self) -> Any:
        """The network that the picture is of, if any; by default the attribute ``_network``."""
        return getattr(self, "_network", None)

    def release(self) -> None:
        """Let go of model and data."""

    def publish(self, **traits: Any) -> None:
        """Set synced traits from ``compute`` or ``encode``, which run on the worker."""

        def apply() -> None:
            if self._is_closed:
                return
            with delivery_lock:
                for name, value in traits.items():
                    setattr(self, name, value)

        context = self._browser_context
        if context is None:
            apply()
        else:
            context.copy().run(apply)

    # Asking

    def _ask(self, _change: Any = None) -> None:
        """Ask for a new picture; all changes inside one hold, or one browser message, are one request."""
        if self._recompute is None:
            return
        with delivery_lock:  # another thread's hold ends before this goes on
            if self._holds:
                self._asked = True
                return
            self._asked = False
            params = SimpleNamespace(**{name: getattr(self, name) for name in self._parameters})
            self.status = "pending"
        # Until the browser has spoken, answers go out in the context of the cell that asks.
        context = None if self._browser_context else contextvars.copy_context()
        self._recompute.submit(params, request=self.request, context=context)

    @contextlib.contextmanager
    def hold_trait_notifications(self) -> Iterator[None]:
        """As in traitlets, and no picture is delivered meanwhile; see :mod:`nbviz.core.delivery`."""
        with delivery_lock:
            self._holds = getattr(self, "_holds", 0) + 1
            try:
                with super().hold_trait_notifications():
                    yield
            finally:
                self._holds -= 1
                asked = self._holds == 0 and getattr(self, "_asked", False)
        if asked:
            self._ask()

    # Delivering, on the worker

    def _steps(self, params: SimpleNamespace) -> Steps:
        network = self.shown_network()
        # Taken before anything is run: what is made while a user trains is then never taken for up to date.
        params.version = self._computing_for = None if network is None else network.version
        return self.compute(params)

    def _deliver(self, update: Update) -> None:
        context = self._browser_context or update.context
        apply = functools.partial(self._apply, update)
        if context is None:
            apply()
        else:
            # A copy, since a context cannot be entered twice and the browser's may be in use.
            context.copy().run(apply)

    def _apply(self, update: Update) -> None:
        event = update.event
        frame = None
        if isinstance(event, Preview | Result):
            frame = self.told(self.encode(event.value))
        # Not inside hold_sync: what another thread sets just then could be lost. The frame is one trait.
        with delivery_lock:
            if self._recompute is None:
                return  # closed meanwhile
            if frame is not None and isinstance(event, Preview | Result):
                self._latest, self._latest_generation = event.value, update.generation
                kind = "result" if isinstance(event, Result) else "preview"
                self._outbox.post(frame, update.generation, update.request, kind)
                self._made_for, self.model_changed = self._computing_for, False
                network = self.shown_network()
                self.model_notes = [] if network is None else list(network.notes)
                self._notes = tuple(dict.fromkeys((*self.model_notes, *frame.notes)))
            if update.generation != self._recompute.generation:
                return  # the picture is welcome, but the status is that of the newer request
            if isinstance(event, Progress):
                self.progress = {"done": event.done, "total": event.total, "what": event.what}
            elif update.state != "running":
                self.progress = {}
            if not isinstance(event, Preview):
                self.elapsed = round(update.elapsed, 3)
            error = self._error = update.error
            self.problem = {} if error is None else {"type": type(error).__name__, "message": str(error)}
            self.status = update.state
        if self._compare_when_done and update.state != "running":
            self._compare_when_done = False
            network = self.shown_network()
            if network is not None:
                self.compare_model(network.version)

    def compare_model(self, version: Any) -> None:
        """Note whether the model, now of this ``version``, is still the one that the picture shows."""
        if self.status in ("pending", "running"):
            self._compare_when_done = True  # the next picture may show it already
        elif self._latest is not None and self.model_changed != (version != self._made_for):
            self.publish(model_changed=version != self._made_for)

    def _send_frame(self, frame: dict[str, Any], as_message: bool) -> None:
        if as_message:
            head = {key: value for key, value in frame.items() if key != "buffers"}
            self.send({"type": "frame", **head}, buffers=frame["buffers"])
        else:
            self.frame = frame

    # Hearing from the browser

    def _handle_msg(self, msg: dict[str, Any]) -> None:
        # ipykernel 7.4 routes the browser's next message to the subshell in whose context we sent last:
        # so answers go out in the context of the newest browser message, not of a cell.
        self._browser_context = contextvars.copy_context()
        super()._handle_msg(msg)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """As in ipywidgets. Of a message with a value that a trait refuses nothing is taken: the view says
        why, and its controls go back to what holds."""
        try:
            super().set_state(sync_data)
        except t.TraitError as error:
            with delivery_lock:
                self.problem = {"type": "TraitError", "message": str(error)}
                self.status = "error"
            self.send_state([name for name in sync_data if name in self.keys])

    def _heard(self, _view: View, content: dict[str, Any], buffers: list[memoryview]) -> None:
        kind = content.get("type")
        if kind == "stop":
            self.stop()
        elif kind == "ack":
            self._outbox.acknowledged(int(content["generation"]))
        elif kind == "resend":
            self._outbox.resend()
        else:
            self.receive(content, buffers)

    # For scripts

    def refresh(self) -> None:
        """Compute the picture anew, with the model as it is now.

        Raises
        ------
        RuntimeError
            If the view is closed.
        """
        if self._is_closed:
            raise RuntimeError(_CLOSED)
        self._ask()

    def stop(self) -> None:
        """Stop what is computed now; the last good picture stays."""
        if self._recompute is not None:
            self._recompute.cancel()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the picture that was asked for last is there.

        Raises
        ------
        Exception
            What the computation raised.
        TimeoutError
            After ``timeout`` seconds.
        RuntimeError
            Inside a callback.
        """
        if self._recompute is not None:
            self._recompute.wait(timeout)

    async def idle(self) -> None:
        """As :meth:`wait`, for ``await``."""
        if self._recompute is not None:
            await self._recompute.idle()

    @property
    def error(self) -> Exception | None:
        """The exception of the newest computation, with its traceback; None if it went well."""
        return self._error

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the newest picture and its model: what was left out, shortened or
        is unusual. The view shows the same. It waits for the request that was asked for last."""
        self.latest()
        return self._notes

    def latest(self) -> Any:
        """The newest value of ``compute``, after waiting for the request that was asked for last."""
        self.wait()
        if self._recompute is None:
            raise RuntimeError(_CLOSED)
        if self._latest is None:
            raise RuntimeError("there is no result yet: the computation was stopped before its first picture")
        return self._latest

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        if data is not None:
            self._wait_for_first_picture()
            data["text/plain"] = "\n  ".join([self.summary(), *self._notes])
        return bundle

    def _wait_for_first_picture(self) -> None:
        """Briefly, so that the text in a saved notebook says something."""
        end = time.monotonic() + FIRST_PICTURE
        while self._latest is None and self.status in ("pending", "running") and not delivery_lock.is_mine:
            if time.monotonic() > end:
                return
            time.sleep(0.01)

    def close(self) -> None:
        """Stop the work, remove the view from the page, and let go of model and data."""
        with delivery_lock:  # what is being delivered is there before; nothing is delivered after
            recompute, self._recompute = getattr(self, "_recompute", None), None
        if recompute is not None:
            recompute.close()
            model_watch.unwatch(self)
            for link in self._links:
                link.unlink()
            self._links = []
            self._latest = self._error = self._browser_context = self._made_for = None
            self._notes = ()
            self._outbox.clear()
            self.release()
            self.__dict__["_is_closed"] = True
        super().close()
        self.unobserve_all("frame")  # its end is no picture
        self.frame = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if self._is_closed and name in self.keywords():
            # A link to another view, which lives on, goes nowhere now; a person is told.
            if sys._getframe(1).f_globals.get("__name__") == "traitlets.traitlets":
                return
            raise RuntimeError(_CLOSED)
        super().__setattr__(name, value)
