"""How much of the time each gate of a recurrent network is closed, and how much of it open.

Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks", 2015, section 4.2 and
figure 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods.long_reading import read_steps
from nbviz.methods.recurrent.states import States

GATES = ("i", "f", "o", "r", "z")
"""Gates, which lie in 0..1; the candidates g and n do not, and are none."""

Gates = Mapping[str, Mapping[str, ArrayLike]]


@dataclass(frozen=True, eq=False, repr=False)
class Saturation(Brief):
    """Shares of the time that gates are saturated.

    Attributes
    ----------
    left, right : dict of str to dict of str to (cells,) float64 array
        By gate (``"i"``, ``"f"``, ``"o"`` of an LSTM, ``"r"``, ``"z"`` of a GRU), then by layer: share of
        the steps, 0 to 1, at which the gate of each cell is below, and above, the thresholds. The two add
        up to at most 1.
    thresholds : tuple of two floats
        Below the first a gate is left-saturated (closed), above the second right-saturated (open).
    steps : int
        Steps that were counted.
    starts : dict of str to int
        Number of each layer's first cell among all recurrent cells of the model.
    """

    left: dict[str, dict[str, NDArray[np.float64]]]
    right: dict[str, dict[str, NDArray[np.float64]]]
    thresholds: tuple[float, float]
    steps: int
    starts: dict[str, int]

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the gates."""
        return tuple(self.left)

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that have gates."""
        return tuple(self.starts)


@dataclass(frozen=True, eq=False, repr=False)
class GateValues(Brief):
    """Gates at every step of a text, checked: what saturation is counted from.

    Attributes
    ----------
    values : dict of str to dict of str to (time, cells) array
        By gate, then by layer; within 0..1.
    starts : dict of str to int
        As in :class:`Saturation`.
    steps : int
    """

    values: dict[str, dict[str, NDArray]]
    starts: dict[str, int]
    steps: int


def gate_saturation(gates: States | GateValues | Gates, left: float = 0.1, right: float = 0.9) -> Saturation:
    """Count for every cell the share of steps at which each of its gates is closed or open.

    Parameters
    ----------
    gates : States, GateValues, or mapping
        :func:`~nbviz.methods.recurrent.states` of a text, or arrays by gate and layer,
        ``{"f": {"lstm.0": (time, cells)}}``.
    left, right : float
        A gate is left-saturated where it is below `left` and right-saturated where it is above `right`;
        0 <= left <= right <= 1. The paper takes 0.1 and 0.9.

    Returns
    -------
    Saturation

    Raises
    ------
    ModelError
        If the layers have no gates (an ``nn.RNN``, or states computed elsewhere).
    ValueError
        If the thresholds are out of range, arrays are not (time, cells) of equal length, are empty, hold
        NaN, or lie outside 0..1.

    References
    ----------
    Karpathy, Johnson and Fei-Fei 2015, section 4.2: a forget gate that is right-saturated nearly always
    makes its cell remember over long spans; one that is left-saturated nearly always, and none was found,
    would make it a feed-forward unit.
    """
    if not 0 <= left <= right <= 1:
        raise ValueError(f"left={left!r}, right={right!r}: 0 <= left <= right <= 1 is wanted")
    found = gates if isinstance(gates, GateValues) else gate_values(gates)

    def shares(high: bool) -> dict[str, dict[str, NDArray[np.float64]]]:
        return {
            gate: {name: ((v > right) if high else (v < left)).mean(axis=0) for name, v in by_layer.items()}
            for gate, by_layer in found.values.items()
        }

    return Saturation(shares(False), shares(True), (left, right), found.steps, found.starts)


def gate_values(gates: States | Gates) -> GateValues:
    """The gates of a text, checked; parameters and errors as :func:`gate_saturation`."""
    given: Gates = gates.gates if isinstance(gates, States) else gates
    values: dict[str, dict[str, NDArray]] = {}
    for gate in (gate for gate in GATES if gate in given):
        values[gate] = {str(name): _checked(gate, name, array) for name, array in given[gate].items()}
    if not any(values.values()):
        raise ModelError(_no_gates(gates))
    lengths = {len(array) for by_layer in values.values() for array in by_layer.values()}
    if len(lengths) > 1:
        raise ValueError(f"all gates must have the same number of steps, got {sorted(lengths)}")
    return GateValues(values, _starts(gates, values), lengths.pop())


def gate_values_steps(model: Network | nn.Module, tokens: Any) -> Steps:
    """Run a recurrent model over a text and keep its gates.

    Parameters
    ----------
    tokens : str, ids, or a list of these
        As in :func:`~nbviz.methods.recurrent.states_steps`. 4 bytes are kept for each gate, cell and step.

    Yields
    ------
    Progress, then Result(GateValues)
    """
    pieces: list[GateValues] = []
    for event in read_steps(Network.of(model), tokens, gate_values, "reading the text"):
        if isinstance(event, Progress):
            yield event
        elif isinstance(event, Result):
            pieces = event.value
    first = pieces[0]
    yield Result(
        GateValues(
            {
                gate: {name: np.concatenate([p.values[gate][name] for p in pieces]) for name in by_layer}
                for gate, by_layer in first.values.items()
            },
            first.starts,
            sum(piece.steps for piece in pieces),
        )
    )


def gate_saturation_of(
    model: Network | nn.Module, tokens: Any, left: float = 0.1, right: float = 0.9
) -> Saturation:
    """:func:`gate_saturation` of a model that reads a text, as :func:`gate_values_steps` does."""
    return gate_saturation(run_to_end(gate_values_steps(model, tokens)), left, right)


def _checked(gate: str, layer: str, given: ArrayLike) -> NDArray:
    array = np.asarray(given)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "fiu":
        raise ValueError(
            f"gate {gate!r} of {layer!r}: a (time, cells) array of numbers is wanted, "
            f"got {array.dtype} of shape {array.shape}"
        )
    wrong = ~((array >= 0) & (array <= 1))  # NaN is neither
    if wrong.any():
        step, cell = np.argwhere(wrong)[0]
        raise ValueError(
            f"gate {gate!r} of {layer!r} is {array[step, cell]:g} at step {step}, cell {cell}: "
            "a gate lies in 0 to 1"
        )
    return array


def _no_gates(gates: States | Gates) -> str:
    if not isinstance(gates, States):
        names = ", ".join(map(repr, gates)) or "none"
        return f"there are no gates: names out of {', '.join(GATES)} are wanted, got {names}"
    kinds = ", ".join(f"{layer} ({gates.kind[layer]})" for layer in gates.layers)
    return (
        f"the recurrent layers have no gates to saturate: {kinds}. LSTM and GRU layers do; "
        "for others see HiddenStates and CellText."
    )


def _starts(gates: States | Gates, values: dict[str, dict[str, NDArray]]) -> dict[str, int]:
    """Where each layer's cells start, counted over all recurrent layers, also those without gates."""
    cells: dict[str, int] = {}
    if isinstance(gates, States):
        cells = {name: gates.hidden[name].shape[1] for name in gates.layers}
    for by_layer in values.values():
        for name, array in by_layer.items():
            cells[name] = max(cells.get(name, 0), array.shape[1])  # h may be projected to fewer
    ends = dict(zip(cells, np.cumsum(list(cells.values())).tolist(), strict=True))
    have = {name for by_layer in values.values() for name in by_layer}
    return {name: ends[name] - count for name, count in cells.items() if name in have}
