"""The time-scale view from Python: traits, results, frames, bad input."""

import json

import numpy as np
import pytest
import traitlets as t
from recurrent_models import Lm
from torch import nn

import nbviz
from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.bracket_memory import bracket_memory
from nbviz.methods.time_scales import time_scales, typo
from nbviz.views.time_scales import MOST_TOKENS, TimeScales

LETTERS = "abcdefg() \n"
TEXT = "ab(cd)ef(g ab)\nabc(defg abcdefg abc)ab(c)d efg\n"


@pytest.fixture
def network():
    return Network(Lm(), tokenizer=lambda text: [LETTERS.index(c) for c in text], class_names=list(LETTERS))


@pytest.fixture
def show(network):
    views = []

    def build(*arguments, **options):
        views.append(TimeScales(*(arguments or (network, TEXT)), executor="inline", **options))
        return views[-1]

    yield build
    for view in views:
        view.close()


def test_a_typo_is_that_of_the_method(show, network):
    view = show(position=7, replacement="g")
    expected = typo(network, TEXT, 7, "g")
    np.testing.assert_allclose(view.result.relative, expected.relative)
    assert (view.result.original, view.result.replacement) == ("f", "g")
    assert view.tau == dict(zip(("rnn.0", "rnn.1"), expected.tau.tolist(), strict=True))
    assert view.mean is None


def test_traits_change_the_picture(show, network):
    view = show(position=7, replacement="g")
    view.source, view.normalise, view.horizon = "cell", "maximum", 12
    expected = typo(network, TEXT, 7, "g", source="cell", normalise="maximum", horizon=12)
    np.testing.assert_allclose(view.result.distance, expected.distance)
    view.position = 9
    view.replacement = "a"
    np.testing.assert_allclose(
        view.result.relative,
        typo(network, TEXT, 9, "a", source="cell", normalise="maximum", horizon=12).relative,
    )
    view.replacement = TEXT[9]
    assert not view.result.distance.any()


def test_without_a_replacement_it_is_the_most_frequent_other_letter(show):
    view = show(position=0)
    assert view.result.replacement == "b"
    view.position = 1
    assert view.result.replacement == "a"
    assert view.result.distance.any()


def test_the_average_is_that_of_the_method_and_is_kept(show, network):
    view = show(network, "abcabc", corpus=TEXT * 4, average=True, trials=20, horizon=30, seed=5)
    expected = time_scales(network, TEXT * 4, 20, 30, seed=5)
    np.testing.assert_array_equal(view.mean.distance, expected.distance)
    assert list(view.tau.values()) == expected.tau.tolist()
    kept = view.mean
    view.position = 2
    assert view.mean is kept
    view.seed = 6
    assert view.mean is not kept
    view.average = False
    assert view.mean is None
    assert list(view.tau.values()) == view.result.tau.tolist()


def test_the_bracket_is_that_of_the_method(show, network):
    view = show(experiment="bracket", corpus=TEXT * 6, length=8)
    expected = bracket_memory(network, TEXT * 6, length=8)
    np.testing.assert_array_equal(
        view.result.curves["bracket open"].each, expected.curves["bracket open"].each
    )
    assert set(view.result.curves) == {"bracket open", "bracket replaced"}
    view.off = [0, 7]  # the second layer has cells 6 to 11
    clamped = bracket_memory(network, TEXT * 6, length=8, clamp={"rnn.0": {0: 0.0}, "rnn.1": {1: 0.0}})
    np.testing.assert_array_equal(view.result.curves["cells off"].each, clamped.curves["cells off"].each)
    assert view.latest().off == (("rnn.0", 0), ("rnn.1", 1))
    view.held = 0.5
    assert not np.array_equal(
        view.result.curves["cells off"].each, clamped.curves["cells off"].each, equal_nan=True
    )
    view.experiment = "typo"
    assert view.result.layers == ("rnn.0", "rnn.1")


def test_the_frame_holds_what_was_found(show):
    view = show(position=3, replacement="a", average=True, trials=10, horizon=20, corpus=TEXT * 6)
    frame = view.encode(view.latest())
    assert json.loads(json.dumps(frame.meta, allow_nan=False)) == frame.meta
    assert frame.meta["tokens"] == list(TEXT)
    assert (frame.meta["position"], frame.meta["original"], frame.meta["replacement"]) == (3, "c", "a")
    np.testing.assert_array_equal(frame.buffers[0], view.result.relative.astype(np.float32))
    for array, expected in zip(frame.buffers[1:4], ("relative", "lower", "upper"), strict=True):
        np.testing.assert_array_equal(array, getattr(view.mean, expected).astype(np.float32))
    assert [buffer.dtype for buffer in frame.buffers[:5]] == [np.float32] * 5
    view.experiment, view.length, view.off = "bracket", 4, [1]
    frame = view.encode(view.latest())
    found = view.result
    assert frame.buffers[4].shape == (3, 3, 4)
    np.testing.assert_allclose(frame.buffers[4][2, 0], found.curves["cells off"].mean, rtol=1e-6)
    np.testing.assert_array_equal(frame.buffers[5], found.count)
    assert frame.meta["bracket"]["off"] == ["rnn.0 · 1"]


def test_a_difference_that_stays_travels_as_none(show):
    class Sum(nn.Module):
        """Never forgets: h counts one token."""

        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding.from_pretrained(np_eye(11))
            self.rnn = nn.RNN(11, 11, nonlinearity="relu", bias=False, batch_first=True)
            self.rnn.weight_hh_l0.data.copy_(np_eye(11))
            self.rnn.weight_ih_l0.data.copy_(np_eye(11))

        def forward(self, ids):
            return self.rnn(self.embedding(ids))[0]

    view = show(Sum(), np.arange(11).repeat(2), position=3)
    assert view.tau == {"rnn.0": float("inf")}
    assert view.encode(view.latest()).meta["tau"] == [None]
    assert view.specimen["predicts"] is False
    view.experiment = "bracket"
    assert "Network(model, tokenizer=...)" in str(view.error)


def np_eye(n):
    import torch

    return torch.eye(n)


def test_ids_without_a_tokenizer(show):
    ids = np.random.default_rng(0).integers(0, 11, 40)
    view = show(Lm(), ids, position=5, replacement="7")
    np.testing.assert_allclose(view.result.relative, typo(Lm(), ids, 5, 7).relative)
    assert view.result.original == str(ids[5])
    assert view.specimen["editable"] is False
    view.replacement = "x"
    assert "whole number" in str(view.error)
    assert view.status == "error"


def test_text_is_edited_and_a_typo_beyond_its_end_goes_to_the_start(show):
    view = show(position=30)
    view.text = "abcabc"
    assert view.position == 0
    assert view.result.distance.shape == (2, 6)
    view.position = 9
    assert "steps 0 to 5" in str(view.error)
    view.text = "a"
    assert "two or more" in str(view.error)


def test_the_weights_are_trained_on(show, network):
    view = show(position=7, replacement="g")
    before = view.result.distance
    network.module.embedding.weight.data.mul_(0.5)
    view.request += 1
    assert not np.allclose(view.result.distance, before)


def test_summaries(show):
    view = show(position=7, replacement="g", corpus=TEXT * 6)
    assert "'f' → 'g' at step 7" in view.summary()
    assert "rnn.1" in view.summary()
    view.average, view.trials = True, 10
    assert f"mean of 10 typos at {view.mean.n_positions} positions" in view.summary()
    view.experiment, view.length, view.off = "bracket", 6, [0, 1, 2]
    assert "without 3 cells" in view.summary()


@pytest.mark.parametrize(
    ("trait", "value"),
    [("source", "gate"), ("experiment", "x"), ("position", -1), ("trials", 1), ("horizon", 0), ("off", [-1])],
)
def test_bad_traits(show, trait, value):
    with pytest.raises(t.TraitError):
        setattr(show(), trait, value)


def test_bad_input(show, network):
    with pytest.raises(TypeError, match="text is missing"):
        TimeScales(network)
    with pytest.raises(TypeError, match="replacement"):
        TimeScales(network, TEXT, replacment="x")
    with pytest.raises(ModelError, match="no recurrent layer"):
        TimeScales(nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5)), np.array([1, 2]))
    with pytest.raises(ValueError, match="corpus="):
        TimeScales(network, "ab" * MOST_TOKENS)
    with pytest.raises(TypeError, match="a signal"):
        TimeScales(nn.LSTM(2, 3, batch_first=True), np.zeros((9, 2), np.float32))
    view = show(experiment="bracket", length=2000)
    assert "stays open" in str(view.error)
    view.length, view.off = 6, [400]
    assert "cell 400 does not exist" in str(view.error)


def test_a_mean_says_how_many_positions_it_is_over(show, network):
    view = show(corpus=TEXT * 6, average=True, trials=15, horizon=20)
    assert view.encode(view.latest()).meta["mean"]["positions"] == len(set(view.mean.positions.tolist()))
    short = show(network, TEXT[:20], average=True, trials=60)
    assert "at only 5 positions of the text" in short.latest().notes[-1]
    assert "at only 5 positions" in short.encode(short.latest()).meta["notes"][-1]
    view = show(network, TEXT[:12], average=True)
    assert "room at 3 positions, and 5 or more" in str(view.error)
    assert view.frame["meta"]["position"] == 3  # the typo itself is shown
    view.average = False
    assert view.error is None


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ("", "corpus: there are no tokens"),
        ("a", "corpus: the text has one token"),
        ("abcab", "corpus: the text has 5 tokens.*room at 2 positions"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "corpus: all tokens of the text are the same"),
        ("abcxabc", "corpus: .*does not know the character 'x' at position 3"),
    ],
)
def test_a_corpus_that_is_too_small_is_named(show, corpus, message):
    view = show(corpus=corpus, average=True)
    with pytest.raises(ValueError, match=message):
        view.wait()


def test_few_brackets_are_told(show):
    view = show(experiment="bracket", corpus=TEXT * 3, length=8)
    found = view.result
    assert len(found.starts) < 5
    assert f"only {len(found.starts)} passages" in view.latest().notes[-1]
    assert show(experiment="bracket", corpus=TEXT * 8, length=8).latest().notes == ()


def test_closing_lets_go_of_everything(show, network):
    view = show()
    view.close()
    assert view._network is None
    with pytest.raises(RuntimeError, match="closed"):
        _ = view.result


def test_it_is_a_public_name():
    assert nbviz.TimeScales is TimeScales
    assert nbviz.TimeScales.keywords()
