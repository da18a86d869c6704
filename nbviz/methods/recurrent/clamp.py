"""What a language model goes on to write, also with some of its cells held at a value.

States and outputs with cells held at a value: :func:`nbviz.methods.recurrent.states` with ``clamp=``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nbviz.core.capture import probabilities
from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods.recurrent.carry import check_carries
from nbviz.methods.recurrent.gather import gather_steps, scores_of
from nbviz.methods.recurrent.hold import Hold
from nbviz.methods.recurrent.run import Layout, Pass, run
from nbviz.methods.recurrent.tokens import Given, sequences


def sample_steps(
    model: Network | nn.Module,
    prefix: Any,
    length: int,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    clamp: Mapping[Any, Mapping[int, float]] | None = None,
) -> Steps:
    """Draw tokens one after another, each from what the model expects after all before it.

    The state is carried from token to token. One random number in [0, 1) is drawn for each token and looked
    up in the cumulative distribution, so two runs of one ``seed`` differ only where what the model expects
    does: with and without ``clamp``, for example.

    Yields Progress after each token, and the Result: (length,) int64 ids.

    Parameters
    ----------
    model : Network or torch.nn.Module
        A language model: ids in, one row of scores of the next token for each step out.
    prefix : str or ids
        What it reads first, one token at least; read under the same ``clamp``.
    length : int
        Tokens to draw, 0 or more.
    temperature : float
        What the logits are divided by, 0 or more: 1 as the model says, below 1 more likely tokens, 0 always
        the likeliest.
    seed : int
    clamp : mapping, optional
        As in :func:`nbviz.methods.recurrent.states_steps`.

    Raises
    ------
    ModelError
        If the model has no output for each step, one that is not a number, or a state that cannot be
        carried.
    TypeError, ValueError
        If ``prefix`` is empty or no ids, or a number is out of its range.
    """
    if not (temperature >= 0 and np.isfinite(temperature)):
        raise ValueError(f"temperature={temperature}: a number of 0 or more is wanted")
    if length < 0:
        raise ValueError(f"length={length}: 0 tokens or more are wanted")
    network, hold = Network.of(model), Hold.of(clamp)
    parts = sequences(network, prefix)
    if len(parts) > 1 or parts[0].ids is None:
        raise TypeError("a prefix of one text, or of the ids of one, is wanted")
    layout = Layout()
    check_carries(network, parts[0], layout)
    if hold is not None:
        _verify(network, parts[0], layout, hold)
        hold = replace(hold, compare=False)
    numbers = np.random.default_rng(seed).random(length)
    held = None if hold is None else hold.replace
    found = run(network, parts[0], layout, keep=False, replace=held)
    drawn: list[int] = []
    for number in numbers:
        token = _draw(_last_row(found, len(parts[0].ids) if not drawn else 1), temperature, float(number))
        drawn.append(token)
        yield Progress(len(drawn), length, "tokens")
        if len(drawn) < length:
            step = sequences(network, np.array([token]))[0]
            found = run(network, step, layout, keep=False, replace=held, carried=found.watch.ends())
    yield Result(np.array(drawn, dtype=np.int64))


def sample(model: Network | nn.Module, prefix: Any, length: int, **parameters: Any) -> NDArray[np.int64]:
    """Tokens that a language model writes after ``prefix``: :func:`sample_steps`, run to the end."""
    return run_to_end(sample_steps(model, prefix, length, **parameters))


def _verify(network: Network, given: Given, layout: Layout, hold: Hold) -> None:
    """Make sure, on the first steps, that what is to be held can be held."""
    piece = given.part(0, min(given.steps or 1, 8))
    steps = gather_steps(network, piece, run(network, piece, layout, replace=hold.replace))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            hold.verify(end.value)
            return


def _last_row(found: Pass, steps: int) -> NDArray[np.float32]:
    row = scores_of(found, steps)[-1]
    if not np.isfinite(row).all():
        raise ModelError("the model's scores of the next token are not finite numbers: nothing can be drawn")
    return row


def _draw(row: NDArray[np.float32], temperature: float, number: float) -> int:
    if temperature == 0:
        return int(row.argmax())
    shares = probabilities(row[None])[0].astype(np.float64)
    with np.errstate(divide="ignore"):
        scaled = np.log(shares) / temperature  # also right where the model gives probabilities already
    shares = np.exp(scaled - scaled.max())
    total = np.cumsum(shares)
    return min(int(np.searchsorted(total, number * total[-1], side="right")), len(row) - 1)
