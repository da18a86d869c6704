"""Maps of many samples: a few of them first, the others placed, then all. Thresholds are lowered here."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from nbviz import zoo
from nbviz.core.capture import capture
from nbviz.core.events import Preview, Progress, Result, result_of, run_to_end
from nbviz.methods import landmark_map, neighbour_cache, tsne_map
from nbviz.methods.landmark_map import PLACED_BY, landmark_steps
from nbviz.methods.neighbour_cache import NeighbourCache
from nbviz.methods.neighbours import neighbourhood_hit
from nbviz.methods.projection import project, project_steps
from nbviz.methods.tsne import affinities


@pytest.fixture(scope="module")
def hidden():
    digits = zoo.load_mnist(1500)
    return capture(zoo.load("mnist-cnn"), digits, ["fc1"])["fc1"], np.asarray(digits.labels)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(tsne_map, "MANY", 1000)
    monkeypatch.setattr(neighbour_cache, "MANY", 1000)
    monkeypatch.setattr(tsne_map, "few", lambda n_samples: 400)
    monkeypatch.setattr(tsne_map, "MORE", 800)


def run(steps):
    """What a generator returns."""
    return run_to_end(_as_result(steps))


def _as_result(steps):
    yield Result((yield from steps))


@pytest.mark.parametrize(("n_samples", "landmarks"), [(20_001, 2000), (300_000, 2000), (1_000_000, 1000)])
def test_landmarks_of_the_first_map(n_samples, landmarks):
    assert landmark_map.few(n_samples) == landmarks


def test_samples_lie_in_the_median_of_the_landmarks_they_are_nearest_to(hidden):
    points = hidden[0]
    landmarks = run(landmark_steps(points, 200, 90))
    distances = cdist(points, points[landmarks.rows])
    for row in range(0, 1500, 7):
        nearest = np.sort(distances[row])[:PLACED_BY]
        np.testing.assert_allclose(distances[row, landmarks.near[row]], nearest, rtol=1e-5, atol=1e-5)
    positions = np.random.default_rng(0).standard_normal((200, 2)).astype(np.float32)
    placed = landmarks.place_all(positions)
    others = np.setdiff1d(np.arange(1500), landmarks.rows)
    for row in others[::11]:
        np.testing.assert_allclose(placed[row], np.median(positions[landmarks.near[row]], axis=0), rtol=1e-6)
    np.testing.assert_array_equal(placed[landmarks.rows], positions)


def test_a_map_of_some_comes_first_and_the_map_of_all_is_as_good_as_the_direct_one(hidden, few):
    points, labels = hidden
    events = list(project_steps(points, labels, n_iter=300))
    result = events[-1].value
    previews = [event.value for event in events if isinstance(event, Preview)]
    assert all(preview.positions.shape == (1500, 2) for preview in previews)
    of_some = [p for p in previews if any("t-SNE of 400 samples" in note for note in p.notes)]
    assert len(of_some) > 2
    assert neighbourhood_hit(of_some[-1].positions, labels) > 0.9
    # While all are pressed together in the early phase, the map of some stays.
    after = previews[previews.index(of_some[-1]) + 1 :]
    assert after
    assert min(preview.iteration for preview in after) > 100
    assert not any("samples; each of the other" in note for note in result.notes)
    stages = [event.what for event in events if isinstance(event, Progress)]
    assert stages.index("t-SNE of 400 samples") < stages.index("t-SNE")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tsne_map, "MANY", 5000)
        direct = project(points, labels, n_iter=300)
    assert result.kl_divergence < 1.05 * direct.kl_divergence
    assert result.neighbourhood_hit > direct.neighbourhood_hit - 0.01
    assert result.neighbourhood_hit_activations == pytest.approx(direct.neighbourhood_hit_activations)


def test_of_too_many_the_placed_map_is_the_result_and_says_so(hidden, few, monkeypatch):
    points, labels = hidden
    monkeypatch.setattr(tsne_map, "TOO_MANY", 1200)
    monkeypatch.setattr("nbviz.methods.projection.TOO_MANY", 1200)
    events = list(project_steps(points, labels, n_iter=150))
    result = events[-1].value
    assert "t-SNE of 800 samples; each of the other 700 lies in the median" in result.notes[0]
    assert result.neighbourhood_hit == pytest.approx(neighbourhood_hit(result.positions, labels))
    assert result.neighbourhood_hit_activations is None
    assert any("not measured" in note for note in result.notes)
    assert any(isinstance(e, Progress) and e.what == "t-SNE of 800 samples" for e in events)
    again = project(points, labels, n_iter=150)
    np.testing.assert_array_equal(result.positions, again.positions)


def test_landmarks_are_kept_while_only_the_perplexity_changes(hidden, few):
    points, _labels = hidden
    cache = NeighbourCache()
    first = [e.what for e in project_steps(points, n_iter=50, cache=cache) if isinstance(e, Progress)]
    assert "nearest landmarks" in first
    again = project_steps(points, n_iter=50, perplexity=20, cache=cache)
    second = [event.what for event in again if isinstance(event, Progress)]
    assert "nearest landmarks" not in second
    assert "nearest neighbours" not in second


def test_the_space_reduced_for_many_comes_from_some_of_them(few):
    pictures = np.asarray(zoo.load_mnist(1500).inputs).reshape(1500, -1).astype(np.float32)
    result = project(pictures, n_iter=50)
    assert result.reduced_to == 50
    assert any("784 to 50 dimensions" in note for note in result.notes)


def test_result_of_hands_on_progress_only():
    def inner():
        yield Preview(1)
        yield Progress(1, 2, "work")
        yield Result(3)

    def outer():
        value = yield from result_of(inner())
        yield Result(value + 1)

    assert [type(event) for event in outer()] == [Progress, Result]
    assert run_to_end(outer()) == 4
    with pytest.raises(RuntimeError, match="without a Result"):
        list(result_of(iter([Progress(0, 1, "x")])))


def test_new_samples_meet_the_components_that_the_map_of_many_was_made_from(few):
    from nbviz.methods.place import placer

    digits = zoo.load_mnist(1500)
    layer = capture(zoo.load("mnist-cnn"), digits, ["pool2"])["pool2"]
    chart = project(layer[:1400], n_iter=250)
    assert chart.reduced_to == 50
    ready = placer(layer[:1400], chart)
    rows = np.arange(0, 1400, 100)
    again = ready.place(layer[rows])
    np.testing.assert_array_equal(again.neighbours[:, 0], rows)
    near = np.linalg.norm(again.positions - chart.positions[rows], axis=1)
    assert np.median(near) < 0.1 * np.ptp(chart.positions)


def test_landmarks_have_the_neighbours_that_the_perplexity_needs(hidden, few, monkeypatch):
    points, _labels = hidden
    monkeypatch.setattr(tsne_map, "TOO_MANY", 1200)
    asked = []

    def noted(graph, perplexity):
        asked.append((graph.k, perplexity))
        return affinities(graph, perplexity)

    monkeypatch.setattr(tsne_map, "affinities", noted)
    cache = NeighbourCache()
    for perplexity in (30, 100, 300):
        result = list(project_steps(points, n_iter=20, perplexity=perplexity, cache=cache))[-1].value
        (first, few_perplexity), (second, perplexity_used) = asked[-2:]
        assert second >= int(3 * perplexity_used)
        assert first >= int(3 * few_perplexity)
    assert (few_perplexity, perplexity_used) == (pytest.approx(399 / 3), pytest.approx(799 / 3))
    assert "Their perplexity is 266: 300 needs more samples" in result.notes[0]
