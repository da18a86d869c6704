"""The orders, against torch and brute force; the ground behind a map, against scikit-learn."""

from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

import nbviz
from nbviz.core.capture import capture
from nbviz.core.errors import UnknownName
from nbviz.methods.decision_regions import decision_regions
from nbviz.methods.neighbours import local_neighbourhood_hit, nearest_neighbours
from nbviz.methods.projection import project
from nbviz.methods.worst_first import sample_losses, worst_first


@pytest.fixture(scope="module")
def shown():
    """500 real digits after two epochs: map of the last hidden layer, labels, logits."""
    net, digits = nbviz.zoo.load("mnist-mlp"), nbviz.zoo.load_mnist(500)
    net.module.load_state_dict(net.checkpoints[2])
    found = capture(net, digits, ["relu4", "output"])
    return project(found["relu4"], n_iter=150).positions, digits.labels, found["output"]


# Loss


@pytest.mark.parametrize("kind", ["logits", "log-probabilities", "probabilities"])
def test_losses_are_those_of_torch(shown, kind):
    _, labels, logits = shown
    outputs = torch.tensor(logits)
    expected = torch.nn.functional.cross_entropy(outputs.double(), torch.tensor(labels), reduction="none")
    if kind != "logits":
        outputs = outputs.log_softmax(1) if kind == "log-probabilities" else outputs.softmax(1)
    np.testing.assert_allclose(sample_losses(outputs.numpy(), labels), expected, rtol=1e-4, atol=2e-6)


def test_losses_of_two_classes_certain_errors_and_unknown_classes():
    single = sample_losses(np.array([[2.0], [-3.0]]), [1, 1])
    np.testing.assert_allclose(single, np.logaddexp(0, [-2.0, 3.0]), rtol=1e-6)
    certain = sample_losses(np.array([[900.0, 0.0]]), [1])
    assert np.isfinite(certain[0])
    assert certain[0] == pytest.approx(87.3, abs=0.1)
    assert np.isnan(sample_losses(np.array([[1.0, 0.0]]), [-1])[0])


# Orders


def test_the_order_by_loss_begins_with_the_dearest(shown):
    points, labels, logits = shown
    loss = sample_losses(logits, labels)
    found = worst_first(points, labels, logits.argmax(1), loss)
    order = found.order("loss")
    assert sorted(order) == list(range(500))
    assert (np.diff(loss[order]) <= 0).all()
    wrong = logits.argmax(1) != labels
    assert wrong[order[:40]].mean() > 0.95
    assert wrong.mean() < 0.3


def test_the_order_by_hit_begins_with_the_most_alone(shown):
    points, labels, logits = shown
    loss = sample_losses(logits, labels)
    found = worst_first(points, labels, loss=loss)
    expected = local_neighbourhood_hit(points, labels, 6)
    np.testing.assert_allclose(found.hit, expected)
    keys = [(expected[i], -loss[i]) for i in found.order("hit")]
    assert keys == sorted(keys)


def test_disagreement_is_counted_as_by_hand(shown):
    points, labels, logits = shown
    predictions = logits.argmax(1)
    found = worst_first(points, labels, predictions, k=5)
    for i, near in enumerate(nearest_neighbours(points, 5).indices):
        counts = Counter(labels[near].tolist())
        most = max(counts.values())
        assert found.majority_share[i] == most / 5
        assert counts[found.majority[i]] == most
        assert found.disagreement[i] == pytest.approx((most - counts[predictions[i]]) / 5)
        if counts[predictions[i]] == most:
            assert found.majority[i] == predictions[i]
    order = found.order("disagreement")
    assert (np.diff(found.disagreement[order]) <= 0).all()
    wrong = predictions != labels
    assert wrong[found.disagreement > 0.5].mean() > 2 * wrong.mean()


def test_of_equal_majorities_the_nearest_wins():
    points = np.array([[0.0], [1], [2], [3], [4]])
    found = worst_first(points, ["a", "b", "c", "c", "b"], k=4)
    assert found.majority[0] == "b"
    assert found.majority_share[0] == 0.5
    agreeing = worst_first(points, ["a", "b", "c", "c", "b"], ["c"] * 5, k=4)
    assert agreeing.majority[0] == "c"
    assert agreeing.disagreement[0] == 0


def test_unknown_losses_come_last_and_missing_keys_are_named():
    points = np.arange(4.0)[:, None]
    found = worst_first(points, [0, 0, 1, 1], loss=[np.nan, 1, 3, 2], k=1)
    assert found.order("loss").tolist() == [2, 3, 1, 0]
    assert found.keys == ("loss", "hit")
    with pytest.raises(ValueError, match="pass predictions"):
        found.order("disagreement")
    with pytest.raises(UnknownName, match="los"):
        found.order("los")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0]}, "1 labels for 8"),
        ({"predictions": [0]}, "shape \\(1,\\) for 8"),
        ({"loss": [0.1]}, "losses of shape \\(1,\\)"),
        ({"k": 8}, "k=8"),
        ({"points": np.full((8, 2), np.inf)}, "finite"),
    ],
)
def test_what_cannot_be_sorted_is_refused(change, message):
    points = np.random.default_rng(0).normal(size=(8, 2))
    with pytest.raises(ValueError, match=message):
        worst_first(**{"points": points, "labels": [0, 1] * 4, **change})


@pytest.mark.parametrize(
    ("outputs", "classes", "message"),
    [
        (np.zeros(3), [0, 1, 2], "\\(n, classes\\)"),
        (np.zeros((3, 2)), [0, 1], "shape \\(2,\\)"),
        (np.zeros((2, 2)), [0, 2], "0 to 2; the outputs have 2"),
        (np.zeros((2, 2)), [0.5, 1.0], "whole numbers"),
        (np.full((2, 2), np.nan), [0, 1], "diverged"),
    ],
)
def test_losses_that_do_not_exist_are_refused(outputs, classes, message):
    with pytest.raises(ValueError, match=message):
        sample_losses(outputs, classes)


# Regions


@pytest.mark.parametrize("k", [1, 5])
def test_regions_are_those_of_a_nearest_neighbour_classifier(shown, k):
    points, labels, _ = shown
    found = decision_regions(points, labels, k=k, size=60)
    height, width = found.classes.shape
    x0, y0, x1, y1 = found.extent
    x = x0 + (np.arange(width) + 0.5) / width * (x1 - x0)
    y = y0 + (np.arange(height) + 0.5) / height * (y1 - y0)
    places = np.array([(a, b) for b in y for a in x])
    reference = KNeighborsClassifier(k, weights="distance").fit(points.astype(float), labels)
    assert (found.names[found.classes.ravel()] == reference.predict(places)).mean() > 0.999
    distance, near = reference.kneighbors(places)
    np.testing.assert_allclose(found.distance.ravel(), distance[:, 0], rtol=1e-5)
    votes = labels[near] == found.names[found.classes.ravel()][:, None]
    np.testing.assert_allclose(found.agreement.ravel(), votes.mean(1), rtol=1e-6)
    assert max(height, width) == 60


def test_points_lie_on_their_own_colour_and_empty_ground_is_blank():
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.normal(size=(100, 2)), rng.normal((60, 0), size=(100, 2))])
    found = decision_regions(points, np.repeat(["left", "right"], 100), size=300)
    x0, y0, x1, y1 = found.extent
    column = ((points[:, 0] - x0) / (x1 - x0) * found.classes.shape[1]).astype(int)
    row = ((points[:, 1] - y0) / (y1 - y0) * found.classes.shape[0]).astype(int)
    assert (found.names[found.classes[row, column]] == np.repeat(["left", "right"], 100)).all()
    assert found.opacity[row, column].mean() > 0.8
    assert found.opacity[:, found.classes.shape[1] // 2].max() == 0
    assert "approximate" in found.note
    nearest = nearest_neighbours(points, 1).distances[:, 0]
    assert found.typical == pytest.approx(np.median(nearest))


def test_the_picture_ends_where_no_ground_is_coloured(shown):
    points, labels, _ = shown
    found = decision_regions(points, labels)
    x0, y0, x1, y1 = found.extent
    (low_x, low_y), (high_x, high_y) = points.min(0), points.max(0)
    for room, span in (
        (low_x - x0, high_x - low_x),
        (x1 - high_x, high_x - low_x),
        (low_y - y0, high_y - low_y),
        (y1 - high_y, high_y - low_y),
    ):
        assert room == pytest.approx(np.clip(8 * found.typical, 0.05 * span, 0.25 * span), rel=1e-5)
    edge = np.concatenate([found.opacity[0], found.opacity[-1], found.opacity[:, 0], found.opacity[:, -1]])
    assert edge.max() < 0.1  # its places lie half a step inside
    assert found.opacity.max() == 1


def test_a_given_extent_is_kept_and_equal_points_do():
    found = decision_regions(np.zeros((4, 2)), [0, 0, 1, 0], k=4, size=10, extent=(-1, -1, 3, 1))
    assert found.extent == (-1, -1, 3, 1)
    assert found.classes.shape == (5, 10)
    assert (found.classes == 0).all()


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        (np.zeros((6, 3)), {}, "shape \\(6, 3\\)"),
        (np.full((6, 2), np.nan), {}, "finite"),
        (np.zeros((6, 2)), {"k": 7}, "k=7"),
        (np.zeros((6, 2)), {"size": 1}, "size=1"),
        (np.zeros((6, 2)), {"extent": (0, 0, 0, 1)}, "x0 < x1"),
    ],
)
def test_ground_that_cannot_be_coloured_is_refused(points, options, message):
    with pytest.raises(ValueError, match=message):
        decision_regions(points, [0, 1, 0, 1, 0, 1], **options)
