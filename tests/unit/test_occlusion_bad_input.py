"""What occlusion refuses, and what it warns of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from occlusion_models import TRANSFORM, Small, small_module, some_pixels

from nbviz.core.errors import ModelError, UnknownName
from nbviz.core.network import Network
from nbviz.methods.occlusion import occlude


@pytest.fixture
def module():
    return small_module()


@pytest.fixture
def pixels():
    return some_pixels()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"window": 40}, ValueError, "larger than the image of 36 x 30"),
        ({"window": (8, 31)}, ValueError, "larger than the image"),
        ({"window": 0}, ValueError, "window must be at least 1"),
        ({"stride": 0}, ValueError, "stride must be at least 1 pixel, got 0"),
        ({"stride": 2.5}, TypeError, "whole number of pixels"),
        ({"target": 5}, ValueError, "classes 0 to 4; got target=5"),
        ({"target": -1}, ValueError, "classes 0 to 4"),
        ({"target": 1.5}, TypeError, "class number or name"),
        ({"layer": "conv3"}, UnknownName, "unknown layer 'conv3'"),
        ({"layer": "conv1", "unit": 6}, ValueError, "units 0 to 5; got unit=6"),
        ({"unit": 1}, ValueError, "needs a layer"),
        ({"fill": "pink"}, ValueError, "unknown fill 'pink'"),
        ({"fill": np.zeros((9, 9, 3), np.uint8)}, ValueError, "resize it first"),
    ],
)
def test_bad_options(module, pixels, options, error, message):
    with pytest.raises(error, match=message):
        occlude(Network(module, transform=TRANSFORM), pixels, **options)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (
            np.zeros((30, 30), np.float32),
            ValueError,
            r"1 channel\(s\), the model's first layer takes 3.*np.stack",
        ),
        (np.zeros((30, 30, 3), np.float32), ValueError, r"30 channel\(s\).*channels first: np.moveaxis"),
        (np.full((3, 30, 30), np.nan, np.float32), ValueError, "2,700 values that are NaN"),
        (np.zeros((2, 3, 30, 30), np.float32), ValueError, "batch of 2"),
        (
            [np.zeros((3, 30, 30)), np.zeros((3, 20, 20))],
            ValueError,
            r"one image is wanted, got a list of 2 \(\(3, 30, 30\)",
        ),
        (np.zeros((3, 30, 30), np.int64), TypeError, "got int64"),
        (np.zeros((0, 30, 3), np.uint8), ValueError, "empty"),
        (np.zeros(7, np.float32), ValueError, "an image has shape"),
        (np.zeros((5, 30, 30), np.uint8), ValueError, r"look like 5 grey images: pass one, images\[0\]"),
        (np.zeros((30, 30, 4), np.uint8), ValueError, r"4 channels.*transparency.*image\[..., :3\]"),
        (np.zeros((4, 30, 30), np.float32), ValueError, r"4 channel\(s\).*takes 3.*image\[:3\]"),
        ("cat.png", TypeError, r"got the name 'cat.png': open it, PIL.Image.open"),
        (torch.utils.data.TensorDataset(torch.zeros(2, 3, 30, 30)), TypeError, "got a TensorDataset"),
    ],
)
def test_bad_images(module, image, error, message):
    with pytest.raises(error, match=message):
        occlude(module, image)


def test_a_float_picture_with_channels_last_for_a_model_with_a_transform(module):
    with pytest.raises(ValueError, match=r"moveaxis\(image, -1, 0\).*\(255 \* image\).astype\('uint8'\)"):
        occlude(Network(module, transform=TRANSFORM), np.zeros((30, 30, 3), np.float32))


def test_warnings_point_at_the_line_that_asked_and_come_once(module, pixels, recwarn):
    occlude(module, pixels, window=18, stride=18)
    found = [str(w.message) for w in recwarn if "look like pixels" in str(w.message)]
    assert len(found) == 1
    assert {w.filename for w in recwarn} == {__file__}


def test_a_colour_image_for_a_grey_model():
    network = Network(Small(1))
    with pytest.raises(ValueError, match=r"3 channel\(s\), the model's first layer takes 1.*convert\('L'\)"):
        occlude(network, np.zeros((30, 30, 3), np.uint8))
    both = r"3 grey images.*images\[:, None\], \(3, 1, 30, 20\).*one colour image.*image.mean\(0\)"
    with pytest.raises(ValueError, match=both):
        occlude(network, np.zeros((3, 30, 20), np.float32))


def test_a_pile_of_images_is_not_taken_for_channels(module):
    with pytest.raises(ValueError, match=r"the first 5 is read as channels.*with its 3 channels first"):
        occlude(module, np.zeros((5, 30, 30), np.float32))


def test_a_fill_that_is_none(module, pixels):
    for fill in (0, None):
        with pytest.raises(ValueError, match=r"a fill is one of grey, mean, zero.*Black is 'zero'"):
            occlude(Network(module, transform=TRANSFORM), pixels, fill=fill)


def test_a_model_that_raises_is_heard(pixels):
    class Broken(Small):
        def forward(self, x):
            raise RuntimeError("my own message")

    with pytest.raises(ModelError, match="my own message"):
        occlude(Network(Broken(), transform=TRANSFORM), pixels)


def test_a_model_that_gives_nan(module, pixels):
    with torch.no_grad():
        module.fc.bias.fill_(float("nan"))
    with pytest.raises(ModelError, match="5 NaN or infinite scores"):
        occlude(Network(module, transform=TRANSFORM), pixels)


def test_pixels_without_a_transform_are_warned_about(module, pixels):
    with pytest.warns(UserWarning, match="look like pixels.*transform="):
        found = occlude(module, pixels, window=18, stride=18)
    assert any("look like pixels" in note for note in found.notes)


def test_an_undecided_model_is_warned_about(module):
    with torch.no_grad():
        module.fc.weight.zero_()
        module.fc.bias.zero_()
    with pytest.warns(UserWarning, match="undecided on the clean image"):
        occlude(module, np.zeros((3, 20, 20), np.float32), window=10, stride=10)
