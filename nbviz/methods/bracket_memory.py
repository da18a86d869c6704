"""The parenthesis experiment: how long a model knows that a bracket is open, and which cells do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nbviz.core.brief import Brief
from nbviz.core.capture import probabilities
from nbviz.core.errors import ModelError
from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods.recurrent.batch import BatchRunner, batches
from nbviz.methods.relative_distance import bootstrap_band
from nbviz.methods.typo import one_sequence, replaced

OPEN, HIDDEN, OFF = "bracket open", "bracket replaced", "cells off"
AT_ONCE = 50

FEW = 5
"""A mean over fewer passages than these says little."""


@dataclass(frozen=True, eq=False, repr=False)
class Curve(Brief):
    """Probability of the closing bracket against distance, (distances,) float64 arrays; NaN: no context."""

    mean: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    each: NDArray[np.float32]
    """(contexts, distances), NaN where another bracket is open inside."""


@dataclass(frozen=True, eq=False, repr=False)
class BracketMemory(Brief):
    """Probability of the closing bracket while one is open.

    Attributes
    ----------
    opening, closing, instead : str
    distance : (distances,) int64 array
        Tokens read since the opening bracket: 0 right after it.
    starts : (contexts,) int64 array
        Steps of the text at which the opening brackets stand.
    count : (distances,) int64 array
        Contexts that the mean at each distance is over.
    curves : dict of str to Curve
        ``"bracket open"``: as the text is. ``"bracket replaced"``: the same passages with ``instead`` in the
        place of the opening bracket, so that the gap between the two is what the model remembers of it.
        ``"cells off"``: as the text is, with the clamped cells held; only where cells were given. Lower and
        upper: 95% bootstrap interval of the mean over the contexts.
    examples : list of str
        The passages, as they are displayed, from the opening bracket on.
    """

    opening: str
    closing: str
    instead: str
    distance: NDArray[np.int64]
    starts: NDArray[np.int64]
    count: NDArray[np.int64]
    curves: Mapping[str, Curve]
    examples: list[str]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the curves should be told."""
        if len(self.starts) >= FEW:
            return ()
        return (
            f"a mean over only {len(self.starts)} passages: give a longer text (TimeScales takes one as "
            "corpus=), or look at smaller distances",
        )

    def memory(self, name: str = OPEN) -> float:
        """Mean over all distances of the probability above that without the bracket."""
        return float(np.nanmean(self.curves[name].mean - self.curves[HIDDEN].mean))


def bracket_memory_steps(
    model: Network | nn.Module,
    text: Any,
    *,
    opening: str = "(",
    closing: str = ")",
    instead: str = " ",
    length: int = 50,
    n_contexts: int = 200,
    context: int = 100,
    clamp: Mapping[Any, Mapping[int, float]] | None = None,
    seed: int = 0,
) -> Steps:
    """Follow real brackets that stay open for long, and read off how probable their closing is all the while.

    Out of the brackets of the text that close more than ``length`` tokens later, ``n_contexts`` are drawn;
    every distance is thus a mean over the same passages, but for steps at which another bracket of the kind
    is open inside, which are left out.

    Yields Progress and, after each of the two or three runs, Preview; then Result(:class:`BracketMemory`).

    Parameters
    ----------
    model : Network or torch.nn.Module
        A recurrent language model: scores of the next token at every step.
    text : str or token ids (time,)
        Long enough to hold such brackets: 100,000 characters of source code, for example.
    opening, closing, instead : str
        One token each.
    length : int
        Distances looked at: 0 to ``length - 1`` tokens.
    n_contexts : int
        Most passages; 2 or more.
    context : int
        Tokens read before each bracket.
    clamp : mapping, optional
        Cells to hold at a value in a third run, as in
        :func:`~nbviz.methods.recurrent.states_steps`: ``{"rnn.1": {17: 0.0}}``.
    seed : int

    Raises
    ------
    ModelError
        If the model predicts no next token.
    ValueError
        If fewer than two brackets stay open for that long, or a token is none.

    References
    ----------
    Hermans and Schrauwen 2013, section 3.3, feed a made-up text with an open parenthesis. Here the passages
    are real, and the same passages without the bracket show what would be expected anyway.
    """
    network = Network.of(model)
    if length < 1 or n_contexts < 2 or context < 0:
        raise ValueError("length of 1, n_contexts of 2 and context of 0 tokens, or more, are wanted")
    given = one_sequence(network, text)
    values = given.values
    if values is None or values.is_floating_point():
        raise TypeError("text or token ids are wanted: a signal has no brackets")
    tokens = [int(replaced(network, given, 0, one).values[0]) for one in (opening, closing, instead)]  # type: ignore[index]
    context = min(context, len(values) // 4)
    starts, inside = open_brackets(values.numpy(), tokens[0], tokens[1], length, context)
    if len(starts) < 2:
        raise ValueError(
            f"{len(starts)} {opening!r} of the text stays open for more than {length} tokens (with {context} "
            "tokens before it): two or more are wanted. Give a longer text, or a smaller length."
        )
    chosen = np.sort(np.random.default_rng(seed).permutation(len(starts))[:n_contexts])
    starts, inside = starts[chosen], inside[chosen]
    rows = values[torch.from_numpy(starts)[:, None] + torch.arange(-context, length)]
    without = rows.clone()
    without[:, context] = tokens[2]
    runs: list[tuple[str, Tensor, Any]] = [(OPEN, rows, None), (HIDDEN, without, None)]
    runs += [(OFF, rows, clamp)] if clamp else []
    shown = given.tokens or [str(int(i)) for i in values]
    examples = ["".join(shown[start : start + length]) for start in starts]
    curves: dict[str, Curve] = {}
    for number, (name, passages, held) in enumerate(runs):
        runner = BatchRunner(network, held)
        parts: list[NDArray[np.float32]] = []
        for part in batches(len(passages), AT_ONCE):
            logits = runner.run(passages[part]).logits
            if logits is None or logits.shape[2] <= tokens[1]:
                raise ModelError(
                    "the model predicts no next token: an output of one score for each token id is wanted"
                )
            parts.append(probabilities(logits[:, context:].reshape(-1, logits.shape[2]))[:, tokens[1]])
            done = number * len(passages) + part.stop
            yield Progress(done, len(runs) * len(passages), "passages")
        each = np.where(inside, np.concatenate(parts).reshape(len(passages), length), np.nan)
        curves[name] = curve_of(each.astype(np.float32), seed)
        value = BracketMemory(
            opening,
            closing,
            instead,
            np.arange(length),
            starts,
            inside.sum(0),
            dict(curves),
            examples,
        )
        yield Result(value) if number == len(runs) - 1 else Preview(value)


def bracket_memory(model: Network | nn.Module, text: Any, **options: Any) -> BracketMemory:
    """:func:`bracket_memory_steps`, run to the end."""
    return run_to_end(bracket_memory_steps(model, text, **options))


def curve_of(each: NDArray[np.float32], seed: int) -> Curve:
    """Mean over the contexts that are there, with its band."""
    known = np.isfinite(each)
    total = np.where(known, each, 0).sum(0, dtype=np.float64)
    mean = np.divide(total, known.sum(0), out=np.full(each.shape[1], np.nan), where=known.any(0))
    return Curve(mean, *bootstrap_band(each, seed), each)


def open_brackets(
    ids: NDArray[np.int64], opening: int, closing: int, length: int, context: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Opening brackets that close more than ``length`` tokens later, and have ``context`` tokens before them.

    Returns
    -------
    starts : (n,) int64 array
    inside : (n, length) bool array
        Whether, 0, 1, ... tokens after it, it is the innermost open bracket.
    """
    depth = np.cumsum((ids == opening).astype(np.int64) - (ids == closing))
    starts, stack = [], []
    for at in np.flatnonzero((ids == opening) | (ids == closing)).tolist():
        if ids[at] == opening:
            stack.append(at)
        elif stack:
            start = stack.pop()
            if at - start > length and start >= context:
                starts.append(start)
    found = np.array(sorted(starts), np.int64)
    window = found[:, None] + np.arange(length)
    return found, depth[window] == depth[found][:, None]
