"""What stands in an occluded place."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nbviz.methods.fills import FILLS, Levels, check_fill, local_means, margin_of, paint, replacement


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("kind", ["colour", "grey", "float"])
def test_paint_changes_the_mask_only(picture, fill, kind):
    if kind == "grey":
        picture = picture[..., 0]
    if kind == "float":
        picture = picture.astype(np.float32) / 50 - 2
    mask = np.zeros((20, 30), bool)
    mask[3:9, 10:17] = True
    before = picture.copy()
    painted = paint(picture, mask, fill)
    assert painted.dtype == picture.dtype
    assert np.array_equal(painted[~mask], picture[~mask])
    assert (painted[mask] != picture[mask]).mean() > 0.8
    assert np.array_equal(picture, before)


def test_values_of_the_constant_fills(picture):
    assert (replacement(picture, "grey") == 128).all()
    assert (replacement(picture, "zero") == 0).all()
    expected = np.rint(picture.reshape(-1, 3).mean(0))
    assert (replacement(picture, "mean") == expected).all()
    floats = picture / 255 * 4 - 1
    assert np.allclose(replacement(floats, "grey"), (floats.min() + floats.max()) / 2)
    levels = Levels(grey=np.array([0.1, 0.2, 0.3]), zero=np.array([-1.0, -2.0, -3.0]), low=-3.0, high=3.0)
    assert np.allclose(replacement(floats, "zero", levels=levels)[4, 5], [-1, -2, -3])
    assert np.allclose(replacement(floats, "grey", levels=levels)[4, 5], [0.1, 0.2, 0.3])


def test_noise_is_seeded_and_leaves_the_global_state_alone(picture):
    np.random.seed(3)
    state = np.random.get_state()[1].copy()
    first, again, other = (replacement(picture, "noise", seed=s) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.min() < 10
    assert first.max() > 245
    assert abs(first.mean() - 127.5) < 6
    assert np.array_equal(state, np.random.get_state()[1])


def test_blur_keeps_the_mean_colour_of_a_flat_picture_and_loses_detail(picture):
    flat = np.full((16, 16, 3), 77, np.uint8)
    assert (replacement(flat, "blur") == 77).all()
    assert replacement(picture, "blur").std() < 0.5 * picture.std()


def test_local_mean_of_a_known_frame():
    picture = np.zeros((12, 12), np.float64)
    picture[4:8, 4:8] = 100.0  # inside the window: must not count
    picture[3, 3:9] = 8.0
    mask = np.zeros((12, 12), bool)
    mask[4:8, 4:8] = True
    assert margin_of((4, 4)) == 1
    assert np.allclose(paint(picture, mask, "local mean")[mask], 6 * 8.0 / 20)


def test_local_means_equal_paint_everywhere(picture):
    corners = np.array([(y, x) for y in range(0, 13, 3) for x in range(0, 23, 4)])
    boxes = np.hstack([corners, corners + 8])
    means = local_means(picture, boxes)
    for box, mean in zip(boxes, means, strict=True):
        mask = np.zeros((20, 30), bool)
        mask[box[0] : box[2], box[1] : box[3]] = True
        assert (paint(picture, mask, "local mean")[mask] == mean).all()


def test_a_window_as_large_as_the_picture_takes_the_mean_of_the_picture(picture):
    boxes = np.array([[0, 0, 20, 30]])
    assert np.array_equal(local_means(picture, boxes)[0], np.rint(picture.reshape(-1, 3).mean(0)))
    mask = np.ones((20, 30), bool)
    assert (paint(picture, mask, "local mean") == local_means(picture, boxes)[0]).all()


def test_patches_from_another_picture(picture):
    other = 255 - picture
    assert np.array_equal(replacement(picture, other), other)
    assert np.array_equal(replacement(picture, torch.from_numpy(other)), other)
    grey = other[..., 0]
    assert np.array_equal(replacement(picture, grey)[..., 2], grey)


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        ("gray", "unknown fill 'gray'"),
        (np.zeros((10, 10, 3), np.uint8), "resize it first"),
    ],
)
def test_bad_fills(picture, fill, message):
    with pytest.raises(ValueError, match=message):
        check_fill(fill, picture)


def test_pixels_do_not_fill_a_models_own_input(picture):
    with pytest.raises(ValueError, match="8-bit pixels"):
        check_fill(picture, picture.astype(np.float32))


def test_local_mean_needs_a_place(picture):
    with pytest.raises(ValueError, match="depends on the occluded place"):
        replacement(picture, "local mean")


def test_a_mask_of_another_size_is_refused(picture):
    with pytest.raises(ValueError, match="mask has shape"):
        paint(picture, np.zeros((3, 3), bool), "grey")


def test_an_empty_mask_changes_nothing(picture):
    assert np.array_equal(paint(picture, np.zeros((20, 30), bool), "local mean"), picture)
