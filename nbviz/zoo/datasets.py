"""The real images that ship in the wheel, and where the line between training and held-out images runs."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from nbviz.core.samples import Samples

#: The first 2,000 MNIST images; no model of the zoo was trained on them, so accuracies on them are honest.
HELD_OUT = 2000

DIGIT_NAMES = tuple("0123456789")

_MNIST = Path(__file__).parent / "data" / "mnist.npz"


@cache
def mnist_arrays() -> tuple[np.ndarray, np.ndarray]:
    """All images, uint8 (10000, 28, 28), and labels, int64 (10000,); shared, hence read-only."""
    with np.load(_MNIST, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"].astype(np.int64)
    images.setflags(write=False)
    labels.setflags(write=False)
    return images, labels


def load_mnist(n: int = HELD_OUT, *, start: int = 0) -> Samples:
    """Handwritten digits of the MNIST database that ship with nbviz.

    Images 0 to 1,999 are **held out**: no model of the zoo has seen them while it was trained. Images 2,000
    to 9,999 are the **training** images, ``load_mnist(8000, start=2000)``. All 10,000 are drawn from the
    60,000 training images of MNIST and shuffled once; none belongs to MNIST's own test images, so an
    accuracy on them is not comparable with published test accuracies.

    Parameters
    ----------
    n : int
        How many images, 1 to ``10000 - start``.
    start : int
        Row of the first image, 0 to 9,999.

    Returns
    -------
    Samples
        Inputs uint8 (n, 28, 28), 0 is background and 255 is ink; labels int64 (n,), 0 to 9.

    Raises
    ------
    ValueError
        If the rows asked for do not exist.

    Notes
    -----
    Y. LeCun, C. Cortes, C. J. C. Burges, the MNIST database of handwritten digits; CC BY-SA 3.0, see
    ``nbviz/zoo/data/LICENSE-mnist.txt``.
    """
    images, labels = mnist_arrays()
    rows = _rows("MNIST", n, start, len(images))
    return Samples(images[rows].copy(), labels[rows].copy(), class_names=DIGIT_NAMES)


def load_digits(n: int | None = None) -> Samples:
    """The 1,797 small handwritten digits of scikit-learn, 8 x 8 pixels.

    Parameters
    ----------
    n : int, optional
        How many, from the first; 1 to 1,797. Default: all.

    Returns
    -------
    Samples
        Inputs uint8 (n, 8, 8): scikit-learn's values 0 to 16 scaled by 255 / 16 and rounded, so that 0 is
        background and 255 is full ink, as in MNIST; labels int64 (n,), 0 to 9.

    Raises
    ------
    ValueError
        If there are not that many.

    Notes
    -----
    E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository;
    read from the installed scikit-learn (:func:`sklearn.datasets.load_digits`).
    """
    from sklearn.datasets import load_digits as sklearn_digits

    digits = sklearn_digits()
    rows = _rows("digits", len(digits.target) if n is None else n, 0, len(digits.target))
    pixels = np.rint(digits.images[rows] * (255 / 16)).astype(np.uint8)
    return Samples(pixels, digits.target[rows].astype(np.int64), class_names=DIGIT_NAMES)


def _rows(name: str, n: int, start: int, total: int) -> slice:
    if not 0 <= start < total:
        raise ValueError(f"start={start} is out of range: the {name} images are rows 0 to {total - 1:,}")
    if not 1 <= n <= total - start:
        after = f" from row {start:,}" if start else ""
        raise ValueError(
            f"n={n} is out of range: there are 1 to {total - start:,} {name} images to load{after}"
        )
    return slice(start, start + n)
