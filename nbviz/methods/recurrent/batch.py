"""Many equally long sequences through a recurrent model at once: h, c and scores of every step.

:func:`nbviz.methods.recurrent.states` reads one sequence and tells its gates too. Experiments that need the
same few numbers of hundreds of short passages run here, in batches.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from nbviz.core.brief import Brief
from nbviz.core.errors import ModelError, unknown_name
from nbviz.core.network import Network
from nbviz.methods.recurrent import states
from nbviz.methods.recurrent.batch_layer import batched_layer
from nbviz.methods.recurrent.builtin import layer_name, suffixes
from nbviz.methods.recurrent.calls import Call
from nbviz.methods.recurrent.equations import Weights
from nbviz.methods.recurrent.extract import custom_extractor, recurrent_modules
from nbviz.methods.recurrent.hold import Held, Hold
from nbviz.methods.recurrent.layer import tolerance
from nbviz.methods.recurrent.states import States
from nbviz.methods.recurrent.threads import one_thread
from nbviz.methods.recurrent.watch import Watch

Array = np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Batch(Brief):
    """What n sequences of equal length left in a model.

    Attributes
    ----------
    layers : tuple of str
        As in :class:`~nbviz.methods.recurrent.states.States`.
    hidden : dict of str to (n, time, cells) float32 array
    cell : dict of str to (n, time, cells) float32 array
        Of LSTMs, where asked for.
    logits : (n, time, vocabulary) float32 array or None
    """

    layers: tuple[str, ...]
    hidden: dict[str, Array]
    cell: dict[str, Array]
    logits: Array | None

    def source(self, name: str, layer: str) -> Array:
        """``"hidden"`` or ``"cell"`` of a layer; of a layer without c its h."""
        return self.cell[layer] if name == "cell" and layer in self.cell else self.hidden[layer]


@dataclass
class BatchRunner:
    """Runs batches of one model, in the way that the first batch has shown to be right.

    The first sequence is run alone too, by :func:`~nbviz.methods.recurrent.states`. A model that does not
    give the same in a batch (to 1e-4), or takes none, runs its sequences one by one.

    Parameters
    ----------
    network : Network
    clamp : mapping, optional
        Cells held at a value, as in :func:`~nbviz.methods.recurrent.states_steps`.
    forget : collection of str
        Layers that begin every step with a state of zero: what they pass on depends on what they read at
        that step alone. Of built-in sequence modules (``nn.LSTM``, ``GRU``, ``RNN``) only.
    cells : bool
        Whether c is wanted, not h alone.
    """

    network: Network
    clamp: Mapping[Any, Mapping[int, float]] | None = None
    forget: Collection[str] = ()
    cells: bool = False
    one_by_one: bool = False
    _time_first: bool | None = None

    def run(self, values: Tensor) -> Batch:
        """States and scores of ``values``, (n, time) int64 ids or (n, time, features) float signals.

        Raises
        ------
        ModelError
            If the model raises, or cannot do what ``forget`` asks for.
        """
        if self.one_by_one:
            return _stacked([self._single(row) for row in values], self.cells)
        if self._time_first is None:
            return self._first(values)
        return self._batch(values, self._time_first)

    def _single(self, row: Tensor) -> States:
        return states(self.network, row, clamp=self.clamp)

    def _first(self, values: Tensor) -> Batch:
        """Find out on the first batch how the model takes one."""
        alone = None if self.forget else self._single(values[0])
        modules = recurrent_modules(self.network.module)
        first = not getattr(next(iter(modules.values()), None), "batch_first", True)
        reasons = []
        for time_first in (first, not first):
            try:
                found = self._batch(values, time_first)
            except ModelError as error:
                reasons.append(str(error))
                continue
            if alone is None or _agree(found, alone):
                self._time_first = time_first
                if alone is not None and alone.logits is None:
                    found = Batch(found.layers, found.hidden, found.cell, None)
                return found
            reasons.append("a sequence gives other states in a batch than alone")
        if self.forget:
            known = states(self.network, values[0]).layers
            for layer in self.forget:
                if layer not in known:
                    raise unknown_name("layer", layer, known)
            raise ModelError(
                f"the memory of {', '.join(self.forget)} cannot be taken away: {'; '.join(reasons)}"
            )
        self.one_by_one = True
        return self.run(values)

    def _batch(self, values: Tensor, time_first: bool) -> Batch:
        hold = Hold.of(self.clamp)
        held = {} if hold is None else dict(hold.layers)
        network = self.network
        n, time = values.shape[:2]
        kept: dict[str, tuple[Tensor, Tensor | None]] = {}
        loops: dict[str, list[Call]] = {}

        def replace(path: str, number: int, call: Call) -> Any:
            base = path or type(call.module).__name__.lower()
            _check(call, n, number)
            if isinstance(call.module, nn.RNNBase):
                if call.steps != time or path in loops:
                    raise ModelError(f"{base} does not run the sequences in one call")
                loops[path] = []
                return run_module(call, base, held=held, forget=self.forget, kept=kept, cells=self.cells)
            if base in held or base in self.forget:
                raise ModelError(f"{base} is a {type(call.module).__name__}, which runs step by step")
            loops.setdefault(path, []).append(call)
            return None

        with network.running() as module, torch.no_grad(), one_thread(network):
            watch = Watch(recurrent_modules(module), False, {}, replace)
            given = values.transpose(0, 1).contiguous() if time_first else values.clone()
            is_plain = network.transform is None and not given.is_floating_point()
            prepared = given.to(network.device) if is_plain else network.prepare(given)
            with watch.attached():
                output = network.call(module, prepared)
            logits = _scores(network, output, (n, time), time_first)
        for path, calls in loops.items():
            if calls:
                kept[path or type(calls[0].module).__name__.lower()] = _loop(calls, time, self.cells)
        if not kept or any(name not in kept for name in (*held, *self.forget)):
            raise ModelError("a layer did not run, or does not exist")
        return Batch(
            tuple(kept),
            {name: _array(hidden) for name, (hidden, _) in kept.items()},
            {name: _array(cell) for name, (_, cell) in kept.items() if cell is not None},
            logits,
        )


def batches(total: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover ``range(total)``."""
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def run_module(
    call: Call,
    base: str,
    *,
    held: Mapping[str, Held],
    forget: Collection[str],
    kept: dict[str, tuple[Tensor, Tensor | None]],
    cells: bool,
) -> Any:
    """All layers of a call of ``nn.LSTM``, ``GRU`` or ``RNN`` with a batch; what it hands on if changed."""
    module = call.module
    assert isinstance(module, nn.RNNBase)
    assert call.before is not None
    inputs, own = (part if not module.batch_first else part.transpose(0, 1) for part in _in_and_out(call))
    directions = 2 if module.bidirectional else 1
    names = [f"{base}.{layer_name(layer, way)}" for layer, way, _ in suffixes(module)]
    changes = any(name in held or name in forget for name in names)
    outputs: list[Tensor] = []
    for row, (layer, way, suffix) in enumerate(suffixes(module)):
        weights = Weights.of(module, call.weights, suffix)
        sequence = inputs.flip(0) if way else inputs
        known = None
        if not changes and layer == module.num_layers - 1:
            known = own.chunk(directions, -1)[way]
            known = known.flip(0) if way else known
        hidden, cell = batched_layer(
            weights,
            sequence,
            [part[row] for part in call.before],
            held=held.get(names[row], {}),
            forgets=names[row] in forget,
            cells=cells,
            hidden=known,
        )
        if way:
            hidden, cell = hidden.flip(0), None if cell is None else cell.flip(0)
        kept[names[row]] = hidden, cell
        outputs.append(hidden.to(inputs.dtype))
        if len(outputs) == directions:
            inputs, outputs = torch.cat(outputs, -1), []
    if not changes:
        return None
    # The state that the call ends with is not recomputed: the model is not asked to go on from it.
    return (inputs.transpose(0, 1) if module.batch_first else inputs), call.output[1]


def _in_and_out(call: Call) -> tuple[Tensor, Tensor]:
    inputs, output = call.argument(0, "input"), call.output[0]
    if isinstance(inputs, PackedSequence) or inputs.ndim != 3:
        raise ModelError("packed sequences, and sequences without a batch axis, run one by one")
    return inputs, output


def _check(call: Call, n: int, number: int) -> None:
    """Refuse what is run one by one."""
    if call.batch != n:
        raise ModelError(f"a recurrent layer ran a batch of {call.batch}, not {n}")
    if number or custom_extractor(call.module) is not None or call.before is None:
        raise ModelError("a recurrent layer is a custom module, or is run more than once")


def _loop(calls: list[Call], time: int, cells: bool) -> tuple[Tensor, Tensor | None]:
    """h and c of a Cell class that was called once for each step, (time, n, cells)."""
    if len(calls) != time:
        raise ModelError(f"a Cell class was called {len(calls)} times for {time} steps")
    parts = [torch.stack(part) for part in zip(*(call.after or () for call in calls), strict=True)]
    return parts[0], parts[1] if cells and len(parts) > 1 else None


def _scores(network: Network, output: Any, shape: tuple[int, int], time_first: bool) -> Array | None:
    try:
        rows = network.pick(output[0] if type(output) is tuple and network.output is None else output)
    except ModelError:
        return None  # the output is no tensor: there are states all the same
    rows = rows.transpose(0, 1) if time_first and rows.ndim == 3 else rows
    if rows.ndim != 3 or rows.shape[:2] != shape or not rows.is_floating_point():
        return None
    return _array(rows, swap=False)


def _array(tensor: Tensor, swap: bool = True) -> Array:
    """(time, n, cells) as a float32 array (n, time, cells)."""
    rows = tensor.transpose(0, 1) if swap else tensor
    return rows.detach().to("cpu", torch.float32).contiguous().numpy()


def _agree(found: Batch, alone: States) -> bool:
    """Whether the first sequence of a batch has the states and scores that it has alone."""
    if found.layers != alone.layers or (found.logits is None and alone.logits is not None):
        return False
    pairs = [(found.hidden[name][0], alone.hidden[name]) for name in alone.layers]
    pairs += [(values[0], alone.cell[name]) for name, values in found.cell.items()]
    if found.logits is not None and alone.logits is not None:
        pairs.append((found.logits[0], alone.logits))
    near = 10 * tolerance(torch.empty(0))
    return all(
        one.shape == other.shape and np.allclose(one, other, rtol=near, atol=near, equal_nan=True)
        for one, other in pairs
    )


def _stacked(runs: list[States], cells: bool) -> Batch:
    first = runs[0]
    logits = [run.logits for run in runs if run.logits is not None]
    return Batch(
        first.layers,
        {name: np.stack([run.hidden[name] for run in runs]) for name in first.layers},
        {name: np.stack([run.cell[name] for run in runs]) for name in first.cell} if cells else {},
        np.stack(logits) if len(logits) == len(runs) else None,
    )
