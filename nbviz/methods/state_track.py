"""The stretch of states that a picture shows: one kind of state, some layers, some steps, as levels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.errors import unknown_name
from nbviz.methods.cell_selection import CellSelection, Sign, select_cells
from nbviz.methods.recurrent.states import CELL, HIDDEN, TANH_CELL, States
from nbviz.methods.state_corpus import best_next, token_loss
from nbviz.methods.state_levels import cuts, quantise, scale_for

NEXT_SHOWN = 5
_UNSIGNED = ("i", "f", "o", "r", "z")
_LABELS = {
    TANH_CELL: (
        "cell state, tanh(c)",
        "The memory of an LSTM cell, squashed into −1 … 1 as its output gate sees it",
    ),
    CELL: ("cell state, c", "The memory of an LSTM cell as it is; it has no bounds"),
    HIDDEN: ("hidden state, h", "What the cell passes on: to the next step, the next layer, the output"),
    "i": ("input gate, i", "How much of the candidate is written into the cell: 0 nothing, 1 all of it"),
    "f": ("forget gate, f", "How much of the memory is kept: 1 keeps it, 0 clears it"),
    "g": ("candidate, g", "What would be written into the cell, −1 … 1"),
    "o": ("output gate, o", "How much of the memory is passed on"),
    "r": ("reset gate, r", "How much of the old state the candidate sees"),
    "z": ("update gate, z", "How much of the old state is kept: 1 keeps all of it"),
    "n": ("candidate, n", "What would replace the old state, −1 … 1"),
}


def source_notes(name: str) -> dict[str, str]:
    """The words for a kind of state: ``label`` and ``tip``."""
    label, tip = _LABELS.get(name, (name, "What is drawn for every cell and step"))
    return {"label": label, "tip": tip}


@dataclass(frozen=True, slots=True)
class ShownLayer:
    """A layer in the picture: its name, the number of its first cell in the whole model, its cells."""

    name: str
    start: int
    cells: int


@dataclass(frozen=True, eq=False, repr=False)
class StateTrack(Brief):
    """The states that are drawn.

    Attributes
    ----------
    key : str
        Names what is drawn: equal keys, equal levels.
    levels : (steps, cells) uint8 array
        See :mod:`~nbviz.methods.state_levels`.
    layers : tuple of ShownLayer
    quantity : str
        What is drawn, for an axis: ``"tanh(c)"``.
    signed, scale
        As in :func:`~nbviz.methods.state_levels.quantise`.
    first, total : int
        First step drawn, and steps in all.
    all_tokens : list of str
        The whole text.
    starts : (sequences,) int array
        First step of each sequence, in the whole text.
    loss : (steps,) float32 array
        Bits; NaN where unknown.
    next_ids : (steps, k) int32 array
        Most probable next tokens; k is 0 if the model gives none.
    next_shares : (steps, k) float32 array
    """

    key: str
    levels: NDArray[np.uint8]
    layers: tuple[ShownLayer, ...]
    quantity: str
    signed: bool
    scale: float
    first: int
    total: int
    all_tokens: list[str]
    starts: NDArray[np.int64]
    loss: NDArray[np.float32]
    next_ids: NDArray[np.int32]
    next_shares: NDArray[np.float32]
    _values: tuple[NDArray[np.float32], ...]

    @property
    def cells(self) -> int:
        """Cells drawn."""
        return self.levels.shape[1]

    @property
    def tokens(self) -> list[str]:
        """Tokens drawn."""
        return self.all_tokens[self.first : self.first + len(self.levels)]

    def name(self, cell: int) -> tuple[str, int]:
        """Layer of a drawn cell, and its number within that layer."""
        for layer in self.layers:
            if cell < layer.cells:
                return layer.name, cell
            cell -= layer.cells
        raise IndexError(f"there are {self.cells} cells")

    def to_model(self, cell: int) -> int:
        """Number of a drawn cell among all recurrent cells of the model."""
        name, number = self.name(cell)
        return next(layer.start for layer in self.layers if layer.name == name) + number

    def to_drawn(self, cells: Sequence[int]) -> list[int]:
        """Of cells numbered over the whole model those that are drawn, as drawn."""
        found, before = [], 0
        for layer in self.layers:
            found += [before + c - layer.start for c in cells if 0 <= c - layer.start < layer.cells]
            before += layer.cells
        return sorted(found)

    def select(
        self,
        span: Sequence[int],
        threshold: float,
        zeros: Sequence[int],
        sign: Sign,
        pinned: Sequence[int] = (),
    ) -> CellSelection:
        """The cells that the rule selects, or those in ``pinned``; numbered as drawn.

        Parameters
        ----------
        span : (begin, end), or empty
            Steps of the whole text. Without a span nothing is selected by rule.
        pinned : sequence of int
            Cells chosen by hand, numbered over the whole model; the rule is then not asked. With
            ``sign="both"`` such a cell counts on the side where it is at the first brushed step.

        Raises
        ------
        ValueError
            If the span lies outside the text, or the threshold outside the states' range.
        """
        theta = cuts(threshold, self.signed, self.scale, n_cells=self.cells).threshold
        begin, end = (int(span[0]), int(span[1])) if len(span) else (0, 0)
        margins = (int(zeros[0]), int(zeros[1]))
        if end > self.total:
            raise ValueError(f"span=({begin}, {end}) lies outside the text, which has {self.total} steps")
        if len(pinned):
            cells = np.array(self.to_drawn(pinned), np.int64)
            return CellSelection(cells, self._sides(cells, begin, end, sign), theta, (begin, end), margins)
        if end <= begin:
            return CellSelection(np.zeros(0, np.int64), np.zeros(0, np.int8), theta, (0, 0), margins)
        low, high = max(0, begin - margins[0]), min(self.total, end + margins[1])
        inside = self.starts[(self.starts > low) & (self.starts < high)] - low
        found = select_cells(
            self._levels(low, high),
            (begin - low, end - low),
            threshold,
            margins,
            sign if self.signed else "positive",
            signed=self.signed,
            scale=self.scale,
            starts=np.array([0, *inside]),
        )
        return CellSelection(found.cells, found.signs, found.threshold, (begin, end), margins)

    def _sides(self, cells: NDArray[np.int64], begin: int, end: int, sign: Sign) -> NDArray[np.int8]:
        if not self.signed or sign == "positive":
            return np.ones(len(cells), np.int8)
        if sign == "negative":
            return -np.ones(len(cells), np.int8)
        at = self._levels(begin, begin + 1)[0, cells] if end > begin else np.full(len(cells), 128)
        return np.where(at < 128, -1, 1).astype(np.int8)

    def _levels(self, low: int, high: int) -> NDArray[np.uint8]:
        parts = [quantise(values[low:high], self.signed, self.scale) for values in self._values]
        return np.concatenate(parts, axis=1)


def track_of(states: States, source: str, layer: str, position: int, window: int) -> StateTrack:
    """The stretch of ``states`` that is to be drawn.

    Parameters
    ----------
    source : str
        Kind of state; layers that do not have it are left out.
    layer : str
        One layer, or empty for all.
    position, window : int
        First step, and most steps; moved so that the window is full if the text is long enough.

    Raises
    ------
    UnknownName
        If no layer has this kind of state.
    """
    layers, values, start = [], [], 0
    for name in states.layers:
        count = states.hidden[name].shape[1]
        if source in states.names(name):
            found = states.source(source, name)
            count = max(count, found.shape[1])
            if layer in ("", name):
                layers.append(ShownLayer(name, start, found.shape[1]))
                values.append(found)
        start += count
    if not values:
        known = sorted({known for name in states.layers for known in states.names(name)})
        raise unknown_name(f"state of {layer}" if layer else "kind of state", source, known)
    signed, scale = range_of(states, source, layers, values)
    total = len(states)
    first = max(0, min(position, total - window))
    stop = min(total, first + window)
    levels = np.concatenate([quantise(part[first:stop], signed, scale) for part in values], axis=1)
    loss = token_loss(states)
    best = best_next(states, NEXT_SHOWN)
    words = [source, layer, str(first), str(total), *(states.tokens or [])[first:stop]]
    key = hashlib.blake2b(levels.tobytes() + "\0".join(words).encode(), digest_size=8).hexdigest()
    return StateTrack(
        key=key,
        levels=levels,
        layers=tuple(layers),
        quantity={TANH_CELL: "tanh(c)", CELL: "c", HIDDEN: "h"}.get(source, source),
        signed=signed,
        scale=scale,
        first=first,
        total=total,
        all_tokens=states.tokens or [str(i) for i in range(total)],
        starts=np.asarray(states.boundaries, np.int64),
        loss=np.full(stop - first, np.nan, np.float32) if loss is None else loss[first:stop],
        next_ids=np.zeros((stop - first, 0), np.int32) if best is None else best[0][first:stop],
        next_shares=np.zeros((stop - first, 0), np.float32) if best is None else best[1][first:stop],
        _values=tuple(values),
    )


def range_of(
    states: States, source: str, layers: Sequence[ShownLayer], values: Sequence[NDArray[np.float32]]
) -> tuple[bool, float]:
    """Whether states of this kind can be negative, and the power of two that bounds them."""
    if source in _UNSIGNED:
        return False, 1.0
    rectified = all(
        states.kind[one.name] == "RNN" and part.min() >= 0 for one, part in zip(layers, values, strict=True)
    )
    return not rectified, max(scale_for(part) for part in values)
