"""The states of any recurrent PyTorch model at every step: h, c and gates of every layer."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from nbviz.core.capture import probabilities
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods.recurrent.calls import Call
from nbviz.methods.recurrent.carry import Carry, check_carries
from nbviz.methods.recurrent.clamp import sample, sample_steps
from nbviz.methods.recurrent.extract import register_extractor
from nbviz.methods.recurrent.gather import gather_steps, scores_of
from nbviz.methods.recurrent.hold import Hold
from nbviz.methods.recurrent.layer import LayerStates, Mismatch
from nbviz.methods.recurrent.run import Layout, run
from nbviz.methods.recurrent.states import Array, States, joined
from nbviz.methods.recurrent.tokens import Given, sequences

__all__ = [
    "Call",
    "LayerStates",
    "States",
    "next_token",
    "register_extractor",
    "sample",
    "sample_steps",
    "states",
    "states_chunks",
    "states_steps",
]

_TRIES = 3  # of a pass during which the weights were trained on


Clamp = Mapping[Any, Mapping[int, float]]


def states_steps(
    model: Network | nn.Module, tokens: Any, *, chunk: int | None = None, clamp: Clamp | None = None
) -> Steps:
    """Run a recurrent model over a sequence and tell the states of all its layers, step by step.

    The recurrent modules may be anywhere in the model: ``nn.LSTM``, ``nn.GRU``, ``nn.RNN`` (several layers,
    two directions, projections, packed sequences) and their Cell classes in loops. What they do not return
    is recomputed from what they were given, and compared with what they returned: to 1e-5 (relative to
    the largest value, where that is above 1) for float32 and float64 on the CPU. The model runs as in
    evaluation mode, without dropout.

    Yields Progress in steps (those of all layers; with ``chunk`` or several sequences those of the text), and
    the Result, a :class:`States`. A module that the model feeds with a text turned round itself stands in the
    order in which it read.

    Parameters
    ----------
    model : Network or torch.nn.Module
    tokens : str, array, tensor, tuple, mapping, or list
        Text, which the network's tokenizer reads; ids (time,); a signal (time, features) of floating-point
        numbers; a batch of one of these; a tuple or a mapping of the model's own inputs. A list of ids or
        of single tokens is one sequence; any other list is several sequences: each is run on its own, and
        they stand one after another in the result, with ``boundaries`` where each starts. Which axis the
        model takes for time, and whether it wants a batch axis, is found out by trying.
    chunk : int, optional
        Steps run at once, to bound the memory of a pass; the state is carried on exactly, see
        :func:`states_chunks`. Default: the whole sequence.
    clamp : mapping, optional
        ``{layer: {cell: value}}``: cells held at a value at every step (0 switches one off), which the
        recurrence itself, the layers above and all later parts of the model then see. Of an LSTM it is c
        that is held, and h follows; of others h. ``{(layer, "hidden"): {cell: value}}`` holds h of an LSTM.

    Raises
    ------
    ModelError
        If the model has no recurrent layer, raises, or does not compute what its layers' classes say;
        with ``chunk`` also if its state cannot be carried.
    TypeError, ValueError
        If ``tokens`` is none of the above, is empty, or holds what the tokenizer does not know; if
        ``clamp`` has another form, or names a layer or a cell that does not exist.

    References
    ----------
    Hochreiter and Schmidhuber 1997 and Gers et al. 2000 (LSTM with forget gate), Cho et al. 2014 (GRU),
    Elman 1990, all in the form that PyTorch documents for its modules.
    """
    network = Network.of(model)
    hold = Hold.of(clamp)
    parts = sequences(network, tokens)
    if chunk is not None:
        yield from _chunked(network, parts, chunk, hold)
        return
    layout = Layout()
    found: list[States] = []
    total = sum(part.steps or 0 for part in parts)
    done = 0
    for part in parts:
        one = yield from _pass_steps(network, part, layout, Carry(), hold, quiet=len(parts) > 1)
        found.append(one)
        done += len(one)
        if len(parts) > 1:
            yield Progress(done, max(done, total), "steps")
    yield Result(joined(found))


def states(model: Network | nn.Module, tokens: Any, **parameters: Any) -> States:
    """States of a recurrent model at every step: :func:`states_steps`, run to the end."""
    return run_to_end(states_steps(model, tokens, **parameters))


def states_chunks(model: Network | nn.Module, ids: Any, chunk: int = 4096) -> Iterator[States]:
    """The states of a long corpus, ``chunk`` steps at a time, in bounded memory.

    Each pass begins with the state that the one before it ended with, so the chunks are those of a single
    pass (to 1e-5; the model is asked first, on a few steps, whether it is so: one that looks ahead or back
    by other means, by a convolution, attention or a backward direction, is refused, since its states at the
    cut would be wrong). Chunks never reach across the end of a sequence.

    Parameters
    ----------
    ids : as in :func:`states_steps`, but not a model's own inputs
    chunk : int
        Steps, 1 or more.

    Yields
    ------
    States
        ``.start`` is where its first step stands in the whole; ``.boundaries`` is (0,) where a sequence
        starts with it, else empty.

    Raises
    ------
    ModelError
        If the state cannot be carried: bidirectional layers, a custom module, other ways of remembering.
    TypeError, ValueError
        As in :func:`states_steps`; if ``chunk`` is below 1.
    """
    network = Network.of(model)
    return _chunks(network, sequences(network, ids), chunk)


def next_token(model: Network | nn.Module, tokens: Any) -> Array:
    """Probability of each next token at every step: one ordinary forward pass, no gates.

    Parameters
    ----------
    tokens : as in :func:`states_steps`, one sequence

    Returns
    -------
    (time, vocabulary) float32 array
        Row t is what the model expects after token t; rows add up to 1.

    Raises
    ------
    ModelError
        If the model has no output for each step.
    TypeError, ValueError
        As in :func:`states_steps`.
    """
    network = Network.of(model)
    parts = sequences(network, tokens)
    if len(parts) > 1:
        raise ValueError(f"next_token takes one sequence, got a list of {len(parts)}")
    found = run(network, parts[0], Layout(), keep=False)
    steps = parts[0].steps
    if steps is None:
        steps = max(call.steps or 1 for chains in found.watch.chains.values() for c in chains for call in c)
    return probabilities(scores_of(found, steps))


def _pass_steps(
    network: Network, given: Given, layout: Layout, carry: Carry, hold: Hold | None, *, quiet: bool
) -> Generator[Progress, None, States]:
    """One pass and its states; again where the weights were trained on in the middle of it."""
    replace_output = None if hold is None else hold.replace
    for attempt in range(_TRIES):
        version = network.version
        try:
            found = run(network, given, layout, carried=carry.states, replace=replace_output)
            events = gather_steps(network, given, found)
            while True:
                try:
                    event = next(events)
                except StopIteration as end:
                    result: States = end.value
                    break
                if not quiet:
                    yield event
        except Mismatch:
            if attempt == _TRIES - 1 or network.version == version:
                raise
            continue
        carry.states = found.watch.ends()
        if hold is not None:
            hold.verify(result)
            result = replace(result, notes=(*result.notes, hold.note()))
        return result
    raise AssertionError("unreachable")


def _chunks(network: Network, parts: list[Given], chunk: int, hold: Hold | None = None) -> Iterator[States]:
    for event in _chunk_steps(network, parts, chunk, hold):
        if not isinstance(event, Progress):
            yield event


def _chunk_steps(
    network: Network, parts: list[Given], chunk: int, hold: Hold | None
) -> Iterator[States | Progress]:
    if chunk < 1:
        raise ValueError(f"chunk={chunk}: 1 step or more is wanted")
    layout = Layout()
    start = 0
    longest = max(parts, key=lambda part: part.steps or 0)
    if longest.steps is None:
        raise TypeError("a model's own inputs cannot be cut into chunks: give ids or a signal")
    check_carries(network, longest, layout)
    for part in parts:
        carry = Carry()
        assert part.steps is not None
        for here in range(0, part.steps, chunk):
            piece = part.part(here, min(here + chunk, part.steps))
            found: States = yield from _pass_steps(network, piece, layout, carry, hold, quiet=True)
            yield replace(found, start=start, boundaries=(0,) if here == 0 else ())
            start += len(found)


def _chunked(network: Network, parts: list[Given], chunk: int, hold: Hold | None) -> Steps:
    total = sum(part.steps or 0 for part in parts)
    found: list[States] = []
    for one in _chunks(network, parts, chunk, hold):
        found.append(one)
        yield Progress(one.start + len(one), total, "steps")
    yield Result(joined(found))
