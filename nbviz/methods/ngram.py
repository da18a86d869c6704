"""n-gram models of all orders up to n at once: what counting alone predicts, as a baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.methods.ngram_index import NGramIndex

MOST = 64
AT_ONCE = 200_000  # steps looked up together

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class NGram(Brief):
    """n-gram models of order 1 to n, trained on one text, with interpolated Kneser-Ney smoothing.

    The probability of token w after the context h of k - 1 tokens is

        p_k(w | h) = (max(c(h w) - D_k, 0) + D_k T(h) q_{k-1}(w | h')) / c(h)

    where c counts occurrences in the training text (c(h): those that a token follows), T(h) is the number of
    different tokens seen after h, and h' is h without its first token. The lower orders q have the same form,
    with the number of different tokens seen *before* h w in the place of c(h w), and their sum over w in the
    place of c(h). A context that never occurred backs off to the order below; below order 1 stands the
    uniform distribution over the vocabulary. So every token has a probability above zero, and those of a
    context add up to 1. D = n_1 / (n_1 + 2 n_2), with n_1 and n_2 the numbers of stretches of k tokens that
    count 1 and 2; 1/2 where there are none of either.

    Attributes
    ----------
    order : int
        n, the largest order.
    vocabulary : int
    tokens : int
        Length of the training text.
    discounts : (2, order) float64 array
        D of p_k, and of q_k.
    """

    order: int
    vocabulary: int
    tokens: int
    discounts: Floats
    _index: NGramIndex
    _kinds: NDArray[np.uint16]
    """(order, tokens): at the first sorted row of a stretch of k tokens, how many different ones follow."""
    _last: int
    """Sorted row of the last place of the text, which nothing follows."""
    _tokenizer: Callable[[str], Any] | None = None

    def probabilities(self, text: Any) -> Floats:
        """Probability that each order gave to each token of a text.

        Parameters
        ----------
        text : str or ids (time,)

        Returns
        -------
        (time, order) float64 array
            Column k - 1 is that of order k. At the beginning of the text, where there are no k - 1 tokens
            before, it is that of the longest context there is.

        Raises
        ------
        TypeError, ValueError
            If it is no text or ids of the vocabulary.
        """
        ids = _ids(text, self._tokenizer)
        if len(ids) and ids.max() >= self.vocabulary:
            raise ValueError(f"token id {ids.max()} is outside the vocabulary of {self.vocabulary}")
        found = np.empty((len(ids), self.order))
        for start in range(0, len(ids), AT_ONCE):
            before = max(0, start - self.order)
            part = self._probabilities(ids[before : start + AT_ONCE])
            found[start : start + AT_ONCE] = part[start - before :]
        return found

    def _probabilities(self, ids: Ints) -> Floats:
        low, high = self._index.find(ids, self.order)
        found = np.empty((len(ids), self.order))
        below = np.full(len(ids), 1 / self.vocabulary)
        whole = np.zeros(len(ids), np.int64)
        for k in range(self.order):  # tokens of context
            # Rows of the context: those of the k tokens that end one step before.
            a = whole if k == 0 else np.concatenate([[0], low[:-1, k - 1]])
            b = whole + self.tokens if k == 0 else np.concatenate([[0], high[:-1, k - 1]])
            kinds = np.where(a < b, self._kinds[k, np.minimum(a, self.tokens - 1)], 0)
            times = b - a - ((a <= self._last) & (self._last < b)) if k else b - a
            plain = high[:, k] - low[:, k]
            raw = _share(plain, times, kinds, self.discounts[0, k], below)
            # An unseen context: what the model of one order less says, which counts occurrences too.
            found[:, k] = np.where(times > 0, raw, found[:, k - 1] if k else below)
            if k < self.order - 1:
                starts = np.concatenate([[0], np.cumsum(self._index.same < k + 2)])
                sums = np.concatenate([[0], np.cumsum(self._kinds[k + 1], dtype=np.int64)])
                before = starts[high[:, k]] - starts[low[:, k]]  # different tokens before h w
                below = _share(before, sums[b] - sums[a] + (k == 0), kinds, self.discounts[1, k], below)
        return found

    def distribution(self, context: Any, order: int | None = None) -> Floats:
        """Probability of every token after ``context``, by the model of ``order``; default: the largest.

        Returns
        -------
        (vocabulary,) float64 array
            Adds up to 1.
        """
        order = self.order if order is None else order
        if not 1 <= order <= self.order:
            raise ValueError(f"order={order}: 1 to {self.order} is wanted")
        ids = _ids(context, self._tokenizer)
        ids = ids[max(0, len(ids) - order + 1) :]
        # All continuations side by side, each behind a token that the training text does not hold.
        rows = np.empty((self.vocabulary, len(ids) + 2), np.int64)
        rows[:, 0], rows[:, 1:-1], rows[:, -1] = self.vocabulary, ids, np.arange(self.vocabulary)
        found = self._probabilities(rows.ravel())
        return found.reshape(*rows.shape, self.order)[:, -1, order - 1]

    def bits(self, text: Any) -> Floats:
        """Mean of -log2 of the probability of each token but the first, by order: (order,) bits per token."""
        found = self.probabilities(text)
        if len(found) < 2:
            raise ValueError("a text of two tokens or more is wanted")
        return -np.log2(found[1:]).mean(0)


def _share(count: Ints, total: Ints, kinds: Ints, discount: float, below: Floats) -> Floats:
    """Discounted share of a token, with what was taken away spread as the order below says."""
    kept = np.maximum(count - discount, 0) + discount * kinds * below
    return np.where(total > 0, kept / np.maximum(total, 1), below)


def ngram_steps(
    text: Any,
    order: int = 20,
    *,
    vocabulary: int | None = None,
    tokenizer: Callable[[str], Any] | None = None,
) -> Steps:
    """Count all stretches of up to ``order`` tokens of a text.

    Yields Progress in orders, then Result(:class:`NGram`). Its memory is 9 bytes for each token and 2 more
    for each order, whatever the text.

    Parameters
    ----------
    text : str or ids (time,)
        Training text; a string needs ``tokenizer``, from a string to ids, such as ``network.tokenizer``.
    order : int
        1 to 64. An n-gram model of order n looks at the n - 1 tokens before.
    vocabulary : int, optional
        Number of different tokens that there are; default: the largest id + 1.

    Raises
    ------
    TypeError, ValueError
        If the text is empty or no ids, or a number is out of its range.

    References
    ----------
    Kneser and Ney, "Improved Backing-off for M-gram Language Modeling", 1995; interpolated, with one discount
    for each order, as in Chen and Goodman, "An Empirical Study of Smoothing Techniques", 1998, section 2.7.
    """
    if not 1 <= order <= MOST:
        raise ValueError(f"order={order}: 1 to {MOST} is wanted")
    ids = _ids(text, tokenizer)
    if not len(ids):
        raise ValueError("the training text is empty: there is nothing to count")
    known = int(ids.max()) + 1
    vocabulary = known if vocabulary is None else vocabulary
    if not known <= vocabulary <= 65_535:
        raise ValueError(f"vocabulary={vocabulary}: from {known} (the ids of the text) to 65535 is wanted")
    index = NGramIndex.of(ids, order)
    follower = index.followers()
    kinds = np.zeros((order, len(ids)), np.uint16)
    kinds[0, 0] = len(np.unique(ids))
    discounts = np.full((2, order), 0.5)
    for k in range(order):
        starts = np.flatnonzero(index.same < k + 1)
        inside = index.places[starts] >= order - 1 + k  # not those that begin before the text does
        discounts[0, k] = _discount(np.diff(np.append(starts, len(ids)))[inside])
        if k < order - 1:
            before = np.concatenate([[0], np.cumsum(index.same < k + 2)])
            discounts[1, k] = _discount(np.diff(np.append(before[starts], before[-1]))[inside])
        if k:
            _count_kinds(index.same < k, follower, vocabulary, kinds[k])
        yield Progress(k + 1, order, "orders")
    last = int(np.flatnonzero(index.places == len(index.symbols) - 1)[0])
    yield Result(NGram(order, vocabulary, len(ids), discounts, index, kinds, last, tokenizer))


def ngram(text: Any, order: int = 20, **options: Any) -> NGram:
    """:func:`ngram_steps`, run to the end."""
    return run_to_end(ngram_steps(text, order, **options))


def _count_kinds(
    begins: NDArray[np.bool_], follower: NDArray[np.int32], vocabulary: int, into: NDArray[np.uint16]
) -> None:
    """Different followers of each group of rows, at its first row."""
    starts = np.flatnonzero(begins)
    sizes = np.diff(np.append(starts, len(begins)))
    alone = starts[sizes == 1]
    into[alone] = follower[alone] > 0
    crowd = np.flatnonzero(np.repeat(sizes > 1, sizes))
    group = np.repeat(np.arange(len(starts)), sizes)[crowd]
    pairs = np.unique(group * np.int64(vocabulary + 1) + follower[crowd])
    pairs = pairs[pairs % (vocabulary + 1) > 0]
    into[starts] += np.bincount(pairs // (vocabulary + 1), minlength=len(starts)).astype(np.uint16)


def _discount(counts: Ints) -> float:
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return once / (once + 2 * twice) if once and twice else 0.5


def _ids(text: Any, tokenizer: Callable[[str], Any] | None) -> Ints:
    if isinstance(text, str):
        if tokenizer is None:
            raise TypeError("text was given: say how to read it, tokenizer=network.tokenizer, or give ids")
        text = tokenizer(text)
    ids = np.asarray(text)
    if ids.ndim != 1 or (len(ids) and ids.dtype.kind not in "iu"):
        raise TypeError(f"token ids (time,) are wanted, got {ids.dtype} of shape {ids.shape}")
    if len(ids) and ids.min() < 0:
        raise ValueError(f"token ids from 0 are wanted, got {ids.min()}")
    return ids.astype(np.int64)
