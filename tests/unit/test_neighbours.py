"""Nearest neighbours and the neighbourhood hit, against brute force and against what theory expects."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from nbviz.methods.neighbours import local_neighbourhood_hit, nearest_neighbours, neighbourhood_hit
from nbviz.methods.neighbours import nearest_neighbours_steps as steps


def brute_force(points, k):
    """Indices and distances by sorting all pairwise differences, one sample at a time."""
    indices, distances = [], []
    for i, point in enumerate(points):
        others = [(float(np.sqrt(((point - q) ** 2).sum())), j) for j, q in enumerate(points) if j != i]
        others.sort()
        indices.append([j for _, j in others[:k]])
        distances.append([d for d, _ in others[:k]])
    return np.array(indices), np.array(distances)


@pytest.mark.parametrize(
    ("n_samples", "n_features", "k"), [(200, 2, 6), (150, 40, 90), (30, 5, 29), (2, 3, 1)]
)
def test_neighbours_are_those_of_brute_force(n_samples, n_features, k):
    points = np.random.default_rng(1).normal(size=(n_samples, n_features))
    indices, distances = brute_force(points, k)
    graph = nearest_neighbours(points, k)
    np.testing.assert_array_equal(graph.indices, indices)
    np.testing.assert_allclose(graph.distances, distances, rtol=1e-9)
    np.testing.assert_array_equal(graph.nearest(1).indices, indices[:, :1])


def test_float32_activations_with_a_large_mean_keep_their_neighbours():
    points = (np.random.default_rng(2).normal(size=(120, 30)) + 500).astype(np.float32)
    np.testing.assert_array_equal(
        nearest_neighbours(points, 6).indices, brute_force(points.astype(float), 6)[0]
    )


@pytest.mark.parametrize(("kind", "mean"), [(np.float32, 0), (np.float32, 20), (np.float64, 0)])
def test_many_features_have_the_neighbours_of_brute_force(monkeypatch, kind, mean):
    monkeypatch.setattr("nbviz.methods.neighbours.BLOCK_OPERATIONS", 150**2 * 100)  # 7 blocks of features
    points = (np.random.default_rng(7).normal(size=(150, 700)) + mean).astype(kind)
    indices, distances = brute_force(points.astype(float), 6)
    graph = nearest_neighbours(points, 6)
    np.testing.assert_array_equal(graph.indices, indices)
    np.testing.assert_allclose(graph.distances, distances, rtol=1e-5)
    duplicates = np.repeat(points[:10], 15, axis=0)
    graph = nearest_neighbours(duplicates, 6)
    assert not (graph.indices == np.arange(150)[:, None]).any()
    np.testing.assert_array_equal(graph.indices // 15, np.arange(150)[:, None] // 15 + np.zeros((1, 6), int))


def test_searching_in_many_blocks_gives_the_same_graph(monkeypatch):
    points = np.random.default_rng(3).normal(size=(101, 8))
    whole = nearest_neighbours(points, 5)
    monkeypatch.setattr("nbviz.methods.neighbours.BLOCK_OPERATIONS", 2 * 101 * 208 * 10)

    def graph_last():
        yield (yield from steps(points, 5))

    *progress, graph = graph_last()
    assert [event.done for event in progress] == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 101]
    np.testing.assert_array_equal(graph.indices, whole.indices)


def test_a_point_is_never_its_own_neighbour_even_among_many_duplicates():
    points = np.repeat([[0.0, 0.0], [5.0, 5.0]], 20, axis=0)
    for features in (2, 7):
        graph = nearest_neighbours(np.tile(points, (1, 4))[:, :features], 6)
        assert not (graph.indices == np.arange(40)[:, None]).any()
        assert all(len(set(row)) == 6 for row in graph.indices)
        assert graph.distances.max() == 0
        again = nearest_neighbours(np.tile(points, (1, 4))[:, :features], 6)
        np.testing.assert_array_equal(graph.indices, again.indices)


def test_equal_distances_on_a_lattice_are_counted_right():
    lattice = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1).reshape(-1, 2)
    graph = nearest_neighbours(lattice, 4)
    np.testing.assert_allclose(graph.distances, brute_force(lattice, 4)[1])
    np.testing.assert_allclose(graph.distances, np.take_along_axis(cdist(lattice, lattice), graph.indices, 1))


def test_neighbourhood_hit_equals_brute_force():
    rng = np.random.default_rng(4)
    points, labels = rng.normal(size=(180, 2)), rng.integers(0, 4, 180)
    nearest = brute_force(points, 6)[0]
    expected = [np.mean([labels[j] == labels[i] for j in nearest[i]]) for i in range(180)]
    np.testing.assert_allclose(local_neighbourhood_hit(points, labels), expected)
    assert neighbourhood_hit(points, labels) == pytest.approx(np.mean(expected))
    names = np.array(["ant", "bee", "cat", "dog"])[labels]
    assert neighbourhood_hit(points, names) == neighbourhood_hit(points, labels)


def test_neighbourhood_hit_of_one_point_by_hand():
    points = np.array([[0.0], [1.0], [2.1], [3.3], [10.0]])
    labels = [0, 0, 1, 0, 1]
    np.testing.assert_allclose(local_neighbourhood_hit(points, labels, k=2), [0.5, 0.5, 0.0, 0.5, 0.5])


def test_separated_gaussians_and_a_single_class_hit_fully():
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(5), 40)
    apart = rng.normal(size=(200, 2)) + 100 * labels[:, None]
    assert neighbourhood_hit(apart, labels) == 1.0
    assert neighbourhood_hit(rng.normal(size=(50, 2)), np.zeros(50)) == 1.0


def test_random_labels_hit_with_the_sum_of_squared_class_shares():
    rng = np.random.default_rng(6)
    shares = np.array([0.5, 0.3, 0.2])
    labels = rng.choice(3, size=4000, p=shares)
    # Standard error about sqrt(0.38 * 0.62 / 24,000) = 0.003, a little more as neighbours are shared.
    assert neighbourhood_hit(rng.normal(size=(4000, 2)), labels) == pytest.approx(
        (shares**2).sum(), abs=0.015
    )


@pytest.mark.parametrize(
    ("points", "labels", "k", "message"),
    [
        (np.zeros((6, 2)), np.zeros(6), 6, "k=6 nearest neighbours of 6 samples: k must be .* 1 to 5"),
        (np.zeros((6, 2)), np.zeros(6), 0, "k=0"),
        (np.zeros((6, 2)), np.zeros(5), 2, "got 5 labels for 6 samples"),
        (np.zeros((6, 2)), np.zeros((6, 3)), 2, r"argmax\(axis=1\)"),
        (np.zeros(6), np.zeros(6), 2, "two dimensions"),
    ],
)
def test_what_cannot_be_counted_is_refused(points, labels, k, message):
    with pytest.raises(ValueError, match=message):
        neighbourhood_hit(points, labels, k)
