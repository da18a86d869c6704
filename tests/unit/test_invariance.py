"""Invariance curves against plain computations, exact symmetries and known answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nbviz import zoo
from nbviz.core.errors import ModelError, UnknownName
from nbviz.core.events import Preview, Progress, Result
from nbviz.methods.fills import Levels
from nbviz.methods.invariance import invariance, invariance_steps
from nbviz.methods.moved_picture import as_bytes, moved, values_between


@pytest.fixture(scope="module")
def digits():
    return zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def digit(digits):
    return digits.samples(1).inputs[0]


@pytest.mark.parametrize(("transform", "same"), [("translate", 0), ("scale", 1), ("rotate", 0)])
@pytest.mark.parametrize("as_float", [False, True])
def test_a_picture_left_alone_has_moved_by_nothing(digits, digit, transform, same, as_float):
    image = digits.transform(digit[None])[0] if as_float else digit
    curves = invariance(digits, image, transform, values=[same, same + 0.3], layers=["conv1", "pool2", "fc2"])
    assert (curves.distance[:, 0] == 0).all()
    assert (curves.distance[:, 1] > 0).all()
    assert curves.probability[0] == np.float32(curves.clean_probability)
    assert np.array_equal(curves.pictures[0], as_bytes(digit, digit))


def test_distances_and_probabilities_are_those_of_a_plain_loop(digits, digit):
    values = [-5, 2, 7]
    curves = invariance(
        digits, digit, values=values, layers=["relu1", "fc1"], target=5, border="wrap", axis="horizontal"
    )
    model = digits.module.eval()

    def run(pixels):
        with torch.no_grad():
            x = digits.transform(pixels[None])
            first = model.relu1(model.conv1(x))
            second = model.pool2(model.relu2(model.conv2(model.pool1(first))))
            fc1 = model.fc1(model.flatten(model.pool3(model.relu3(model.conv3(second)))))
            return first.double(), fc1.double(), model(x).softmax(1)[0, 5].item()

    clean = run(digit)
    for i, value in enumerate(values):
        picture = np.roll(digit, value, axis=1)
        assert np.array_equal(curves.pictures[i], picture)
        found = run(picture)
        for row in (0, 1):
            assert curves.distance[row, i] == pytest.approx((found[row] - clean[row]).norm().item(), rel=1e-4)
        assert curves.probability[i] == pytest.approx(found[2], abs=1e-5)
    assert curves.norm[0] == pytest.approx(clean[0].norm().item(), rel=1e-4)
    assert np.allclose(curves.relative_distance, curves.distance / curves.norm[:, None])
    assert (curves.target, curves.target_name, curves.axis) == (5, "5", "horizontal")


@pytest.mark.parametrize("shape", [(8, 8), (7, 7), (8, 8, 3)])
def test_quarter_turns_are_exact_and_counter_clockwise(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    for quarter in range(5):
        turned = moved(picture, "rotate", 90 * quarter, "zero", Levels.of(picture))
        assert np.array_equal(turned, np.rot90(picture, quarter))


def test_borders():
    picture = np.arange(1, 13, dtype=np.uint8).reshape(4, 3)
    levels = Levels.of(picture)
    top = {
        border: moved(picture, "translate", 2, border, levels)[:2].tolist()
        for border in ("edge", "reflect", "wrap", "zero", "grey")
    }
    first, second, last = [1, 2, 3], [4, 5, 6], [10, 11, 12]
    assert top == {
        "edge": [first, first],
        "reflect": [second, first],
        "wrap": [[7, 8, 9], last],
        "zero": [[0] * 3] * 2,
        "grey": [[128] * 3] * 2,
    }
    right = moved(picture, "translate", 1, "zero", levels, down=False)
    assert np.array_equal(right[:, 1:], picture[:, :-1])
    assert (right[:, 0] == 0).all()


def test_scaling_by_two_doubles_the_distance_from_the_middle():
    picture = np.zeros((9, 9))
    picture[4, 6] = 1.0
    larger = moved(picture, "scale", 2.0, "zero", Levels.of(picture))
    assert np.unravel_index(larger.argmax(), larger.shape) == (4, 8)
    assert larger[4, 8] == 1.0
    assert larger[4, 7] == 0.5
    smaller = moved(picture, "scale", 0.5, "zero", Levels.of(picture))
    assert smaller[4, 5] == 1.0


def test_pooled_features_of_a_circular_network_do_not_see_a_shift_by_the_stride():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, padding_mode="circular"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    ).double()
    image = np.random.default_rng(0).random((1, 16, 16)).astype(np.float32)
    curves = invariance(model, image, values=[-4, -3, 1, 2, 6], layers=["2", "4"], border="wrap")
    even = curves.values % 2 == 0
    assert (curves.distance[1, even] < 1e-6).all()
    assert (curves.distance[1, ~even] > 1e-4).all()
    assert (curves.distance[0] > 1e-2).all()


def test_deep_layers_of_the_digit_network_move_less_under_small_shifts(digits):
    samples = digits.samples(40)
    first, last = [], []
    for row in range(40):
        curves = invariance(digits, samples.inputs[row], values=[1])
        assert curves.layers == ("conv1", "relu4")
        assert curves.target == digits.predict(samples)[row].argmax()
        first.append(curves.relative_distance[0, 0])
        last.append(curves.relative_distance[1, 0])
    assert np.median(last) < 0.6 * np.median(first)


def test_a_six_upside_down_is_a_nine(digits):
    samples = digits.samples(300)
    sixes = samples.inputs[samples.labels == 6]
    turned = [invariance(digits, six, "rotate", values=[180]).top_class[0] for six in sixes]
    assert np.mean(np.array(turned) == 9) > 0.6


def test_steps_begin_coarsely_and_refine(digits, digit):
    events = list(invariance_steps(digits, digit, "rotate"))
    preview = next(event for event in events if isinstance(event, Preview)).value
    known = ~np.isnan(preview.probability)
    assert known[::4].all()
    assert known.sum() == 9
    assert (preview.top_class[~known] == -1).all()
    result = events[-1].value
    assert isinstance(events[-1], Result)
    assert np.isfinite(result.distance).all()
    assert np.array_equal(preview.distance[:, known], result.distance[:, known])
    assert any(isinstance(event, Progress) and event.total == 36 for event in events)
    steps = invariance_steps(digits, digit, "rotate")
    next(steps)
    steps.close()


@pytest.mark.parametrize(
    ("transform", "span", "unit"),
    [("translate", (-8, 8), "pixels"), ("scale", (1, 1.8), "factor"), ("rotate", (0, 350), "degrees")],
)
def test_the_usual_values_are_those_of_the_paper(digits, digit, transform, span, unit):
    curves = invariance(digits, digit, transform)
    assert (curves.values.min(), curves.values.max()) == span
    assert curves.unit == unit
    assert curves.pictures.shape == (len(curves.values), 28, 28)
    assert curves.pictures.dtype == np.uint8


def test_a_model_without_classes_gives_distances_only():
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Conv2d(2, 3, 3))
    image = np.random.default_rng(0).random((3, 12, 12)).astype(np.float32)
    curves = invariance(model, image, values=[1, 2], layers=["1"])
    assert np.isnan(curves.probability).all()
    assert curves.target == -1
    assert (curves.distance > 0).all()
    assert any("distances only" in note for note in curves.notes)
    assert curves.pictures.shape == (2, 12, 12, 3)
    with pytest.raises(ModelError, match="no score per class"):
        invariance(model, image, target=0)


def test_signals_are_shifted_along_time_and_not_turned():
    model = nn.Sequential(nn.Conv1d(2, 3, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    signal = np.random.default_rng(0).standard_normal((2, 30)).astype(np.float32)
    curves = invariance(model, signal, values=[0, 3], layers=["0"])
    assert curves.axis == "horizontal"
    assert curves.distance[0, 0] == 0
    assert curves.distance[0, 1] > 0
    for options in ({"transform": "rotate"}, {"axis": "vertical"}):
        with pytest.raises(ValueError, match="signal"):
            invariance(model, signal, **options)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"transform": "rotat"}, UnknownName, "'rotate'"),
        ({"layers": ["conv7"]}, UnknownName, "conv7"),
        ({"layers": []}, ValueError, "at least one layer"),
        ({"target": 10}, ValueError, "classes 0 to 9"),
        ({"target": "ten"}, UnknownName, "ten"),
        ({"target": 1.0}, TypeError, "class number"),
        ({"border": "mirror"}, UnknownName, "mirror"),
        ({"axis": "diagonal"}, UnknownName, "diagonal"),
        ({"values": []}, ValueError, "at least one number"),
        ({"values": [1, np.nan]}, ValueError, "finite"),
        ({"values": ["far"]}, TypeError, "list of numbers"),
        ({"values": 3}, ValueError, "list"),
        ({"values": [28]}, ValueError, "out of sight"),
        ({"transform": "scale", "values": [0]}, ValueError, "positive"),
        ({"image": np.full((1, 28, 28), np.nan, np.float32)}, ValueError, "NaN"),
        ({"image": np.zeros((28, 28, 3), np.uint8)}, ValueError, "channel"),
        ({"image": np.zeros((40, 40), np.uint8)}, ModelError, "raised"),
        ({"image": np.zeros((2, 1, 28, 28), np.float32)}, ValueError, "one image"),
    ],
)
def test_bad_input(digits, digit, given, kind, words):
    with pytest.raises(kind, match=words):
        invariance(digits, **({"image": digit} | given))


def test_the_probability_of_the_top_class_and_a_model_without_classes(digits, digit):
    curves = invariance(digits, digit, "rotate", target=5)
    assert (curves.top_probability >= curves.probability).all()
    same = curves.top_class == 5
    assert same.any()
    assert not same.all()
    assert np.array_equal(curves.top_probability[same], curves.probability[same])
    nothing = invariance(nn.Conv2d(1, 2, 3), np.zeros((1, 9, 9), np.float32), layers=["input"])
    assert nothing.target_name == ""
    assert np.isnan(nothing.top_probability).all()


def test_values_between_are_even_and_hold_the_picture_as_given():
    assert values_between("translate", -7, 7, 4).tolist() == [-5, 0, 5]
    assert values_between("translate", -2.5, 2.5, 9).tolist() == [-2, -1, 0, 1, 2]
    assert values_between("scale", 0.5, 1.8, 3).tolist() == [0.5, 1, 1.15, 1.8]
    assert values_between("rotate", 0, 90, 4).tolist() == [0, 30, 60, 90]
    with pytest.raises(ValueError, match="above the largest"):
        values_between("scale", 2, 1, 3)
    with pytest.raises(ValueError, match="at least 2"):
        values_between("rotate", 0, 90, 1)
