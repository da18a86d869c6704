"""Samples as pictures on their way to the browser: small ones of all at once, sharper ones where asked for.

The other half is js/src/parts/pictures.tsx.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nbviz.core.pictures import tile_size
from nbviz.core.samples import Samples
from nbviz.views.base import View

LARGE_SPRITE = 2_000_000
"""Bytes of thumbnails that are sent where fewer do not hold all pictures."""

MOST_AT_ONCE, LARGEST_PICTURE = 64, 192
"""Pictures that are sent in answer to one question, and their longest side in pixels."""


def packed_sprite(samples: Samples, **options: Any) -> dict[str, Any]:
    """All samples as thumbnails in one PNG, as the browser's Sprite; empty if they are no pictures.

    ``options`` are those of :meth:`~nbviz.Samples.sprite`.
    """
    sprite = samples.sprite(**options)
    if sprite is None:
        return {}
    shape = {"columns": sprite.columns, "width": sprite.width, "height": sprite.height}
    return {"png": sprite.png, **shape}


def picture_side(samples: Samples) -> int:
    """Longer side of the largest picture, in pixels; 0 if the samples are no pictures."""
    return 0 if isinstance(samples.inputs, Mapping) else max(tile_size(samples.inputs)[0])


def answer_pictures(view: View, content: dict[str, Any], samples: Samples | None) -> None:
    """Send the pictures that the browser asks for, in one sprite.

    There is an answer in any case: the browser asks one question at a time.
    """
    if content.get("type") != "pictures" or samples is None:
        return
    rows = [row for row in map(int, content["rows"]) if 0 <= row < len(samples)][:MOST_AT_ONCE]
    size = min(max(8, int(content["size"])), LARGEST_PICTURE)
    packed = packed_sprite(samples[np.array(rows)], tile=size, max_bytes=LARGE_SPRITE) if rows else {}
    png = packed.pop("png", None)
    answer = {"type": "pictures", "to": content.get("to"), "rows": rows, **packed}
    view.send(answer, buffers=None if png is None else [png])
