"""The errors of a language model, taken apart by what would have mended them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.capture import probabilities as as_probabilities
from nbviz.core.errors import ModelError, unknown_name
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.core.network import Network
from nbviz.methods import error_oracles as oracle
from nbviz.methods.error_oracles import BOOSTS, MEANING, ORDER, SEEN, WINDOWS, Parts, Places
from nbviz.methods.ngram import NGram
from nbviz.methods.recurrent.carry import Carry, check_carries
from nbviz.methods.recurrent.gather import scores_of
from nbviz.methods.recurrent.run import Layout, run
from nbviz.methods.recurrent.tokens import sequences
from nbviz.methods.typo import one_sequence


@dataclass(frozen=True)
class Share:
    """Errors that one part of one oracle took away, after all before it."""

    category: str
    part: str
    count: int
    share: float
    """Of all errors."""


@dataclass(frozen=True, eq=False, repr=False)
class ErrorBreakdown(Brief):
    """Every error of a model, under the first oracle that would have mended it.

    Attributes
    ----------
    order : tuple of str
        In which the oracles were asked; the shares depend on it.
    tokens, errors : int
        Tokens with a probability, and those of them whose probability is below ``threshold``.
    threshold : float
    shares : tuple of Share
        One for each part of each oracle, in that order, and the rest; they add up to all errors.
    where : (errors,) int64 array
        Steps of the text at which the errors are.
    which : (errors,) int64 array
        Index into ``shares`` for each of them.
    """

    order: tuple[str, ...]
    tokens: int
    errors: int
    threshold: float
    shares: tuple[Share, ...]
    where: NDArray[np.int64]
    which: NDArray[np.int64]

    def of(self, category: str) -> float:
        """Share of all errors that a category took away.

        Raises
        ------
        UnknownName
            If it is none of :attr:`order` nor ``"rest"``.
        """
        if category not in (*self.order, "rest"):
            raise unknown_name("category of errors", category, (*self.order, "rest"))
        return sum(share.share for share in self.shares if share.category == category)

    def table(self) -> str:
        """The shares as lines of text, one category each, with its parts."""
        rate = self.errors / self.tokens if self.tokens else 0.0
        lines = [
            f"{self.errors:,} errors in {self.tokens:,} tokens ({rate:.1%} have a probability below "
            f"{self.threshold:g})"
        ]
        for category in (*self.order, "rest"):
            parts = [share for share in self.shares if share.category == category]
            count = sum(share.count for share in parts)
            lines.append(f"  {category:<12} {self.of(category):6.1%} {count:>9,}   {MEANING[category]}")
            lines += [f"    {x.part:<24} {x.share:6.1%}" for x in parts if len(parts) > 1]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.table()


def error_breakdown_steps(
    model: Network | nn.Module | NDArray[np.floating],
    text: Any,
    training: str,
    *,
    order: Sequence[str] = ORDER,
    ngrams: NGram | None = None,
    threshold: float = 0.5,
    windows: Sequence[int] = WINDOWS,
    seen: Sequence[int] = SEEN,
    boosts: Sequence[float] = BOOSTS,
) -> Steps:
    """Take the errors of a language model away, one oracle after the other.

    An error is a token to which the model gave a probability below ``threshold``. Each oracle takes away
    those that its kind of knowledge would have mended; what the next one sees is what is left.

    Yields Progress, then Result(:class:`ErrorBreakdown`).

    Parameters
    ----------
    model : Network, torch.nn.Module, or (time,) array
        A language model, run over the text in pieces; or the probability it gave to each token, NaN where
        none (the first).
    text : str, or list of str if ``model`` is an array
        Held-out text; a list of its tokens.
    training : str
        Training text, in which words are counted.
    order : sequence of str
        Oracles to ask, each once: ``"n-gram"``, ``"memory"``, ``"rare words"``, ``"word model"``,
        ``"punctuation"``, ``"boost"``; see :data:`~nbviz.methods.error_oracles.MEANING`.
    ngrams : NGram, optional
        Trained on the training text, with the model's ids; needed for ``"n-gram"``. Its orders up to 9 count.
    windows : sequence of int
        Characters that a memory looks back.
    seen : sequence of int
        How often a rare word may stand in the training text, at most.
    boosts : sequence of float
        What is added to the probability.

    Raises
    ------
    ModelError
        If the model predicts no next token.
    TypeError, ValueError
        If something is missing, or not as long as the text.

    References
    ----------
    Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks", 2015, section 4.4.
    Here a word is a row of letters, digits and underscores; a memory looks back from where it starts.
    """
    names = tuple(order)
    for name in names:
        if name not in ORDER:
            raise unknown_name("oracle", name, ORDER)
    if len(set(names)) < len(names):
        raise ValueError(f"order={names}: each oracle may be asked once")
    if "n-gram" in names and ngrams is None:
        raise TypeError("the oracle 'n-gram' wants ngrams=ngram(training ids): or leave it out of order")
    if isinstance(model, np.ndarray):
        probability, tokens = np.asarray(model, np.float64), list(text)
        ids = None
    else:
        network = Network.of(model)
        given = one_sequence(network, text)
        ids = given.ids
        tokens = given.tokens or []
        if ids is None or len(tokens) != len(ids):
            raise TypeError("text is wanted, or ids that the tokenizer can spell: errors are read off words")
        probability = yield from token_probability(network, ids)
    if probability.shape != (len(tokens),):
        raise ValueError(f"{len(tokens)} tokens have probabilities of shape {probability.shape}")
    places = Places.of(tokens)
    wrong = probability < threshold  # NaN is no error
    left = wrong.copy()
    which = np.full(len(tokens), -1, np.int64)
    shares: list[Share] = []

    def take(category: str, part: str, hit: NDArray[np.bool_]) -> None:
        now = left & hit
        which[now] = len(shares)
        left[now] = False
        count = int(now.sum())
        shares.append(Share(category, part, count, count / max(1, int(wrong.sum()))))

    ask: dict[str, Callable[[], Parts]] = {
        "n-gram": lambda: _counted(ngrams, ids, places),
        "memory": lambda: oracle.remembered(places, windows),
        "rare words": lambda: oracle.rare(places, training, seen),
        "word model": lambda: oracle.word_starts(places),
        "punctuation": lambda: oracle.punctuation(places),
        "boost": lambda: oracle.boosted(probability, threshold, boosts),
    }
    for number, name in enumerate(names):
        yield Progress(number, len(names), "oracles")
        for part, hit in ask[name]():
            take(name, part, hit)
    take("rest", "", np.ones(len(tokens), bool))
    yield Result(
        ErrorBreakdown(
            names,
            int(np.isfinite(probability).sum()),
            int(wrong.sum()),
            threshold,
            tuple(shares),
            np.flatnonzero(wrong),
            which[wrong],
        )
    )


def error_breakdown(model: Any, text: Any, training: str, **options: Any) -> ErrorBreakdown:
    """:func:`error_breakdown_steps`, run to the end."""
    return run_to_end(error_breakdown_steps(model, text, training, **options))


def token_probability(network: Network, ids: NDArray[np.int64], chunk: int = 8192) -> Any:
    """Probability that a model gave to each token, (time,) float64, NaN for the first; yields Progress."""
    whole, layout, carry = sequences(network, ids)[0], Layout(), Carry()
    try:
        check_carries(network, whole, layout)
    except ModelError:  # it reads the whole text at once, or cannot read it at all
        chunk = len(ids)
    found = np.full(len(ids) + 1, np.nan)
    following = np.append(ids, 0)
    for start in range(0, len(ids), chunk):
        end = min(start + chunk, len(ids))
        done = run(network, whole.part(start, end), layout, keep=False, carried=carry.states)
        scores = scores_of(done, end - start)
        if scores.shape[1] <= ids.max():
            raise ModelError(f"the model scores {scores.shape[1]} tokens, the text has id {ids.max()}")
        rows = as_probabilities(scores)
        found[start + 1 : end + 1] = rows[np.arange(len(rows)), following[start + 1 : end + 1]]
        carry.states = done.watch.ends()
        yield Progress(end, len(ids), "tokens")
    return found[:-1]


def _counted(ngrams: NGram | None, ids: NDArray[np.int64] | None, places: Places) -> Parts:
    """Tokens to which an n-gram model of order 1 to 9 gives more than one half."""
    assert ngrams is not None
    found = ngrams.probabilities(places.text if ids is None else ids)[:, :9]
    if len(found) != len(places.tokens):
        raise ValueError(f"the n-gram model read {len(found)} tokens, the text has {len(places.tokens)}")
    return [("", np.asarray((found > 0.5).any(1)))]
