"""Thumbnails show the very pixels of the samples, in one PNG of a bounded size."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from nbviz.core.pictures import Sprite, picture_of
from nbviz.core.samples import Samples

RANDOM = np.random.default_rng(0)


def tiles(sprite: Sprite) -> list[np.ndarray]:
    """The thumbnails cut out of the sheet again, as a browser does."""
    sheet = np.asarray(Image.open(io.BytesIO(sprite.png)))
    h, w = sprite.height, sprite.width
    return [
        sheet[r * h : (r + 1) * h, c * w : (c + 1) * w]
        for r in range(sheet.shape[0] // h)
        for c in range(sprite.columns)
    ]


GREY = RANDOM.integers(0, 256, (11, 9, 7), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (GREY, GREY),
        (torch.from_numpy(GREY), GREY),
        (GREY[:, None], GREY),
        (GREY[..., None], GREY),
        (GREY / np.float32(255), GREY),  # 0 … 1 is brightness
        (torch.from_numpy(GREY)[:, None].float() / 255, GREY),
        (list(GREY), GREY),
        ([Image.fromarray(x) for x in GREY], GREY),
        (COLOUR, COLOUR),
        (np.moveaxis(COLOUR, -1, 1), COLOUR),
        (torch.from_numpy(COLOUR).permute(0, 3, 1, 2), COLOUR),
        (torch.from_numpy(COLOUR).permute(0, 3, 1, 2) / 255, COLOUR),
        ([Image.fromarray(x) for x in COLOUR], COLOUR),
        (np.concatenate([COLOUR, COLOUR[..., :1]], -1), COLOUR),  # a fourth channel is dropped
        (GREY > 99, (GREY > 99) * np.uint8(255)),
    ],
)
def test_every_tile_equals_its_sample(inputs, expected):
    sprite = Samples(inputs).sprite()
    cut = tiles(sprite)
    assert (sprite.height, sprite.width) == expected.shape[1:3]
    assert len(cut) >= len(expected)
    for tile, sample in zip(cut, expected, strict=False):
        np.testing.assert_array_equal(tile, sample)
    assert not any(tile.any() for tile in cut[len(expected) :])
    np.testing.assert_array_equal(np.asarray(Samples(inputs).picture(2)), expected[2])


def test_other_numbers_are_stretched():
    x = np.linspace(-3, 5, 20).reshape(4, 5)
    stretched = np.round(np.linspace(0, 255, 20)).reshape(4, 5)
    np.testing.assert_array_equal(np.asarray(picture_of(x)), stretched)
    np.testing.assert_array_equal(np.asarray(picture_of(torch.from_numpy(x).bfloat16())).argmax(), 19)
    assert np.asarray(picture_of(np.full((4, 4), 7.0))).max() == 0  # no division by zero
    whole = np.arange(16).reshape(4, 4)
    np.testing.assert_array_equal(np.asarray(picture_of(whole)), whole * 17)
    assert np.asarray(picture_of(np.array([[np.nan, 0, 1, np.inf]] * 4))).tolist()[0] == [0, 0, 255, 0]


@pytest.mark.parametrize(
    "sample",
    [np.zeros(784), np.zeros((2, 30)), np.zeros((5, 6, 7)), np.zeros((2, 3, 8, 8)), "text", 3.0,
     np.zeros((4, 4), complex), np.array([["a"] * 4] * 4)],
)  # fmt: skip
def test_what_is_no_picture(sample):
    assert picture_of(sample) is None


def test_no_picture_no_sprite():
    assert Samples(np.zeros((4, 784))).sprite() is None
    assert Samples(np.zeros((4, 784))).picture(0) is None


def test_big_pictures_are_shrunk_by_averaging_and_keep_their_ratio():
    big = RANDOM.integers(0, 256, (3, 96, 192), dtype=np.uint8)
    sprite = Samples(big).sprite()
    assert (sprite.width, sprite.height) == (48, 24)
    for tile, sample in zip(tiles(sprite), big, strict=False):
        means = sample.reshape(24, 4, 48, 4).mean((1, 3))
        assert np.abs(tile - means).max() < 2  # Pillow rounds after each axis
    assert Samples(big).sprite(16).width == 16
    assert Samples(big).sprite(1000).width == 192  # never enlarged


def test_a_sprite_keeps_to_the_bytes_it_may_have():
    noise = RANDOM.integers(0, 256, (400, 28, 28), dtype=np.uint8)
    full = Samples(noise).sprite()
    assert full.width == 28
    less = Samples(noise).sprite(max_bytes=len(full.png) // 3)
    assert len(less.png) <= len(full.png) // 3
    assert 12 <= less.width < 28
    assert Samples(noise).sprite(max_bytes=1000) is None
    assert Samples(noise).sprite(28, max_bytes=len(full.png) - 1) is None
    many = np.tile(noise, (25, 2, 2))  # 10,000 of 56 × 56: far too much at full size
    small = Samples(many).sprite(max_bytes=3_000_000)
    assert small is not None
    assert len(small.png) <= 3_000_000
    with pytest.raises(ValueError, match="at least 1 pixel, got tile=0"):
        Samples(noise).sprite(0)


def test_pictures_of_different_sizes_are_not_distorted_and_have_square_tiles():
    white = [Image.new("L", (40, 20), 255), Image.new("L", (20, 40), 255), Image.new("RGB", (40, 20), "red")]
    sprite = Samples(white).sprite()
    assert (sprite.width, sprite.height) == (40, 40)
    sheet = np.asarray(Image.open(io.BytesIO(sprite.png)))
    wide, tall, red = (sheet[:40, :40], sheet[:40, 40:], sheet[40:, :40])
    lower, right = np.zeros((40, 40), int), np.zeros((40, 40), int)
    lower[10:30], right[:, 10:30] = 255, 255
    for tile, shown, colour in [
        (wide, lower, [255] * 3),
        (tall, right, [255] * 3),
        (red, lower, [255, 0, 0]),
    ]:
        np.testing.assert_array_equal(tile[..., 3], shown)  # the rest is see-through
        assert (tile[shown > 0][:, :3] == colour).all()
    grey = np.asarray(Image.open(io.BytesIO(Samples(white[:2]).sprite().png)))
    assert grey.shape[-1] == 2
    lists = [Image.new("L", (40, 20), 9), Image.new("L", (40, 20), 7)]
    assert (Samples(lists).sprite().width, Samples(lists).sprite().height) == (40, 20)


def test_a_png_that_is_as_square_as_may_be():
    sprite = Samples(np.zeros((100, 8, 8), np.uint8)).sprite()
    assert Image.open(io.BytesIO(sprite.png)).size == (80, 80)
    assert sprite.columns == 10
