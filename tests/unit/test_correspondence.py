"""Correspondence analysis against a plain computation, closed forms and known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nbviz import zoo
from nbviz.core.errors import UnknownName
from nbviz.core.events import Progress, Result
from nbviz.core.samples import Samples
from nbviz.methods.correspondence import correspondence, correspondence_steps, signs_of_change
from nbviz.methods.marked_parts import random_boxes


@pytest.fixture(scope="module")
def digits():
    return zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def sevens(digits):
    samples = digits.samples(200)
    return samples.inputs[samples.labels == 7][:4]


def flat_network():
    """The input itself is the layer ``"input"``."""
    return nn.Sequential(nn.Flatten(), nn.Linear(400, 3))


def test_the_table_is_that_of_a_plain_loop(digits, sevens):
    boxes = [(4, 6, 12, 20), (5, 7, 11, 21), (3, 3, 9, 25), (6, 6, 12, 20)]
    found = correspondence(digits, sevens, {"bar": boxes}, ["relu1", "fc1"], n_random=2)
    model = digits.module.eval()
    signs = {"relu1": [], "fc1": []}
    for picture, (top, left, bottom, right) in zip(sevens, boxes, strict=True):
        hidden = picture.copy()
        hidden[top:bottom, left:right] = 128
        with torch.no_grad():
            maps = model.relu1(model.conv1(digits.transform(np.stack([picture, hidden]))))
            deep = model.pool2(model.relu2(model.conv2(model.pool1(maps))))
            fc1 = model.fc1(model.flatten(model.pool3(model.relu3(model.conv3(deep)))))
        for name, x in (("relu1", maps), ("fc1", fc1)):
            difference = (x[0] - x[1]).flatten().numpy()
            signs[name].append(np.sign(np.where(np.abs(difference) < 1e-5, 0, difference)))
    for column, name in enumerate(found.layers):
        apart = [np.mean(signs[name][i] != signs[name][j]) for i in range(4) for j in range(i + 1, 4)]
        assert np.allclose(found.distances["bar"][:, column], apart, atol=5e-4)
        assert found.mean[0, column] == pytest.approx(np.mean(apart), abs=5e-4)
        assert found.sd[0, column] == pytest.approx(np.std(apart, ddof=1), abs=5e-4)
        assert found.changed[0, column] == pytest.approx(np.mean(np.array(signs[name]) != 0), abs=5e-4)
    assert found.pairs == ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    assert found.parts == ("bar", "random")


def test_the_same_change_everywhere_is_at_distance_zero(digits, sevens):
    found = correspondence(digits, [sevens[0]] * 3, {"bar": [(4, 6, 12, 20)] * 3}, ["conv1", "conv3", "fc1"])
    assert (found.distances["bar"] == 0).all()
    assert (found.mean[1] > 0).all()  # random boxes differ from image to image


def test_opposite_changes_differ_in_every_unit_that_changes():
    image = np.random.default_rng(0).standard_normal((1, 20, 20)).astype(np.float32)
    boxes = [(0, 0, 10, 20)] * 2
    found = correspondence(flat_network(), [image, -image], {"top": boxes}, ["input"], fill="zero")
    assert found.mean[0, 0] == 0.5
    assert found.changed[0, 0] == 0.5
    assert np.isnan(found.sd[0, 0])  # a single pair


@pytest.mark.parametrize("unchanged", [0.0, 0.4, 0.8])
def test_independent_signs_of_three_values_have_the_expected_distance(unchanged):
    rng = np.random.default_rng(1)
    sides = (1 - unchanged) / 2
    images = rng.choice([-1.0, 0.0, 1.0], (12, 1, 20, 20), p=[sides, unchanged, sides]).astype(np.float32)
    found = correspondence(
        flat_network(), images, {"all": [(0, 0, 20, 20)] * 12}, ["input"], fill="zero", n_random=1
    )
    assert found.mean[0, 0] == pytest.approx(1 - unchanged**2 - (1 - unchanged) ** 2 / 2, abs=0.01)


def test_rounding_has_no_sign():
    clean = np.array([[1000.0, 1.0, 0.0, -3.0]], np.float32)
    hidden = np.array([[1000.0001, 0.0, 0.0, 5.0]], np.float32)
    assert signs_of_change(clean, hidden).tolist() == [[0, 1, 0, -1]]


def test_the_bar_of_the_seven_is_alike_and_the_background_is_not(digits, sevens):
    ink = [np.argwhere(seven > 100) for seven in sevens]
    tops = [int(places[:, 0].min()) for places in ink]
    bars = [(top, 7, top + 5, 21) for top in tops]
    found = correspondence(digits, sevens, {"bar": bars}, fill="zero", n_random=25)
    assert found.layers == ("pool3", "relu4")
    by_units = found.mean[0] / found.changed[0]  # of the units that change at all
    by_units_random = found.mean[1] / found.changed[1]
    assert (by_units < by_units_random).all()


def test_random_boxes_have_the_sizes_of_the_parts_and_reach_every_place():
    rng = np.random.default_rng(0)
    boxes, sizes = np.array([(0, 0, 3, 5), (2, 2, 6, 3)]), [(6, 8), (10, 4)]
    drawn = np.array([random_boxes(rng, boxes, sizes) for _ in range(600)])
    assert (drawn[:, 0, 2:] - drawn[:, 0, :2] == (3, 5)).all()
    assert (drawn[:, 1, 2:] - drawn[:, 1, :2] == (4, 1)).all()
    assert set(map(tuple, drawn[:, 0, :2])) == {(r, c) for r in range(4) for c in range(4)}
    assert set(map(tuple, drawn[:, 1, :2])) == {(r, c) for r in range(7) for c in range(4)}


def test_random_rows_and_baselines(digits, sevens):
    boxes = {"small": [(0, 0, 2, 2)] * 4, "large": [(0, 0, 20, 20)] * 4}
    found = correspondence(digits, sevens, boxes, ["conv1"], n_random=3)
    assert found.distances["random"].shape == (2 * 3 * 6, 1)
    assert found.baseline.shape == (2, 1)
    assert found.baseline.mean() == pytest.approx(found.mean[2, 0])
    assert found.baseline[0, 0] < found.baseline[1, 0]


def test_the_table_reads_as_in_the_paper(digits, sevens):
    found = correspondence(digits, sevens, {"bar": [(4, 6, 12, 20)] * 4}, ["conv1", "fc1"], n_random=2)
    lines = str(found).splitlines()
    assert lines[0].split() == ["conv1", "fc1"]
    assert lines[1].startswith("bar")
    assert f"{found.mean[0, 1]:.3f} ± {found.sd[0, 1]:.3f}" in lines[1]
    assert lines[2].startswith("random")


def test_seed_steps_samples_and_noise(digits, sevens):
    boxes = {"bar": [(4, 6, 12, 20)] * 4}
    options = {"layers": ["conv3"], "n_random": 4, "fill": "noise"}
    first = correspondence(digits, sevens, boxes, seed=1, **options)
    again = correspondence(digits, Samples(sevens), boxes, seed=1, **options)
    other = correspondence(digits, list(sevens), boxes, seed=2, **options)
    assert np.array_equal(first.distances["random"], again.distances["random"])
    assert np.array_equal(first.distances["bar"], again.distances["bar"])
    assert not np.array_equal(first.distances["random"], other.distances["random"])
    events = list(correspondence_steps(digits, sevens, boxes, n_random=4))
    assert [type(event) for event in events] == [Progress] * 5 + [Result]
    assert events[4].done == events[4].total == 5


def test_several_colour_images_of_different_sizes_through_a_transform():
    from nbviz.core.network import Network

    def to_input(picture):
        return torch.from_numpy(np.asarray(picture.resize((8, 8)), np.float32) / 255).permute(2, 0, 1)

    network = Network(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, 2)), transform=to_input)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3)).astype(np.uint8) for size in ((20, 30), (16, 40))]
    found = correspondence(network, images, {"part": [(10, 10, 20, 30), (0, 30, 16, 40)]}, ["0"])
    assert 0 < found.mean[0, 0] < 1


BOX = (4, 6, 12, 20)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"boxes": {"bar": [BOX] * 3}}, ValueError, "each of 4 images"),
        (
            {"boxes": {"bar": [BOX] * 3 + [(20, 0, 29, 5)]}},
            ValueError,
            "image 3.*outside the image of 28 x 28",
        ),
        ({"boxes": {"bar": [(-1, 0, 5, 5)] + [BOX] * 3}}, ValueError, "image 0.*outside"),
        ({"boxes": {"bar": [(5, 5, 5, 9)] + [BOX] * 3}}, ValueError, "empty"),
        ({"boxes": {"bar": [(1.5, 5, 9, 9)] + [BOX] * 3}}, ValueError, "whole numbers"),
        ({"boxes": {"bar": [(np.nan, 5, 9, 9)] + [BOX] * 3}}, ValueError, "whole numbers"),
        ({"boxes": {"bar": "everywhere"}}, ValueError, "four numbers"),
        ({"boxes": {}}, ValueError, "no part"),
        ({"boxes": [BOX] * 4}, TypeError, "must map"),
        ({"boxes": {"random": [BOX] * 4}}, ValueError, "otherwise"),
        ({"layers": ["conv9"]}, UnknownName, "conv9"),
        ({"layers": []}, ValueError, "at least one layer"),
        ({"n_random": 0}, ValueError, "n_random"),
        ({"fill": "pink"}, ValueError, "pink"),
    ],
)
def test_bad_input(digits, sevens, given, kind, words):
    options = {"images": sevens, "boxes": {"bar": [BOX] * 4}, "layers": ["conv1"]} | given
    with pytest.raises(kind, match=words):
        correspondence(digits, **options)


def test_bad_images(digits, sevens):
    boxes = {"bar": [BOX] * 2}
    nan = np.full((1, 28, 28), np.nan, np.float32)
    small = np.zeros((1, 20, 20), np.float32)
    clean = np.zeros((1, 28, 28), np.float32)
    for images, words in (
        (sevens[0], "several images"),
        (np.zeros((28, 28, 3), np.uint8), "several images"),
        (sevens[:1], "at least 2"),
        ([clean, nan], "image 1.*NaN"),
        ([clean, small], "image 1 becomes"),
        ([], "at least 2"),
    ):
        with pytest.raises(ValueError, match=words):
            correspondence(digits, images, boxes, ["conv1"])
