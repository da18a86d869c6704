"""Outliers of a map by brute force, their table by counting, its test by summing hypergeometric terms."""

from math import comb

import numpy as np
import pytest

import nbviz
from nbviz.core.capture import capture
from nbviz.methods.neighbours import nearest_neighbours
from nbviz.methods.projection import project
from nbviz.methods.visual_outliers import error_overlap, visual_outliers


@pytest.fixture(scope="module")
def shown():
    """600 real digits after two epochs of training: map of the last hidden layer, labels, predictions."""
    net, digits = nbviz.zoo.load("mnist-mlp"), nbviz.zoo.load_mnist(600)
    net.module.load_state_dict(net.checkpoints[2])
    found = capture(net, digits, ["relu4", "output"])
    positions = project(found["relu4"], n_iter=200).positions
    return positions, digits.labels, found["output"].argmax(1)


def by_hand(points, labels, k, at_most):
    rows = []
    for i, point in enumerate(points):
        ways = np.sqrt(((points - point) ** 2).sum(1))
        ways[i] = np.inf
        same = sum(labels[j] == labels[i] for j in np.argsort(ways, kind="stable")[:k])
        if same <= round(at_most * k):
            rows.append((same, i))
    return [i for _, i in sorted(rows)]


@pytest.mark.parametrize(("k", "at_most"), [(6, 2 / 6), (3, 1 / 3), (9, 1 / 3), (6, 0)])
def test_outliers_are_those_of_brute_force_worst_first(shown, k, at_most):
    points, labels, _ = shown
    found = visual_outliers(points, labels, k=k, at_most=at_most)
    assert len(found) > 5
    assert found.rows.tolist() == by_hand(points.astype(float), labels, k, at_most)
    assert found.overlap is None
    assert found.predictions is None


def test_each_is_listed_with_its_neighbours(shown):
    points, labels, predictions = shown
    found = visual_outliers(points, labels, predictions)
    np.testing.assert_array_equal(found.labels, labels[found.rows])
    np.testing.assert_array_equal(found.predictions, predictions[found.rows])
    np.testing.assert_array_equal(found.neighbour_labels, labels[found.neighbours])
    same = (found.neighbour_labels == found.labels[:, None]).mean(1)
    np.testing.assert_allclose(found.hits, same)
    np.testing.assert_allclose(found.local_hits[found.rows], same)
    assert (np.diff(found.hits) >= 0).all()


def test_outliers_overlap_with_errors_far_above_chance_on_digits(shown):
    points, labels, predictions = shown
    found = visual_outliers(points, labels, predictions)
    wrong = predictions != labels
    is_outlier = np.isin(np.arange(600), found.rows)
    overlap = found.overlap
    counted = [[sum(is_outlier & wrong), sum(is_outlier & ~wrong)], [sum(~is_outlier & wrong), 0]]
    counted[1][1] = 600 - sum(counted[0]) - counted[1][0]
    assert overlap.table.tolist() == counted
    assert overlap.expected == pytest.approx(len(found) * wrong.sum() / 600)
    assert overlap.table[0, 0] > 4 * overlap.expected
    assert overlap.outliers_wrong > 8 * overlap.others_wrong
    assert overlap.errors_outlying == counted[0][0] / wrong.sum()
    assert overlap.p_value < 1e-15
    assert str(counted[0][0]) in overlap.text().splitlines()[1]


def test_the_p_value_is_the_sum_of_tables_no_likelier():
    outlier = np.repeat([True, False], [8, 22])
    wrong = np.zeros(30, bool)
    wrong[[0, 1, 2, 3, 4, 20, 21]] = True
    overlap = error_overlap(outlier, wrong)
    assert overlap.table.tolist() == [[5, 3], [2, 20]]
    chances = [comb(7, a) * comb(23, 8 - a) / comb(30, 8) for a in range(8)]
    assert overlap.p_value == pytest.approx(sum(c for c in chances if c <= chances[5] * (1 + 1e-9)))
    assert overlap.odds_ratio == pytest.approx(5 * 20 / (3 * 2))


def test_a_network_without_errors_is_said_to_be_one():
    overlap = error_overlap(np.array([True, False, False]), np.zeros(3, bool))
    assert overlap.p_value == 1
    assert np.isnan(overlap.errors_outlying)
    assert overlap.outliers_wrong == 0
    assert "nan" in overlap.text()


def test_a_network_that_is_never_right_is_judged_all_the_same(shown):
    points, labels, _ = shown
    never = np.full(len(labels), labels.max() + 1)
    found = visual_outliers(points, labels, never)
    assert found.overlap.table[:, 1].tolist() == [0, 0]
    assert found.overlap.table.sum() == len(labels)
    assert "Every sample is wrong" in found.overlap.words()


def test_the_table_in_words():
    def words(table):
        outlier, wrong = np.repeat([1, 1, 0, 0], np.ravel(table)), np.repeat([1, 0, 1, 0], np.ravel(table))
        return error_overlap(outlier.astype(bool), wrong.astype(bool)).words()

    together = words([[12, 5], [8, 1975]])
    assert "12 of 17 outliers are wrong (70.6%), of the other samples 0.4%" in together
    assert "12 of 20 errors are outliers; 0.2 would be by chance" in together
    assert together.endswith("go together.")
    assert "less than 0.1 would be by chance" in words([[2, 1], [3, 1994]])
    assert words([[1, 9], [10, 90]]).endswith("Chance alone can well make such a table.")
    assert words([[1, 99], [60, 40]]).endswith("Outliers are wrong less often than others.")
    assert "no outliers:" in words([[0, 0], [3, 7]])
    assert "no errors:" in words([[0, 3], [0, 7]])
    assert "no outliers and no errors" in words([[0, 0], [0, 7]])
    assert "Every sample is an outlier" in words([[3, 4], [0, 0]])


def test_names_do_as_labels_and_known_neighbours_are_not_searched_again(shown):
    points, labels, predictions = shown
    names = np.array([f"digit {i}" for i in range(10)])
    plain = visual_outliers(points, labels, predictions)
    found = visual_outliers(points, names[labels], names[predictions], graph=nearest_neighbours(points, 20))
    np.testing.assert_array_equal(found.rows, plain.rows)
    np.testing.assert_array_equal(found.neighbour_labels, names[plain.neighbour_labels])
    np.testing.assert_array_equal(found.overlap.table, plain.overlap.table)


def test_separated_classes_have_no_outliers():
    points = np.concatenate([np.random.default_rng(c).normal(size=(20, 2)) + 50 * c for c in range(3)])
    found = visual_outliers(points, np.repeat(range(3), 20), np.repeat(range(3), 20))
    assert len(found) == 0
    assert found.neighbours.shape == (0, 6)
    assert np.isnan(found.overlap.outliers_wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1]}, "2 labels for 20 samples"),
        ({"predictions": np.zeros((20, 10))}, "argmax"),
        ({"predictions": ["a"] * 20}, "no value in common"),
        ({"labels": ["b", "c"] * 10, "predictions": ["a"] * 20}, "no value in common"),
        ({"k": 0}, "k=0"),
        ({"k": 20}, "k=20"),
        ({"at_most": 1}, "at_most"),
        ({"points": np.full((20, 2), np.nan)}, "finite"),
        ({"points": [["a", "b"]] * 20}, "finite real numbers"),
        ({"graph": nearest_neighbours(np.random.default_rng(0).normal(size=(9, 2)), 6)}, "of 9 points"),
    ],
)
def test_what_cannot_be_judged_is_refused(change, message):
    rng = np.random.default_rng(0)
    call = {"points": rng.normal(size=(20, 2)), "labels": [0, 1] * 10, "predictions": [0, 1] * 10, **change}
    with pytest.raises(ValueError, match=message):
        visual_outliers(**call)
