"""What views share whose samples can be looked at: as thumbnails of all, and sharper where asked for."""

from __future__ import annotations

from typing import Any

import traitlets as t

from nbviz.core.samples import Samples
from nbviz.views.base import View
from nbviz.views.parts.pictures import answer_pictures, packed_sprite


class PicturedView(View):
    """A view of samples.

    A subclass says which in :meth:`all_samples`, and sets ``_sprite_is_due`` if it sends all thumbnails
    at once. ``specimen``, which the browser gets, holds at least ``"n"``, the number of samples, and
    ``"pictures"``, as :func:`~nbviz.views.parts.pictures.picture_side` gives it.
    """

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once: layers, columns, names. Not to be set."""

    thumbnails = t.Dict().tag(sync=True, echo_update=False)
    """The samples as thumbnails in one PNG. Not to be set."""

    _sprite_is_due = False

    def all_samples(self) -> Samples | None:
        """All samples, shown or not; None once the view is closed."""
        raise NotImplementedError

    def send_sprite(self) -> None:
        """Send all thumbnails, once. They follow the first picture; it does not wait for them."""
        samples = self.all_samples()
        if self._sprite_is_due and samples is not None:
            self._sprite_is_due = False
            self.publish(thumbnails=packed_sprite(samples))

    def receive(self, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """Pictures of a few samples are wanted, larger than the thumbnails."""
        answer_pictures(self, content, self.all_samples())
