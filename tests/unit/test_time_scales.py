"""Time scales: known decays, batches against single runs, time constants, bad input."""

import numpy as np
import pytest
import torch
from recurrent_models import Cells, Lm, randomised
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.events import Preview, Progress, Result
from nbviz.core.network import Network
from nbviz.methods.recurrent import register_extractor, states
from nbviz.methods.recurrent.batch import BatchRunner
from nbviz.methods.recurrent.layer import LayerStates
from nbviz.methods.relative_distance import bootstrap_band, relative_to, time_constant
from nbviz.methods.time_scales import time_scales, time_scales_steps, typo


class Linear(nn.Module):
    """h_t = A h_{t-1} + B x_t, one layer upon another: an Elman network whose states stay above zero."""

    def __init__(self, matrices, inputs):
        super().__init__()
        self.rnns = nn.ModuleList()
        for a, b in zip(matrices, inputs, strict=True):
            rnn = nn.RNN(b.shape[1], len(a), nonlinearity="relu", batch_first=True, bias=False)
            with torch.no_grad():
                rnn.weight_hh_l0.copy_(torch.as_tensor(a))
                rnn.weight_ih_l0.copy_(torch.as_tensor(b))
            self.rnns.append(rnn.double())

    def forward(self, x):
        for rnn in self.rnns:
            x = rnn(x)[0]
        return x


def signal(steps=60, features=2, seed=0):
    return np.random.default_rng(seed).uniform(1, 2, (steps, features))


def test_a_linear_network_forgets_as_its_powers():
    a = np.array([[0.5, 0.3], [0.2, 0.4]])
    b = np.array([[1.0, 0.5], [0.2, 1.0]])
    x = signal()
    delta = np.array([0.5, 0.25])
    found = typo(Linear([a], [b]), x, 10, x[10] + delta)
    expected = [np.linalg.norm(np.linalg.matrix_power(a, t) @ b @ delta) for t in range(50)]
    np.testing.assert_allclose(found.distance[0], expected, atol=2e-6)
    assert found.distance.shape == (1, 50)
    assert found.layers == ("rnns.0.0",)


@pytest.mark.parametrize("a", [0.5, 0.9, 0.99])
def test_the_time_constant_of_a_leaky_integrator(a):
    x = signal(400, 1)
    found = typo(Linear([np.array([[a]])], [np.array([[1.0]])]), x, 3, x[3] + 1)
    assert found.tau[0] == pytest.approx(-1 / np.log(a), rel=1e-4)
    mean = time_scales(
        Linear([np.array([[a]])], [np.array([[1.0]])]), x, n_trials=20, horizon=200, context=50
    )
    assert mean.tau[0] == pytest.approx(-1 / np.log(a), rel=1e-3)
    np.testing.assert_allclose(mean.relative[0], a ** np.arange(201), atol=5e-5)
    np.testing.assert_allclose(mean.upper - mean.lower, 0, atol=5e-5)


def test_a_stack_of_leaky_integrators_remembers_longer_from_layer_to_layer():
    one = np.array([[1.0]])
    stack = Linear([np.array([[a]]) for a in (0.5, 0.9, 0.99)], [one, one, one])
    x = signal(600, 1)
    found = typo(stack, x, 5, x[5] + 1)
    impulse = np.zeros(595)
    impulse[0] = 1
    expected = []
    for a in (0.5, 0.9, 0.99):
        state = 0.0
        for t in range(len(impulse)):
            state = a * state + impulse[t]
            impulse[t] = state
        expected.append(impulse.copy())
    np.testing.assert_allclose(found.distance[:, :300], np.array(expected)[:, :300], rtol=1e-3, atol=2e-4)
    assert found.tau[0] < found.tau[1] < found.tau[2]
    assert (found.distance[:, 0] > 0).all()  # no layer waits a step


def test_the_same_token_changes_nothing():
    found = typo(Lm(), np.array([1, 2, 3, 4, 5]), 2, 3)
    assert not found.distance.any()
    assert not found.relative.any()
    np.testing.assert_array_equal(found.tau, 0)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("source", ["hidden", "cell"])
def test_a_typo_is_the_difference_of_two_runs(kind, source):
    model = Lm(kind)
    ids = np.random.default_rng(1).integers(0, 11, 40)
    changed = ids.copy()
    changed[7] = (ids[7] + 3) % 11
    found = typo(model, ids, 7, changed[7], source=source, horizon=20, normalise="maximum")
    one, other = states(model, ids), states(model, changed)
    for row, name in enumerate(one.layers):
        what = source if source in one.names(name) else "hidden"
        expected = np.linalg.norm(one.source(what, name) - other.source(what, name), axis=1)[7:28]
        np.testing.assert_allclose(found.distance[row], expected, rtol=1e-5)
        np.testing.assert_allclose(found.relative[row], expected / expected.max(), rtol=1e-5)


class _Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 4)
        self.rnn = nn.LSTM(4, 6, 2, bidirectional=True, batch_first=True, proj_size=3)
        self.head = nn.Linear(6, 11)
        randomised(self)

    def forward(self, ids):
        return self.head(self.rnn(self.embedding(ids))[0])


MODELS = {
    "lstm": lambda: Lm("LSTM"),
    "gru": lambda: Lm("GRU"),
    "rnn": lambda: Lm("RNN"),
    "time first": lambda: Lm("LSTM", batch_first=False),
    "cells": lambda: Cells("LSTM"),
    "gru cells": lambda: Cells("GRU"),
    "cells without a batch": lambda: Cells("LSTM", batched=False),
    "bidirectional": _Both,
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("clamped", [False, True])
def test_a_batch_is_as_many_single_runs(name, clamped):
    model = MODELS[name]()
    ids = torch.randint(0, 11, (5, 9), generator=torch.Generator().manual_seed(0))
    first = states(model, ids[0])
    clamp = {first.layers[-1]: {0: 0.5, 2: -0.25}, first.layers[0]: {1: 0.0}} if clamped else None
    runner = BatchRunner(Network.of(model), clamp, cells=True)
    for _ in range(2):  # the first batch finds out how, the second knows
        found = runner.run(ids)
        assert found.layers == first.layers
        for row in range(len(ids)):
            alone = states(model, ids[row], clamp=clamp)
            np.testing.assert_allclose(found.logits[row], alone.logits, atol=2e-5)
            for layer in alone.layers:
                np.testing.assert_allclose(found.hidden[layer][row], alone.hidden[layer], atol=2e-5)
                if layer in alone.cell:
                    np.testing.assert_allclose(found.cell[layer][row], alone.cell[layer], atol=2e-5)
    assert runner.one_by_one == (clamped and "cells" in name)


def test_a_custom_module_runs_one_by_one():
    class Sum(nn.Module):
        def forward(self, x):
            return x.cumsum(1)

    register_extractor(Sum, lambda call: [LayerStates("", "sum", call.output[0])])
    model = nn.Sequential(nn.Embedding(11, 4), Sum())
    runner = BatchRunner(Network.of(model))
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    found = runner.run(ids)
    assert runner.one_by_one
    np.testing.assert_allclose(found.hidden["1"][1], model(ids)[1].detach(), rtol=1e-6)


def test_the_mean_is_over_the_trials_it_tells():
    model = Lm()
    ids = np.random.default_rng(2).integers(0, 11, 300)
    found = time_scales(model, ids, n_trials=30, horizon=40, context=10, seed=4)
    assert found.distance.shape == (30, 2, 41)
    assert found.positions.min() >= 10
    assert found.positions.max() < 300 - 40
    assert (found.distance[:, :, 0] > 0).all()  # every token was replaced by another one
    mean = found.distance.mean(0)
    np.testing.assert_allclose(found.relative, mean / mean[:, :1], rtol=1e-5)
    assert (found.lower <= found.relative + 1e-9).all()
    assert (found.upper >= found.relative - 1e-9).all()
    inside = (found.tau_interval[:, 0] <= found.tau) & (found.tau <= found.tau_interval[:, 1])
    assert inside.all()
    again = time_scales(model, ids, n_trials=30, horizon=40, context=10, seed=4)
    np.testing.assert_array_equal(found.distance, again.distance)


def test_the_mean_reports_and_previews():
    ids = np.random.default_rng(2).integers(0, 11, 120)
    events = list(time_scales_steps(Lm(), ids, 60, 20))
    kinds = [type(event) for event in events]
    assert kinds == [Progress, Preview, Progress, Preview, Progress, Result]
    assert [e.value.trials for e in events if not isinstance(e, Progress)] == [25, 50, 60]


def test_a_short_text_shortens_the_horizon():
    found = time_scales(Lm(), np.arange(44) % 11, n_trials=3, horizon=300)
    assert found.relative.shape == (2, 23)
    assert found.context == 11


def test_a_mean_over_few_positions_is_refused_or_told():
    text = np.arange(44) % 11
    with pytest.raises(ValueError, match=r"16 tokens: .* room at 4 positions, and 5 or more .*corpus="):
        time_scales(Lm(), text[:16], n_trials=50)
    found = time_scales(Lm(), text[:17], n_trials=50)
    assert set(found.positions) == {4, 5, 6, 7, 8}  # with 4 tokens before it and 8 after it
    assert found.n_positions == 5
    assert "50 typos are at only 5 positions" in found.notes[0]
    assert time_scales(Lm(), np.arange(300) % 11, n_trials=50, horizon=40).notes == ()
    assert time_scales(Lm(), np.arange(300) % 11, n_trials=3, horizon=40).notes == ()


def test_time_constants():
    t = np.arange(30)
    np.testing.assert_allclose(time_constant(0.8**t), -1 / np.log(0.8))
    assert time_constant(np.ones(5)) == np.inf
    assert time_constant(np.zeros(5)) == 0
    assert time_constant(np.array([1.0, 0.0, 0.0])) == pytest.approx(1 - np.exp(-1))
    # Rises first: steps before the largest value do not count.
    rises = relative_to(np.array([0.1, 1.0, 1.0, 0.1]), "maximum")
    assert 2 < time_constant(rises) < 3
    assert time_constant(np.stack([0.5**t, 0.9**t])).shape == (2,)


def test_relative_distances_of_nothing_are_zero():
    np.testing.assert_array_equal(relative_to(np.zeros((2, 3))), np.zeros((2, 3)))
    np.testing.assert_allclose(relative_to(np.array([2.0, 4.0, 1.0]), "maximum"), [0.5, 1, 0.25])


def test_the_bootstrap_covers_the_mean():
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(100):
        lower, upper = bootstrap_band(rng.normal(2, 1, (60, 1)), seed, resamples=300)
        hits += bool(lower[0] <= 2 <= upper[0])
    assert 88 <= hits <= 99
    values = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 5.0]])
    lower, upper = bootstrap_band(values)
    assert 1 <= lower[0] < 2 < upper[0] <= 3
    assert np.isfinite(lower[1])
    assert np.isnan(bootstrap_band(np.full((3, 1), np.nan))[0]).all()


LETTERS = "abcdefghijk"


def reader():
    return Network(Lm(), tokenizer=lambda text: [LETTERS.index(c) for c in text], class_names=list(LETTERS))


def test_text_says_what_was_replaced():
    found = typo(reader(), "abcabc", 3, "k")
    assert (found.position, found.original, found.replacement) == (3, "a", "k")
    assert found.distance.shape == (2, 3)


@pytest.mark.parametrize(
    ("position", "replacement", "options", "message"),
    [
        (6, "a", {}, "steps 0 to 5"),
        (-1, "a", {}, "outside the text"),
        (1, "ab", {}, "not one token"),
        (1, "z", {}, "does not know"),
        (1, "a", {"source": "gate"}, "unknown state"),
        (1, "a", {"normalise": "end"}, "unknown normalisation"),
        (1, "a", {"horizon": 0}, "horizon=0"),
    ],
)
def test_bad_typos(position, replacement, options, message):
    with pytest.raises(ValueError, match=message):
        typo(reader(), "abcabc", position, replacement, **options)


def test_bad_texts():
    with pytest.raises(ValueError, match="one token"):
        typo(reader(), "a", 0, "b")
    with pytest.raises(ValueError, match="all tokens of the text are the same"):
        time_scales(reader(), "aaaaaa")
    with pytest.raises(ValueError, match="n_trials=1"):
        time_scales(reader(), "abcabc", n_trials=1)
    with pytest.raises(ValueError, match="list of 2"):
        typo(reader(), ["abc", "abc"], 0, "b")
    with pytest.raises(ValueError, match="2 numbers"):
        typo(Linear([np.eye(2)], [np.eye(2)]), signal(), 3, [1.0])
    with pytest.raises(ModelError, match="no recurrent layer"):
        time_scales(nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 5)), np.array([1, 2, 3, 4]))
