"""Scenes of handwritten digits, each with the sentence that describes it: "a seven left of two threes"."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from nbviz.core.samples import Samples
from nbviz.zoo.datasets import HELD_OUT, mnist_arrays

#: Pixels along each side of a scene.
SIDE = 64

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PLURALS = ("zeros", "ones", "twos", "threes", "fours", "fives", "sixes", "sevens", "eights", "nines")
COUNTS = ("a", "two", "three")
RELATIONS = ("left of", "right of", "above", "below")

#: Pixels to which the 28 x 28 of an MNIST image are scaled; its ink is 5/7 of that at most.
TILES = (20, 22, 24)
_APART = 2  # pixels between the ink of two digits, at least


class Box(NamedTuple):
    """A digit and the rows ``top`` to ``bottom - 1`` and columns ``left`` to ``right - 1`` of its ink."""

    digit: int
    top: int
    left: int
    bottom: int
    right: int

    @property
    def word(self) -> str:
        """``"seven"``."""
        return DIGITS[self.digit]


class Scenes(Samples):
    """Samples whose inputs are scenes, uint8 (n, 64, 64), with what is seen on them.

    Attributes
    ----------
    sentences : list of str
        One for each scene.
    boxes : list of tuple of Box
        Where the digits of each scene are, in the order in which the sentence names them.
    """

    def __init__(self, pictures: np.ndarray, sentences: list[str], boxes: list[tuple[Box, ...]]):
        super().__init__(pictures, names=sentences)
        self.sentences = sentences
        self.boxes = boxes

    def __getitem__(self, rows: Any) -> Scenes:
        index = np.atleast_1d(np.arange(len(self))[rows])
        return Scenes(
            self.batch(rows if isinstance(rows, slice) else index),
            [self.sentences[i] for i in index],
            [self.boxes[i] for i in index],
        )


def load_scenes(n: int = 200, seed: int = 0, *, held_out: bool = True) -> Scenes:
    """New scenes, put together from the MNIST digits that ship with nbviz.

    A scene holds one or two groups of one to three equal digits. Two groups lie apart along one axis
    only, so that exactly one of "left of", "right of", "above" and "below" is true. The sentence names the
    group of fewer digits first; of equally many, the lower digit.

    Parameters
    ----------
    n : int
        How many, 1 or more.
    seed : int
        Which ones: the same seed gives the same scenes.
    held_out : bool
        True: only digits with which no model of the zoo was trained. False: training digits.

    Returns
    -------
    Scenes
        Inputs uint8 (n, 64, 64), 0 is background and 255 is ink; ``sentences``; ``boxes``.

    Raises
    ------
    ValueError
        If `n` is not positive.

    Notes
    -----
    The images are those of :func:`nbviz.zoo.load_mnist`, scaled down to 71 to 86 %; CC BY-SA 3.0, which holds
    for the scenes too, see ``nbviz/zoo/data/LICENSE-mnist.txt``.
    """
    if n < 1:
        raise ValueError(f"n={n} is out of range: ask for one scene or more")
    total = len(mnist_arrays()[0])
    rows = range(HELD_OUT) if held_out else range(HELD_OUT, total)
    return scenes(n, np.random.default_rng([seed, int(held_out)]), rows)


def scenes(n: int, random: np.random.Generator, rows: range) -> Scenes:
    """`n` scenes made from the MNIST images `rows`."""
    of_digit = _rows_by_digit(rows)
    made = [_scene(random, of_digit) for _ in range(n)]
    return Scenes(np.stack([m[0] for m in made]), [m[1] for m in made], [m[2] for m in made])


@lru_cache(maxsize=8)
def _rows_by_digit(rows: range) -> list[np.ndarray]:
    labels = mnist_arrays()[1][rows.start : rows.stop]
    return [rows.start + np.flatnonzero(labels == digit) for digit in range(10)]


@lru_cache(maxsize=40_000)
def _tile(row: int, side: int) -> np.ndarray:
    """The ink of one MNIST image scaled to `side` pixels, cut out; uint8."""
    scaled = np.asarray(Image.fromarray(mnist_arrays()[0][row]).resize((side, side), Image.Resampling.BOX))
    ink = scaled > 40
    down, across = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return scaled[down[0] : down[-1] + 1, across[0] : across[-1] + 1]


def _scene(
    random: np.random.Generator, of_digit: list[np.ndarray]
) -> tuple[np.ndarray, str, tuple[Box, ...]]:
    while True:
        groups = _groups(random)
        tiles = [
            [_tile(int(random.choice(of_digit[digit])), int(random.choice(TILES))) for _ in range(count)]
            for count, digit in groups
        ]
        relation = None if len(groups) == 1 else RELATIONS[random.integers(4)]
        placed = _placed(random, groups, tiles, relation)
        if placed is not None:
            break
    picture = np.zeros((SIDE, SIDE), np.uint8)
    boxes = [box for group in placed for box in group]
    for box, tile in zip(boxes, (tile for group in tiles for tile in group), strict=True):
        picture[box.top : box.bottom, box.left : box.right] = tile
    return picture, sentence(groups, relation), tuple(boxes)


def _groups(random: np.random.Generator) -> list[tuple[int, int]]:
    """(count, digit) of one or two groups, in the order of the sentence."""
    if random.random() < 0.2:
        return [(int(random.integers(1, 4)), int(random.integers(10)))]
    digits = random.permutation(10)[:2]
    counts = ((1, 1), (1, 1), (1, 2), (1, 2), (1, 3), (2, 2))[random.integers(6)]
    return sorted(zip(counts, map(int, digits), strict=True))


def sentence(groups: list[tuple[int, int]], relation: str | None) -> str:
    """``"a seven left of two threes"`` for the (count, digit) pairs (1, 7) and (2, 3)."""
    return f" {relation} ".join(_named(*group) for group in groups)


def _named(count: int, digit: int) -> str:
    if count == 1:
        return f"{'an' if digit == 8 else 'a'} {DIGITS[digit]}"
    return f"{COUNTS[count - 1]} {PLURALS[digit]}"


def _placed(
    random: np.random.Generator,
    groups: list[tuple[int, int]],
    tiles: list[list[np.ndarray]],
    relation: str | None,
) -> list[list[Box]] | None:
    """Where each digit goes, at random; None if chance put them so that the sentence is not true."""
    if relation is None:
        spans = [((0, SIDE), (0, SIDE))]
    else:
        edge = int(random.integers(SIDE // 3, SIDE - SIDE // 3 + 1))
        near, far, whole = (0, edge - _APART), (edge, SIDE), (0, SIDE)
        first, second = (near, far) if relation in ("left of", "above") else (far, near)
        across = relation in ("left of", "right of")
        spans = [(whole, first), (whole, second)] if across else [(first, whole), (second, whole)]
    placed: list[list[Box]] = []
    for (_, digit), group, (rows, columns) in zip(groups, tiles, spans, strict=True):
        boxes: list[Box] = []
        for tile in group:
            place = _free_place(random, tile.shape, rows, columns, boxes)
            if place is None:
                return None
            top, left = place
            boxes.append(Box(digit, top, left, top + tile.shape[0], left + tile.shape[1]))
        placed.append(boxes)
    if relation is not None:
        other = 0 if relation in ("left of", "right of") else 1  # the axis along which they may not be apart
        (a, b), (c, d) = (_extent(boxes, other) for boxes in placed)
        if min(b, d) - max(a, c) < min(b - a, d - c) / 2:
            return None
    return placed


def _extent(boxes: list[Box], axis: int) -> tuple[int, int]:
    return min(box[1 + axis] for box in boxes), max(box[3 + axis] for box in boxes)


def _free_place(
    random: np.random.Generator,
    shape: tuple[int, ...],
    rows: tuple[int, int],
    columns: tuple[int, int],
    taken: list[Box],
) -> tuple[int, int] | None:
    """Top and left of a place for ink of this shape within the rows and columns, clear of what is there."""
    height, width = shape
    if height > rows[1] - rows[0] or width > columns[1] - columns[0]:
        return None
    for _ in range(20):
        top = int(random.integers(rows[0], rows[1] - height + 1))
        left = int(random.integers(columns[0], columns[1] - width + 1))
        if all(_are_apart(Box(-1, top, left, top + height, left + width), other) for other in taken):
            return top, left
    return None


def _are_apart(a: Box, b: Box) -> bool:
    return (
        a.bottom + _APART <= b.top
        or b.bottom + _APART <= a.top
        or a.right + _APART <= b.left
        or b.right + _APART <= a.left
    )
