"""The invariance explorer from Python: traits, results, bad input."""

import numpy as np
import pytest
import torch
import traitlets as t
from torch import nn

import nbviz
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.core.transforms import PixelTransform
from nbviz.methods.invariance import invariance


@pytest.fixture(scope="module")
def net():
    return nbviz.zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def digits():
    return nbviz.zoo.load_mnist(20)


@pytest.fixture
def explore():
    views = []

    def build(*arguments, **traits):
        views.append(nbviz.InvarianceExplorer(*arguments, executor="inline", **traits))
        return views[-1]

    yield build
    for view in views:
        view.close()


def test_the_curves_are_those_of_the_method(explore, net, digits):
    view = explore(net, digits, layers=["pool1", "fc2"], transform="rotate", border="zero", sample=4)
    expected = invariance(
        net, digits.inputs[4], "rotate", layers=["pool1", "fc2"], border="zero", target=int(digits.labels[4])
    )
    np.testing.assert_array_equal(view.curves.values, expected.values)
    np.testing.assert_allclose(view.curves.distance, expected.distance, rtol=1e-5)
    np.testing.assert_allclose(view.curves.probability, expected.probability, atol=1e-6)
    assert view.curves.target == digits.labels[4]


def test_the_marked_value_chooses_the_picture(explore, net, digits):
    view = explore(net, digits)
    np.testing.assert_array_equal(view.picture, digits.inputs[0])
    view.value = 3
    np.testing.assert_array_equal(view.picture[3:], digits.inputs[0][:-3])
    view.value = 2.8  # the nearest there is
    np.testing.assert_array_equal(view.picture[3:], digits.inputs[0][:-3])


def test_a_mark_stays_where_it_is_and_another_transform_begins_as_given(explore, net, digits):
    view = explore(net, digits, value=5)
    view.sample = 3
    assert view.value == 5
    view.furthest = 4
    assert view.value == 4
    view.transform = "scale"
    assert view.value == 1
    view.value = 1.3
    view.largest = 1.5
    assert view.value in view.curves.values
    assert view.value == pytest.approx(1.3, abs=0.02)
    view.transform = "rotate"
    assert view.value == 0
    with view.hold_trait_notifications():
        view.transform, view.value = "translate", -2
    assert view.value == -2


@pytest.mark.parametrize(
    ("traits", "values"),
    [
        ({}, np.arange(-8, 9)),
        ({"furthest": 3, "axis": "horizontal"}, np.arange(-3, 4)),
        ({"furthest": 12, "points": 5}, np.arange(-12, 13, 6)),
        ({"transform": "scale", "smallest": 0.5, "largest": 1.5, "points": 3}, [0.5, 1, 1.5]),
        ({"transform": "scale", "smallest": 0.7, "largest": 1.4, "points": 3}, [0.7, 1, 1.05, 1.4]),
        ({"transform": "rotate", "turn": 90, "points": 4}, [0, 30, 60, 90]),
    ],
)
def test_ranges(explore, net, digits, traits, values):
    np.testing.assert_allclose(explore(net, digits.inputs[0], **traits).curves.values, values)


def test_the_class_that_is_followed(explore, net, digits):
    wrong = Samples(digits.inputs[:2], [7, 7])
    view = explore(net, wrong)
    assert view.curves.target == 7  # what the label says, not what the network says
    view.target = 2
    assert view.curves.target_name == "2"
    best = net.predict(digits)[0].argmax()
    assert explore(net, digits.inputs[0]).curves.target == best
    assert explore(net, Samples(digits.inputs[:2], [55, 55])).curves.target == best  # no such class
    by_name = Samples(digits.inputs[:2], ["eight", "two"])
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    named = Network(net.module, transform=net.transform, class_names=names)
    assert explore(named, by_name).curves.target == 8
    assert explore(net, by_name).curves.target == best  # the alphabet is not the order of the outputs


def test_labels_that_are_no_classes_of_the_model_are_told(explore, net, digits):
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    named = Network(net.module, transform=net.transform, class_names=names)
    plain = Network(net.module, transform=net.transform)
    two = digits.inputs[:2]
    best = net.predict(digits)[0].argmax()
    for network, samples, words in (
        (net, Samples(two, [55, 55]), "the label is 55, the model's classes are 0 to 9"),
        (
            plain,
            Samples(two, ["cat", "dog"]),
            "the label 'cat' is a word, and the model's outputs have no names",
        ),
        (named, Samples(two, ["cat", "dog"]), "the label 'cat' is not among the model's classes, zero, one"),
        (named, Samples(two, [0, 1], class_names=["cat", "dog"]), "'cat' is not among"),
        (net, Samples(two, [0.5, 1.5]), "numbers on a scale"),
    ):
        view = explore(network, samples)
        assert view.curves.target == best
        (note,) = view.frame["meta"]["notes"]
        assert note.startswith("true class unknown: ")
        assert words in note
        assert note.endswith("; the most probable one is followed")
        view.target = 2
        assert "followed" not in view.frame["meta"]["notes"][0]
    assert explore(net, digits).frame["meta"]["notes"] == []
    assert explore(net, digits.inputs[0]).frame["meta"]["notes"] == []


def test_a_batch_can_be_leafed_through(explore, net, digits):
    own = net.transform(digits.inputs[:4])
    for several in (digits.inputs[:4], list(digits.inputs[:4]), own, own.numpy()):
        view = explore(net, several)
        assert view.specimen["samples"] == 4
        view.sample = 3
        np.testing.assert_allclose(view.curves.clean_probability, net.predict(digits)[3].max(), atol=1e-5)
    with pytest.raises(ValueError, match=r"5 grey images, their channel is missing"):
        nbviz.InvarianceExplorer(net, np.zeros((5, 28, 28), np.float32))
    with pytest.raises(TypeError, match="open it"):
        nbviz.InvarianceExplorer(net, "cat.png")
    broken = own.numpy().copy()
    broken[2, 0, 3, 3] = np.nan
    view = explore(net, broken)
    view.sample = 2
    with pytest.raises(ValueError, match=r"^sample 2: the image holds"):
        view.wait(20)


def test_the_frame_holds_what_is_known_in_ascending_order(explore, net, digits):
    view = explore(net, digits)
    buffers = view.frame["buffers"]
    meta = view.frame["meta"]
    n = len(meta["values"])
    assert meta["values"] == sorted(meta["values"])
    assert n == meta["total"] == 17
    distance = np.frombuffer(buffers[0], np.float32).reshape(2, n)
    np.testing.assert_array_equal(distance, view.curves.distance)
    np.testing.assert_array_equal(np.frombuffer(buffers[3], np.int32), view.curves.top_class)
    pictures = np.frombuffer(buffers[4], np.uint8).reshape(n, 28, 28)
    np.testing.assert_array_equal(pictures, view.curves.pictures)
    assert meta["targetName"] == "3"
    assert meta["trueClass"] == 3


def test_previews_hold_a_part_of_the_values(net, digits):
    view = nbviz.InvarianceExplorer(net, digits, executor="manual", transform="rotate")
    counts = []
    view.observe(lambda change: counts.append(len(change.new["meta"]["values"])), "frame")
    while view.status in ("pending", "running"):
        view._recompute.step()
    assert counts[0] == 9
    assert counts[-1] == 36
    view.close()


def colour_net():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    return Network(model, transform=PixelTransform((0.5,) * 3, (0.25,) * 3))


def test_large_pictures_travel_small_and_the_marked_one_in_full(explore, monkeypatch):
    photo = np.random.default_rng(0).integers(0, 256, (300, 200, 3)).astype(np.uint8)
    view = explore(colour_net(), photo, points=9)
    meta = view.frame["meta"]
    assert meta["size"] == [300, 200]
    assert meta["tile"][0] < 200
    assert len(view.frame["buffers"][4]) == np.prod(meta["tile"]) * 3 * meta["total"] <= 500_000
    sent = []
    monkeypatch.setattr(view, "send", lambda content, buffers=None: sent.append((content, buffers)))
    value = meta["values"][1]
    view.receive({"type": "picture", "value": value}, [])
    content, (pixels,) = sent[0]
    assert (content["value"], content["generation"]) == (value, view.frame["generation"])
    np.testing.assert_array_equal(
        np.frombuffer(pixels, np.uint8).reshape(300, 200, 3), view.curves.pictures[1]
    )


def test_a_model_without_classes_and_a_signal(explore):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 3, 3))
    view = explore(model, np.random.default_rng(0).random((1, 12, 12)).astype(np.float32))
    assert view.specimen["classes"] == []
    assert view.curves.target == -1
    assert view.frame["meta"]["clean"] is None
    assert "probability" not in view.summary()
    signal = nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten())
    view = explore(signal, np.random.default_rng(0).standard_normal((2, 30)).astype(np.float32))
    assert view.axis == "horizontal"
    assert view.curves.pictures.shape == (17, 1, 30)
    view.transform = "scale"
    assert view.curves.unit == "factor"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"furthest": 28}, "out of sight"),
        ({"target": 10}, "classes 0 to 9"),
        ({"transform": "scale", "smallest": 2.0}, "above the largest"),
        ({"points": 1}, "at least 2"),
    ],
)
def test_bad_parameters_are_said_in_the_view(explore, net, digits, change, message):
    view = explore(net, digits)
    with view.hold_trait_notifications():
        for name, value in change.items():
            setattr(view, name, value)
    with pytest.raises(ValueError, match=message):
        view.wait(20)
    assert view.status == "error"
    assert view.problem["type"] == "ValueError"


def test_bad_input_is_refused_with_advice(explore, net, digits):
    with pytest.raises(TypeError, match="Module"):
        nbviz.InvarianceExplorer("resnet", digits)
    with pytest.raises(TypeError, match="image is missing"):
        nbviz.InvarianceExplorer(net)
    with pytest.raises(TypeError, match="border"):
        nbviz.InvarianceExplorer(net, digits, boarder="zero")
    with pytest.raises(ValueError, match="NaN"):
        nbviz.InvarianceExplorer(net, torch.full((1, 28, 28), float("nan")))
    with pytest.raises(ValueError, match="Did you mean 'conv2'"):
        explore(net, digits, layers=["conv22"])
    view = explore(net, digits)
    with pytest.raises(ValueError, match="Did you mean 'conv2'"):
        view.layers = ["conv22"]
    with pytest.raises(t.TraitError, match="20"):
        view.sample = 20
    with pytest.raises(t.TraitError, match="finite"):
        view.value = np.nan
    with pytest.raises(t.TraitError, match="translate"):
        view.transform = "shear"


def test_summary_says_what_is_seen(explore, net, digits):
    view = explore(net, digits)
    assert view.summary().startswith(
        "InvarianceExplorer: translate -8 to 8 pixels; probability of 3 1.00 as given, lowest 0.00 at "
    )
    assert "relu4" in view.summary()


def test_the_model_and_data_are_let_go(net, digits):
    view = nbviz.InvarianceExplorer(net, digits)
    view.wait(20)
    view.close()
    with pytest.raises(RuntimeError, match="closed"):
        view.curves  # noqa: B018
