"""Step-by-step decoders with attention: what such a model must offer to be decoded and edited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch import nn

from nbviz.core.errors import ModelError, unknown_name
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods.attention.batch import as_batch
from nbviz.methods.attention.positions import about_positions
from nbviz.methods.attention.result import Attention, AttentionGroup, checked
from nbviz.methods.attention.step import Step, called, edit_of, take_step
from nbviz.methods.attention.text import ids_of, one_of, read_inputs


@runtime_checkable
class StepDecoder(Protocol):
    """A module that reads a source (text, a picture) once and writes one token at a time, attending to it.

    Any ``nn.Module`` with these methods and attributes will do; it need not inherit from this class. The
    source ids come from the ``tokenizer`` of the :class:`~nbviz.Network`, a callable from one string to a
    list of ids, which may have a method ``convert_ids_to_tokens(ids) -> list of str`` for their names (as
    in transformers); without it a tokenizer that gives one id per character is named by the characters.

    The attention weights must come out of ``softmax`` (``torch.softmax``, ``F.softmax`` or ``nn.Softmax``)
    somewhere inside ``step``, over the source positions, if they are to be edited (temperature, a masked
    source token, uniform attention): the softmax is where the edit is made.

    Attributes
    ----------
    output_tokens : sequence of str
        Name of each output id.
    start_id, end_id : int
        Output ids: what the first step is given, and what ends the output. Both have a name in
        ``output_tokens`` too. An optional attribute ``output_join`` (default ``""``) is put between tokens
        when they are joined to ``output_text``.
    """

    output_tokens: Sequence[str]
    start_id: int
    end_id: int

    def encode(self, ids: torch.Tensor) -> Any:
        """Source ids, (1, source length) int64, or a prepared picture, to whatever the steps read.

        That is annotations, keys, a mask, ... If the positions lie on a picture, an attribute ``grid`` of
        what is returned may say so: (rows, columns).
        """
        ...

    def start(self, memory: Any) -> Any:
        """The decoder's first state."""
        ...

    def step(self, token: torch.Tensor, state: Any, memory: Any) -> tuple[torch.Tensor, Any, torch.Tensor]:
        """One step: the last output token, (1,) int64, to ``(logits, state, weights)``.

        ``logits``: (1, output ids), before any softmax. ``weights``: (1, source length), or with heads
        (1, heads, source length); 0 or more, each row adding up to 1. The state given is not changed in
        place: the decoder may be started again from any earlier step.
        """
        ...


def check_decoder(module: nn.Module) -> None:
    """Refuse a module that lacks a part of the protocol, and say which."""
    if not isinstance(module, StepDecoder):
        wanted = ("output_tokens", "start_id", "end_id", "encode", "start", "step")
        missing = [name for name in wanted if not hasattr(module, name)]
        raise TypeError(
            f"{type(module).__name__} cannot be decoded step by step: it lacks {', '.join(missing)}. "
            "See nbviz.methods.seq2seq.StepDecoder; for other models use attention(...)."
        )


def decode_steps(
    network: Network | nn.Module,
    inputs: Any,
    *,
    force: Mapping[int, int | str] | None = None,
    max_steps: int = 64,
    mask: Sequence[int] | int = (),
    temperature: float = 1.0,
    uniform: bool | Sequence[int] = False,
    ablate: bool | Sequence[int] = False,
    sample: int = 0,
    tokens: Sequence[str] | None = None,
    truncate: bool = False,
) -> Steps:
    """Let a :class:`StepDecoder` write, taking the likeliest token at each step, and record its attention.

    Parameters
    ----------
    network : Network or torch.nn.Module
    inputs : str, list of str, or a batch as the model takes it
        Text needs ``Network(model, tokenizer=...)``; anything else is prepared as usual and given to
        ``encode``.
    force : mapping of int to int or str, optional
        Tokens (or ids) to write at these steps in place of the likeliest; it then goes on from there. The
        first step is 0.
    max_steps : int
        Most tokens written.
    mask : int or sequence of int
        Source positions that cannot be looked at: their weight becomes 0, the others' sum 1 again.
    temperature : float
        Divides the attention logits (not those of the output).
    uniform, ablate : bool or sequence of int
        Heads (True: all) that look at all positions alike, or whose weights become 0.
    sample : int
        Which of several inputs.
    tokens : sequence of str, optional
        Names of the source positions.
    truncate : bool
        Whether a text above the model's limit may be cut.

    Yields
    ------
    Progress after each step; then a Result with an :class:`~nbviz.methods.attention.result.Attention` of
    one layer, whose rows are the tokens written, the end token among them. Its ``output`` are the logits,
    (steps, output ids).

    Raises
    ------
    TypeError
        If the model has not the methods and attributes of a :class:`StepDecoder`.
    ValueError
        Empty text, a step, position or head out of range.
    UnknownName
        A forced token that the model does not know.
    ModelError
        If the model raises, returns what the protocol does not say, or an edit is asked of weights that
        come from no softmax.
    """
    network = Network.of(network)
    check_decoder(network.module)
    if max_steps < 1:
        raise ValueError(f"max_steps={max_steps} must be at least 1")
    one = one_of(as_batch(network, inputs), sample)
    prepared, names, notes = read_inputs(network, one, truncate=truncate)
    ids = ids_of(prepared)
    names = names if tokens is None else tuple(str(token) for token in tokens)
    with network.running() as module, torch.no_grad():
        decoder = cast(StepDecoder, module)
        vocabulary, end = tuple(str(t) for t in decoder.output_tokens), int(decoder.end_id)
        join = getattr(decoder, "output_join", "")
        forced = _forced(force, vocabulary, max_steps)
        source = prepared if ids is None else ids
        try:
            memory = called(decoder.encode, source)
        except ModelError as error:
            raise about_positions(error, module, source) from error.__cause__
        state = called(decoder.start, memory)
        token = torch.tensor([decoder.start_id], device=network.device)
    written: list[int] = []
    taken: list[Step] = []
    while len(written) < max_steps and (not written or written[-1] != end):
        step = take_step(network, token, state, memory, edit_of(mask, temperature, uniform, ablate))
        taken.append(step)
        state = step.state
        written.append(forced.get(len(written), int(step.logits.argmax())))
        token = torch.tensor([written[-1]], device=network.device)
        yield Progress(len(written), max_steps, "tokens written")
    if missed := [number for number in forced if number >= len(written)]:
        notes += (
            f"the text ended after {len(written)} tokens, steps 0 to {len(written) - 1}, before the forced "
            f"step {missed[0]}: there nothing was forced",
        )
    if written[-1] != end:
        notes += (f"cut after {max_steps} tokens, before the model ended the text",)
    rows = tuple(vocabulary[i] for i in written)
    n = taken[0].weights.shape[-1]
    if names is None or len(names) != n:
        if tokens is not None:
            raise ValueError(f"tokens names {len(tokens)} positions, but the model attends to {n}")
        names = tuple(str(i) for i in range(n))
    grid = getattr(memory, "grid", None)
    group = AttentionGroup(
        name="cross-attention",
        kind="cross",
        weights=np.stack([step.weights for step in taken], axis=1)[None],
        masked=np.stack([step.masked for step in taken], axis=1)[None],
        rows=rows,
        columns=names,
        layers=(taken[0].path,),
        grid=None if grid is None else (int(grid[0]), int(grid[1])),
    )
    yield Result(
        Attention(
            groups=(checked(group),),
            input_tokens=names,
            output_tokens=rows,
            output_text=join.join(token for token, i in zip(rows, written, strict=True) if i != end),
            output=np.stack([step.logits for step in taken]),
            has_scores=True,
            output_ids=tuple(written),
            notes=notes,
        )
    )


def decode(network: Network | nn.Module, inputs: Any, **parameters: Any) -> Attention:
    """Let a step-by-step decoder write, and record its attention: :func:`decode_steps`, run to the end."""
    return run_to_end(decode_steps(network, inputs, **parameters))


def _forced(
    force: Mapping[int, int | str] | None, vocabulary: Sequence[str], max_steps: int
) -> dict[int, int]:
    forced = {}
    for step, token in (force or {}).items():
        if not 0 <= step < max_steps:
            raise ValueError(f"force names step {step}; steps are 0 to {max_steps - 1}")
        if isinstance(token, str):
            if token not in vocabulary:
                raise unknown_name("output token", token, vocabulary)
            forced[step] = vocabulary.index(token)
        elif 0 <= token < len(vocabulary):
            forced[step] = int(token)
        else:
            raise ValueError(f"force names the output id {token}; ids are 0 to {len(vocabulary) - 1}")
    return forced
