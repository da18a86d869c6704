"""Scores of cells: against scipy and scikit-learn, planted cells found, baselines at chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, pearsonr
from sklearn.metrics import roc_auc_score

from nbviz.core.events import Progress, Result
from nbviz.methods.cell_annotations import Scorer, best_cells, best_cells_steps, cell_scores


@pytest.fixture
def random():
    return np.random.default_rng(0)


def runs(random, n, length=20):
    """A Boolean annotation in runs, as those of a text are."""
    return np.repeat(random.random(n // length) < 0.4, length)


# Scores


@pytest.mark.parametrize("decimals", [1, 2, 7])
def test_auc_and_correlation_are_those_of_scipy_and_sklearn(random, decimals):
    states = random.normal(size=(600, 40)).round(decimals).astype(np.float32)  # 1 decimal: many ties
    labels = random.random(600) < 0.3
    states[:, 5] += labels
    scores = cell_scores(states, labels)
    for cell in range(40):
        assert scores.auc[cell] == pytest.approx(roc_auc_score(labels, states[:, cell]), abs=1e-12)
        u = mannwhitneyu(states[labels, cell], states[~labels, cell]).statistic
        assert scores.auc[cell] == pytest.approx(u / (labels.sum() * (~labels).sum()), abs=1e-12)
        assert scores.correlation[cell] == pytest.approx(pearsonr(states[:, cell].astype(float), labels)[0])
    assert scores.n == 600
    assert scores.n_true == labels.sum()
    assert scores.strength.argmax() == 5


def test_numbers_have_no_auc(random):
    states, values = random.normal(size=(300, 70)), random.integers(0, 4, 300)
    scores = cell_scores(states, values)
    assert scores.auc is None
    assert scores.n_true is None
    expected = [pearsonr(states[:, cell], values)[0] for cell in range(70)]
    np.testing.assert_allclose(scores.correlation, expected, atol=1e-12)
    np.testing.assert_array_equal(scores.strength, np.abs(scores.correlation))


def test_a_perfect_cell_a_reversed_one_and_a_constant_one(random):
    labels = runs(random, 400)
    states = np.column_stack([labels, ~labels, np.full(400, 0.1)]).astype(np.float32)
    scores = cell_scores(states, labels)
    np.testing.assert_allclose(scores.auc, [1, 0, 0.5])
    np.testing.assert_allclose(scores.correlation, [1, -1, 0], atol=1e-12)
    np.testing.assert_allclose(scores.strength, [1, 1, 0.5])


def test_a_large_offset_does_not_spoil_the_correlation(random):
    states = random.normal(size=(500, 3))
    labels = states[:, 1] + random.normal(size=500)
    np.testing.assert_allclose(
        cell_scores(states + 1e6, labels).correlation, cell_scores(states, labels).correlation, atol=1e-7
    )


def test_a_scorer_serves_many_annotations(random):
    states = random.normal(size=(200, 4)).astype(np.float32)
    scorer = Scorer(states)
    for _ in range(3):
        labels = random.random(200) < 0.5
        np.testing.assert_array_equal(cell_scores(scorer, labels).auc, cell_scores(states, labels).auc)


def test_states_are_left_as_they_are(random):
    states = random.normal(size=(50, 3)).astype(np.float32)
    kept = states.copy()
    cell_scores(states, np.arange(50) < 20)
    np.testing.assert_array_equal(states, kept)


# The best cells


def planted(random, n=2000, cells=30):
    labels = runs(random, n)
    states = random.normal(size=(n, cells))
    states[:, 7] += 3 * labels
    states[:, 11] -= 2 * labels
    return states, labels


def test_planted_cells_are_found_with_their_signs(random):
    first, other = planted(random), planted(random)
    noise = random.normal(size=(2000, 30)), random.normal(size=(2000, 30))
    best = best_cells(*first, *other, n=3, baseline=noise)
    assert best.metric == "AUC"
    assert best.cells[:2].tolist() == [7, 11]
    assert best.sign[:2].tolist() == [1, -1]
    assert best.held_out[0] == pytest.approx(roc_auc_score(other[1], other[0][:, 7]), abs=1e-12)
    assert best.held_out[1] == pytest.approx(roc_auc_score(other[1], -other[0][:, 11]), abs=1e-12)
    assert best.held_out[0] > 0.95
    assert 0.35 < best.held_out[2] < 0.65  # the best of noise on the first text is noise on the other
    assert best.chosen[2] > 0.5
    assert 0.4 < best.baseline < 0.6
    assert best.shuffled.shape == (20,)
    assert best.shuffled.max() < best.held_out[0] - 0.2


def test_numbers_are_scored_by_correlation(random):
    depth = np.repeat(random.integers(0, 4, 100), 10)
    other = np.repeat(random.integers(0, 4, 100), 10)
    states, held_out = random.normal(size=(1000, 9)), random.normal(size=(1000, 9))
    states[:, 2] -= depth
    held_out[:, 2] -= other
    best = best_cells(states, depth, held_out, other, n=1, n_shuffles=0)
    assert best.metric == "correlation"
    assert (best.cells[0], best.sign[0]) == (2, -1)
    assert best.held_out[0] == pytest.approx(-pearsonr(held_out[:, 2], other)[0], abs=1e-12)
    assert best.baseline is None
    assert best.shuffled.shape == (0,)


def test_a_sign_that_does_not_hold_on_the_other_text_scores_below_one_half(random):
    states, labels = planted(random)
    turned = states.copy()
    turned[:, 7] = -states[:, 7]
    assert best_cells(states, labels, turned, labels, n=1, n_shuffles=0).held_out[0] < 0.05


def test_same_seed_same_shuffles(random):
    first, other = planted(random, 400), planted(random, 400)
    a, b, c = (best_cells(*first, *other, seed=seed).shuffled for seed in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_shuffled_annotations_are_the_true_ones_moved(random):
    # a slow cell follows a slow annotation by chance, and the shuffles say so
    n, wave = 4000, 1000
    labels = (np.arange(n) % wave) < wave // 2
    slow = np.sin(2 * np.pi * np.arange(n)[:, None] / wave + np.arange(4)) + random.normal(size=(n, 4)) / 10
    best = best_cells(slow, labels, slow, labels, n=1)
    assert best.shuffled.max() > 0.9


def test_steps_report_progress_and_may_be_stopped(random):
    events = list(best_cells_steps(*planted(random, 400), *planted(random, 400), n_shuffles=3))
    assert [e.done for e in events if isinstance(e, Progress)] == [0, 1, 2, 3, 4]
    assert isinstance(events[-1], Result)
    assert sum(isinstance(e, Result) for e in events) == 1


def test_more_cells_wanted_than_there_are_gives_all(random):
    assert len(best_cells(*planted(random, 400), *planted(random, 400), n=99, n_shuffles=0).cells) == 30


# Bad input


@pytest.mark.parametrize(
    ("states", "annotation", "error", "message"),
    [
        (np.zeros(5), np.arange(5), ValueError, r"shape \(time, cells\), got shape \(5,\)"),
        (np.zeros((0, 3)), np.zeros(0), ValueError, r"got shape \(0, 3\)"),
        (np.array([["a"]]), np.zeros(1), ValueError, "must be numbers"),
        (np.zeros((5, 2)), np.zeros(4, bool), ValueError, r"each of the 5 steps, got \(4,\)"),
        (np.zeros((5, 2)), np.zeros(5, bool), ValueError, "False at every step"),
        (np.zeros((5, 2)), np.ones(5), ValueError, "1.0 at every step"),
        (np.zeros((1, 2)), np.ones(1, bool), ValueError, "True at every step"),
        (np.zeros((2, 2)), np.array([1, np.nan]), ValueError, "annotation is nan at some steps"),
        (np.zeros((2, 2)), np.array(["a", "b"]), TypeError, r"annotation == value"),
        (np.array([[0, 0], [0, np.nan]]), np.array([True, False]), ValueError, "first in cell 1 at step 1"),
        (np.array([[0, np.inf], [0, 1]]), np.array([True, False]), ValueError, "first in cell 1 at step 0"),
    ],
)
def test_bad_input_says_what_is_wrong(states, annotation, error, message):
    with pytest.raises(error, match=message):
        cell_scores(states, annotation)


def test_texts_that_do_not_fit_together(random):
    states, labels = planted(random, 400)
    with pytest.raises(ValueError, match="30 and 29 cells"):
        best_cells(states, labels, states[:, 1:], labels)
    with pytest.raises(TypeError, match="one of the two annotations is Boolean"):
        best_cells(states, labels, states, labels.astype(float))
    with pytest.raises(ValueError, match="n must be at least 1"):
        best_cells(states, labels, states, labels, n=0)
    with pytest.raises(ValueError, match="same two texts"):
        best_cells(states, labels, states, labels, baseline=(states[:9], states))
