"""The errors of a language model taken apart: each oracle on text made for it, partitions in any order."""

import itertools

import numpy as np
import pytest
from recurrent_models import Lm
from torch import nn

from nbviz.core.errors import ModelError, UnknownName
from nbviz.core.network import Network
from nbviz.methods import error_oracles as oracle
from nbviz.methods.error_breakdown import error_breakdown, token_probability
from nbviz.methods.error_oracles import ORDER, Places
from nbviz.methods.ngram import ngram
from nbviz.methods.recurrent import next_token

CODES = {c: i for i, c in enumerate(" \n\"'(),.abcdefghijklmnopqrstuvwxyz_")}


def ids_of(text):
    return np.array([CODES[c] for c in text])


def hits(parts):
    return {name: "".join("x" if hit else "." for hit in mask) for name, mask in parts}


def test_memory_looks_back_from_where_the_word_starts():
    places = Places.of("mary had mary and maryland")
    found = hits(oracle.remembered(places, (9, 100)))
    # The second mary stands 9 characters after the first; its first letter does not count. "maryland" never
    # stood before, and "had" did not; "and" did not stand before itself.
    assert found["last 9"] == ".........".ljust(9, ".") + ".xxx" + "." * 13
    assert found["last 100"] == found["last 9"]
    assert hits(oracle.remembered(places, (8,)))["last 8"] == "." * 26
    inside = hits(oracle.remembered(Places.of("maryland mary"), (20,)))["last 20"]
    assert inside == "." * 9 + ".xxx"  # also as a part of another word


def test_rare_words_are_counted_in_the_training_text():
    found = hits(oracle.rare(Places.of("one two six"), "one one two", (0, 1, 2)))
    assert found == {"at most 0": "........xxx", "at most 1": "....xxx.xxx", "at most 2": "xxx.xxx.xxx"}


def test_starts_of_words():
    found = hits(oracle.word_starts(Places.of("a b\n'c")))
    assert found["after a space"] == "..x..."
    assert found["after a line end"] == "....x."
    assert found["after a quotation mark"] == ".....x"


def test_words_as_tokens():
    tokens = ["the", " cat", ",", " the", " ca", "ts"]
    places = Places.of(tokens)
    assert hits(oracle.punctuation(places)) == {"": "..x..."}
    assert hits(oracle.word_starts(places))["after a space"] == ".x.xx."
    assert places.word.tolist() == [0, 1, -1, 2, 3, 3]
    assert places.begins.tolist() == [True, True, False, True, True, False]
    assert hits(oracle.rare(places, "the cat the", (0, 1)))["at most 0"] == "....xx"


def test_punctuation_and_boosts():
    assert hits(oracle.punctuation(Places.of('a_1 ("\n.')))[""] == "....xx.x"
    found = hits(oracle.boosted(np.array([0.45, 0.31, 0.3, 0.05, np.nan]), 0.5, (0.2, 0.1)))
    assert list(found.values()) == ["x....", "xx..."]
    assert list(found) == ["probability above 0.4", "probability above 0.3"]


TEXT = "the cat and the dog, 'cat' (the catfish) dozes\nand the cat dreams of the catfish. " * 3
TRAINING = "the dog and the bird and the dog of the bird, the bird dozes. " * 4


def probabilities():
    found = np.random.default_rng(0).beta(0.7, 0.7, len(TEXT))
    found[0] = np.nan
    return found


def breakdown(**options):
    model = ngram(ids_of(TRAINING), 9, vocabulary=len(CODES), tokenizer=ids_of)
    return error_breakdown(probabilities(), list(TEXT), TRAINING, ngrams=model, **options)


@pytest.mark.parametrize("order", list(itertools.permutations(ORDER))[::37])
def test_the_categories_partition_the_errors_in_any_order(order):
    found = breakdown(order=order)
    expected = np.flatnonzero(probabilities() < 0.5)
    np.testing.assert_array_equal(found.where, expected)
    assert found.tokens == len(TEXT) - 1
    assert sum(share.count for share in found.shares) == found.errors == len(expected)
    assert sum(share.share for share in found.shares) == pytest.approx(1)
    np.testing.assert_array_equal(
        np.bincount(found.which, minlength=len(found.shares)), [s.count for s in found.shares]
    )
    assert list(dict.fromkeys(s.category for s in found.shares)) == [*order, "rest"]
    assert sum(found.of(name) for name in (*order, "rest")) == pytest.approx(1)


def test_shares_depend_on_the_order_and_the_first_gets_all_it_can():
    wrong = probabilities() < 0.5
    marks = oracle.punctuation(Places.of(TEXT))[0][1]
    first = breakdown(order=("punctuation", "boost"))
    assert first.of("punctuation") == pytest.approx((wrong & marks).sum() / wrong.sum())
    last = breakdown(order=("boost", "punctuation"))
    assert last.of("punctuation") < first.of("punctuation")
    model = ngram(ids_of(TRAINING), 9, vocabulary=len(CODES))
    counted = (model.probabilities(ids_of(TEXT)) > 0.5).any(1)
    assert breakdown().of("n-gram") == pytest.approx((wrong & counted).sum() / wrong.sum())


def test_each_error_is_under_the_first_oracle_that_takes_it():
    found = breakdown(order=("word model", "punctuation"))
    for step, number in zip(found.where, found.which, strict=True):
        share, before = found.shares[number], TEXT[step - 1]
        kind = {" ": "after a space", "\n": "after a line end", "'": "after a quotation mark"}
        if before in kind:
            assert (share.category, share.part) == ("word model", kind[before])
        elif TEXT[step] in "',().":
            assert share.category == "punctuation"
        else:
            assert share.category == "rest"


def test_a_perfect_model_has_no_errors():
    found = error_breakdown(np.ones(4), list("a, b"), "a", order=("punctuation",))
    assert (found.errors, found.of("rest")) == (0, 0)
    assert "0 errors in 4 tokens" in found.table()


def test_the_table_says_what_was_found():
    found = breakdown()
    lines = found.table().splitlines()
    assert lines[0].startswith(f"{found.errors} errors in {len(TEXT) - 1} tokens")
    for name in (*ORDER, "rest"):
        assert any(line.strip().startswith(name) and f"{found.of(name):.1%}" in line for line in lines)
    assert repr(found) == found.table()


def run(events):
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("chunk", [7, 1000])
def test_the_probabilities_are_the_models(chunk):
    ids = np.random.default_rng(1).integers(0, 11, 50)
    model = Lm()
    found = run(token_probability(Network.of(model), ids, chunk))
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1:], next_token(model, ids)[np.arange(49), ids[1:]], atol=1e-6)


def test_a_network_and_its_text():
    letters = "abc ,\n()de."
    network = Network(
        Lm(), tokenizer=lambda text: [letters.index(c) for c in text], class_names=list(letters)
    )
    text = "abc, cab (bad)\ncad. " * 5
    model = ngram(text, 5, tokenizer=network.tokenizer, vocabulary=11)
    found = error_breakdown(network, text, text, ngrams=model)
    expected = run(token_probability(network, np.array(network.tokenizer(text)))) < 0.5
    np.testing.assert_array_equal(found.where, np.flatnonzero(expected))
    assert found.of("n-gram") > 0.5  # a text that repeats itself


def test_bad_input():
    with pytest.raises(UnknownName, match="unknown oracle 'ngram'"):
        breakdown(order=("ngram",))
    with pytest.raises(ValueError, match="asked once"):
        breakdown(order=("boost", "boost"))
    with pytest.raises(TypeError, match="ngrams="):
        error_breakdown(np.ones(2), ["a", "b"], "ab")
    with pytest.raises(ValueError, match="3 tokens"):
        error_breakdown(np.ones(2), list("abc"), "abc", order=("boost",))
    with pytest.raises(UnknownName, match="category"):
        breakdown().of("luck")
    with pytest.raises(TypeError, match="can spell"):
        error_breakdown(Lm(), np.array([1, 2, 3]), "abc", order=("boost",))
    states_only = nn.Sequential(nn.Embedding(11, 4), nn.LSTM(4, 3, batch_first=True))
    network = Network(states_only, tokenizer=lambda text: [ord(c) - 97 for c in text])
    with pytest.raises(ModelError, match="predicts no next token"):
        error_breakdown(network, "abc", "abc", order=("boost",))
