"""New samples in an old map, against openTSNE's own transform and brute force."""

import time

import numpy as np
import pytest
from openTSNE import TSNEEmbedding
from openTSNE.affinity import PerplexityBasedNN, joint_probabilities_nn
from openTSNE.tsne import kl_divergence_bh
from scipy.spatial.distance import cdist

import nbviz
from nbviz.core.capture import capture
from nbviz.core.events import Progress, Result
from nbviz.methods import place as module
from nbviz.methods.place import placer, placer_steps
from nbviz.methods.place_affinities import PlaceAffinities, exact_gradient
from nbviz.methods.projection import project


@pytest.fixture(scope="module")
def recorded():
    """600 real digits in two layers of the CNN, 128 and 2,352 values each; the digits."""
    digits = nbviz.zoo.load_mnist(600)
    return capture(nbviz.zoo.load("mnist-cnn"), digits, ["relu4", "pool2"]), digits.labels


@pytest.fixture(scope="module")
def chart(recorded):
    """A t-SNE map of the first 500."""
    return project(recorded[0]["relu4"][:500], n_iter=250)


def test_new_samples_land_where_opentsne_puts_them(recorded, chart):
    old, new = recorded[0]["relu4"][:500], recorded[0]["relu4"][500:560]
    affinities = PerplexityBasedNN(old.astype(float), perplexity=30, method="exact")
    centred = chart.positions.astype(float)
    centre = (centred.max(0) + centred.min(0)) / 2
    reference = TSNEEmbedding(centred - centre, affinities, negative_gradient_method="bh", theta=0.0)
    expected = np.asarray(reference.transform(new.astype(float))) + centre
    found = placer(old, chart).place(new)
    ways = np.linalg.norm(found.positions - expected, axis=1)
    assert np.median(ways) < 1e-3
    assert (ways < 0.05).mean() > 0.95  # the rest stood between two places


def test_the_exact_gradient_is_what_the_tree_approximates(recorded, chart):
    old, new = recorded[0]["relu4"][:500], recorded[0]["relu4"][500:505]
    affinities = PlaceAffinities(old)
    joint = affinities.to_new(new, 5.0)
    reference = chart.positions.astype(float)
    points = reference[affinities.query(new, 3)[0]].mean(1)
    divergence, gradient = exact_gradient(points, joint, reference_embedding=reference)
    total, slopes = 0.0, []
    for i in range(5):  # openTSNE's divergence is meant for one point
        value, slope = kl_divergence_bh(
            np.ascontiguousarray(points[i : i + 1]),
            joint[i : i + 1],
            dof=1,
            bh_params={"theta": 0.0},
            reference_embedding=reference,
            should_eval_error=True,
        )
        total += value
        slopes.append(slope[0])
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-9)
    assert divergence == pytest.approx(total, rel=1e-5)
    step = 1e-5 * np.array([[0.6, -0.8]] * 5)
    ahead = exact_gradient(points + step, joint, reference_embedding=reference)[0]
    behind = exact_gradient(points - step, joint, reference_embedding=reference)[0]
    assert (ahead - behind) / 2 == pytest.approx(2 * (gradient * step).sum(), rel=1e-4)


def test_affinities_are_those_of_opentsne(recorded):
    old, new = recorded[0]["relu4"][:500].astype(float), recorded[0]["relu4"][500:510].astype(float)
    joint, neighbours, distances = PlaceAffinities(old).to_new(new, 5.0, return_distances=True)
    ways = cdist(new, old)
    np.testing.assert_array_equal(neighbours, np.argsort(ways, axis=1, kind="stable")[:, :15])
    np.testing.assert_allclose(distances, np.sort(ways, axis=1)[:, :15], rtol=1e-9)
    np.testing.assert_allclose(joint.sum(axis=1), 1, rtol=1e-6)
    expected = joint_probabilities_nn(
        neighbours, distances, [5.0], symmetrize=False, normalization="point-wise", n_reference_samples=500
    )
    np.testing.assert_allclose(joint.toarray(), expected.toarray(), rtol=1e-9)


@pytest.mark.parametrize("layer", ["relu4", "pool2"])
def test_new_digits_land_among_their_own(recorded, layer):
    layers, labels = recorded
    old, new = layers[layer][:500], layers[layer][500:]
    chart = project(old, n_iter=250)
    found = placer(old, chart).place(new)
    ways = cdist(found.positions, chart.positions)
    on_own = (labels[:500][ways.argmin(1)] == labels[500:]).mean()
    assert on_own > (0.97 if layer == "relu4" else 0.8)
    assert found.positions.shape == (100, 2)
    assert found.neighbours.shape == found.distances.shape == (100, 6)
    assert chart.reduced_to == (50 if layer == "pool2" else None)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation"])
@pytest.mark.parametrize("layer", ["relu4", "pool2"])
def test_samples_of_the_map_find_themselves(recorded, layer, metric):
    old = recorded[0][layer][:300]
    chart = project(old, metric=metric, n_iter=150, perplexity=20)
    before = chart.positions.copy()
    found = placer(old, chart).place(old[40:60])
    np.testing.assert_array_equal(found.neighbours[:, 0], np.arange(40, 60))
    np.testing.assert_allclose(found.distances[:, 0], 0, atol=1e-2)
    assert (found.novelty == 0).mean() > 0.9
    extent = np.ptp(chart.positions, axis=0).max()
    assert np.median(np.linalg.norm(found.positions - chart.positions[40:60], axis=1)) < 0.02 * extent
    np.testing.assert_array_equal(chart.positions, before)


@pytest.mark.parametrize("layer", ["relu4", "pool2"])
def test_neighbours_are_those_of_brute_force(recorded, layer):
    """Also where the map was made from 50 principal components of 2,352 activations."""
    old, new = recorded[0][layer][:500], recorded[0][layer][500:520]
    ready = placer(old, project(old, n_iter=20))
    assert ready.is_exact
    found = ready.place(new, k=9)
    ways = cdist(new.astype(float), old.astype(float))
    np.testing.assert_array_equal(found.neighbours, np.argsort(ways, axis=1)[:, :9])
    np.testing.assert_allclose(found.distances, np.sort(ways, axis=1)[:, :9], rtol=1e-5)


def test_each_is_placed_as_if_it_were_alone(recorded, chart):
    old, new = recorded[0]["relu4"][:500], recorded[0]["relu4"][500:510]
    ready = placer(old, chart)
    together = ready.place(new).positions
    alone = np.concatenate([ready.place(new[i : i + 1]).positions for i in range(10)])
    np.testing.assert_allclose(alone, together, atol=1e-3)


def test_many_at_once_land_where_each_does(recorded, chart, monkeypatch):
    old, new = recorded[0]["relu4"][:500], recorded[0]["relu4"][500:]
    exact = placer(old, chart).place(new[:60]).positions
    monkeypatch.setattr(module, "EXACT_PAIRS", 0)
    ready = placer(old, chart)
    ways = np.linalg.norm(ready.place(new[:60]).positions - exact, axis=1)
    assert np.median(ways) < 0.05
    np.testing.assert_array_equal(ready.place(new[:60]).positions, ready.place(new[:60]).positions)


def test_what_is_like_nothing_in_the_map_is_said_to_be(recorded, chart):
    old, new = recorded[0]["relu4"][:500], recorded[0]["relu4"][500:]
    ready = placer(old, chart)
    assert 0.3 < ready.place(new).novelty.mean() < 0.7  # real digits: as near as the map's own
    assert ready.place(new[:5] + 50).novelty.tolist() == [1] * 5


@pytest.mark.parametrize("layer", ["relu4", "pool2"])
def test_a_copy_of_a_sample_is_no_outlier_where_samples_are_there_twice(recorded, layer):
    old = recorded[0][layer][:150]
    twice = np.concatenate([old, old])
    # Alone, sums are made in another order than in a batch.
    digits, net = nbviz.zoo.load_mnist(20), nbviz.zoo.load("mnist-cnn")
    alone = np.concatenate([capture(net, digits[np.array([i])], [layer])[layer] for i in range(20)])
    found = placer(twice, project(twice, n_iter=20)).place(alone)
    assert found.distances[:, 0].max() > 0  # else this would show nothing
    assert found.novelty.tolist() == [0] * 20
    some = np.concatenate([old, old[:60]])
    assert placer(some, project(some, n_iter=20)).place(alone).novelty.tolist() == [0] * 20
    # What truly differs, by little, is farther away than a sample from its copy, and nearer than from others.
    away = old[:20] * (1 + 1e-3)
    assert placer(twice, project(twice, n_iter=20)).place(away).novelty.tolist() == [1] * 20
    assert placer(old, project(old, n_iter=20)).place(away).novelty.tolist() == [0] * 20


def test_rounding_grows_with_the_activations(recorded):
    old = recorded[0]["relu4"]
    longest = np.linalg.norm(old.astype(float), axis=1).max()
    assert module.rounding_of(old) == pytest.approx(64 * 2.0**-23 * longest)
    assert module.rounding_of(1000 * old) == pytest.approx(1000 * module.rounding_of(old))


def test_noise_that_principal_components_leave_out_is_seen(recorded):
    """Digits under noise: unlike all others in 2,352 activations, and unsuspicious in 50 components."""
    noise = np.random.default_rng(0).integers(0, 200, (8, 28, 28))
    pictures = np.clip(nbviz.zoo.load_mnist(8, start=600).inputs + noise, 0, 255).astype(np.uint8)
    new = capture(nbviz.zoo.load("mnist-cnn"), nbviz.Samples(pictures), ["pool2"])["pool2"]
    old = recorded[0]["pool2"][:500]
    ways = cdist(old, old)
    np.fill_diagonal(ways, np.inf)
    expected = (ways.min(1) < cdist(new, old).min(1)[:, None]).mean(1)
    assert expected.mean() > 0.97
    chart = project(old, n_iter=20)
    np.testing.assert_allclose(placer(old, chart).place(new).novelty, expected, atol=0.01)


def test_of_very_many_activations_the_components_stand_for_them(recorded, monkeypatch):
    old, new = recorded[0]["pool2"][:500], recorded[0]["pool2"][500:510]
    chart = project(old, n_iter=20)
    exact = placer(old, chart).place(new)
    monkeypatch.setattr(module, "EXACT_VALUES", 1000)
    ready = placer(old, chart)
    assert not ready.is_exact
    reduced = ready.place(new)
    np.testing.assert_allclose(reduced.positions, exact.positions, atol=1e-4)
    assert (reduced.distances < exact.distances).all()


def test_in_a_pca_map_new_samples_are_projected(recorded):
    old, new = recorded[0]["relu4"][:500].astype(float), recorded[0]["relu4"][500:510].astype(float)
    chart = project(old, method="pca")
    ready = placer(old, chart)
    np.testing.assert_allclose(ready.place(old[:20]).positions, chart.positions[:20], atol=1e-3)
    first, second = ready.place(new[:1]).positions, ready.place(new[1:2]).positions
    between = ready.place((new[:1] + new[1:2]) / 2).positions
    np.testing.assert_allclose(between, (first + second) / 2, atol=1e-4)


def test_one_sample_is_placed_while_one_draws(recorded, chart):
    ready = placer(recorded[0]["relu4"][:500], chart)
    took = []
    for row in range(500, 510):
        began = time.perf_counter()
        ready.place(recorded[0]["relu4"][row : row + 1])
        took.append(time.perf_counter() - began)
    assert min(took) < 0.15


def test_getting_ready_reports_progress(recorded, chart):
    events = list(placer_steps(recorded[0]["relu4"][:500], chart))
    assert isinstance(events[0], Progress)
    assert isinstance(events[-1], Result)
    assert events[-1].value.n_features == 128


def test_maps_of_few_samples_take_new_ones():
    old = np.random.default_rng(0).normal(size=(8, 5))
    found = placer(old, project(old, perplexity=2, n_iter=50)).place(old[:2] + 0.01, k=3)
    assert np.isfinite(found.positions).all()
    assert found.neighbours[:, 0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("new", "options", "message"),
    [
        (np.zeros((1, 7)), {}, "128.*shape \\(1, 7\\)"),
        (np.zeros(128), {}, "shape \\(128,\\)"),
        (np.zeros((0, 128)), {}, "no new samples"),
        (np.full((1, 128), np.nan), {}, "NaN"),
        (np.zeros((1, 128), dtype="U1"), {}, "<U1"),
        (np.zeros((1, 128)), {"k": 500}, "k=500"),
    ],
)
def test_what_cannot_be_placed_is_refused(recorded, chart, new, options, message):
    ready = placer(recorded[0]["relu4"][:500], chart)
    with pytest.raises(ValueError, match=message):
        ready.place(new, **options)


def test_activations_of_another_map_are_refused(recorded, chart):
    with pytest.raises(ValueError, match="do not belong to a map of 500 samples with 128 features"):
        placer(recorded[0]["relu4"][:400], chart)
