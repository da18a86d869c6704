"""The receptive field view from Python: traits, results, what it sends, bad input."""

from __future__ import annotations

import copy
import io
import time

import numpy as np
import pytest
import torch
import traitlets as t
from PIL import Image
from torch import nn

import nbviz
from nbviz.core.errors import UnknownName
from nbviz.core.events import Preview
from nbviz.methods.receptive_field import random_patches
from nbviz.views.parts.frames import SNAPSHOT_BYTES
from nbviz.views.receptive_field_frame import (
    MISSING,
    codes,
    map_arrays,
    picture_strip,
    shrunk,
    shrunk_about_the_middle,
)


@pytest.fixture(scope="module")
def net():
    return nbviz.zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def digits():
    return nbviz.zoo.load_mnist(60)


@pytest.fixture
def view(net, digits):
    view = nbviz.ReceptiveField(net, digits, layer="conv2", unit=3, n_images=4)
    view.wait(30)
    yield view
    view.close()


def test_the_result_is_that_of_the_method(view, net, digits):
    expected = random_patches(net, digits, "conv2", 3, n_images=4)
    found = view.result
    assert np.array_equal(found.rows, expected.rows)
    np.testing.assert_allclose(found.discrepancy, expected.discrepancy, atol=1e-6)
    assert view.size == expected.size
    assert view.status == "done"


def test_traits_are_the_parameters_of_the_method(view, net, digits):
    view.layer, view.unit, view.window, view.n, view.n_images, view.seed = "conv1", 7, 3, 500, 2, 9
    found = view.result
    expected = random_patches(net, digits, "conv1", 7, window=3, n=500, n_images=2, seed=9)
    assert (found.layer, found.unit, found.window, found.n, found.seed) == ("conv1", 7, 3, 500, 9)
    np.testing.assert_allclose(found.maps, expected.maps, atol=1e-6)


def test_a_layer_with_fewer_units_takes_its_last_one(view):
    view.layer, view.unit = "conv3", 63
    view.layer = "conv1"
    assert view.unit == 23
    assert (view.result.layer, view.result.unit) == ("conv1", 23)


def test_unknown_layers_and_units_are_refused(view, net, digits):
    with pytest.raises(UnknownName, match="conv1"):
        view.layer = "conv9"
    with pytest.raises(t.TraitError, match="0 to 47"):
        view.unit = 48
    assert (view.layer, view.unit) == ("conv2", 3)
    with pytest.raises((UnknownName, t.TraitError)):
        nbviz.ReceptiveField(net, digits, layer="conv9")
    with pytest.raises(t.TraitError, match="0 to 23"):
        nbviz.ReceptiveField(net, digits, layer="conv1", unit=24)
    with pytest.raises(TypeError, match="n_images"):
        nbviz.ReceptiveField(net, digits, n_image=3)
    with pytest.raises(TypeError, match="missing"):
        nbviz.ReceptiveField(net)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.full((4, 1, 28, 28), np.nan, np.float32), "NaN"),
        (np.zeros((4, 28, 28, 3), np.uint8), "channel"),
        (["some", "texts"], "text"),
        (np.zeros((0, 28, 28), np.uint8), "no samples|empty"),
    ],
)
def test_bad_images_are_refused_at_once(net, images, words):
    with pytest.raises((TypeError, ValueError), match=words):
        nbviz.ReceptiveField(net, images)


def test_a_window_larger_than_the_image_is_refused_and_the_view_goes_on(view, net, digits):
    before = view.result
    view.window = 5
    view.wait(20)
    with pytest.raises(t.TraitError, match="from 1 to the 28 pixels"):
        view.window = 40
    assert (view.window, view.status) == (5, "done")
    view.set_state({"window": 40})  # what a browser sends
    assert "28 pixels" in view.problem["message"]
    assert view.window == 5
    view.unit = 4
    assert (view.result.unit, view.result.window) == (4, 5)
    assert view.status == "done"
    assert view.problem == {}
    assert before.unit == 3
    with pytest.raises(t.TraitError, match="from 1 to the 28 pixels"):
        nbviz.ReceptiveField(net, digits, window=40)
    view.window = 28
    assert view.result.window == 28


def test_a_window_is_measured_on_what_a_transform_made(digits):
    torch.manual_seed(0)

    def small(picture):
        pixels = np.asarray(picture.resize((12, 12)), np.float32)
        return torch.from_numpy(pixels / 255)[None]

    network = nbviz.Network(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), transform=small)
    view = nbviz.ReceptiveField(network, digits, n=10, n_images=1, window=12)
    assert view.result.window == 12
    with pytest.raises(t.TraitError, match="from 1 to the 12 pixels"):
        view.window = 13
    view.close()


def test_samples_with_nan_are_named(net, digits):
    own = net.transform(digits.inputs[:6]).numpy()
    own[[1, 4], 0, 14, 14] = np.nan
    view = nbviz.ReceptiveField(net, own, layer="conv1", n=20, executor="inline")
    assert sorted(view.result.rows) == [0, 2, 3, 5]
    expected = "left out, since the unit gives NaN or infinite values for them: sample 1, sample 4"
    assert expected in view.frame["meta"]["notes"]
    view.close()
    own[:] = np.roll(own, -1, 0)
    with pytest.raises(ValueError, match=r"^sample 0: the image holds 1 values that are NaN"):
        nbviz.ReceptiveField(net, own)


def test_a_unit_that_gives_nan_everywhere_is_an_error(net, digits):
    model = copy.deepcopy(net.module)
    with torch.no_grad():
        model.conv2.bias[5] = float("nan")
    network = nbviz.Network(model, transform=net.transform)
    view = nbviz.ReceptiveField(network, digits, layer="conv2", unit=5, n=10, executor="inline")
    assert "unit 5 of layer 'conv2' gives NaN" in str(view.error)
    view.layer = "conv1"
    assert view.error is None
    view.close()


def test_words_of_other_views_are_answered(net, digits):
    with pytest.raises(TypeError, match=r"'baseline'\. Here that is always noise"):
        nbviz.ReceptiveField(net, digits, baseline="zero")
    with pytest.raises(ValueError, match="5 grey images, their channel is missing"):
        nbviz.ReceptiveField(net, np.zeros((5, 16, 16), np.float32))


def test_the_model_is_left_as_it_was(net, digits):
    model = copy.deepcopy(net.module).train()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    view = nbviz.ReceptiveField(nbviz.Network(model, transform=net.transform), digits, n=30, n_images=2)
    view.wait(30)
    assert model.training
    assert not model.conv1._forward_hooks
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    view.close()


def test_the_default_is_the_last_layer_with_feature_maps(net, digits):
    view = nbviz.ReceptiveField(net, digits, n=20, n_images=1)
    assert view.layer == "pool3"
    names = [layer["name"] for layer in view.specimen["layers"]]
    assert names[0] == "conv1"
    assert "fc1" in names
    view.close()


def test_one_image_and_labels_beside_the_images(net, digits):
    one = nbviz.ReceptiveField(net, digits.inputs[3], layer="conv1")
    assert one.result.rows.tolist() == [0]
    assert one.frame["meta"]["images"][0]["name"] == "the image"
    one.close()
    named = nbviz.ReceptiveField(
        net, digits.inputs, [f"no. {k}" for k in digits.labels], layer="conv1", n=30, n_images=2
    )
    named.wait(20)
    for image in named.frame["meta"]["images"]:
        assert image["label"] == f"no. {digits.labels[image['row']]}"
    named.close()


def test_signals_are_drawn_as_strips():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(1, 2, 9, padding=4), nn.ReLU())
    signals = np.random.default_rng(0).standard_normal((6, 1, 60)).astype(np.float32)
    view = nbviz.ReceptiveField(model, signals, layer="0", window=3, n_images=2)
    assert view.result.theoretical.size == (1, 9)
    meta = view.frame["meta"]
    assert meta["picture"] == [1, 60]
    assert meta["mean"]["size"] == [1, 119]
    assert "could see 9 pixels" in view.summary()
    view.close()


def test_the_first_picture_has_the_top_images_and_the_last_all_windows(net, digits):
    view = nbviz.ReceptiveField(net, digits, layer="conv3", unit=5, n_images=3, executor="manual")
    frames = []
    view.observe(lambda change: frames.append(change.new), "frame")
    while view._recompute.step():
        pass
    first, last = frames[0]["meta"], frames[-1]["meta"]
    assert (first["done"], first["mean"]["most"], first["size"]) == (0, None, 0)
    assert [image["row"] for image in first["images"]] == [image["row"] for image in last["images"]]
    assert 0 < last["done"] == last["total"]
    assert last["mean"]["most"] > 0
    assert frames[0]["kind"] == "preview"
    assert frames[-1]["kind"] == "result"
    view.close()


def test_another_unit_shows_its_top_images_within_0_3_seconds(net):
    samples = nbviz.zoo.load_mnist(2000)
    view = nbviz.ReceptiveField(net, samples, layer="conv3", unit=4, n=10, n_images=10)
    view.wait(60)

    def first_picture(unit):
        began = time.perf_counter()
        params = type("Params", (), {name: getattr(view, name) for name in view._parameters})
        params.unit, params.n = unit, 0
        for event in view.compute(params):
            if isinstance(event, Preview):
                view.encode(event.value)
                return time.perf_counter() - began
        raise AssertionError("no preview")

    assert min(first_picture(unit) for unit in (5, 6, 7)) < 0.3
    view.close()


def test_a_stop_keeps_the_unfinished_map_and_says_so(net, digits):
    view = nbviz.ReceptiveField(net, digits, layer="conv3", unit=5, n_images=3, executor="manual")
    for _ in range(400):
        view._recompute.step()
        if view._latest is not None and view._latest.done:
            break
    view.stop()
    while view._recompute.step():
        pass
    assert view.status == "cancelled"
    assert 0 < view._latest.done < view._latest.total
    assert "so far" in view.summary()
    view.close()


def test_closing_lets_go_of_model_and_data(net, digits):
    view = nbviz.ReceptiveField(net, digits, n=20, n_images=1)
    view.wait(20)
    view.close()
    assert view._network is None
    assert view._source is None
    assert view._strip is None


def test_what_is_sent_is_what_was_found(view):
    frame, found = view.frame, view.result
    meta = frame["meta"]
    assert (meta["size"], meta["theoretical"]["size"]) == (found.size, list(found.theoretical.size))
    assert [image["row"] for image in meta["images"]] == found.rows.tolist()
    for image, place in zip(meta["images"], found.places, strict=True):
        assert image["box"] == list(found.theoretical.box(*place))
        assert image["centre"] == list(found.theoretical.centre(*place))
    strip = np.asarray(Image.open(io.BytesIO(bytes(frame["buffers"][0]))))
    tiles = strip.reshape(len(found.rows), meta["tile"], 28, 3)
    assert np.array_equal(tiles[:, :28, :, 0], found.images)
    mean = np.frombuffer(frame["buffers"][1], np.uint8).reshape(meta["mean"]["size"])
    assert np.array_equal(mean == MISSING, np.isnan(found.discrepancy))
    assert np.array_equal(mean == 0, found.discrepancy == 0)
    shown = np.where(mean == MISSING, np.nan, mean / 254 * meta["mean"]["most"])
    np.testing.assert_allclose(shown, found.discrepancy, atol=meta["mean"]["most"] / 254)


def test_codes_tell_nothing_from_little_and_from_missing():
    packed, most = codes(np.array([0, 1e-9, 1, 2, np.nan], np.float32))
    assert packed.tolist() == [0, 1, 127, 254, MISSING]
    assert most == 2
    assert codes(np.full(3, np.nan))[1] is None
    assert codes(np.zeros(3))[0].tolist() == [0, 0, 0]


def test_shrinking_keeps_means_and_the_middle():
    values = np.arange(35, dtype=np.float32).reshape(5, 7)
    small = shrunk(values, 2)
    assert small.shape == (3, 4)
    assert small[0, 0] == values[:2, :2].mean()
    assert small[2, 3] == values[4, 6]
    spot = np.zeros((447, 447), np.float32)
    spot[223, 223] = 1
    for most in (447**2, 60_000, 900, 1):
        about, step = shrunk_about_the_middle(spot, most)
        assert about.size <= max(most, 1)
        assert about.shape[0] % 2 == step % 2 == 1
        assert about[about.shape[0] // 2, about.shape[1] // 2] > 0
        assert np.count_nonzero(about) == 1
        assert about.shape[0] * step > 447 - 2 * step
    signal, step = shrunk_about_the_middle(np.zeros((1, 999), np.float32), 400)
    assert (signal.shape, step) == ((1, 333), 3)


def test_large_pictures_fit_into_what_a_notebook_keeps(net, digits):
    rng = np.random.default_rng(0)
    base = random_patches(net, digits, "conv1", 0, n=30, n_images=1)
    side, count = 224, 25
    images = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)  # nothing compresses worse
    strip, tile = picture_strip(images)
    assert tile == side
    large = copy.copy(base)
    object.__setattr__(large, "maps", rng.random((count, side, side), np.float32))
    object.__setattr__(large, "discrepancy", rng.random((2 * side - 1, 2 * side - 1), np.float32))
    described, arrays = map_arrays(large)
    assert strip.nbytes + sum(a.nbytes for a in arrays) < SNAPSHOT_BYTES
    assert described["maps"]["step"] > 1
    opened = Image.open(io.BytesIO(strip.tobytes()))
    assert opened.height * side == opened.width * tile * count
