"""The corpus that is searched for patterns of states: its states as levels, its tokens, what follows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.core.events import Progress, Result, Steps
from nbviz.core.network import Network
from nbviz.methods.recurrent import states_chunks
from nbviz.methods.recurrent.states import States
from nbviz.methods.state_store import StateStore

BEST = 3
"""Most probable next tokens that are kept for every step."""


@dataclass(frozen=True, eq=False, repr=False)
class StateCorpus(Brief):
    """States of one kind over a whole corpus.

    Attributes
    ----------
    store : StateStore
        The states as levels, all layers side by side.
    tokens : list of str
        What stands at each step.
    next_ids : (time, 3) int32 array or None
        The most probable next tokens, best first; None if the model gives none.
    next_shares : (time, 3) float32 array or None
        Their probabilities.
    """

    store: StateStore
    tokens: list[str]
    next_ids: np.ndarray | None
    next_shares: np.ndarray | None

    def close(self) -> None:
        """Delete the store's files."""
        self.store.close()


def best_next(part: States, count: int = BEST) -> tuple[np.ndarray, np.ndarray] | None:
    """The ``count`` most probable next tokens after each step, best first, and their probabilities."""
    shares = part.probabilities
    if shares is None:
        return None
    count = min(count, shares.shape[1])
    ids = np.argpartition(-shares, count - 1, axis=1)[:, :count]
    found = np.take_along_axis(shares, ids, 1)
    order = np.argsort(-found, axis=1, kind="stable")
    return np.take_along_axis(ids, order, 1).astype(np.int32), np.take_along_axis(found, order, 1)


def token_loss(part: States) -> np.ndarray | None:
    """-log2 of the probability that the model gave to each token, (time,) float32, bits.

    NaN for the first token of each sequence, which nothing comes before. None if the model predicts no next
    token, or its outputs are not of the tokens' vocabulary.
    """
    if part.logits is None or part.ids is None or part.ids.max(initial=0) >= part.logits.shape[1]:
        return None
    shifted = part.logits[:-1].astype(np.float64)
    shifted -= shifted.max(1, keepdims=True)
    given = np.take_along_axis(shifted, part.ids[1:, None], 1)[:, 0]
    loss = np.full(len(part.ids), np.nan, np.float32)
    loss[1:] = (np.log(np.exp(shifted).sum(1)) - given) / np.log(2)
    loss[[b for b in part.boundaries if b < len(loss)]] = np.nan
    return loss


def _values(part: States, source: str, layer: str) -> dict[str, np.ndarray]:
    chosen = [name for name in part.layers if layer in ("", name) and source in part.names(name)]
    return {name: part.source(source, name) for name in chosen}


def corpus_of(part: States, source: str, layer: str, *, signed: bool, scale: float) -> StateCorpus:
    """A corpus whose states are at hand already; parameters as in :func:`corpus_steps`."""
    best = best_next(part)
    return StateCorpus(
        StateStore.from_array(
            _values(part, source, layer), signed=signed, scale=scale, starts=part.boundaries
        ),
        part.tokens or [str(i) for i in range(len(part))],
        None if best is None else best[0],
        None if best is None else best[1],
    )


def corpus_steps(
    network: Network, given: Any, source: str, layer: str = "", *, signed: bool = True, scale: float = 1.0
) -> Steps:
    """Run the model over a corpus in pieces and keep its states as levels.

    Parameters
    ----------
    given : str, ids, or a list of these
        As in :func:`~nbviz.methods.recurrent.states`.
    source : str
        Kind of state, as in :meth:`~nbviz.methods.recurrent.states.States.source`.
    layer : str
        One layer, or empty for all that have such states.
    signed, scale
        As in :func:`~nbviz.methods.state_levels.quantise`.

    Yields
    ------
    Progress, then Result(StateCorpus)
    """
    tokens: list[str] = []
    best: list[tuple[np.ndarray, np.ndarray]] = []
    starts: list[int] = []

    def pieces() -> Iterator[Mapping[str, np.ndarray]]:
        for part in states_chunks(network, given):
            starts.extend(len(tokens) + start for start in part.boundaries)
            tokens.extend(part.tokens or [str(part.start + i) for i in range(len(part))])
            found = best_next(part)
            if found is not None:
                best.append(found)
            yield _values(part, source, layer)

    store = None
    for event in StateStore.build_steps(pieces(), signed=signed, scale=scale, starts=starts):
        if isinstance(event, Progress):
            yield event
        elif isinstance(event, Result):
            store = event.value
    assert store is not None
    yield Result(
        StateCorpus(
            store,
            tokens,
            np.concatenate([ids for ids, _ in best]) if best else None,
            np.concatenate([shares for _, shares in best]) if best else None,
        )
    )
