"""The pictures on which parts are marked: some rows of what a person has, and how they are shown."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.methods.hidden_parts import HiddenParts
from nbviz.methods.picture_features import read_pictures
from nbviz.views.parts.pixels import shown_pixels

_LARGEST_SHOWN = 384
"""Longer side of a picture on its way to the browser, pixels. Boxes count the picture's own pixels."""


class Gallery:
    """All the pictures, of which some are shown.

    Parameters
    ----------
    network : Network
    images : list of pictures, array with the pictures along its first axis, or Samples

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two, or one of a list cannot be read. Those of Samples are read when shown.
    """

    def __init__(self, network: Network, images: Any) -> None:
        self.network = network
        self.samples = images if isinstance(images, Samples) else None
        if self.samples is None:
            read_pictures(network, images)
            images = list(images)
        self._images = images
        if len(self) < 2:
            raise ValueError(f"changes are compared between images: at least 2 are needed, got {len(self)}")
        self._shown: tuple[list[int], HiddenParts] | None = None

    def __len__(self) -> int:
        return len(self._images)

    def check(self, rows: Sequence[int]) -> list[int]:
        """``rows`` as a list of two or more different numbers of pictures that exist.

        Raises
        ------
        ValueError
            If they are not.
        """
        rows = [int(row) for row in rows]
        if len(rows) < 2:
            raise ValueError(f"changes are compared between pictures: rows takes at least 2, got {rows}")
        if len(set(rows)) < len(rows):
            raise ValueError(f"each picture is shown once; got rows={rows}")
        if not all(0 <= row < len(self) for row in rows):
            raise ValueError(f"rows are those of {len(self)} pictures, 0 to {len(self) - 1}; got {rows}")
        return rows

    def album(self, rows: Sequence[int]) -> HiddenParts:
        """The pictures at ``rows``, with what is known of them; the newest is kept."""
        rows = self.check(rows)
        shown = self._shown
        if shown is None or shown[0] != rows:
            images = self._images[rows] if self.samples is not None else [self._images[row] for row in rows]
            shown = (rows, HiddenParts(self.network, images))
            if shown[1].pictures[0].is_signal:
                raise ValueError(
                    "the model takes signals, and parts are marked on pictures: for signals call "
                    "nbviz.methods.correspondence.correspondence()"
                )
            self._shown = shown
        return shown[1]

    def items(self, rows: Sequence[int]) -> list[dict[str, Any]]:
        """What the browser shows of each picture: row, name, label, size (height, width) and a PNG."""
        return [
            {
                "row": row,
                "name": f"picture {row}" if self.samples is None else self.samples.name(row),
                "label": self._label(row),
                "size": list(picture.size),
                "png": _png(shown_pixels(picture.array)),
            }
            for row, picture in zip(rows, self.album(rows).pictures, strict=True)
        ]

    def _label(self, row: int) -> str:
        labels = None if self.samples is None else self.samples.labels
        if self.samples is None or labels is None or labels.dtype.kind != "i":
            return ""
        return self.samples.label_name(int(labels[row]))


def _png(pixels: np.ndarray) -> bytes:
    picture = Image.fromarray(pixels)
    picture.thumbnail((_LARGEST_SHOWN, _LARGEST_SHOWN))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
