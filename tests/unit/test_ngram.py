"""n-gram models of all orders: against hand counts, and against a model written with dictionaries."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from nbviz.core.events import Progress
from nbviz.methods.ngram import ngram, ngram_steps
from nbviz.methods.ngram_index import NGramIndex

ABRA = [ord(c) - ord("a") for c in "abracadabra"]


class Slow:
    """Interpolated Kneser-Ney with dictionaries of tuples, as the definition reads."""

    def __init__(self, ids, order, vocabulary):
        self.order, self.vocabulary = order, vocabulary
        ids = tuple(ids)
        self.ids = ids
        padded = ("start", *ids)
        self.counts = Counter()
        self.before = defaultdict(set)
        self.after = defaultdict(set)
        for n in range(1, order + 1):
            for i in range(len(ids) - n + 1):
                self.counts[ids[i : i + n]] += 1
                if i > 0 or n <= order:
                    self.before[ids[i : i + n]].add(padded[i] if i == 0 else ids[i - 1])
                self.after[ids[i : i + n - 1]].add(ids[i + n - 1])

    def discount(self, n, lower):
        values = [
            len(self.before[gram]) if lower else count
            for gram, count in self.counts.items()
            if len(gram) == n
        ]
        once, twice = values.count(1), values.count(2)
        return once / (once + 2 * twice) if once and twice else 0.5

    def share(self, context, token, *, lower):
        n = len(context) + 1
        below = 1 / self.vocabulary if not context else self.share(context[1:], token, lower=True)
        count = (lambda gram: len(self.before[gram])) if lower else (lambda gram: self.counts[gram])
        total = sum(count((*context, w)) for w in self.after[context])
        if total == 0:
            return below if lower or not context else self.share(context[1:], token, lower=False)
        cut = self.discount(n, lower)
        return (max(count((*context, token)) - cut, 0) + cut * len(self.after[context]) * below) / total


def test_unigrams_and_bigrams_by_hand():
    # abracadabra: a 5, b 2, r 2, c 1, d 1. One stretch of one token occurs once too few for n_2 = 2, n_1 = 2.
    model = ngram(ABRA, 2, vocabulary=20)
    cut = 2 / (2 + 2 * 2)  # n_1 = 2 (c, d), n_2 = 2 (b, r)
    np.testing.assert_allclose(model.discounts[0, 0], cut)
    first = model.distribution([], 1)
    assert first[0] == pytest.approx((5 - cut + cut * 5 / 20) / 11)
    assert first[9] == pytest.approx(cut * 5 / 20 / 11)
    # Pairs: ab 2, br 2, ra 2, ac 1, ca 1, ad 1, da 1: n_1 = 4, n_2 = 3. Before a: start, r, c, d; before
    # b: a; r: b; c: a; d: a, so 8 in all, of which b, r, c, d count 1 and none counts 2.
    pair = 4 / (4 + 2 * 3)
    np.testing.assert_allclose(model.discounts[0, 1], pair)
    lower_b = (1 - 0.5 + 0.5 * 5 / 20) / 8
    # After a: b 2, c 1, d 1; the last a is followed by nothing.
    assert model.distribution([0])[1] == pytest.approx((2 - pair + pair * 3 * lower_b) / 4)
    assert model.distribution([0])[9] == pytest.approx(pair * 3 * (0.5 * 5 / 20 / 8) / 4)


@pytest.mark.parametrize("order", [1, 2, 3, 5, 9])
def test_it_is_the_definition(order):
    rng = np.random.default_rng(order)
    training = rng.choice(4, 60, p=[0.5, 0.3, 0.15, 0.05])
    test = np.concatenate([training[20:35], rng.integers(0, 6, 25)])  # 4 and 5 never occur
    model, slow = ngram(training, order, vocabulary=6), Slow(training.tolist(), order, 6)
    found = model.probabilities(test)
    for k in range(1, order + 1):
        for i, token in enumerate(test.tolist()):
            context = tuple(test[max(0, i - k + 1) : i].tolist())
            assert found[i, k - 1] == pytest.approx(slow.share(context, token, lower=False), abs=1e-12), (
                k,
                i,
            )


def test_probabilities_add_up_to_one_and_agree_with_the_distribution():
    rng = np.random.default_rng(0)
    training = rng.choice(7, 400, p=np.arange(1, 8) / 28)
    model = ngram(training, 20, vocabulary=9)
    text = np.concatenate([training[50:90], [8, 8], training[:30]])
    found = model.probabilities(text)
    assert (found > 0).all()
    for order in (1, 2, 7, 20):
        for at in (0, 1, 5, 40, 43, 60):
            shares = model.distribution(text[:at], order)
            assert shares.sum() == pytest.approx(1, abs=1e-12)
            assert shares[text[at]] == pytest.approx(found[at, order - 1])


def test_text_that_repeats_is_predicted_and_text_at_random_is_not():
    period = np.tile(np.arange(5), 200)
    bits = ngram(period, 6, vocabulary=5).bits(period[:300])
    assert bits[0] == pytest.approx(np.log2(5), abs=0.01)
    assert bits[1] < 0.05
    noise = np.random.default_rng(1).integers(0, 8, 4000)
    assert ngram(noise, 1, vocabulary=8).bits(noise[::-1])[0] == pytest.approx(3, abs=0.01)


def test_a_long_text_is_looked_up_in_pieces(monkeypatch):
    rng = np.random.default_rng(3)
    training, text = rng.integers(0, 5, 500), rng.integers(0, 5, 120)
    model = ngram(training, 4)
    whole = model.probabilities(text)
    monkeypatch.setattr("nbviz.methods.ngram.AT_ONCE", 17)
    np.testing.assert_array_equal(model.probabilities(text), whole)


@pytest.mark.parametrize("vocabulary", [3, 300, 60_000])
def test_places_of_every_stretch(vocabulary):
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 3, 80) * (vocabulary // 3)
    index = NGramIndex.of(ids, 6)
    query = np.concatenate([ids[10:30], rng.integers(0, 3, 20) * (vocabulary // 3)])
    low, high = index.find(query, 6)
    for t in range(len(query)):
        for length in range(1, 7):
            stretch = query[max(0, t - length + 1) : t + 1]
            ends = (
                [i for i in range(length - 1, len(ids)) if (ids[i - length + 1 : i + 1] == stretch).all()]
                if len(stretch) == length
                else []
            )
            found = index.places[low[t, length - 1] : high[t, length - 1]] - 5
            assert sorted(found.tolist()) == ends


def test_progress_text_and_a_tokenizer():
    events = list(ngram_steps("abab", 3, tokenizer=lambda text: [ord(c) - 97 for c in text]))
    assert [event.done for event in events if isinstance(event, Progress)] == [1, 2, 3]
    model = events[-1].value
    assert model.probabilities("ab").shape == (2, 3)
    assert (model.order, model.vocabulary, model.tokens) == (3, 2, 4)


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        ([], {}, ValueError, "empty"),
        ("abc", {}, TypeError, "tokenizer"),
        ([0.5], {}, TypeError, "float64"),
        ([[1]], {}, TypeError, "shape"),
        ([-1], {}, ValueError, "from 0"),
        ([1, 2], {"order": 0}, ValueError, "order=0"),
        ([1, 2], {"vocabulary": 2}, ValueError, "from 3"),
        ([1, 70_000], {}, ValueError, "65535"),
    ],
)
def test_bad_input(text, options, error, message):
    with pytest.raises(error, match=message):
        ngram(np.asarray(text) if isinstance(text, list) else text, **options)


def test_bad_text_to_look_up():
    model = ngram([0, 1, 0], 2)
    with pytest.raises(ValueError, match="outside the vocabulary"):
        model.probabilities([2])
    with pytest.raises(ValueError, match="two tokens"):
        model.bits([1])
    with pytest.raises(ValueError, match="1 to 2"):
        model.distribution([0], 3)
    assert model.probabilities(np.zeros(0, int)).shape == (0, 2)


def test_one_token_of_training():
    model = ngram([2], 3, vocabulary=4)
    shares = model.distribution([2])
    assert shares.sum() == pytest.approx(1)
    assert shares.argmax() == 2
