"""What a language model loses when some of its cells are held at a value, and what it writes then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods.recurrent import states_steps
from nbviz.methods.recurrent.clamp import sample_steps
from nbviz.methods.recurrent.states import States
from nbviz.methods.recurrent.tokens import spell
from nbviz.methods.state_corpus import token_loss


@dataclass(frozen=True, eq=False, repr=False)
class Intervention(Brief):
    """A run with cells held at a value, beside the run without.

    Attributes
    ----------
    cells : tuple of (str, int)
        Layer, and number within it.
    value : float
        What they are held at: the cell state of an LSTM, else the hidden state.
    before, after : float
        Mean of -log2 of the probability of each token, bits per token, without and with the change. NaN for
        a text of one token.
    loss_before, loss_after : (time,) float32 arrays
        The same, token by token; NaN for the first.
    probabilities : (time, vocabulary) float32 array
        Of the next token, with the change.
    plain, changed : list of str
        Tokens drawn after the text, without and with the change, by the same random numbers.
    """

    cells: tuple[tuple[str, int], ...]
    value: float
    before: float
    after: float
    loss_before: NDArray[np.float32]
    loss_after: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    plain: list[str]
    changed: list[str]


def held(states: States, cells: Sequence[int], value: float) -> dict[str, dict[int, float]]:
    """Cells numbered over all recurrent layers, as layer -> cell -> value."""
    found: dict[str, dict[int, float]] = {}
    total = sum(states.hidden[name].shape[1] for name in states.layers)
    ends = np.cumsum([states.hidden[name].shape[1] for name in states.layers])
    for cell in sorted(set(cells)):
        if not 0 <= cell < total:
            raise ValueError(f"cell {cell} does not exist: the model has {total} recurrent cells, from 0")
        at = int(np.searchsorted(ends, cell, side="right"))
        before = int(ends[at - 1]) if at else 0
        found.setdefault(states.layers[at], {})[cell - before] = value
    return found


def intervention_steps(
    network: Network,
    states: States,
    cells: Sequence[int],
    *,
    value: float = 0.0,
    length: int = 80,
    seed: int = 0,
) -> Steps:
    """Run the model again with cells held at a value, at every step.

    Parameters
    ----------
    network : Network
        A model whose outputs are scores of the next token.
    states : States
        Of the text, as it runs without the change.
    cells : sequence of int
        Numbered over all recurrent layers, in the order of ``states.layers``.
    value : float
    length : int
        Tokens drawn after the text; 0 for none.
    seed : int

    Yields
    ------
    Progress, then Result(Intervention)

    Raises
    ------
    ModelError
        If the model predicts no next token.
    ValueError
        If a cell does not exist.
    """
    before = token_loss(states)
    if before is None or states.ids is None:
        raise ModelError(
            "to see what a change does the model must predict the next token: "
            "an output of one score for each token id at every step"
        )
    clamp = held(states, cells, value)
    changed = None
    for event in states_steps(network, states.ids, clamp=clamp):
        if isinstance(event, Progress):
            yield event
        elif isinstance(event, Result):
            changed = event.value
    assert isinstance(changed, States)
    after, probabilities = token_loss(changed), changed.probabilities
    assert after is not None
    assert probabilities is not None
    drawn: list[list[str]] = []
    for one in ({}, clamp) if length else ():
        ids: Sequence[int] = []
        for event in sample_steps(network, states.ids, length, seed=seed, clamp=one):
            if isinstance(event, Progress):
                yield event
            elif isinstance(event, Result):
                ids = event.value
        drawn.append(spell(network, ids))
    known = np.isfinite(before)
    yield Result(
        Intervention(
            cells=tuple((name, cell) for name, by_cell in clamp.items() for cell in by_cell),
            value=value,
            before=float(before[known].mean()) if known.any() else float("nan"),
            after=float(after[known].mean()) if known.any() else float("nan"),
            loss_before=before,
            loss_after=after,
            probabilities=probabilities,
            plain=drawn[0] if drawn else [],
            changed=drawn[1] if drawn else [],
        )
    )


def intervene(network: Network, states: States, cells: Sequence[int], **options: object) -> Intervention:
    """:func:`intervention_steps`, run to the end."""
    return run_to_end(intervention_steps(network, states, cells, **options))  # type: ignore[arg-type]
