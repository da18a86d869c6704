"""What is drawn on, and how it becomes a sample of the form that the model's own have."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from scipy.ndimage import center_of_mass, shift

import nbviz
from nbviz.core.samples import Samples
from nbviz.methods.sheet import Sheet


@pytest.fixture(scope="module")
def digits():
    return nbviz.zoo.load_mnist(300)


@pytest.fixture(scope="module")
def sheet(digits):
    return Sheet.of(digits)


def pen(size=200, paper="white", ink="black", box=None):
    """A seven, written with a pen."""
    image = Image.new("RGB", (size, size), paper)
    x, y = (box or (0, 0))[:2]
    points = [
        (x + size * 0.3, y + size * 0.25),
        (x + size * 0.7, y + size * 0.25),
        (x + size * 0.45, y + size * 0.8),
    ]
    ImageDraw.Draw(image).line(points, fill=ink, width=size // 10)
    return image


def test_the_sheet_of_digits(sheet):
    assert sheet.size == (28, 28)
    assert sheet.channels == 1
    assert sheet.background.tolist() == [0]
    assert sheet.ink.tolist() == [255]
    assert sheet.is_plain
    assert sheet.is_blank(sheet.blank())


def test_digits_the_other_way_round_are_drawn_dark_on_light(digits):
    sheet = Sheet.of(Samples(255 - digits.inputs))
    assert sheet.background.tolist() == [255]
    assert sheet.ink.tolist() == [0]
    assert sheet.is_blank(np.full((28, 28), 255, np.uint8))
    assert not sheet.is_blank(np.zeros((28, 28), np.uint8))


def test_digits_of_mnist_are_centred_already(sheet, digits):
    """The convention of their makers: not one of 300 moves."""
    for picture in digits.inputs:
        moved, by = sheet.centred(picture)
        assert by == (0, 0)
        np.testing.assert_array_equal(moved, picture)


@pytest.mark.parametrize("by", [(4, -3), (-2, 2), (0, 4)])
def test_a_digit_that_was_moved_comes_back(sheet, digits, by):
    for picture in digits.inputs[:50]:
        rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
        if min(rows[0] + by[0], columns[0] + by[1]) < 0 or max(rows[-1] + by[0], columns[-1] + by[1]) > 27:
            continue
        away = shift(picture, by, order=0)
        found, back = sheet.centred(away)
        assert back == (-by[0], -by[1])
        np.testing.assert_array_equal(found, picture)


def test_centring_brings_the_mass_to_the_middle_and_no_stroke_over_the_edge(sheet):
    drawing = sheet.blank()
    drawing[1:4, 1:4] = 255
    moved, _ = sheet.centred(drawing)
    np.testing.assert_allclose(center_of_mass(moved), (14, 14), atol=0.5)
    drawing[:, 0] = 60  # a pale stroke along the whole side: it must not leave the sheet
    drawing[2, 20:28] = 255
    moved, _ = sheet.centred(drawing)
    assert moved.sum() == drawing.sum()


def test_a_blank_sheet_is_not_moved(sheet):
    assert sheet.centred(sheet.blank())[1] == (0, 0)


@pytest.mark.parametrize(
    ("form", "back"),
    [
        (lambda x: x, lambda y: y),
        (lambda x: x[..., None], lambda y: y[..., 0]),
        (lambda x: (x / 255).astype(np.float32)[:, None], lambda y: 255 * y[:, 0]),
        (lambda x: torch.tensor(x)[:, None].float() / 127.5 - 1, lambda y: 127.5 * (y[:, 0].numpy() + 1)),
        (lambda x: torch.tensor(x)[:, None].half() / 255, lambda y: 255 * y[:, 0].float().numpy()),
        (lambda x: (x // 16).astype(np.int64), lambda y: 17.0 * y),
    ],
)
def test_a_sample_drawn_as_it_is_becomes_itself(digits, form, back):
    given = Samples(form(digits.inputs[:40]))
    sheet = Sheet.of(given)
    drawings = np.stack([sheet.drawing(i) for i in range(40)])
    made = sheet.samples(drawings)
    assert made.inputs.dtype == given.inputs.dtype
    assert made.inputs.shape == given.inputs.shape
    np.testing.assert_allclose(
        back(np.asarray(made.inputs)) if not hasattr(made.inputs, "detach") else back(made.inputs),
        back(given.inputs),
        atol=0.6,
    )
    assert drawings.max() == 255 or given.inputs.dtype == np.uint8


def test_colour_sheets(digits):
    colour = np.stack([digits.inputs, digits.inputs // 2, 255 - digits.inputs], -1)
    for given in (Samples(colour), Samples(np.moveaxis(colour, -1, 1).astype(np.float32) / 255)):
        sheet = Sheet.of(given)
        assert sheet.shape == (28, 28, 3)
        assert sheet.background.tolist() == [0, 0, 255]
        assert sheet.ink.tolist() == [255, 255, 255]
        np.testing.assert_array_equal(sheet.drawing(3)[..., 0], colour[3, ..., 0])
        assert sheet.samples(sheet.drawing(3)[None]).inputs.shape[1:] == given.inputs.shape[1:]
    grey = sheet.check(digits.inputs[0])
    assert grey.shape == (28, 28, 3)


def test_pictures_of_several_sizes_need_a_transform_that_takes_them(digits):
    images = [Image.fromarray(x).resize((300 + 10 * i, 200)) for i, x in enumerate(digits.inputs[:5])]
    sheet = Sheet.of(Samples(images))
    assert max(sheet.size) == 224
    assert isinstance(sheet.samples(sheet.blank()[None]).inputs[0], Image.Image)


@pytest.mark.parametrize(
    ("paper", "ink"),
    [("white", "black"), ("black", "white"), ((205, 200, 190), (40, 40, 90)), ("#333", "#bbb")],
)
def test_a_photographed_digit_is_made_like_the_samples(sheet, paper, ink):
    found = sheet.fitted(pen(paper=paper, ink=ink))
    assert found.shape == (28, 28)
    assert found[0].max() == found[-1].max() == 0
    assert found.max() == 255
    plain = sheet.fitted(pen(paper="black", ink="white"))
    np.testing.assert_allclose(found.astype(int), plain, atol=6)
    probability = nbviz.zoo.load("mnist-cnn").predict(sheet.samples(sheet.centred(found)[0][None]))
    assert probability[0].argmax() == 7


def test_a_wide_picture_is_fitted_as_a_whole(sheet):
    wide = Image.new("L", (400, 100), 0)
    ImageDraw.Draw(wide).rectangle((0, 0, 399, 99), outline=255, width=20)
    found = sheet.fitted(wide)
    assert not found[:10].any()
    assert not found[18:].any()
    assert found[12:16].any()


def test_transparent_pictures_are_seen_on_white(sheet):
    image = Image.new("RGBA", (28, 28), (0, 0, 0, 0))
    ImageDraw.Draw(image).line((14, 4, 14, 24), fill=(0, 0, 0, 255), width=3)
    found = sheet.fitted(image)
    assert found[14, 14] == 255
    assert found[14, 2] == 0


def test_an_empty_page_is_a_blank_sheet(sheet):
    assert sheet.is_blank(sheet.fitted(Image.new("RGB", (50, 80), (240, 240, 240))))


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        (np.zeros((20, 28), np.uint8), r"\(20, 28\).*\(28, 28\).*PIL"),
        (np.zeros((28, 28, 3), np.uint8), r"\(28, 28, 3\)"),
        (np.full((28, 28), np.nan), "NaN"),
        (np.full((28, 28), 0.5), "255 \\* drawing"),
        (np.full((28, 28), 300), "0 to 255"),
        (np.full((28, 28), -1), "0 to 255"),
        (np.full((28, 28), "x"), "not <U1"),
    ],
)
def test_what_is_no_drawing_is_refused(sheet, drawing, message):
    with pytest.raises(ValueError, match=message):
        sheet.check(drawing)


def test_what_is_taken_for_a_drawing(sheet):
    assert sheet.check([]).shape == (28, 28)
    mask = np.zeros((28, 28), bool)
    mask[4:8] = True
    assert sheet.check(mask)[5, 5] == 255
    assert sheet.check(mask.astype(float) * 255).dtype == np.uint8
    assert sheet.check(pen()).shape == (28, 28)


@pytest.mark.parametrize(
    "inputs",
    [
        np.zeros((5, 784), np.float32),
        np.zeros((5, 2, 100), np.float32),
        np.zeros((5, 4, 28, 28), np.float32),
        {"input_ids": np.zeros((5, 9), np.int64)},
    ],
)
def test_signals_and_tables_cannot_be_drawn(inputs):
    with pytest.raises(TypeError, match=r"only pictures can be drawn|one or three channels"):
        Sheet.of(Samples(inputs))
