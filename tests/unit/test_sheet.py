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


OWN_RANGES = {
    "0 to 16": lambda x: (x // 16).astype(np.float32) * (16 / 15),
    "0 to 16, whole": lambda x: x.astype(np.int64) // 16,
    "0 to 1": lambda x: x / 255,
    "normalised": lambda x: (x / 255 - 0.13) / 0.31,
    "-1 to 1": lambda x: torch.tensor(x).float()[:, None] / 127.5 - 1,
    "doubled": lambda x: 2.0 * x,
}


@pytest.mark.parametrize("name", OWN_RANGES)
def test_a_sample_is_a_drawing_in_its_own_range(digits, name):
    given = Samples(OWN_RANGES[name](digits.inputs[:60]))
    sheet = Sheet.of(given)
    for row in range(60):
        drawing = sheet.check(given.inputs[row])
        np.testing.assert_array_equal(drawing, sheet.drawing(row))
        np.testing.assert_array_equal(np.asarray(sheet.samples(drawing[None]).inputs[0]), given.inputs[row])


def test_numbers_that_fit_several_ranges_are_read_in_the_first_of_them(digits):
    whole = np.zeros((28, 28))
    whole[4, 4] = 16
    sixteen = Sheet.of(Samples(digits.inputs / 255 * 16))
    assert sixteen.check(whole)[4, 4] == 255  # the samples' own
    assert sixteen.check(whole.astype(np.uint8))[4, 4] == 16  # 8 bits are levels
    assert sixteen.check(whole / 16)[4, 4] == 255  # shares of the full strength
    assert sixteen.check(whole * 12)[4, 4] == 192  # outside the samples' own: levels
    assert Sheet.of(digits).check(whole)[4, 4] == 16
    assert Sheet.of(Samples(digits.inputs / 255)).check(whole / 32)[4, 4] == 128
    for wrong in (whole + 0.5, whole - 1):
        with pytest.raises(ValueError, match=r"own range, 0 to 16; the drawing's values go from (0.5|-1) to"):
            sixteen.check(wrong)


def test_colours_are_read_in_the_range_of_their_channel(digits):
    ends = np.array([[0, -2, 10], [1, 2, 30.0]])
    colour = np.stack([digits.inputs, 255 - digits.inputs, digits.inputs], -1) / 255
    given = Samples(np.moveaxis(ends[0] + colour * (ends[1] - ends[0]), -1, 1).copy())
    sheet = Sheet.of(given)
    drawing = sheet.check(given.inputs[3])  # (3, H, W), as the samples are
    np.testing.assert_array_equal(drawing, np.round(255 * colour[3]))
    np.testing.assert_array_equal(sheet.check(np.moveaxis(given.inputs[3], 0, -1)), drawing)
    with pytest.raises(ValueError, match="own range, -2 to 30"):
        sheet.check(given.inputs[3][::-1])


def test_channels_in_front_where_the_samples_have_them_there(digits):
    one = digits.inputs[4]
    np.testing.assert_array_equal(Sheet.of(Samples(digits.inputs[:, None])).check(one[None]), one)
    with pytest.raises(ValueError, match=r"\(1, 28, 28\)"):
        Sheet.of(digits).check(one[None])
    colour = np.repeat(one[None], 3, 0)
    with pytest.raises(ValueError, match=r"\(3, 28, 28\)"):
        Sheet.of(Samples(np.repeat(digits.inputs[..., None], 3, -1))).check(colour)


def test_samples_of_more_than_256_values_have_evenly_spaced_levels():
    noise = np.random.default_rng(0).random((30, 8, 8))
    sheet = Sheet.of(Samples(noise))
    made = sheet.samples(np.stack([sheet.drawing(i) for i in range(30)])).inputs
    assert np.abs(made - noise).max() < 0.5 / 255 + 1e-6
    steps = np.diff(sheet.samples(np.arange(64, dtype=np.uint8).reshape(1, 8, 8)).inputs)
    np.testing.assert_allclose(steps, np.ptp(noise) / 255)


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
