"""The corpus that is searched for patterns of states: its states as levels, its tokens, what follows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.events import Progress, Result, Steps
from nbviz.core.network import Network
from nbviz.methods.recurrent import states_chunks
from nbviz.methods.recurrent_states import States
from nbviz.methods.state_store import StateStore

BEST = 3
"""Most probable next tokens that are kept for every step."""


@dataclass(frozen=True, eq=False)
class StateCorpus:
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
        Kind of state, as in :meth:`~nbviz.methods.recurrent_states.States.source`.
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


Annotation = np.ndarray | Callable[[str], Any]


def annotations_of(
    given: Any, tokens: list[str] | None, steps: int
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Annotations of a text, by name: one value per step; and what is left out, with the reason.

    Parameters
    ----------
    given : mapping, or callable
        A mapping of names to arrays (kept if they are as long as the text) or to callables from the text to
        an array; or one callable from the text to such a mapping.
    tokens : list of str or None
        The text, token by token; None if the tokens cannot be spelled. A callable gets them joined, and must
        answer for every character; where tokens are longer than one character, the value at a token's first
        character is taken.
    steps : int
        Tokens.

    Raises
    ------
    ValueError
        If a callable's array has another length than the text, or there is no text to give it.
    TypeError
        If a callable gives no mapping of names to arrays.
    """
    if given is None:
        return {}, []
    text = None if tokens is None else "".join(tokens)
    starts = np.cumsum([0, *(len(token) for token in tokens[:-1])]) if tokens else np.zeros(0, int)

    def asked(function: Callable[[str], Any]) -> Any:
        if text is None:
            raise ValueError(
                "annotations are computed from the text, and these tokens cannot be spelled: give "
                "the network a tokenizer with decode(ids), or arrays of one value per token"
            )
        return function(text)

    if callable(given):
        given = asked(given)
        if not isinstance(given, Mapping):
            raise TypeError(
                "a callable for all annotations gives a mapping of names to arrays, not "
                f"{type(given).__name__}. For one annotation: annotations={{'name': callable}}"
            )
    found, left_out = {}, []
    lengths = {steps} if text is None else {steps, len(text)}
    for name, annotation in dict(given).items():
        values = np.asarray(asked(annotation) if callable(annotation) else annotation)
        if values.ndim != 1:
            raise ValueError(f"annotation {name!r} has shape {values.shape}: one value per step is wanted")
        if len(values) not in lengths:
            message = (
                f"annotation {name!r} has {len(values)} values; the text has {steps} tokens"
                f"{'' if text is None else f' and {len(text)} characters'}: one for each is wanted"
            )
            if callable(annotation):
                raise ValueError(message)
            left_out.append(message)
        else:
            found[str(name)] = values if len(values) == steps else values[starts]
    return found, left_out
