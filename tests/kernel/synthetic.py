"""A view with a job of known length: a preview of 50 ms, then eight slices of 50 ms."""

import time

import numpy as np
import traitlets as t

from nbviz.core.events import Preview, Progress, Result
from nbviz.views.base import View
from nbviz.views.parts.frames import Frame


class Synthetic(View):
    _esm = "export default { render() {} }"
    alpha = t.Float(0.0, min=0.0, max=100.0).tag(sync=True, parameter=True)
    size = t.Int(16).tag(sync=True, parameter=True)
    fail = t.Bool(False).tag(sync=True, parameter=True)
    spin = t.Bool(False).tag(sync=True, parameter=True)

    def compute(self, params):
        self._pass(0.05, params.spin)
        yield Preview((params.alpha, params.size))
        if params.fail:
            raise ValueError("asked to fail")
        for i in range(8):
            yield Progress(i, 8, "slices")
            self._pass(0.05, params.spin)
        yield Result((params.alpha, params.size))

    def _pass(self, seconds, spin):
        """Sleep, or compute as a network does."""
        end = time.perf_counter() + seconds
        if not spin:
            time.sleep(seconds)
        matrix = np.ones((200, 200), np.float32)
        while time.perf_counter() < end:
            matrix = np.tanh(matrix @ matrix)

    def encode(self, value):
        alpha, size = value
        return Frame({"alpha": alpha}, [np.full(size, alpha, np.float32)])
