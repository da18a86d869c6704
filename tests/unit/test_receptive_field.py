"""Receptive fields: the theoretical one against closed forms and gradients, the empirical one against it."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from nbviz import zoo
from nbviz.core.capture import capture_steps
from nbviz.core.errors import ModelError, UnknownName
from nbviz.core.events import Preview, Progress, Result
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.methods.discrepancy import centred_mean, field_side
from nbviz.methods.receptive_field import random_patches, random_patches_steps, theoretical_field


def image(size=48, channels=1, seed=0):
    return np.random.default_rng(seed).random((channels, size, size)).astype(np.float32)


@pytest.fixture(scope="module")
def digits():
    return zoo.load("mnist-cnn")


@pytest.mark.parametrize("seed", range(12))
def test_chains_follow_the_recursion(seed):
    rng = np.random.default_rng(seed)
    layers, channels = [], 1
    size, jump, start = 1, 1, 0
    for _ in range(4):
        if rng.random() < 0.3:
            kernel, stride, padding, dilation = int(rng.integers(2, 4)), 2, int(rng.integers(0, 2)), 1
            layers.append(nn.MaxPool2d(kernel, stride, padding))
        else:
            kernel, stride = int(rng.integers(1, 6)), int(rng.integers(1, 3))
            dilation = int(rng.integers(1, 3))
            padding = int(rng.integers(0, kernel * dilation // 2 + 1))
            layers += [nn.Conv2d(channels, 3, kernel, stride, padding, dilation), nn.ReLU()]
            channels = 3
        size += (kernel - 1) * dilation * jump
        start -= padding * jump
        jump *= stride
    model = nn.Sequential(*layers)
    found = theoretical_field(model, image(96), str(len(layers) - 1))
    assert found.rows.regular
    assert found.size == (size, size)
    assert found.stride == (jump, jump)
    assert found.padding == (-start, -start)


@pytest.mark.parametrize(
    ("layer", "size", "stride", "padding"),
    [
        ("input", 1, 1, 0),
        ("conv1", 3, 1, 1),
        ("pool1", 4, 2, 1),
        ("conv2", 8, 2, 3),
        ("pool2", 10, 4, 3),
        ("relu3", 18, 4, 7),
        ("pool3", 22, 8, 7),
    ],
)
def test_known_sizes_of_the_digit_network(digits, layer, size, stride, padding):
    found = theoretical_field(digits, digits.samples(1).inputs[0], layer)
    assert (found.size, found.stride, found.padding) == ((size,) * 2, (stride,) * 2, (padding,) * 2)
    assert not found.rows.whole


class Branches(nn.Module):
    """A residual addition and a concatenation, without modules of their own."""

    def __init__(self):
        super().__init__()
        self.small = nn.Conv2d(1, 2, 3, padding=1)
        self.large = nn.Conv2d(2, 2, 5, padding=2)
        self.joined = nn.Identity()
        self.last = nn.Conv2d(4, 1, (3, 1), stride=(2, 1))

    def forward(self, x):
        first = self.small(x)
        second = first + self.large(first)
        return self.last(self.joined(torch.cat([first, second], 1)))


@pytest.mark.parametrize("place", [(0, 0), (3, 5), (9, 19)])
def test_boxes_are_the_support_of_the_gradient(place):
    torch.manual_seed(0)
    model = Branches()
    for parameter in model.parameters():
        parameter.data.abs_().add_(0.1)  # nothing cancels
    inputs = torch.rand(1, 1, 21, 20, requires_grad=True)
    model(inputs)[0, 0, place[0], place[1]].backward()
    rows, columns = inputs.grad[0, 0].nonzero().T
    found = theoretical_field(model, inputs.detach(), "last")
    top, left, bottom, right = found.box(*place)
    assert (max(top, 0), min(bottom, 21)) == (int(rows.min()), int(rows.max()) + 1)
    assert (max(left, 0), min(right, 20)) == (int(columns.min()), int(columns.max()) + 1)
    assert found.size == (9, 7)


def test_units_of_concatenated_branches_have_fields_of_their_own():
    model = Branches()
    sizes = [theoretical_field(model, image(20), "joined", unit).size[0] for unit in range(4)]
    assert sizes == [3, 3, 7, 7]
    assert theoretical_field(model, image(20), "joined").size == (7, 7)


def test_a_field_larger_than_the_image_is_seen_from_the_first_and_the_last_unit():
    model = nn.Conv2d(1, 1, 5, padding=20, dilation=10)
    found = theoretical_field(nn.Sequential(model), image(28), "0")
    assert found.size == (41, 41)
    assert found.rows.regular


def test_dense_layers_and_global_pooling_see_everything(digits):
    for network, sample, layer in (
        (digits, digits.samples(1).inputs[0], "fc1"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1)), image(17), "1"),
    ):
        found = theoretical_field(network, sample, layer)
        assert found.rows.whole
        assert found.size == found.image
        assert found.box(0, 0) == (0, 0, *found.image)
        assert "end to end" in found.notes[0]


def test_unequal_fields_are_said_to_be_unequal():
    found = theoretical_field(nn.Sequential(nn.AdaptiveAvgPool2d(5)), image(28), "0")
    assert not found.rows.regular
    assert found.size == (6, 6)  # [11, 17) of 28; its neighbours have 7
    assert any("not equally large" in note for note in found.notes)


def test_signals_and_causal_padding():
    class Causal(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv1d(2, 3, 4, dilation=3)

        def forward(self, x):
            return self.conv(nn.functional.pad(x, (9, 0)))

    found = theoretical_field(Causal(), np.zeros((2, 50), np.float32), "conv")
    assert (found.size, found.padding[1], found.stride[1]) == ((1, 10), 9, 1)
    assert found.box(0, 20) == (0, 11, 1, 21)


def test_nan_leaves_no_trace_in_the_model():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = theoretical_field(model, image(12), "2")
    assert found.size == (3, 3)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_model_that_hides_nan_is_refused():
    class Hides(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 1, 3)

        def forward(self, x):
            return self.conv(torch.nan_to_num(x))

    with pytest.raises(ModelError, match="nan_to_num"):
        theoretical_field(Hides(), image(12), "conv")


def one_filter(weights):
    model = nn.Sequential(nn.Conv2d(1, 1, weights.shape[-1], bias=False))
    model[0].weight.data[0, 0] = torch.from_numpy(weights.astype(np.float32))
    return model


@pytest.mark.parametrize("window", [1, 3, 5])
def test_a_unit_that_reads_one_pixel_has_the_window_for_a_field(window):
    weights = np.zeros((7, 7))
    weights[3, 3] = 2.0
    found = random_patches(one_filter(weights), image(21), "0", 0, window=window)
    assert found.theoretical.size == (7, 7)
    assert (found.extent, found.size) == (window, 1)
    expected = np.zeros((41, 41), bool)
    expected[20 - window // 2 : 21 + window // 2, 20 - window // 2 : 21 + window // 2] = True
    assert np.array_equal(np.nan_to_num(found.discrepancy) > 0, expected)


def test_a_linear_filter_spreads_to_its_support_and_no_further():
    weights = np.random.default_rng(1).random((7, 7)) + 0.5
    found = random_patches(one_filter(weights), image(31), "0", 0, window=3)
    touched = np.nan_to_num(found.maps[0]) > 0
    row, column = (found.places[0] - 1) + 0  # the 7 x 7 filter widened by a pixel each way
    expected = np.zeros_like(touched)
    expected[max(row, 0) : row + 9, max(column, 0) : column + 9] = True
    assert np.array_equal(touched, expected)
    assert 5 <= found.size <= 7


def test_one_pixel_windows_on_a_linear_unit_change_it_by_weight_times_difference():
    # |w (noise - x)| for noise uniform on the range of x: its mean over many draws is known.
    weights = np.array([[1.0, 4.0, 1.0], [0.0, 0.0, 0.0], [2.0, 0.0, 1.0]])
    picture = image(9)
    found = random_patches(one_filter(weights), picture, "0", 0, window=1, n=81 * 400, seed=5)
    row, column = found.places[0]
    part = picture[0, row : row + 3, column : column + 3].astype(np.float64)
    low, high = float(picture.min()), float(picture.max())
    expected = weights * ((part - low) ** 2 + (high - part) ** 2) / (2 * (high - low))
    seen = found.maps[0][row : row + 3, column : column + 3]
    assert np.allclose(seen, expected, atol=0.12)
    assert (seen[weights == 0] == 0).all()


def test_windows_that_are_not_run_would_have_changed_nothing(digits):
    found = random_patches(digits, digits.samples(1).inputs[0], "conv2", 3, window=5, seed=1)
    assert found.total < found.n
    picture = digits.samples(1).inputs[0]
    module = digits.module.eval()
    row, column = found.places[0]

    def unit(pixels):
        maps = {}
        hook = module.conv2.register_forward_hook(lambda m, i, o: maps.update(out=o))
        with torch.no_grad():
            module(digits.transform(pixels[None]))
        hook.remove()
        return maps["out"][0, 3, row, column].item()

    clean = unit(picture)
    assert clean == pytest.approx(found.activations[0], abs=1e-4)
    outside = np.argwhere(found.maps[0] == 0)
    rng = np.random.default_rng(0)
    for top, left in outside[rng.choice(len(outside), 25)] - 2:
        painted = picture.copy()
        part = painted[max(top, 0) : top + 5, max(left, 0) : left + 5]
        part[...] = rng.integers(0, 256, part.shape)
        assert unit(painted) == pytest.approx(clean, abs=1e-5)


def test_fields_of_the_digit_network_grow_and_stay_below_the_theoretical_ones(digits):
    samples = digits.samples(300)
    sizes = []
    for layer in ("conv1", "conv2", "conv3"):
        found = random_patches(digits, samples, layer, 5, n_images=4)
        assert found.size <= found.theoretical.size[0]
        sizes.append(found.size)
    assert sizes[0] < sizes[1] < sizes[2]


def test_the_top_images_are_those_of_a_plain_sort(digits):
    samples = digits.samples(120)
    found = random_patches(digits, samples, "relu2", 7, n=20, n_images=5)
    with torch.no_grad():
        m = digits.module.eval()
        x = digits.transform(samples.inputs)
        maps = m.relu2(m.conv2(m.pool1(m.relu1(m.conv1(x)))))[:, 7].numpy()
    peaks = maps.max((1, 2))
    assert np.array_equal(found.rows, np.argsort(-peaks)[:5])
    assert np.allclose(found.activations, np.sort(peaks)[::-1][:5], atol=1e-5)
    best = maps[found.rows[0]]
    assert tuple(found.places[0]) == np.unravel_index(best.argmax(), best.shape)


def test_all_maps_are_there_before_any_is_finished(digits, monkeypatch):
    monkeypatch.setattr("nbviz.methods.receptive_field._BETWEEN_PREVIEWS", -1)
    events = list(random_patches_steps(digits, digits.samples(50), "conv3", 1, n_images=3, seed=2))
    previews = [event.value for event in events if isinstance(event, Preview)]
    third = previews[3]  # after the one without windows, one chunk on each image
    assert not np.isnan(third.maps).any()
    assert third.done < third.total / 2
    assert not np.array_equal(events[-1].value.maps, third.maps)


def test_another_unit_of_the_layer_runs_no_samples(digits, monkeypatch):
    runs = []

    def counted(*arguments, **options):
        runs.append(arguments)
        return capture_steps(*arguments, **options)

    monkeypatch.setattr("nbviz.methods.top_images.capture_steps", counted)
    samples, network = digits.samples(60), Network(copy.deepcopy(digits.module), transform=digits.transform)

    def rows_of(unit):
        return random_patches(network, samples, "conv3", unit, n_images=2, n=4).rows.tolist()

    first, second = rows_of(1), rows_of(2)
    assert first != second
    assert len(runs) == 1
    with torch.no_grad():
        network.module.conv3.weight[1] = network.module.conv3.weight[2].clone()
        network.module.conv3.bias[1] = network.module.conv3.bias[2].clone()
    assert rows_of(1) == second  # the weights have changed: the samples are run again
    assert len(runs) == 2


def test_steps_refine_and_may_be_stopped(digits):
    samples = digits.samples(50)
    events = list(random_patches_steps(digits, samples, "conv3", 1, n_images=3, seed=2))
    assert isinstance(events[-1], Result)
    assert sum(isinstance(event, Result) for event in events) == 1
    assert any(isinstance(event, Progress) and event.what == "noise windows" for event in events)
    previews = [event.value for event in events if isinstance(event, Preview)]
    assert previews[0].done == 0
    assert np.isnan(previews[0].maps).all()
    assert np.array_equal(previews[0].images, samples.inputs[previews[0].rows])
    for found in previews[1:]:
        assert 0 < found.done < found.total
        assert found.size >= 0
    assert events[-1].value.done == events[-1].value.total
    steps = random_patches_steps(digits, samples, "conv3", 1, n_images=3)
    next(steps)
    steps.close()


def test_a_seed_gives_one_picture_and_leaves_the_global_state_alone(digits):
    picture = digits.samples(1).inputs[0]
    torch.manual_seed(1)
    np.random.seed(1)
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, again, other = (
        random_patches(digits, picture, "conv2", 0, n=200, seed=seed).discrepancy for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again, equal_nan=True)
    assert not np.array_equal(first, other, equal_nan=True)
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(numbers, np.random.get_state()[1])


def test_few_windows_take_the_value_of_the_nearest(digits):
    found = random_patches(digits, digits.samples(1).inputs[0], "conv3", 5, n=60, window=5)
    assert not np.isnan(found.maps).any()
    assert len(np.unique(found.maps)) <= 61
    assert found.size > 5


def test_windows_too_few_for_a_small_field_are_said_to_be_few(digits):
    picture = digits.samples(1).inputs[0]
    few = random_patches(digits, picture, "conv1", 0, n=40)
    assert few.total < 10
    assert any("few windows" in note and f"{few.total} " in note for note in few.notes)
    for n in (None, 400):  # each pixel has its turn; many touch a deep unit's field
        found = random_patches(digits, picture, "conv1" if n is None else "conv3", 0, n=n)
        assert not any("few windows" in note for note in found.notes)


def test_a_dead_unit_has_no_field():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    model[0].bias.data[1] = -1e6
    found = random_patches(model, image(16), "1", 1)
    assert (found.size, found.extent) == (0, 0)
    assert any("silent" in note for note in found.notes)


def test_a_transform_that_resizes_moves_the_windows_to_the_input():
    def halve(picture):
        return torch.from_numpy(np.asarray(picture.resize((16, 16)), np.float32) / 255)[None]

    network = Network(nn.Sequential(nn.Conv2d(1, 1, 3)), transform=halve)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32)).astype(np.uint8)
    found = random_patches(network, pixels, "0", 0, window=3)
    assert found.maps.shape == (1, 16, 16)
    assert any("resizes" in note for note in found.notes)


def test_signals():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(1, 2, 9, padding=4), nn.ReLU())
    signal = np.random.default_rng(0).standard_normal((1, 60)).astype(np.float32)
    found = random_patches(model, signal, "0", 0, window=3)
    assert found.discrepancy.shape == (1, 119)
    assert found.theoretical.size == (1, 9)
    assert 3 <= found.size <= 9


def test_several_signals_are_not_one_picture():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv1d(1, 2, 9, padding=4), nn.ReLU())
    signals = np.random.default_rng(0).standard_normal((6, 1, 60)).astype(np.float32)
    signals[4] *= 5
    found = random_patches(model, signals, "0", 0, window=3, n_images=2)
    assert found.rows[0] == 4
    assert found.images.shape[:3] == (2, 1, 60)


def test_maps_are_shifted_onto_each_other():
    one, two = np.zeros((3, 4), np.float32), np.zeros((3, 4), np.float32)
    one[0, 1], two[2, 3] = 4.0, 2.0
    mean = centred_mean([one, two, np.full((3, 4), np.nan)], [(0, 1), (2, 3), (1, 1)])
    assert mean.shape == (5, 7)
    assert mean[2, 3] == 3.0
    assert np.nansum(mean) == 3.0
    assert np.isnan(mean[0, 6])  # above the first and right of the second
    assert mean[1, 3] == 0.0


@pytest.mark.parametrize(("share", "side"), [(0.1, 1), (0.3, 3), (1.0, 5), (0.9, 5)])
def test_the_side_of_a_field(share, side):
    flat = np.zeros((9, 9))
    flat[2:7, 2:7] = 1.0  # 1, 9 and 25 of 25 in squares of 1, 3 and 5
    if share == 0.1:
        flat[4, 4] = 100.0
    assert field_side(flat, share) == side
    assert field_side(np.zeros((9, 9)), share) == 0


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"layer": "conv9"}, UnknownName, "conv9"),
        ({"unit": 24}, ValueError, "0 to 23"),
        ({"unit": -1}, ValueError, "0 to 23"),
        ({"unit": 1.5}, TypeError, "whole number"),
        ({"window": 0}, ValueError, "from 1 to the 28"),
        ({"window": 29}, ValueError, "from 1 to the 28"),
        ({"window": "5"}, TypeError, "whole number"),
        ({"n": 0}, ValueError, "n must be"),
        ({"n_images": 0}, ValueError, "n_images must be"),
        ({"samples_or_image": np.full((1, 28, 28), np.nan, np.float32)}, ValueError, "NaN"),
        ({"samples_or_image": np.zeros((28, 28, 3), np.uint8)}, ValueError, "channel"),
        ({"samples_or_image": np.zeros((0, 28), np.uint8)}, ValueError, "empty"),
        ({"samples_or_image": Samples(["a text"])}, TypeError, "text"),
    ],
)
def test_bad_input(digits, given, kind, words):
    options = {"samples_or_image": digits.samples(1).inputs[0], "layer": "conv1", "unit": 0} | given
    with pytest.raises(kind, match=words):
        random_patches(digits, **options)


def test_samples_of_two_sizes_are_refused():
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1))
    images = [np.full((1, size, size), 1.0, np.float32) for size in (10, 12)]
    with pytest.raises(ValueError, match="different"):
        random_patches(model, images, "0", 0)
