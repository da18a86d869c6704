"""The projection of activations, against scikit-learn, plain openTSNE and the definition of each quantity."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import openTSNE
import pytest
from openTSNE.affinity import PrecomputedAffinities, joint_probabilities_nn
from scipy.spatial.distance import cdist
from scipy.stats import entropy
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from nbviz.core.errors import UnknownName
from nbviz.core.events import Preview, Progress, Result
from nbviz.methods import neighbour_cache, tsne
from nbviz.methods.neighbour_cache import NeighbourCache, unit_rows
from nbviz.methods.neighbours import nearest_neighbours, neighbourhood_hit
from nbviz.methods.principal_components import pca
from nbviz.methods.projection import project, project_steps
from nbviz.methods.tsne import affinities, initial_map, tsne_frames

QUICK = {"n_iter": 60, "perplexity": 10.0}


@pytest.fixture(scope="module")
def digits():
    """400 real handwritten digits, 64 pixels each, values 0 to 16, with their labels."""
    data = load_digits()
    return data.data[:400].astype(np.float32), data.target[:400]


@pytest.fixture(scope="module")
def wide(digits):
    """The same digits as 900 random ReLU features: more than t-SNE is given directly."""
    weights = np.random.default_rng(0).normal(size=(64, 900)).astype(np.float32)
    return np.maximum(digits[0] @ weights, 0)


def events_of(*arguments, **parameters):
    events = list(project_steps(*arguments, **parameters))
    assert isinstance(events[0], Preview)
    assert isinstance(events[-1], Result)
    return events


# Principal components


@pytest.mark.parametrize(("shape", "n_components"), [((300, 20), 2), ((40, 700), 5), ((400, 64), 30)])
def test_pca_is_that_of_scikit_learn(shape, n_components):
    rng = np.random.default_rng(1)
    data = rng.normal(size=shape) * np.geomspace(10, 1, shape[1]) + 3
    reference = PCA(n_components, svd_solver="full").fit(data)
    ours = pca(data, n_components, tolerance=1e-12)
    expected = reference.transform(data)
    expected *= np.sign((expected * ours.positions).sum(axis=0))  # scikit-learn may turn an axis round
    np.testing.assert_allclose(ours.positions[:, :2], expected[:, :2], atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(
        ours.explained_variance_ratio, reference.explained_variance_ratio_, rtol=1e-4, atol=1e-6
    )
    largest = np.abs(ours.directions).argmax(axis=0)
    assert (ours.directions[largest, np.arange(n_components)] > 0).all()
    np.testing.assert_allclose(ours.directions.T @ ours.directions, np.eye(n_components), atol=1e-6)


def test_pca_fitted_on_some_rows_projects_all_of_them(wide):
    ours = pca(wide, fit_rows=100)
    chosen = wide[np.linspace(0, 399, 100).astype(int)]
    reference = PCA(2, svd_solver="full").fit(chosen)
    expected = reference.transform(wide)
    expected *= np.sign((expected * ours.positions).sum(axis=0))
    assert ours.n_fitted == 100
    np.testing.assert_allclose(ours.positions, expected, atol=2e-3 * np.abs(expected).max())


def test_pca_of_data_with_fewer_dimensions_than_asked_for():
    line = np.outer(np.arange(10.0), [3.0, 4.0])
    ours = pca(line)
    np.testing.assert_allclose(np.abs(ours.positions[:, 0]), 5 * np.abs(np.arange(10) - 4.5))
    np.testing.assert_allclose(ours.positions[:, 1], 0, atol=1e-9)
    np.testing.assert_allclose(ours.explained_variance_ratio, [1, 0], atol=1e-12)
    np.testing.assert_allclose(pca(np.arange(10.0)[:, None]).positions[:, 1], 0)


def test_pca_fitted_on_rows_that_are_all_equal_is_a_single_point():
    data = np.ones((11, 5))
    data[1] = 2  # not among the five evenly spread rows
    ours = pca(data, fit_rows=5)
    np.testing.assert_array_equal(ours.positions, 0)
    np.testing.assert_array_equal(ours.explained_variance_ratio, 0)


@pytest.mark.parametrize("scale", [1e-25, 1e25])
def test_activations_far_outside_the_usual_range_are_projected(digits, scale):
    tiny_or_huge = digits[0] * np.float32(scale)
    usual = pca(digits[0].astype(np.float64)).positions
    np.testing.assert_allclose(pca(tiny_or_huge).positions / scale, usual, atol=1e-4 * np.abs(usual).max())


# t-SNE


def test_affinities_have_the_perplexity_asked_for(digits):
    graph = nearest_neighbours(digits[0], 60)
    joint = affinities(graph, 20.0)
    np.testing.assert_allclose(joint.sum(), 1)
    assert abs(joint - joint.T).max() < 1e-15
    # Before symmetrising, each row's entropy is the logarithm of the perplexity (2.1 of the dossier).
    rows = joint_probabilities_nn(graph.indices, graph.distances, [20.0], False, "point-wise").toarray()
    np.testing.assert_allclose(np.exp([entropy(row) for row in rows]), 20, rtol=1e-3)
    np.testing.assert_allclose(((rows + rows.T) / 800 - joint.toarray()), 0, atol=1e-12)


@pytest.mark.parametrize("n_samples", [400, 2100])
def test_frames_do_not_change_the_map_by_a_bit(n_samples):
    points = np.random.default_rng(2).normal(size=(n_samples, 10)) * np.geomspace(3, 1, 10)
    joint = affinities(nearest_neighbours(points, 30), 10.0)
    untouched = joint.copy()
    start = initial_map(pca(points).positions, seed=3)
    maps = [list(tsne_frames(joint, start, 90, frame_every=every)) for every in (1, 7, 90, None)]
    for frames in maps:
        assert frames[-1].iteration == 90
        np.testing.assert_array_equal(frames[-1].positions, maps[0][-1].positions)
        assert frames[-1].kl_divergence == maps[0][-1].kl_divergence
    assert [frame.iteration for frame in maps[1]] == [7, 14, 21, 28, 30, *range(37, 90, 7), 90]
    assert (joint.data == untouched.data).all()


def test_of_many_samples_some_frames_have_the_divergence_of_one_before(monkeypatch):
    points = np.random.default_rng(2).normal(size=(400, 10)) * np.geomspace(3, 1, 10)
    joint = affinities(nearest_neighbours(points, 30), 10.0)
    start = initial_map(pca(points).positions, seed=3)
    every = list(tsne_frames(joint, start, 150, frame_every=5))
    monkeypatch.setattr(tsne, "MANY", 100)
    few = list(tsne_frames(joint, start, 150, frame_every=5))
    known = {0: every[0].kl_divergence}
    for i, (ours, expected) in enumerate(zip(few, every, strict=True)):
        np.testing.assert_array_equal(ours.positions, expected.positions)
        if i % 5 == 0 or expected.iteration in (50, 150):  # the ends of both phases
            assert ours.kl_divergence == expected.kl_divergence
            known = {i: expected.kl_divergence}
        assert ours.kl_divergence == next(iter(known.values()))


def test_map_is_that_of_plain_opentsne_bit_for_bit(digits):
    points = digits[0]
    joint = affinities(nearest_neighbours(points, 60), 20.0)
    start = initial_map(pca(points).positions, seed=0)
    plain = openTSNE.TSNE(negative_gradient_method="bh", n_jobs=1).fit(
        affinities=PrecomputedAffinities(joint.copy(), normalize=False),
        initialization=start,
    )
    ours = list(tsne_frames(joint, start, 750))[-1]
    np.testing.assert_array_equal(ours.positions, np.asarray(plain, dtype=np.float32))
    assert ours.kl_divergence == pytest.approx(plain.kl_divergence, rel=1e-9)


def test_divergence_is_as_good_as_plain_opentsne_from_the_activations(digits):
    plain = openTSNE.TSNE(perplexity=20, random_state=0, n_jobs=1).fit(digits[0])
    ours = project(digits[0], digits[1], perplexity=20)
    assert ours.kl_divergence == pytest.approx(plain.kl_divergence, rel=0.02)
    assert trustworthiness(digits[0], ours.positions, n_neighbors=10) > 0.97
    assert ours.neighbourhood_hit == neighbourhood_hit(ours.positions, digits[1])
    assert ours.neighbourhood_hit > 0.9


def test_divergence_of_early_frames_is_that_of_the_true_affinities(digits):
    joint = affinities(nearest_neighbours(digits[0], 30), 10.0)
    start = initial_map(pca(digits[0]).positions, seed=0)
    frame = next(iter(tsne_frames(joint, start, 90, frame_every=30)))  # all of it early exaggeration
    assert frame.iteration == 30
    y = frame.positions.astype(float)
    q = 1 / (1 + ((y[:, None] - y[None]) ** 2).sum(axis=-1))
    np.fill_diagonal(q, 0)
    p = joint.toarray()
    exact = (p[p > 0] * np.log(p[p > 0] / (q / q.sum())[p > 0])).sum()
    assert frame.kl_divergence == pytest.approx(exact, rel=0.01)  # Barnes-Hut approximates


def test_samples_that_are_all_duplicates_of_a_few_are_mapped():
    points = np.repeat(np.random.default_rng(5).normal(size=(4, 6)), 50, axis=0)
    embedding = project(points, np.repeat(np.arange(4), 50), **QUICK)
    assert np.isfinite(embedding.positions).all()
    assert embedding.neighbourhood_hit_activations == 1.0


# The steps


def test_events_come_in_order_with_the_pca_picture_first(wide, digits):
    events = events_of(wide, digits[1], frame_every=10, **QUICK)
    first = events[0].value
    assert (first.method, first.iteration, first.kl_divergence, first.neighbourhood_hit) == (
        "pca",
        0,
        None,
        None,
    )
    exact = pca(wide).positions
    for axis in (0, 1):
        assert np.corrcoef(first.positions[:, axis], exact[:, axis])[0, 1] > 0.99
    assert sum(first.explained_variance) == pytest.approx(
        PCA(2).fit(wide).explained_variance_ratio_.sum(), rel=0.01
    )
    frames = [event.value for event in events[1:] if isinstance(event, Preview)]
    assert [frame.iteration for frame in frames] == [10, 20, 30, 40, 50, 60]
    assert all(frame.method == "tsne" and frame.kl_divergence > 0 for frame in frames)
    whats = list(dict.fromkeys(event.what for event in events if isinstance(event, Progress)))
    assert whats == [
        "PCA to 50 dimensions",
        "nearest neighbours",
        "affinities",
        "t-SNE",
        "nearest neighbours in activation space",
    ]
    assert all(0 <= event.done <= event.total for event in events if isinstance(event, Progress))
    result = events[-1].value
    np.testing.assert_array_equal(result.positions, frames[-1].positions)
    assert (result.positions.dtype, result.positions.shape) == (np.float32, (400, 2))
    assert (result.n_features, result.reduced_to, result.perplexity, result.seed) == (900, 50, 10.0, 0)
    assert any(note.startswith("PCA from 900 to 50 dimensions") for note in result.notes)


def test_pca_is_a_result_too_and_says_where_its_preview_came_from(digits, monkeypatch):
    monkeypatch.setattr("nbviz.methods.projection.PREVIEW_ALL_BELOW", 1000)
    monkeypatch.setattr("nbviz.methods.projection.PREVIEW_ROWS", 100)
    events = events_of(*digits, method="pca")
    assert events[0].value.notes == ("principal components found from 100 of 400 samples",)
    result = events[-1].value
    np.testing.assert_allclose(result.positions, pca(digits[0]).positions)
    assert (result.notes, result.perplexity, result.metric) == ((), None, None)
    assert result.neighbourhood_hit == neighbourhood_hit(result.positions, digits[1])


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_hit_in_activation_space_is_of_all_features(wide, digits, method):
    result = project(wide, digits[1], method=method, **QUICK)
    pairwise = cdist(wide.astype(float), wide.astype(float))
    np.fill_diagonal(pairwise, np.inf)
    nearest = np.argsort(pairwise, axis=1)[:, :6]
    expected = (digits[1][nearest] == digits[1][:, None]).mean()
    assert result.neighbourhood_hit_activations == pytest.approx(expected, abs=1e-12)


def test_hit_in_activation_space_of_very_many_samples_says_what_it_is_of(wide, digits, monkeypatch):
    monkeypatch.setattr(neighbour_cache, "EXACT_ACTIVATION_HITS", 300)
    result = project(wide, digits[1], **QUICK)
    reduced = pca(wide, 50, tolerance=1e-3).positions
    assert result.neighbourhood_hit_activations == pytest.approx(neighbourhood_hit(reduced, digits[1]))
    assert any("measured on 50 principal components" in note for note in result.notes)


def test_without_labels_there_is_no_hit(digits):
    result = project(digits[0], **QUICK)
    assert (result.neighbourhood_hit, result.neighbourhood_hit_activations) == (None, None)


def test_one_seed_gives_one_map_and_another_seed_another(digits):
    first, again, other = (project(digits[0], seed=seed, **QUICK).positions for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("metric", ["cosine", "correlation"])
@pytest.mark.parametrize("features", ["digits", "wide"])
def test_metric_is_that_of_the_name(digits, wide, metric, features):
    data, labels = (digits[0] if features == "digits" else wide), digits[1]
    pairwise = cdist(data.astype(float), data.astype(float), metric)
    rows = unit_rows(data, metric).astype(float)
    np.testing.assert_allclose(cdist(rows, rows, "sqeuclidean") / 2, pairwise, atol=1e-6)
    np.fill_diagonal(pairwise, np.inf)
    nearest = np.argsort(pairwise, axis=1)[:, :6]
    expected = (labels[nearest] == labels[:, None]).mean()
    result = project(data, labels, metric=metric, **QUICK)
    assert result.neighbourhood_hit_activations == pytest.approx(expected, abs=1e-3)
    assert result.metric == metric


@pytest.mark.parametrize(("metric", "row"), [("cosine", 0.0), ("correlation", 0.1)])
def test_rows_without_direction_are_reported(digits, metric, row):
    data = digits[0].copy()
    data[[3, 8]] = row
    result = project(data, metric=metric, **QUICK)
    assert np.isfinite(result.positions).all()
    assert any(note.startswith("2 samples have no direction") for note in result.notes)


def test_few_iterations_are_reported(digits):
    assert any("60 iterations are few" in note for note in project(digits[0], **QUICK).notes)


def test_it_can_be_closed_at_every_step_and_run_again(digits):
    whole = events_of(*digits, frame_every=20, **QUICK)
    for stop in range(1, len(whole)):
        cache = NeighbourCache()
        steps = project_steps(*digits, frame_every=20, cache=cache, **QUICK)
        for _ in range(stop):
            next(steps)
        steps.close()
        again = project(*digits, cache=cache, **QUICK)
        np.testing.assert_array_equal(again.positions, whole[-1].value.positions)


# The cache


def test_cache_skips_what_did_not_change_and_changes_no_result(wide, digits):
    def whats(cache, **changed):
        events = events_of(wide, digits[1], cache=cache, **{**QUICK, **changed})
        seen = {event.what for event in events if isinstance(event, Progress)}
        fresh = project(wide, digits[1], **{**QUICK, **changed})
        np.testing.assert_array_equal(events[-1].value.positions, fresh.positions)
        assert replace(events[-1].value, positions=None).__dict__ == replace(fresh, positions=None).__dict__
        return seen - {"t-SNE"}

    cache = NeighbourCache()
    everything = {"PCA to 50 dimensions", "nearest neighbours", "affinities"}
    in_activations = {"nearest neighbours in activation space"}
    assert whats(cache) == everything | in_activations
    assert whats(cache) == set()
    assert whats(cache, n_iter=40, seed=5) == set()
    assert whats(cache, perplexity=45.0) == {"affinities"}
    assert whats(cache, perplexity=90.0) == everything - {"PCA to 50 dimensions"}  # the space is kept
    assert whats(cache, perplexity=20.0) == {"affinities"}
    assert whats(cache, k=9) == {"affinities"} | in_activations
    assert whats(cache, metric="cosine") == everything | in_activations
    assert len(cache) == 2


def test_cache_does_not_keep_activations_alive_nor_mistake_one_array_for_another(digits):
    cache = NeighbourCache(size=2)
    data = digits[0].copy()
    project(data, cache=cache, **QUICK)
    alive = weakref.ref(data)
    del data
    gc.collect()
    assert alive() is None
    other = digits[0][::-1].copy()
    np.testing.assert_array_equal(
        project(other, cache=cache, **QUICK).positions, project(other, **QUICK).positions
    )
    assert len(cache) == 1
    arrays = [digits[0].copy() for _ in range(3)]
    for array in arrays:
        cache.prepared(array, "euclidean")
    assert len(cache) == 2
    cache.clear()
    assert len(cache) == 0


# Bad input

GOOD = np.random.default_rng(9).normal(size=(90, 4))


def spoilt(*values):
    array = GOOD.copy()
    array[[5, 5, 7][: len(values)], [0, 1, 2][: len(values)]] = values
    return array


@pytest.mark.parametrize(
    ("arguments", "parameters", "error", "message"),
    [
        ([np.zeros((5, 2, 3))], {}, ValueError, r"shape \(5, 2, 3\); flatten .*reshape"),
        ([np.zeros((0, 4))], {}, ValueError, r"empty: got shape \(0, 4\)"),
        ([np.zeros((4, 0))], {}, ValueError, "empty"),
        ([np.zeros((1, 4))], {}, ValueError, "one sample cannot be projected"),
        ([np.full((50, 4), 0.5)], {}, ValueError, "all 50 activations are equal.*dead or constant"),
        (
            [spoilt(np.nan, np.inf, -np.inf)],
            {},
            ValueError,
            r"3 values .*\(1 NaN, 2 infinite\), in 2 of 90 samples",
        ),
        ([spoilt(-np.inf)], {}, ValueError, r"1 value that is not finite \(0 NaN, 1 infinite\), in 1 of 90"),
        ([spoilt(np.nan)], {}, ValueError, r"1 NaN, 0 infinite"),
        ([GOOD.astype(complex)], {}, TypeError, "real numbers.*complex"),
        ([GOOD], {"perplexity": 30}, ValueError, "perplexity=30 .* 90 samples: .* 29 at most"),
        ([GOOD], {"perplexity": 0.5}, ValueError, "at least 1"),
        ([GOOD], {"perplexity": float("nan")}, ValueError, "perplexity=nan"),
        ([GOOD[:3]], {}, ValueError, "at least 4 samples, got 3; method='pca'"),
        ([GOOD, np.zeros(90)], {"k": 90}, ValueError, "k=90 nearest neighbours of 90 samples"),
        ([GOOD, np.zeros(89)], {}, ValueError, "89 labels for 90 samples"),
        ([GOOD], {"metric": "cosin"}, UnknownName, "'cosin'.*Did you mean 'cosine'"),
        ([GOOD], {"method": "t-sne"}, UnknownName, "Did you mean 'tsne'"),
        ([GOOD], {"perplexity": 5, "n_iter": 0}, ValueError, "n_iter=0"),
        ([GOOD], {"perplexity": 5, "frame_every": 0}, ValueError, "frame_every=0"),
    ],
)
def test_what_cannot_be_projected_is_refused_in_plain_words(arguments, parameters, error, message):
    with pytest.raises(error, match=message):
        next(project_steps(*arguments, **parameters))


def test_largest_perplexity_named_in_the_error_works():
    assert np.isfinite(project(GOOD, perplexity=29, n_iter=9).positions).all()


@pytest.mark.parametrize("kind", [np.uint8, np.float16, np.int64, bool])
def test_other_number_types_are_understood(digits, kind):
    given = (digits[0] > 7) if kind is bool else digits[0].astype(kind)
    expected = project(given.astype(np.float32), digits[1], method="pca")
    np.testing.assert_array_equal(project(given, digits[1], method="pca").positions, expected.positions)
