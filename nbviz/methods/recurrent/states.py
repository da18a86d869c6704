"""What a recurrent network remembers at every step of a text or a signal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.capture import probabilities
from nbviz.core.errors import ModelError, unknown_name

HIDDEN, CELL, TANH_CELL = "hidden", "cell", "tanh cell"

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class States(Brief):
    """The states of all recurrent layers, step by step.

    Attributes
    ----------
    tokens : list of str or None
        What stands at each step, as it is displayed; None for signals and ids without a way to spell them.
    ids : (time,) int64 array or None
        Token ids, as the model got them.
    layers : tuple of str
        Module path and layer index, ``"lstm.0"``, ``"lstm.0 reverse"``, ``"lstm.1"``; of a Cell class the
        module path alone. In the order in which the model calls them.
    kind : dict of str to str
        By layer: ``"LSTM"``, ``"GRU"``, ``"RNN"``, or what an extractor calls it.
    hidden : dict of str to (time, cells) float32 array
        h by layer; of an LSTM with ``proj_size`` the projected h, (time, proj_size).
    cell : dict of str to (time, cells) float32 array
        c by layer, of LSTMs only.
    gates : dict of str to dict of str to (time, cells) float32 array
        By gate, then by layer: ``i``, ``f``, ``g``, ``o`` of LSTMs, ``r``, ``z``, ``n`` of GRUs.
        ``g`` and ``n`` (the candidates) lie in [-1, 1], all others in [0, 1].
    logits : (time, vocabulary) float32 array or None
        The model's own output at each step; None if it has none.
    boundaries : tuple of int
        Steps at which a sequence starts; state is never carried across one.
    start : int
        Where the first step stands in what was given; more than 0 in a chunk only.
    notes : tuple of str
        What a reader of the picture should be told, in plain words.

    Values of a reverse direction stand at the step they belong to.
    """

    tokens: list[str] | None
    ids: NDArray[np.int64] | None
    layers: tuple[str, ...]
    kind: Mapping[str, str]
    hidden: Mapping[str, Array]
    cell: Mapping[str, Array]
    gates: Mapping[str, Mapping[str, Array]]
    logits: Array | None
    boundaries: tuple[int, ...] = (0,)
    start: int = 0
    notes: tuple[str, ...] = ()
    _output: Array = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)

    def __len__(self) -> int:
        """Number of steps."""
        return len(self._output)

    def output(self) -> Array:
        """The output sequence of the last recurrent module itself, (time, features) float32."""
        return self._output

    @property
    def probabilities(self) -> Array | None:
        """Probability of each next token, (time, vocabulary) float32; None without :attr:`logits`."""
        return None if self.logits is None else probabilities(self.logits)

    def names(self, layer: str) -> tuple[str, ...]:
        """What :meth:`source` can give of ``layer``."""
        if layer not in self.hidden:
            raise unknown_name("layer", layer, self.layers)
        cells = (CELL, TANH_CELL) if layer in self.cell else ()
        return (HIDDEN, *cells, *(gate for gate, by_layer in self.gates.items() if layer in by_layer))

    def source(self, name: str, layer: str) -> Array:
        """One kind of state of one layer, (time, cells) float32.

        Parameters
        ----------
        name : str
            ``"hidden"``, ``"cell"``, ``"tanh cell"`` or the name of a gate.
        layer : str
            One of :attr:`layers`.

        Raises
        ------
        UnknownName
            If there is no such layer, or the layer has no such state.
        """
        if name not in self.names(layer):
            raise unknown_name(f"state of {layer!r} ({self.kind[layer]})", name, self.names(layer))
        if name == HIDDEN:
            return self.hidden[layer]
        if name in (CELL, TANH_CELL):
            return self.cell[layer] if name == CELL else np.tanh(self.cell[layer])
        return self.gates[name][layer]


def joined(parts: Sequence[States], boundaries: Sequence[int] | None = None) -> States:
    """One after another, along time.

    Parameters
    ----------
    boundaries : sequence of int, optional
        Where a sequence starts; by default where the parts say.

    Raises
    ------
    ModelError
        If the parts have not the same layers.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts:
        if part.layers != first.layers:
            raise ModelError(
                f"the model ran the layers {', '.join(first.layers)} for one sequence and "
                f"{', '.join(part.layers)} for another: show them one by one"
            )
    starts = np.cumsum([0, *(len(part) for part in parts)])
    logits = [part.logits for part in parts if part.logits is not None]
    tokens = [part.tokens for part in parts if part.tokens is not None]
    ids = [part.ids for part in parts if part.ids is not None]

    def along(by_layer: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
        return {name: np.concatenate([one[name] for one in by_layer]) for name in by_layer[0]}

    return States(
        tokens=[token for part in tokens for token in part] if len(tokens) == len(parts) else None,
        ids=np.concatenate(ids) if len(ids) == len(parts) else None,
        layers=first.layers,
        kind=first.kind,
        hidden=along([part.hidden for part in parts]),
        cell=along([part.cell for part in parts]),
        gates={gate: along([part.gates[gate] for part in parts]) for gate in first.gates},
        logits=np.concatenate(logits) if len(logits) == len(parts) else None,
        boundaries=tuple(
            int(start + here)
            for start, part in zip(starts[:-1], parts, strict=True)
            for here in part.boundaries
        )
        if boundaries is None
        else tuple(boundaries),
        start=first.start,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        _output=np.concatenate([part.output() for part in parts]),
    )
