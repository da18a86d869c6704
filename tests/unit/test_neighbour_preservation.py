"""Neighbour preservation, against a count by hand over every sample."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import nbviz
from nbviz.methods.neighbour_preservation import neighbour_preservation, preservation_of
from nbviz.methods.neighbours import nearest_neighbours
from nbviz.methods.principal_components import pca


@pytest.fixture(scope="module")
def digits():
    """300 real digits: their pixels, and the map of their two first principal components."""
    images = np.asarray(nbviz.zoo.load_mnist(300).inputs, np.float64).reshape(300, -1)
    return images, pca(images).positions.astype(np.float64)


def by_hand(points, k):
    """The k nearest of every point as a list of sets."""
    distances = cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    return [set(row) for row in np.argsort(distances, axis=1)[:, :k].tolist()]


@pytest.mark.parametrize("k", [1, 6, 25])
def test_shares_and_members_are_those_counted_by_hand(digits, k):
    found = neighbour_preservation(*digits, k=k)
    left, right = (by_hand(side, k) for side in digits)
    for sample in range(300):
        both = left[sample] & right[sample]
        assert found.local[sample] == pytest.approx(len(both) / k)
        assert set(found.kept(sample)) == both
        assert set(found.lost(sample)) == left[sample] - right[sample]
        assert set(found.gained(sample)) == right[sample] - left[sample]
    assert found.mean == pytest.approx(np.mean([len(a & b) / k for a, b in zip(left, right, strict=True)]))
    assert found.k == k


def test_left_and_right_can_be_exchanged(digits):
    there, back = neighbour_preservation(*digits), neighbour_preservation(*digits[::-1])
    np.testing.assert_array_equal(there.local, back.local)
    np.testing.assert_array_equal(there.lost(7), back.gained(7))


def test_what_keeps_distances_keeps_all_neighbours(digits):
    _, positions = digits
    turned = positions @ np.array([[0, -3.0], [3.0, 0]]) + 100
    assert neighbour_preservation(positions, turned).mean == 1


def test_shuffled_samples_keep_as_many_as_chance_gives(digits):
    """The chance level is the mean over shuffles, within four of its standard errors."""
    images, _ = digits
    rng = np.random.default_rng(0)
    graph = nearest_neighbours(images, 10)
    means = []
    for _ in range(30):
        other = nearest_neighbours(images[rng.permutation(300)], 10)
        found = preservation_of(graph, other)
        means.append(found.mean)
    assert found.chance == pytest.approx(10 / 299)
    assert np.mean(means) == pytest.approx(found.chance, abs=4 * np.std(means) / np.sqrt(30))


def test_those_that_changed_most_come_first(digits):
    found = neighbour_preservation(*digits)
    order = found.most_changed()
    assert sorted(order) == list(range(300))
    assert (np.diff(found.local[order]) >= 0).all()
    ties = np.diff(found.local[order]) == 0
    assert (np.diff(order)[ties] > 0).all()
    np.testing.assert_array_equal(found.most_changed(5), order[:5])
    with pytest.raises(ValueError, match="count=-1 must be 0 or more"):
        found.most_changed(-1)


@pytest.mark.parametrize(
    ("left", "right", "k", "words"),
    [
        (np.ones((5, 2)), np.ones((4, 2)), 2, "left has 5 samples and right 4"),
        (np.ones(5), np.ones((5, 2)), 2, r"left must be numbers of shape \(samples, features\)"),
        (np.ones((5, 2)), np.full((5, 2), np.nan), 2, "right holds values that are not finite"),
        (np.ones((1, 2)), np.ones((1, 2)), 1, "at least 2"),
        (np.ones((5, 2)), np.ones((5, 2)), 5, "from 1 to 4"),
        (np.ones((5, 2)), np.ones((5, 2)), 0, "from 1 to 4"),
    ],
)
def test_bad_input(left, right, k, words):
    with pytest.raises(ValueError, match=words):
        neighbour_preservation(left, right, k)


def test_graphs_of_different_k_are_refused(digits):
    _, positions = digits
    with pytest.raises(ValueError, match="the same k"):
        preservation_of(nearest_neighbours(positions, 3), nearest_neighbours(positions, 4))
