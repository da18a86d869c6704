"""Recurrent layers run with some of their cells held at a value, as the recurrence itself would run then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from nbviz.core.errors import ModelError, unknown_name
from nbviz.methods.recurrent.builtin import (
    flipped,
    follow,
    layer_name,
    sequence_of,
    suffixes,
    working_type,
)
from nbviz.methods.recurrent.calls import SEQUENCES, Call, is_batched
from nbviz.methods.recurrent.equations import (
    Weights,
    gates,
    hidden_of,
    hidden_states,
    kind_of,
    project_input,
)
from nbviz.methods.recurrent.extract import custom_extractor, extract
from nbviz.methods.recurrent.layer import LayerStates
from nbviz.methods.recurrent.states import CELL, HIDDEN, States

Held = dict[str, dict[int, float]]
"""By ``"hidden"`` or ``"cell"``: cell number and value. ``""`` is c of an LSTM and h of others."""


@dataclass(frozen=True)
class Hold:
    """Cells to be held at a value at every step, by layer."""

    layers: Mapping[str, Held]
    compare: bool = True
    """Whether each call is recomputed without the change too, to be compared with what it gave."""

    @classmethod
    def of(cls, clamp: Mapping[Any, Mapping[int, float]] | None) -> Hold | None:
        """From ``{layer: {cell: value}}`` or ``{(layer, "hidden" or "cell"): {cell: value}}``.

        Raises
        ------
        TypeError, ValueError
            If it has another form, or a value is not a finite number.
        """
        if not clamp:
            return None
        if not isinstance(clamp, Mapping):
            raise TypeError(f"clamp={{layer: {{cell: value}}}} is wanted, got {type(clamp).__name__}")
        layers: dict[str, Held] = {}
        for key, cells in clamp.items():
            layer, what = key if isinstance(key, tuple) else (key, "")
            if what not in ("", HIDDEN, CELL):
                raise unknown_name("state to clamp", what, (HIDDEN, CELL))
            if not isinstance(cells, Mapping):
                raise TypeError(f"clamp of {layer!r}: {{cell: value}} is wanted, got {type(cells).__name__}")
            for cell, value in cells.items():
                if int(cell) != cell or cell < 0 or not np.isfinite(value):
                    raise ValueError(
                        f"clamp of {layer!r}: {cell!r}: {value!r} is not a cell number with a finite value"
                    )
                layers.setdefault(layer, {}).setdefault(what, {})[int(cell)] = float(value)
        return cls(layers) if layers else None

    def replace(self, path: str, number: int, call: Call) -> Any:
        """What a call is to hand on instead of its output; None if nothing of it is held.

        Its states are left in ``call.states``.
        """
        module = call.module
        base = path or type(module).__name__.lower()
        base = base if number == 0 else f"{base}_{number}"
        if custom_extractor(module) is not None:
            return None  # found out by `verify`
        if isinstance(module, nn.RNNBase):
            names = [f"{base}.{layer_name(layer, way)}" for layer, way, _ in suffixes(module)]
        else:
            names = [base]
        if not any(name in self.layers for name in names):
            return None
        plain = list(extract([call])) if self.compare else []
        if isinstance(module, nn.RNNBase):
            call.output, call.states = self._sequence(module, call, names)
        else:
            call.output, call.states = self._cell(call, base)
        for states, own in zip(call.states, plain, strict=False):
            states.checks += own.checks  # the formulas used here must be those of the module
        return call.output

    def verify(self, states: States) -> None:
        """Make sure that what was to be held was held, at every step.

        Raises
        ------
        UnknownName, ValueError, ModelError
            If a layer or a cell does not exist, or the model changes its state between the steps.
        """
        for layer, held in self.layers.items():
            for what, cells in held.items():
                name = what or (CELL if layer in states.cell else HIDDEN)
                values = states.source(name, layer)
                for cell, value in cells.items():
                    if cell >= values.shape[1]:
                        raise ValueError(
                            f"clamp: layer {layer!r} has {values.shape[1]} cells, there is no cell {cell}"
                        )
                    if not np.allclose(values[:, cell], value, rtol=1e-2, atol=1e-6):
                        raise ModelError(
                            f"clamp: cell {cell} of {layer!r} cannot be held: it is a custom module, or the "
                            "model changes its state between the steps"
                        )

    def note(self) -> str:
        """In words, for the reader of the picture."""
        each = [
            f"{layer} {what}{' ' if what else ''}cell {cell} at {value:g}"
            for layer, held in self.layers.items()
            for what, cells in held.items()
            for cell, value in cells.items()
        ]
        return "held: " + ", ".join(each[:8]) + (f" and {len(each) - 8} more" if len(each) > 8 else "")

    def _sequence(self, module: nn.RNNBase, call: Call, names: list[str]) -> tuple[Any, list[LayerStates]]:
        assert call.before is not None
        given = call.argument(0, "input")
        inputs = sequence_of(call, given)
        directions = 2 if module.bidirectional else 1
        found: list[LayerStates] = []
        ends: list[list[Tensor]] = []
        outputs: list[Tensor] = []
        for row, (layer, direction, suffix) in enumerate(suffixes(module)):
            weights = Weights.of(module, call.weights, suffix)
            sequence = inputs.flip(0) if direction else inputs
            first = [part[row, 0] for part in call.before]
            held = self.layers.get(names[row])
            if held is None:
                hidden = hidden_states(weights, sequence, first[0], first[1] if len(first) > 1 else None)
                states = follow(weights, sequence, hidden, first)
            else:
                states = unroll(weights, sequence, first, held)
            ends.append([part[-1] for part in (states.hidden, states.cell) if part is not None])
            states.name = layer_name(layer, direction)
            found.append(flipped(states) if direction else states)
            outputs.append(states.hidden.to(inputs.dtype))
            if len(outputs) == directions:
                inputs, outputs = torch.cat(outputs, -1), []
        last = tuple(torch.stack(part)[:, None].to(inputs.dtype) for part in zip(*ends, strict=True))
        if not is_batched(module, given):
            last = tuple(part[:, 0] for part in last)
        return (_shaped(module, given, inputs), last if len(last) > 1 else last[0]), found

    def _cell(self, call: Call, base: str) -> tuple[Any, list[LayerStates]]:
        assert call.before is not None
        given = call.argument(0, "input")
        weights = Weights.of(call.module, call.weights)
        first = [part[0] for part in call.before]
        states = unroll(weights, given.reshape(1, -1), first, self.layers[base])
        parts = [part.to(given.dtype) for part in (states.hidden, states.cell) if part is not None]
        if given.ndim == 1:
            parts = [part[0] for part in parts]
        return (tuple(parts) if kind_of(call.module) == "LSTM" else parts[0]), [states]


def unroll(weights: Weights, inputs: Tensor, first: list[Tensor], held: Held) -> LayerStates:
    """One layer, step by step, with cells held from the first step on.

    A held c is set before the output gate reads it, so h follows; a held h is set after. The state before
    the first step is the one that was given.
    """
    kind = working_type(inputs)
    weights = weights.to(kind)
    hidden = first[0].to(kind)[None]
    cell = first[1].to(kind)[None] if weights.kind == "LSTM" else None
    of_cell = held.get(CELL, {}) | (held.get("", {}) if cell is not None else {})
    of_hidden = held.get(HIDDEN, {}) | ({} if cell is not None else held.get("", {}))
    hold_cell = _setter(of_cell, weights.from_state.shape[0] // 4, hidden)
    hold_hidden = _setter(of_hidden, hidden.shape[1], hidden)
    rows: list[tuple[Tensor, Tensor | None, dict[str, Tensor]]] = []
    for projected in project_input(weights, inputs.to(kind)).split(1):
        found = gates(weights, projected, hidden)
        if cell is not None:
            cell = hold_cell(found["f"] * cell + found["i"] * found["g"])
        hidden = hold_hidden(hidden_of(weights, found, hidden, cell))
        rows.append((hidden, cell, found))
    return LayerStates(
        "",
        weights.kind,
        torch.cat([row[0] for row in rows]),
        None if cell is None else torch.cat([row[1] for row in rows if row[1] is not None]),
        {gate: torch.cat([row[2][gate] for row in rows]) for gate in rows[0][2] if gate},
    )


def _setter(held: Mapping[int, float], cells: int, like: Tensor) -> Any:
    """A function that sets the held cells of a state; cells that do not exist are told by ``verify``."""
    known = [cell for cell in held if cell < cells]
    if not known:
        return lambda state: state
    where = torch.tensor(known, device=like.device)
    values = torch.tensor([[held[cell] for cell in known]], device=like.device, dtype=like.dtype)
    return lambda state: state.index_copy(1, where, values)


def _shaped(module: nn.RNNBase, given: Any, rows: Tensor) -> Any:
    """An output sequence, (time, features), in the form in which the module gives its own."""
    assert isinstance(module, SEQUENCES)
    if isinstance(given, PackedSequence):
        return PackedSequence(rows, *given[1:])
    if given.ndim == 2:
        return rows
    return rows[None] if module.batch_first else rows[:, None]
