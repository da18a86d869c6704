"""PixelTransform: hand-computed values, shapes, dtypes, and what it refuses."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from nbviz.core.transforms import PixelTransform


def test_values_by_hand():
    pixels = np.array([[[0, 51], [102, 255]]], dtype=np.uint8)
    out = PixelTransform(0.2, 0.4)(pixels)
    assert out.dtype == torch.float32
    assert out.shape == (1, 1, 2, 2)
    torch.testing.assert_close(out[0, 0], torch.tensor([[-0.5, 0.0], [0.5, 2.0]]), atol=1e-6, rtol=0)


def test_colour_channels_go_first_and_have_their_own_mean():
    pixels = np.zeros((2, 4, 5, 3), dtype=np.uint8)
    pixels[..., 0], pixels[..., 2] = 255, 51
    out = PixelTransform((0.5, 0.1, 0.2), (0.5, 0.1, 1.0))(pixels)
    assert out.shape == (2, 3, 4, 5)
    assert out.is_contiguous()
    torch.testing.assert_close(out[1, :, 3, 4], torch.tensor([1.0, -1.0, 0.0]), atol=1e-6, rtol=0)


def test_one_mean_serves_every_channel():
    out = PixelTransform(0.0, 0.5)(np.full((1, 2, 2, 3), 255, dtype=np.uint8))
    assert (out == 2).all()


def test_array_and_tensor_agree_and_stay_unchanged():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 6, 7), dtype=np.uint8)
    tensor, before = torch.from_numpy(pixels.copy()), pixels.copy()
    transform = PixelTransform(0.13, 0.31)
    assert torch.equal(transform(pixels), transform(tensor))
    assert (pixels == before).all()
    assert (tensor.numpy() == before).all()


def test_read_only_pixels_give_no_warning():
    pixels = np.array([[[0, 51], [102, 255]]], dtype=np.uint8)
    pixels.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = PixelTransform()(pixels)
    assert torch.equal(out, PixelTransform()(pixels.copy()))
    out += 1
    assert pixels.tolist() == [[[0, 51], [102, 255]]]


def test_no_images_at_all():
    assert PixelTransform()(np.zeros((0, 28, 28), dtype=np.uint8)).shape == (0, 1, 28, 28)


def test_says_that_it_takes_batches():
    assert PixelTransform.batched is True


def test_floats_are_refused_rather_than_scaled_twice():
    with pytest.raises(TypeError, match=r"uint8 pixels .* got torch.float32"):
        PixelTransform()(np.zeros((1, 2, 2), dtype=np.float32))


@pytest.mark.parametrize("shape", [(28, 28), (1, 1, 1, 28, 28)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"takes \(n, H, W\)"):
        PixelTransform()(np.zeros(shape, dtype=np.uint8))


def test_channel_count_must_fit():
    with pytest.raises(ValueError, match="1 channels, the mean has 3"):
        PixelTransform((0, 0, 0), (1, 1, 1))(np.zeros((1, 2, 2), dtype=np.uint8))


def test_mean_and_std_must_fit_each_other():
    with pytest.raises(ValueError, match="3 channels and std 1"):
        PixelTransform((0, 0, 0), 1.0)


@pytest.mark.parametrize("std", [0.0, -1.0, float("nan"), float("inf")])
def test_std_must_be_positive(std):
    with pytest.raises(ValueError, match="positive"):
        PixelTransform(0.0, std)
