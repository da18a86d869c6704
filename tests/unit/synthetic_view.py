"""A view whose picture is a number: small enough to say exactly what must arrive."""

import threading

import numpy as np
import traitlets as t

from nbviz.core.events import Preview, Progress, Result
from nbviz.views.base import View
from nbviz.views.parts.frames import Frame


class Doubler(View):
    """Shows twice the gain."""

    _esm = "export default {}"

    gain = t.Float(1.0, min=0.0, max=100.0).tag(sync=True, parameter=True)
    """What is doubled, 0 to 100."""

    offset = t.Float(0.0).tag(sync=True, parameter=True)
    """What is added."""

    note = t.Unicode("").tag(sync=True)
    """Nothing depends on it. Not to be ``"bad"``."""

    def __init__(self, **traits):
        self.runs = []
        self.sent = []
        self.gate = threading.Event()
        self.gate.set()
        self.checks = threading.Event()
        self.may_check = threading.Event()
        self.may_check.set()
        super().__init__(**traits)

    @t.validate("note")
    def _check_note(self, proposal):
        """Runs while a message is being applied: a test can hold it there."""
        self.checks.set()
        self.may_check.wait(5)
        if proposal.value == "bad":
            raise t.TraitError("note must not be bad")
        return proposal.value

    def compute(self, params):
        self.runs.append((params.gain, params.offset))
        yield Preview(params.gain)
        for i in range(3):
            yield Progress(i, 3, "slices")
            self.gate.wait(5)
        if params.gain == 13:
            raise ValueError("13 cannot be doubled: take another gain")
        yield Result(2 * params.gain + params.offset)

    def encode(self, value):
        return Frame({"value": value}, [np.full(4, value, np.float32)])

    def _send_frame(self, frame, as_message):
        self.sent.append((frame["generation"], frame["request"], frame["kind"], frame["meta"]["value"]))
        super()._send_frame(frame, as_message)

    def summary(self):
        return f"Doubler: {self._latest}"

    @property
    def double(self):
        return self.latest()

    def step_to_end(self):
        """What the manual executor waits for."""
        while self._recompute.step():
            continue


def from_browser(view, **state):
    """Give the view a message as the browser sends it when its user moves controls."""
    data = {"method": "update", "state": state, "buffer_paths": []}
    view._handle_msg({"content": {"data": data}, "buffers": []})


def message(view, **content):
    """Give the view a custom message from the browser."""
    view._handle_msg({"content": {"data": {"method": "custom", "content": content}}, "buffers": []})


def views_made():
    """For a fixture: makes views, computed in place unless asked otherwise, and closes them at its end."""
    views = []

    def make(cls=Doubler, **traits):
        views.append(cls(**{"executor": "inline", **traits}))
        return views[-1]

    yield make
    for view in views:
        view.close()
