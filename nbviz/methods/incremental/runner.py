"""Run a sweep in parts where the model can be taken apart, else as whole forward passes."""

from __future__ import annotations

import time
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from nbviz.core.layers import Layer
from nbviz.core.network import Network, is_out_of_memory
from nbviz.methods.incremental import Reply, Sweep, summed
from nbviz.methods.incremental.cache import tape_of
from nbviz.methods.incremental.full import FullForwards
from nbviz.methods.incremental.plan import Plan, Region
from nbviz.methods.incremental.rules import as_map
from nbviz.methods.incremental.tape import Tape, Untraceable
from nbviz.methods.incremental.tuner import Tuner, tuner_for

_BATCH_BYTES = 6 * 2**20
"""A batch whose largest value takes about this much runs well: larger blocks are given back to the
system after each operation, and fetching them again costs more than the work on them."""

_SMALL_MODEL = 2e7
"""Multiplications of a forward pass."""


class Windows(Protocol):
    """What the windows change in the model's input."""

    lo: np.ndarray
    """(n, 2) int: first row and column that each window changes."""
    hi: np.ndarray
    """(n, 2) int: one past the last."""

    def changed(self, ids: np.ndarray, origin: np.ndarray, size: tuple[int, int]) -> Tensor:
        """What the boxes of ``size`` at ``origin`` (b, 2) hold under the windows ``ids``, (b, C, *size)."""
        ...


class Runner:
    """Runs windows, in batches of its own choice.

    Parameters
    ----------
    network : Network
    inputs : (1, C, H, W) or (1, C, L) tensor
        The clean input.
    windows : Windows
    layer : Layer, optional
        Watched: its activation is summed over space for every window.

    Attributes
    ----------
    path : {"incremental", "full"}
    notes : list of str
    clean : Reply
        What the model gives for the clean input.
    outputs : int
        How many tensors the model returns where nothing says which one to use, else 1.

    Raises
    ------
    ModelError
        If the model raises on the clean input.
    """

    def __init__(
        self, network: Network, inputs: Tensor, windows: Windows, layer: Layer | None = None
    ) -> None:
        self.notes: list[str] = []
        self._inputs, self._windows = inputs, windows
        self._full = FullForwards(network, inputs, layer)
        size = (int(as_map(inputs).shape[2]), int(as_map(inputs).shape[3]))
        self._region = Region.around(windows.lo, windows.hi, size)
        axis = 1 if layer is None else layer.channel_axis + 1
        plan = self._plan(network, layer, axis)
        self.path = "full" if plan is None else "incremental"
        if plan is None:
            self.clean = _on_cpu(self._full.clean())
            self.outputs = self._full.outputs
        else:
            self.clean = _clean(plan.tape, axis)
            self.outputs = plan.tape.outputs
        if network.output is not None:
            self.outputs = 1
        self._plan_made, self._axis = plan, axis
        self._sweeps: dict[int, Sweep] = {}
        kind = (str(inputs.dtype), tuple(inputs.shape), self._region.size, len(windows.lo), layer, self.path)
        self._tuner = tuner_for(network, kind, self._full.ways if plan is None else lambda: _ways(plan))

    def batch(self, left: int) -> int:
        """How many of the ``left`` windows the next call of :meth:`run` should be given."""
        return -(-left // -(-left // self._tuner.current[1]))  # equal batches: no small one at the end

    def order(self, ids: np.ndarray) -> np.ndarray:
        """``ids`` in the order that is quickest to compute: windows that lie alike, one after the other."""
        if self._plan_made is None:
            return ids
        return ids[np.argsort(self._sweep(self._tuner.current[0]).alike()[ids], kind="stable")]

    def run(self, ids: np.ndarray) -> Reply:
        """Outputs for the windows ``ids``, on the CPU."""
        box = self._region.origin[ids]
        changed = self._windows.changed(ids, box, self._region.size)
        began = time.perf_counter()
        try:
            reply = self._run(ids, box, changed)
        except Exception as error:
            if not is_out_of_memory(error) or len(ids) == 1:
                raise
            self._tuner.limit(len(ids) // 2)
            half = len(ids) // 2
            return _joined(self.run(ids[:half]), self.run(ids[half:]))
        self._tuner.took(len(ids), time.perf_counter() - began)
        if self.path == "incremental" and not self._tuner.verified:
            self._tuner.verified = True
            reply = self._verify(ids, box, changed, reply)
        return _on_cpu(reply)

    def _run(self, ids: np.ndarray, box: np.ndarray, changed: Tensor) -> Reply:
        way = self._tuner.current[0]
        if self.path == "incremental":
            return self._sweep(way).run(ids, changed)
        return self._full.run(box, changed, way)

    def _sweep(self, cut: int) -> Sweep:
        if cut not in self._sweeps and self._plan_made is not None:
            self._sweeps[cut] = Sweep(self._plan_made, cut, self._axis)
        return self._sweeps[cut]

    def _verify(self, ids: np.ndarray, box: np.ndarray, changed: Tensor, reply: Reply) -> Reply:
        """Compare one window with the model itself; give up on parts if they differ."""
        middle = len(ids) // 2
        one = slice(middle, middle + 1)
        whole = self._full.run(box[one], changed[one], torch.contiguous_format)
        scale = max(1.0, float(whole.output.abs().max()))
        allowed = 1000 * torch.finfo(whole.output.dtype).eps * scale
        off = float((reply.output[one] - whole.output).abs().max())
        if off <= allowed:
            return reply
        self._whole_from_now(f"recomputing parts gave outputs that are off by {off:.1e}")
        return self._full.run(box, changed, torch.contiguous_format)

    def _whole_from_now(self, reason: str) -> None:
        self.path = "full"
        self.notes.append(f"whole forward passes for every window: {reason}")
        self._tuner.verified = False
        self._tuner = Tuner(self._full.ways())

    def _plan(self, network: Network, layer: Layer | None, axis: int) -> Plan | None:
        try:
            tape = tape_of(network, self._inputs, layer)
            plan = Plan(tape, self._windows.lo, self._windows.hi)
        except Untraceable as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001  (the model runs; only taking it apart failed, in any way)
            self._full.clean()  # raises the model's own error, if it is that
            reason = f"the model could not be taken apart ({type(error).__name__}: {error})"
        else:
            watched = tape.watched.step if tape.watched is not None else None
            if watched in plan.regions and axis != 1:
                reason = "the units of the watched layer do not lie along its channels"
            elif plan.first_global == 0:
                reason = "the model's first operation reads the whole input"
            else:
                return plan
        self.notes.append(f"whole forward passes for every window: {reason}")
        return None


def _ways(plan: Plan) -> list[tuple[Any, int]]:
    """Promising cuts at a middling batch, then the best guess at smaller and larger batches."""
    cuts = plan.cuts()
    largest = max(
        plan.value(i).numel()
        * plan.value(i).element_size()
        * (np.prod(plan.regions[i].size) / np.prod(plan.map_size(i)) if position < cuts[0] else 1.0)
        for position, i in enumerate(plan.order)
    )
    batch = int(2 ** np.clip(np.ceil(np.log2(_BATCH_BYTES / largest)), 2, 8))
    ways = [(cut, batch) for cut in cuts] + [(cuts[0], 2 * batch), (cuts[0], max(2, batch // 2))]
    windows = len(plan.regions[0].lo)
    ways = [(cut, min(batch, windows)) for cut, batch in ways]
    # Where an operation takes less time than Python needs to call it, whole passes can win.
    return [*ways, (0, 64)] if plan.work() < _SMALL_MODEL else ways


def _clean(tape: Tape, axis: int) -> Reply:
    watched = None if tape.watched is None else summed(tape.clean(tape.watched), axis)
    return _on_cpu(Reply(tape.clean(tape.output), watched))


def _on_cpu(reply: Reply) -> Reply:
    return Reply(reply.output.cpu(), None if reply.activation is None else reply.activation.cpu())


def _joined(one: Reply, two: Reply) -> Reply:
    activation = None
    if one.activation is not None and two.activation is not None:
        activation = torch.cat([one.activation, two.activation])
    return Reply(torch.cat([one.output, two.output]), activation)
