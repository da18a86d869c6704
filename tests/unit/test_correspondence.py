"""Correspondence analysis against a plain computation, closed forms and known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nbviz import zoo
from nbviz.core.errors import UnknownName
from nbviz.core.events import Preview, Progress, Result
from nbviz.core.samples import Samples
from nbviz.methods.correspondence import correspondence, correspondence_steps
from nbviz.methods.hidden_parts import HiddenParts, signs_of_change
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


def test_an_image_may_lack_a_part(digits, sevens):
    boxes = {"bar": [BOX, None, BOX, BOX], "foot": [(18, 6, 27, 20)] * 4}
    found = correspondence(digits, sevens, boxes, ["conv1"], n_random=3)
    fewer = correspondence(digits, sevens[[0, 2, 3]], {"bar": [BOX] * 3}, ["conv1"], n_random=3)
    both = correspondence(digits, sevens, {**boxes, "bar": [BOX] * 4}, ["conv1"], n_random=3)
    lacking = np.array([1 in pair for pair in found.pairs])
    assert np.array_equal(np.isnan(found.distances["bar"][:, 0]), lacking)
    assert np.array_equal(found.distances["bar"][~lacking], fewer.distances["bar"])
    assert (found.mean[0], found.sd[0], found.changed[0]) == (fewer.mean[0], fewer.sd[0], fewer.changed[0])
    assert np.array_equal(found.distances["foot"], both.distances["foot"])
    given = np.array([BOX, [np.nan] * 4, BOX, BOX])
    given.setflags(write=False)
    nan = correspondence(digits, sevens, {"bar": given}, ["conv1"], n_random=3)
    assert np.array_equal(nan.distances["bar"], found.distances["bar"], equal_nan=True)


def test_boxes_at_one_place_change_the_same_units(digits, sevens):
    """Why a part that stands at one place in all images is held against random boxes at one place."""
    options = {"boxes": {"bar": [(2, 8, 9, 20)] * 4}, "layers": ["relu1"], "n_random": 30}
    anywhere = correspondence(digits, sevens, **options)
    together = correspondence(digits, sevens, places="same place", **options)
    assert together.places == "same place"
    assert np.array_equal(anywhere.distances["bar"], together.distances["bar"])
    assert together.baseline[0, 0] < 0.7 * anywhere.baseline[0, 0]


def test_boxes_at_one_place_are_at_the_same_share_of_what_is_free():
    rng = np.random.default_rng(0)
    boxes, sizes = np.array([(0, 0, 4, 4), (2, 2, 6, 6), (0, 0, 10, 10)]), [(14, 24), (14, 24), (20, 20)]
    drawn = np.array([random_boxes(rng, boxes, sizes, together=True) for _ in range(400)])
    assert np.array_equal(drawn[:, 0], drawn[:, 1])
    assert (np.abs(drawn[:, 2, 0] - drawn[:, 0, 0]) <= 0).all()  # both have 10 pixels free downwards
    assert set(drawn[:, 0, 1]) == set(range(21))
    assert (drawn[:, 2, 2:] - drawn[:, 2, :2] == 10).all()


def test_only_what_is_new_is_run(digits, sevens, monkeypatch):
    album = HiddenParts(digits, sevens)
    plain = correspondence(digits, sevens, {"bar": [BOX] * 4}, ["conv3"], n_random=3)
    first = correspondence(digits, album, {"bar": [BOX] * 4}, ["conv3"], n_random=3)
    assert np.array_equal(plain.distances["random"], first.distances["random"])
    runs = []
    features = album._features
    monkeypatch.setattr(
        album, "_features", lambda a, images, n: runs.append(len(images)) or features(a, images, n)
    )
    again = correspondence(digits, album, {"bar": [BOX] * 4}, ["conv3"], n_random=3)
    assert runs == []
    assert np.array_equal(again.distances["random"], first.distances["random"])
    moved = {"bar": [BOX] * 3 + [(5, 6, 13, 20)]}  # moved, not resized: the random boxes stay
    found = correspondence(digits, album, moved, ["conv3"], n_random=3)
    assert runs == [1]
    afresh = correspondence(digits, sevens, moved, ["conv3"], n_random=3)
    # Batches of other sizes round otherwise, and a change near the threshold may fall to the other side.
    assert np.allclose(found.distances["bar"], afresh.distances["bar"], atol=2e-3)
    correspondence(digits, album, moved, ["conv3"], n_random=3, fill="noise")
    assert sum(runs[1:]) == 16
    correspondence(digits, album, moved, ["conv3"], n_random=1, fill=np.full((28, 28), 40, np.uint8))
    assert sum(runs[1:]) == 24
    before = len(runs)
    correspondence(digits, album, moved, ["conv3"], n_random=1, fill=np.full((28, 28), 90, np.uint8))
    assert len(runs) > before


def test_a_model_that_was_trained_meanwhile_is_run_again(sevens):
    import copy

    module = copy.deepcopy(zoo.load("mnist-cnn").module)
    network = zoo.load("mnist-cnn")
    from nbviz.core.network import Network

    network = Network(module, transform=network.transform)
    album = HiddenParts(network, sevens)
    before = correspondence(network, album, {"bar": [BOX] * 4}, ["fc1"], n_random=1)
    with torch.no_grad():
        module.conv1.weight.mul_(-1)
    after = correspondence(network, album, {"bar": [BOX] * 4}, ["fc1"], n_random=1)
    assert not np.array_equal(before.distances["bar"], after.distances["bar"])


def test_what_is_kept_stays_within_its_limit(digits, sevens, monkeypatch):
    monkeypatch.setattr("nbviz.methods.hidden_parts._KEPT_BYTES", 100_000)
    album = HiddenParts(digits, sevens)
    found = correspondence(digits, album, {"bar": [BOX] * 4}, ["conv1"], n_random=5)
    assert 0 < album._bytes <= 100_000
    assert album._bytes == sum(signs.nbytes for signs in album._kept.values())
    plain = correspondence(digits, sevens, {"bar": [BOX] * 4}, ["conv1"], n_random=5)
    assert np.array_equal(found.distances["random"], plain.distances["random"])


def test_the_usual_layers_are_feature_maps_and_a_hidden_layer():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 8), nn.Linear(8, 3)
    )
    images = np.random.default_rng(0).random((2, 1, 12, 12), np.float32)
    found = correspondence(model, images, {"part": [(0, 0, 5, 5)] * 2}, n_random=1)
    assert found.layers[0] == "1"  # not the pooled maps, which have one place
    assert len(found.layers) == 2


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
    kinds = [type(event) for event in events]
    assert kinds == [Progress, Progress, Preview, Progress, Preview, Progress, Progress, Result]
    assert events[-2].done == events[-2].total == 5
    first_draw, result = events[2].value, events[-1].value
    assert (first_draw.n_random, result.n_random) == (1, 4)
    assert np.array_equal(first_draw.mean[0], result.mean[0])
    assert np.array_equal(first_draw.distances["random"], result.distances["random"][:6])


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
        ({"boxes": {"bar": [BOX] + [None] * 3}}, ValueError, "marked on 1 of 4"),
        ({"boxes": {"bar": [BOX] * 3 + [(4, 6, 12)]}}, ValueError, "four numbers"),
        ({"n_random": 0}, ValueError, "n_random"),
        ({"places": "here"}, ValueError, "same place"),
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


def test_what_a_fill_does_not_change_is_left_out_and_said():
    rng = np.random.default_rng(3)
    images = rng.standard_normal((4, 1, 20, 20)).astype(np.float32)
    images[1, 0, :5, :5] = 0  # of the fill's colour already
    images[:, 0, 15:, 15:] = 0
    boxes = {"corner": [(0, 0, 5, 5)] * 4, "black": [(15, 15, 20, 20)] * 4}
    found = correspondence(flat_network(), images, boxes, ["input", "output"], fill="zero", n_random=3)
    rest = correspondence(
        flat_network(), images[[0, 2, 3]], {"corner": [(0, 0, 5, 5)] * 3}, ["input"], fill="zero"
    )
    left = np.array([1 in pair for pair in found.pairs])
    assert np.array_equal(np.isnan(found.distances["corner"]), np.repeat(left[:, None], 2, 1))
    np.testing.assert_array_equal(found.distances["corner"][~left, :1], rest.distances["corner"])
    assert (found.mean[0, 0], found.sd[0, 0]) == (rest.mean[0, 0], rest.sd[0, 0])
    assert found.unchanged["corner"].tolist() == [[False] * 2, [True] * 2, [False] * 2, [False] * 2]
    assert np.isnan(found.mean[1]).all()
    assert np.isnan(found.sd[1]).all()
    assert (found.changed[1] == 0).all()
    assert found.unchanged["black"].all()
    assert found.table().splitlines()[2].split() == ["black", "nothing", "changed", "nothing", "changed"]
    assert "hiding 'corner' changes nothing in any of the layers for image 1: left out" in found.notes[0]
    assert "hiding 'black' changes nothing in any of the layers for any image" in found.notes[1]
    assert np.isfinite(found.baseline).all()  # random boxes fall elsewhere


def test_a_layer_that_stays_as_it_is_is_left_out_alone():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 18 * 18, 3))
    with torch.no_grad():
        model[0].bias.fill_(-1000)  # all dead
    images = np.random.default_rng(0).standard_normal((3, 1, 20, 20)).astype(np.float32)
    found = correspondence(model, images, {"part": [(2, 2, 9, 9)] * 3}, ["0", "1"], fill="zero", n_random=2)
    assert np.isfinite(found.mean[:, 0]).all()
    assert np.isnan(found.mean[:, 1]).all()
    assert np.isnan(found.baseline[0, 1])
    assert found.notes == (
        "hiding 'part' changes nothing in layer '1' for any image: left out of the means; "
        "another fill may help",
    )
