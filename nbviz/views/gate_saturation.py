"""How often each gate of a recurrent network is closed and how often open: a point for each cell.

The other half is js/src/views/gate_saturation.ts.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.events import Result, Steps, result_of
from nbviz.core.network import Network
from nbviz.methods.gate_saturation import (
    GateValues,
    Saturation,
    gate_saturation,
    gate_values,
    gate_values_steps,
)
from nbviz.methods.recurrent.states import States
from nbviz.methods.state_track import source_notes
from nbviz.views.base import View
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.traits import Number

NEARLY_ALWAYS = 0.9
"""Share of the steps that counts as nearly always, in the words of the table."""

MEANINGS = {
    "i": ("write into their memory", "write nothing"),
    "f": ("keep their memory", "forget everything"),
    "o": ("show their memory", "hide their memory"),
    "r": ("see their old state", "do not see their old state"),
    "z": ("keep their old state", "replace their old state"),
}
"""What cells do where the gate is open, and where it is closed."""


class GateSaturation(View):
    """For each cell the share of time that its gates are open and closed, one plot for each kind of gate.

    Parameters
    ----------
    model : torch.nn.Module or Network
        Holds ``nn.LSTM``, ``nn.GRU`` or their Cell classes. It is not changed.
    text : str, token ids (time,), or a list of these
        What the model reads. The gates of all steps are kept, 4 bytes for each gate, cell and step.
    **traits
        Any trait below, for example ``left=0.05``.

    Raises
    ------
    TypeError
        If the text is missing.

    References
    ----------
    Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks", 2015, section 4.2 and
    figure 3.
    """

    left = Number(0.1, min=0.0, max=1.0).tag(sync=True, parameter=True)
    """A gate is closed (left-saturated) where it is below this."""

    right = Number(0.9, min=0.0, max=1.0).tag(sync=True, parameter=True)
    """A gate is open (right-saturated) where it is above this; not below ``left``."""

    pinned = t.List(t.Int(min=0), default_value=[]).tag(sync=True)
    """Cells that are highlighted, numbered over all layers: to be linked with ``pinned`` of other views."""

    height = t.Int(330, min=200, max=2000).tag(sync=True)
    """Height of the picture, pixels."""

    def __init__(self, model: Any, text: Any = None, **traits: Any) -> None:
        self._network: Network | None = None
        self._given: Any = text
        self._values: tuple[Any, GateValues] | None = None
        if isinstance(model, GateValues):
            self._values = (None, model)
        elif text is None:
            raise TypeError("GateSaturation(model, text): the text is missing (a string, or token ids)")
        else:
            self._network = Network.of(model)
            if not isinstance(text, list) and len(text) == 0:
                raise ValueError("the text is empty: there is nothing to count. Give one token or more.")
        super().__init__(**traits)

    @classmethod
    def from_gates(cls, gates: Any, **traits: Any) -> GateSaturation:
        """Show gates that were computed elsewhere.

        Parameters
        ----------
        gates : States, or mapping
            :func:`nbviz.methods.recurrent.states` of a text, or arrays by gate (``"i"``, ``"f"``, ``"o"``,
            ``"r"``, ``"z"``) and layer, ``{"f": {"lstm.0": (time, cells)}}``, within 0..1.
        **traits
            Any trait.

        Raises
        ------
        ModelError, ValueError
            As :func:`nbviz.methods.gate_saturation.gate_saturation`.
        """
        return cls(gate_values(gates), **traits)

    @classmethod
    def from_states(cls, states: States, **traits: Any) -> GateSaturation:
        """As :meth:`from_gates`, for the states that another view has: ``from_states(view.states)``."""
        return cls(gate_values(states), **traits)

    @t.observe("left", "right")
    def _push(self, change: Any) -> None:
        """One threshold pushes the other before it."""
        if self.left > self.right:
            setattr(self, "right" if change.name == "left" else "left", change.new)

    def compute(self, params: SimpleNamespace) -> Steps:
        values = yield from self._read()
        yield Result(gate_saturation(values, params.left, params.right))

    def _read(self) -> Any:
        network = self._network
        if network is None:
            if self._values is None:
                raise RuntimeError("the view is closed")
            return self._values[1]
        version = network.version
        if self._values is None or self._values[0] != version:
            values = yield from result_of(gate_values_steps(network, self._given))
            self._values = (version, values)
        return self._values[1]

    def encode(self, value: Saturation) -> Frame:
        """All points: gate after gate, within it layer after layer; right and left share of each cell."""
        panels, points = [], []
        for gate in value.gates:
            for layer in value.left[gate]:
                points.append(np.stack([value.right[gate][layer], value.left[gate][layer]], axis=1))
            panels.append({"gate": gate, "layers": list(value.left[gate]), "rows": _rows(value, gate)})
            panels[-1] |= source_notes(gate) | dict(zip(("open", "closed"), MEANINGS[gate], strict=True))
        cells = {layer: _cells(value, layer) for layer in value.layers}
        layers = [{"name": x, "from": value.starts[x], "cells": cells[x]} for x in value.layers]
        meta = {"panels": panels, "layers": layers, "steps": value.steps, "thresholds": value.thresholds}
        return Frame(meta, [np.concatenate(points).astype(np.float32).ravel()])

    @property
    def saturation(self) -> Saturation:
        """Shares of the time that the gates are saturated; waits for what was asked for last."""
        return self.latest()

    def summary(self) -> str:
        """The state in plain words."""
        found = self._latest
        if not isinstance(found, Saturation):
            return f"GateSaturation: {self.state_in_words()}"
        parts = []
        for gate in found.gates:
            rows = _rows(found, gate)
            always, cells = sum(row["open"] for row in rows), sum(row["cells"] for row in rows)
            never = sum(row["closed"] for row in rows)
            parts.append(
                f"{gate}: {always} of {cells} cells open nearly always, {never} closed nearly always"
            )
        return f"GateSaturation over {found.steps} steps; " + "; ".join(parts)

    def release(self) -> None:
        self._network = self._given = self._values = None


def _rows(found: Saturation, gate: str) -> list[dict[str, Any]]:
    """The table of one gate: of each layer how many cells are nearly always open, closed, or neither."""
    rows = []
    for layer, left in found.left[gate].items():
        right = found.right[gate][layer]
        rows.append(
            {
                "layer": layer,
                "cells": len(left),
                "open": int((right >= NEARLY_ALWAYS).sum()),
                "closed": int((left >= NEARLY_ALWAYS).sum()),
                "neither": int((right + left <= 1 - NEARLY_ALWAYS).sum()),
                "meanOpen": float(right.mean()),
                "meanClosed": float(left.mean()),
            }
        )
    return rows


def _cells(found: Saturation, layer: str) -> int:
    return max(len(by_layer[layer]) for by_layer in found.left.values() if layer in by_layer)
