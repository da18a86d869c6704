"""From the recorded calls of one pass to States: named layers of one length, logits, notes."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import torch
from torch import Tensor, nn

from nbviz.core.errors import ModelError
from nbviz.core.events import Progress
from nbviz.core.network import Network
from nbviz.methods.recurrent.builtin import own_output, suffixes
from nbviz.methods.recurrent.calls import Call
from nbviz.methods.recurrent.extract import custom_extractor, extract
from nbviz.methods.recurrent.layer import LayerStates, check
from nbviz.methods.recurrent.run import Pass
from nbviz.methods.recurrent.states import Array, States
from nbviz.methods.recurrent.threads import one_thread
from nbviz.methods.recurrent.tokens import Given
from nbviz.methods.recurrent.watch import Watch


def gather_steps(network: Network, given: Given, found: Pass) -> Generator[Progress, None, States]:
    """The states of a pass; yields Progress in steps (of all layers).

    Raises
    ------
    ModelError
        If what is recomputed is not what a module itself gave, or no module ran one sequence.
    """
    layers: dict[str, LayerStates] = {}
    outputs: list[Tensor] = []
    notes: list[str] = []
    groups, left_out = _groups(found.watch, given.steps)
    total = sum(_work(calls) for _, calls in groups)
    done = 0
    for base, calls in groups:
        extracted = extract(calls)
        while True:
            with torch.no_grad(), one_thread(network):
                states = next(extracted, None)
                if states is None:
                    break
                name = _layer_name(base, states.name, layers)
                check(states, name)
            layers[name] = states
            done += len(states.hidden)
            yield Progress(done, max(total, done), "steps")
        if custom_extractor(calls[0].module) is None:
            outputs.append(torch.cat([own_output(call) for call in calls]))
        elif layers:
            outputs.append(next(reversed(layers.values())).hidden)
    if not layers:
        raise ModelError("no recurrent layer ran the sequence by itself: " + "; ".join(left_out))
    length = _length(layers, given.steps)
    for name in [name for name, states in layers.items() if len(states.hidden) != length]:
        left_out.append(f"{name} ran {len(layers.pop(name).hidden)} steps, not {length}")
    if left_out:
        notes.append("left out: " + "; ".join(left_out))
    tokens, ids = given.tokens, given.ids
    if given.steps is not None and length != given.steps:
        packed = length < given.steps and any(_is_packed(calls[0]) for _, calls in groups)
        tokens = tokens[:length] if packed and tokens is not None else None
        ids = ids[:length] if packed and ids is not None else None
        read = f"reads only the first {length} of" if packed else f"makes {length} steps of"
        notes.append(f"the model {read} the {given.steps} steps it was given")
    if tokens is not None and len(tokens) != length:
        tokens = None
    notes += _about_type(network) + _not_numbers(layers, tokens)
    logits = logits_of(found, length)
    if logits is not None:
        network.compare_names(logits.shape[1:])
    own = _array([output for output in outputs if len(output) == length][-1])
    gate_names = dict.fromkeys(gate for states in layers.values() for gate in states.gates)
    return States(
        tokens=None if tokens is None else list(tokens),
        ids=None if ids is None else ids.copy(),
        layers=tuple(layers),
        kind={name: states.kind for name, states in layers.items()},
        hidden={name: _array(states.hidden) for name, states in layers.items()},
        cell={name: _array(states.cell) for name, states in layers.items() if states.cell is not None},
        gates={
            gate: {name: _array(s.gates[gate]) for name, s in layers.items() if gate in s.gates}
            for gate in gate_names
        },
        logits=logits,
        notes=(*network.notes, *notes),
        _output=own,
    )


def logits_of(found: Pass, steps: int) -> Array | None:
    """The model's output as (time, vocabulary) float32; None if it is not one row of scores per step."""
    rows = found.output
    if rows is None or not rows.is_floating_point() or found.ends_in_states:
        return None
    if rows.ndim == 3 and 1 in rows.shape[:2]:
        rows = rows[0] if rows.shape[0] == 1 else rows[:, 0]
    return _array(rows) if rows.ndim == 2 and len(rows) == steps else None


def scores_of(found: Pass, steps: int) -> Array:
    """As :func:`logits_of`.

    Raises
    ------
    ModelError
        If the model predicts no next token.
    """
    logits = logits_of(found, steps)
    if logits is not None:
        return logits
    what = "" if found.output is None else f", {tuple(found.output.shape)}"
    also = " (it is that of a recurrent layer)" if found.ends_in_states else ""
    raise ModelError(
        f"the model's output{what}, is not one row of scores for each of the {steps} steps{also}: it "
        "predicts no next token. If it has several outputs, say which: Network(model, output=...)."
    )


def _groups(watch: Watch, steps: int | None) -> tuple[list[tuple[str, list[Call]]], list[str]]:
    """Calls that make one layer's sequence, each with its name; and what was left out, in words."""
    found: list[tuple[str, list[Call]]] = []
    left_out: list[str] = []
    for path, chains in watch.chains.items():
        calls = [call for chain in chains for call in chain]
        name = path or type(calls[0].module).__name__.lower()
        batches = {call.batch for call in calls} - {1, None}
        if batches:
            left_out.append(f"{name} ran a batch of {max(batches)} sequences")  # type: ignore[type-var]
            continue
        for number, part in enumerate(_sequences(chains, calls, steps)):
            found.append((name if number == 0 else f"{name}_{number}", part))
    return found, left_out


def _sequences(chains: list[list[Call]], calls: list[Call], steps: int | None) -> list[list[Call]]:
    """The calls of one module in groups, each a run over the whole sequence where that can be had."""
    if calls[0].steps is None:  # custom: the extractor tells how many steps a call has
        return [calls] if steps is not None and len(calls) == steps else [[call] for call in calls]
    parts: list[list[Call]] = []
    for chain in chains:
        whole = sum(call.steps or 0 for call in chain) == steps
        if not whole and steps is not None and all(call.steps == steps for call in chain):
            parts += [[call] for call in chain]  # read again, beginning with the state of the first reading
        else:
            parts.append(chain)
    lengths = [sum(call.steps or 0 for call in part) for part in parts]
    # States that the model changes between the steps break a chain.
    return [calls] if steps not in lengths and sum(lengths) == steps else parts


def _work(calls: list[Call]) -> int:
    """Steps of all layers of a module."""
    module = calls[0].module
    layers = len(suffixes(module)) if isinstance(module, nn.RNNBase) else 1
    return layers * sum(call.steps or 1 for call in calls)


def _length(layers: dict[str, LayerStates], steps: int | None) -> int:
    lengths = [len(states.hidden) for states in layers.values()]
    return steps if steps in lengths and steps is not None else max(set(lengths), key=lengths.count)


def _layer_name(base: str, name: str, taken: dict[str, Any]) -> str:
    full = f"{base}.{name}" if name else base
    while full in taken:
        full += "_1"
    return full


def _is_packed(call: Call) -> bool:
    return isinstance(call.argument(0, "input"), torch.nn.utils.rnn.PackedSequence)


def _array(tensor: Tensor) -> Array:
    return tensor.detach().to("cpu", torch.float32).contiguous().numpy()


def _about_type(network: Network) -> list[str]:
    if network.dtype not in (torch.float16, torch.bfloat16):
        return []
    name = str(network.dtype).removeprefix("torch.")
    return [f"a {name} model: gates and cell states are computed in float32 from its {name} hidden states"]


def _not_numbers(layers: dict[str, LayerStates], tokens: list[str] | None) -> list[str]:
    """Where states stop being numbers; of the first layer to do so."""
    begins: list[tuple[int, str, int]] = []
    for name, states in layers.items():
        bad = ~states.hidden.isfinite()
        if states.cell is not None:
            bad = torch.cat([bad, ~states.cell.isfinite()], -1)
        rows = bad.any(-1)
        if rows.any():
            step = int(rows.nonzero()[0]) if "reverse" not in name else int(rows.nonzero()[-1])
            begins.append((step, name, int(bad[step].sum())))
    if not begins:
        return []
    step, name, count = min(begins, key=lambda found: found[0])
    token = "" if tokens is None else f" ({tokens[step]!r})"
    return [
        f"states are not finite numbers from step {step}{token} on, first in layer {name!r} "
        f"({count} values there): check the weights and the input"
    ]
