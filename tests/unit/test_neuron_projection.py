"""The map of units, against scikit-learn's SMACOF, openTSNE and numpy; their roles against scipy."""

import numpy as np
import openTSNE
import pytest
from scipy.stats import pointbiserialr
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.manifold import smacof
from sklearn.metrics import roc_auc_score

import nbviz
from nbviz.core.capture import capture
from nbviz.core.errors import UnknownName
from nbviz.core.events import Preview, Progress, Result
from nbviz.methods.neuron_projection import (
    correlation_dissimilarity,
    neuron_projection,
    neuron_projection_steps,
)
from nbviz.methods.smacof import classical_scaling, smacof_frames
from nbviz.methods.tsne import initial_map
from nbviz.methods.unit_activity import discriminative, sample_activity, unit_activity, unit_auc


@pytest.fixture(scope="module")
def layer():
    """The last hidden layer of the trained CNN on 400 real digits: (400, 128), some units dead; labels."""
    digits = nbviz.zoo.load_mnist(400)
    return capture(nbviz.zoo.load("mnist-cnn"), digits, ["relu4"])["relu4"], digits.labels


@pytest.fixture(scope="module")
def pairs(layer):
    living = layer[0].std(axis=0) > 0
    return correlation_dissimilarity(layer[0][:, living])


# Dissimilarities and dead units


def test_dissimilarity_is_one_less_the_absolute_correlation(layer):
    found = neuron_projection(layer[0], n_iter=1)
    expected = 1 - np.abs(np.corrcoef(layer[0].T.astype(float)[found.units]))
    np.testing.assert_allclose(found.dissimilarity, expected, atol=1e-6)
    assert (found.dissimilarity.diagonal() == 0).all()


def test_dead_units_are_counted_and_left_out(layer):
    found = neuron_projection(layer[0], n_iter=1)
    np.testing.assert_array_equal(found.dead, np.flatnonzero(layer[0].max(0) == layer[0].min(0)))
    assert len(found.dead) >= 3
    np.testing.assert_array_equal(np.sort(np.concatenate([found.units, found.dead])), np.arange(128))
    assert f"{len(found.dead)} of 128 units left out" in found.notes[0]


def test_a_unit_that_differs_by_rounding_only_is_dead():
    rng = np.random.default_rng(0)
    array = rng.normal(size=(50, 4)).astype(np.float32)
    array[:, 2] = np.float32(0.3) + np.float32(3e-8) * rng.integers(0, 2, 50)
    found = neuron_projection(array)
    assert found.dead.tolist() == [2]
    assert "(0 always 0)" in found.notes[0]


# MDS


@pytest.mark.parametrize("start", ["classical", "random"])
def test_stress_is_that_of_scikit_learn_from_the_same_start(pairs, start):
    n = len(pairs)
    first = classical_scaling(pairs) if start == "classical" else np.random.default_rng(0).normal(size=(n, 2))
    expected, stress, n_iter = smacof(pairs, init=first, n_init=1, max_iter=150, eps=1e-6, return_n_iter=True)
    *_, last = smacof_frames(pairs, first, max_iter=150, tolerance=1e-6)
    assert last.iteration == n_iter
    assert last.stress == pytest.approx(stress, rel=1e-9)
    np.testing.assert_allclose(last.positions, expected, atol=1e-7)
    distances = np.linalg.norm(expected[:, None] - expected, axis=2)
    assert last.stress == pytest.approx(((distances - pairs)[np.triu_indices(n, 1)] ** 2).sum())
    assert last.stress_1 == pytest.approx(np.sqrt(2 * stress / (distances**2).sum()))


def test_the_classical_start_ends_no_worse_than_random_ones_mostly_do(pairs):
    ours = neuron_projection_from(pairs)
    random = [smacof(pairs, n_init=1, random_state=seed, max_iter=300)[1] for seed in range(5)]
    assert ours <= 1.02 * np.median(random)


def neuron_projection_from(pairs):
    *_, last = smacof_frames(pairs, classical_scaling(pairs))
    return last.stress


def test_stress_never_rises(pairs):
    stress = [frame.stress for frame in smacof_frames(pairs, classical_scaling(pairs), frame_every=1)]
    assert len(stress) > 20
    assert (np.diff(stress) <= 1e-9).all()


@pytest.mark.parametrize("n", [3, 30, 90])
def test_points_of_a_plane_are_found_again(n):
    points = np.random.default_rng(n).normal(size=(n, 2))
    ways = np.linalg.norm(points[:, None] - points, axis=2)
    found = classical_scaling(ways)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found, axis=2), ways, atol=1e-6)


def test_copies_and_negatives_of_a_unit_share_its_place(layer):
    living = layer[0][:, layer[0].std(axis=0) > 0][:, :30]
    found = neuron_projection(np.hstack([living, living[:, :5], 3 - 2 * living[:, 5:10]]))
    np.testing.assert_allclose(found.positions[30:], found.positions[:10], atol=1e-4)
    apart = np.linalg.norm(found.positions[:30, None] - found.positions[None, :30], axis=2)
    assert np.median(apart) > 0.3


def test_two_units_lie_at_their_dissimilarity():
    array = np.random.default_rng(0).normal(size=(40, 2))
    found = neuron_projection(array)
    assert np.linalg.norm(found.positions[0] - found.positions[1]) == pytest.approx(
        1 - abs(np.corrcoef(array.T)[0, 1]), rel=1e-5
    )
    assert found.stress == pytest.approx(0, abs=1e-9)


# t-SNE


def test_tsne_of_units_is_that_of_opentsne_on_the_distances(layer, pairs):
    found = neuron_projection(layer[0], method="tsne", perplexity=12, n_iter=300)
    reference = openTSNE.TSNE(
        perplexity=12,
        metric="precomputed",
        initialization=initial_map(classical_scaling(pairs), 0),
        early_exaggeration_iter=100,
        n_iter=200,
        negative_gradient_method="bh",
        theta=0.5,
    ).fit(pairs)
    assert found.kl_divergence == pytest.approx(float(reference.kl_divergence), rel=0.05)
    assert found.stress is None
    again = neuron_projection(layer[0], method="tsne", perplexity=12, n_iter=300, frame_every=7)
    np.testing.assert_array_equal(again.positions, found.positions)


def test_the_first_picture_is_classical_scaling_and_more_follow(layer, pairs):
    events = list(neuron_projection_steps(layer[0], frame_every=10))
    previews = [event.value for event in events if isinstance(event, Preview)]
    np.testing.assert_allclose(previews[0].positions, classical_scaling(pairs), atol=1e-5)
    assert previews[0].stress is None
    assert [p.iteration for p in previews[1:4]] == [10, 20, 30]
    assert isinstance(events[-1], Result)
    assert {e.what for e in events if isinstance(e, Progress)} == {"correlations of units", "MDS of units"}


def test_channels_of_a_convolution_are_units():
    maps = capture(nbviz.zoo.load("mnist-cnn"), nbviz.zoo.load_mnist(100), ["relu3"], reduce="max")["relu3"]
    found = neuron_projection(maps)
    assert len(found.units) + len(found.dead) == 64
    assert found.stress_1 < 0.5


# What units say of samples and classes


def test_activity_on_a_selection_is_its_mean_and_its_correlation(layer):
    array, labels = layer
    selection = np.flatnonzero(labels == 3)
    found = unit_activity(array, selection)
    np.testing.assert_allclose(found.mean, array[selection].astype(float).mean(0), rtol=1e-6)
    np.testing.assert_allclose(found.rest_mean, array[labels != 3].astype(float).mean(0), rtol=1e-6)
    share = (labels == 3).mean()
    for unit in np.flatnonzero(array.std(0) > 0)[:20]:
        r = pointbiserialr(labels == 3, array[:, unit].astype(float)).statistic
        assert found.z[unit] * np.sqrt(share * (1 - share)) == pytest.approx(r, abs=1e-5)
    assert (found.z[array.std(0) == 0] == 0).all()
    assert found.n_selected == len(selection)
    masked = unit_activity(array, labels == 3)
    np.testing.assert_array_equal(masked.z, found.z)


def test_all_samples_leave_no_rest(layer):
    found = unit_activity(layer[0], np.arange(400))
    assert np.isnan(found.z).all()
    np.testing.assert_allclose(found.mean, layer[0].astype(float).mean(0), rtol=1e-6)


def test_samples_are_coloured_by_their_mean_over_units(layer):
    array = layer[0].astype(float)
    np.testing.assert_allclose(sample_activity(layer[0], [3, 9, 40]), array[:, [3, 9, 40]].mean(1), rtol=1e-6)
    living = np.flatnonzero(array.std(0) > 0)[:2]
    standard = (array[:, living] - array[:, living].mean(0)) / array[:, living].std(0)
    found = sample_activity(layer[0], living, standardise=True)
    np.testing.assert_allclose(found, standard.mean(1), atol=1e-6)


def test_importances_are_those_of_scikit_learns_trees(layer):
    array, labels = layer
    names = np.array(list("abcdefghij"))[labels]
    found = discriminative(array, names, n_trees=30, seed=5)
    assert found.classes.tolist() == list("abcdefghij")
    forest = ExtraTreesClassifier(30, random_state=5).fit(array, labels == 8)
    np.testing.assert_allclose(found.importances[8], forest.feature_importances_, atol=1e-12)
    np.testing.assert_allclose(found.importances.sum(1), 1)
    units = np.arange(128)
    np.testing.assert_array_equal(found.best, found.importances.argmax(0))
    top = found.importances[found.best, units]
    used = top > 0
    np.testing.assert_allclose(found.share[used], top[used] / found.importances.sum(0)[used])
    np.testing.assert_allclose(found.saturation, top / found.importances.max(1)[found.best])
    assert (found.share[array.std(0) == 0] == 0).all()


def test_a_unit_that_is_the_class_is_found():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    array = rng.normal(size=(300, 12))
    array[:, 7] = labels == 2
    found = discriminative(array, labels)
    assert found.importances[2].argmax() == 7
    assert found.best[7] == 2
    assert found.saturation[7] == 1
    assert found.share[7] > 0.5


def test_area_under_the_curve_is_that_of_scikit_learn(layer):
    array, labels = layer
    found = unit_auc(array, labels)
    assert found.shape == (10, 128)
    for digit, unit in [(0, 0), (3, 17), (8, 99)]:
        assert found[digit, unit] == pytest.approx(roc_auc_score(labels == digit, array[:, unit]))
    np.testing.assert_allclose(found[:, array.std(0) == 0], 0.5)
    assert unit_auc(np.eye(2)[[0, 1, 0]], [0, 1, 0]).tolist() == [[1, 0], [0, 1]]


# What is refused


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((5, 3, 2)), {}, "two dimensions"),
        (np.ones((5, 3)), {}, "all 5 activations are equal"),
        (np.eye(5)[:2], {}, "fewer than 3"),
        (np.stack([np.arange(5), np.ones(5)], 1), {}, "2 units, of which 1 are constant"),
        (np.random.default_rng(0).normal(size=(5, 4097)), {}, "4,097 units are too many"),
        (np.full((5, 3), np.nan), {}, "not finite"),
        (np.eye(5), {"n_iter": 0}, "n_iter=0"),
        (np.eye(5), {"method": "tsne", "perplexity": 3}, "perplexity=3"),
        (np.eye(3), {"method": "tsne"}, "at least 4"),
    ],
)
def test_what_has_no_map_is_refused(array, options, message):
    with pytest.raises(ValueError, match=message):
        neuron_projection(array, **options)


def test_an_unknown_method_is_named():
    with pytest.raises(UnknownName, match="umap"):
        neuron_projection(np.eye(5), method="umap")


@pytest.mark.parametrize(
    ("selection", "message"),
    [([], "no sample"), ([5], "5 of 5"), ([-1], "-1 of 5"), ([True], "mask of 1"), ([0.5], "whole numbers")],
)
def test_selections_that_do_not_exist_are_refused(selection, message):
    with pytest.raises(ValueError, match=message):
        unit_activity(np.eye(5), selection)


def test_classes_that_cannot_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="same label"):
        discriminative(np.eye(5), [1] * 5)
    with pytest.raises(ValueError, match="n_trees=0"):
        discriminative(np.eye(5), [0, 1, 0, 1, 0], n_trees=0)
    with pytest.raises(ValueError, match="2 labels for 5 samples"):
        unit_auc(np.eye(5), [0, 1])
