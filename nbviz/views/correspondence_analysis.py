"""Mark the same part on several pictures, and see whether hiding it changes the layers in the same way.

The other half is js/src/views/correspondence_analysis.ts.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.errors import unknown_name
from nbviz.core.events import Progress, Result, Steps
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.methods.correspondence import (
    NOTHING,
    PLACES,
    RANDOM,
    Correspondence,
    correspondence_steps,
    left_out,
    usual_layers,
)
from nbviz.methods.fills import FILLS
from nbviz.methods.marked_parts import check_parts
from nbviz.views.base import View
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.gallery import Gallery
from nbviz.views.parts.part_boxes import PartBoxes, Parts

_AT_FIRST = 5
"""Pictures of Samples that are shown at first: as many as in the paper."""


class Rows(t.List):
    """A list of row numbers; arrays and ranges are taken too."""

    def validate(self, obj: Any, value: Any) -> Any:
        taken = isinstance(value, np.ndarray | range | tuple)
        return super().validate(obj, [int(row) for row in value] if taken else value)


@dataclass(frozen=True)
class MarkedPictures:
    """One state of the view: what is marked, and what came out of the parts that can be compared."""

    parts: Parts
    pictures: int
    result: Correspondence | None

    @property
    def lacking(self) -> list[str]:
        """Parts that are marked on fewer than two pictures."""
        return [name for name in self.parts if self.parts.count(name) < 2]

    def words(self) -> str:
        """What is still to be marked; empty if nothing is."""
        if not self.parts:
            return "No part is marked yet. Drag a box over the same part on at least two pictures."
        counts = [f"{name} on {self.parts.count(name)} of {self.pictures}" for name in self.lacking]
        return f"Not compared yet: {', '.join(counts)}. A part needs two pictures." if counts else ""


class CorrespondenceAnalysis(View):
    """The same parts marked on several pictures, and how alike the changes are that hiding them makes.

    For each part and each layer: the share of units whose sign of change differs between two pictures,
    averaged over the pairs of pictures, beside that of random boxes of the same sizes.

    Parameters
    ----------
    model : torch.nn.Module or Network
        A network that takes pictures. It is not changed.
    images : list of pictures, array (n, H, W[, 3]) of 8-bit pixels, or Samples
        Two or more. All of a list are shown; of Samples the first five, see ``rows``.
    parts : mapping of str to (n_pictures, 4) boxes, optional
        See the trait.
    **traits
        Any trait below, for example ``layers=["conv2", "fc1"]``.

    Raises
    ------
    TypeError, ValueError
        If ``model`` is no module; there are fewer than two pictures, one of them cannot be read, or they give
        inputs of different sizes.

    Notes
    -----
    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.3.
    """

    parts = PartBoxes().tag(sync=True, parameter=True)
    """Boxes by part: ``{name: (n_pictures, 4)}``; top, left, bottom, right in the picture's own pixels (the
    last two exclusive), one row for each shown picture, NaN where it lacks the part (None may be given)."""

    rows = Rows(t.Int(min=0)).tag(sync=True, parameter=True)
    """Which of the pictures are shown, by number from 0. Boxes follow their picture to its new place."""

    layers = t.List(t.Unicode()).tag(sync=True, parameter=True)
    """Layers that are compared; empty for the usual: the last one of feature maps, and the last hidden."""

    fill = t.Enum(list(FILLS), "grey").tag(sync=True, parameter=True)
    """What hides a part, in pixels before the model's transform."""

    places = t.Enum(list(PLACES), "anywhere").tag(sync=True, parameter=True)
    """Where random boxes are put: anywhere in each picture, or at one random place for all pictures."""

    n_random = t.Int(10, min=1, max=200).tag(sync=True, parameter=True)
    """How many times random boxes are drawn for each part."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Of the random boxes, and of noise."""

    part = t.Unicode("").tag(sync=True)
    """The part that the mouse marks; empty for the first."""

    height = t.Int(200, min=60, max=2000).tag(sync=True)
    """Largest height of a picture, pixels of the screen."""

    pictures = t.Dict().tag(sync=True, echo_update=False)
    """The shown pictures with their names and sizes. Not to be set."""

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once: layers, the usual ones, number of pictures. Not to be set."""

    def __init__(self, model: Any, images: Any = None, parts: Any = None, **traits: Any) -> None:
        network = Network.of(model)
        if images is None:
            raise TypeError("CorrespondenceAnalysis(model, images): the images are missing")
        self._gallery: Gallery | None = Gallery(network, images)
        shown = min(len(images), _AT_FIRST) if isinstance(images, Samples) else len(images)
        given = {"rows": list(range(shown)), **traits} | ({} if parts is None else {"parts": parts})
        self._marked: tuple[list[int], Parts] = ([], Parts({}))
        super().__init__(**given, specimen=self._describe(self._gallery, given["rows"]))

    @staticmethod
    def _describe(gallery: Gallery, rows: Any) -> dict[str, Any]:
        first = gallery.album(rows).pictures[0]
        return {
            "pictures": len(gallery),
            "layers": [layer.name for layer in gallery.network.layers(first.inputs)],
            "usual": list(dict.fromkeys(usual_layers(gallery.network, first))),
        }

    @t.validate("rows")
    def _check_rows(self, proposal: Any) -> list[int]:
        if self._gallery is None:
            return proposal.value
        try:
            self._gallery.album(proposal.value)
        except (TypeError, ValueError) as error:
            raise t.TraitError(str(error)) from error
        return proposal.value

    @t.validate("parts")
    def _check_parts(self, proposal: Any) -> Parts:
        parts: Parts = proposal.value
        if self._gallery is None or not parts:
            return parts
        if not all(name.strip() for name in parts):
            raise t.TraitError("a part needs a name")
        try:
            check_parts(parts, self._gallery.album(self.rows).sizes, RANDOM)
        except ValueError as error:
            raise t.TraitError(str(error)) from error
        return parts

    @t.validate("layers")
    def _check_layers(self, proposal: Any) -> list[str]:
        known = self.specimen.get("layers")
        for name in proposal.value:
            if known is not None and name not in known:
                raise unknown_name("layer", name, known)
        return list(dict.fromkeys(proposal.value))

    @t.observe("parts")
    def _remember(self, _change: Any) -> None:
        self._marked = (list(self.rows), self.parts)

    @t.observe("rows")
    def _follow(self, _change: Any) -> None:
        """Boxes follow their picture; one that is new has none. Parts set together with rows stay as set."""
        if self._gallery is None:
            return
        rows, parts = self._marked
        self._marked = (list(self.rows), self.parts)
        self.pictures = {"items": self._gallery.items(self.rows)}
        if self.parts is parts and rows != self.rows:
            place = {row: i for i, row in enumerate(rows)}
            self.parts = Parts(
                {
                    name: [boxes[place[row]] if row in place else None for row in self.rows]
                    for name, boxes in parts.items()
                }
            )

    def compute(self, params: SimpleNamespace) -> Steps:
        if self._gallery is None:
            raise RuntimeError("the view is closed")
        album = self._gallery.album(params.rows)
        pictures = len(params.rows)
        complete = {name: boxes for name, boxes in params.parts.items() if params.parts.count(name) > 1}
        if not complete:
            yield Result(MarkedPictures(params.parts, pictures, None))
            return
        steps = correspondence_steps(
            album.network,
            album,
            complete,
            params.layers or None,
            n_random=params.n_random,
            places=params.places,
            fill=params.fill,
            seed=params.seed,
        )
        for event in steps:
            if isinstance(event, Progress):
                yield event
            else:
                yield type(event)(MarkedPictures(params.parts, pictures, event.value))

    def encode(self, value: MarkedPictures) -> Frame:
        found = value.result
        names = [item["name"] for item in self.pictures.get("items", ())]
        told = None if found is None else _described(found, names)
        return Frame({"words": value.words(), "result": told})

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def result(self) -> Correspondence | None:
        """Distances of all parts that are marked on two pictures or more; None if there is no such part."""
        return self.latest().result

    @property
    def table(self) -> str:
        """The table of the paper as text; in words what is still to be marked."""
        shown: MarkedPictures = self.latest()
        table = "" if shown.result is None else shown.result.table()
        return "\n".join(filter(None, (table, shown.words())))

    def summary(self) -> str:
        """The state in plain words."""
        shown = self._latest
        if not isinstance(shown, MarkedPictures):
            return f"CorrespondenceAnalysis: {self.state_in_words()}"
        found = shown.result
        if found is None:
            return f"CorrespondenceAnalysis: {shown.words()}"
        parts = ", ".join(
            f"{name} {_in_words(mean)} (random boxes {_in_words(base)})"
            for name, mean, base in zip(found.parts, found.mean[:, -1], found.baseline[:, -1], strict=False)
        )
        return f"CorrespondenceAnalysis: signs of change that differ in {found.layers[-1]}: {parts}"

    def shown_network(self) -> Network | None:
        return None if self._gallery is None else self._gallery.network

    def release(self) -> None:
        self._gallery = None
        self._marked = ([], Parts({}))
        self.pictures = {}
        self.specimen = {}


def _described(found: Correspondence, names: list[str]) -> dict[str, Any]:
    """A result as plain JSON; a missing mean (nothing changed) or standard deviation is None. Notes call the
    pictures by their ``names``, if these are still those of the result."""
    numbered = left_out(found.unchanged, found.layers)
    same = all(len(names) == len(unchanged) for unchanged in found.unchanged.values())
    named = left_out(found.unchanged, found.layers, names) if same else numbered
    return {
        "layers": list(found.layers),
        "parts": [
            {
                "name": name,
                "mean": _known(found.mean[i]),
                "sd": _known(found.sd[i]),
                "changed": found.changed[i].tolist(),
                "baseline": _known(found.baseline[i]),
                "baselineSd": _known(found.baseline_sd[i]),
                "pairs": np.isfinite(found.distances[name]).sum(0).tolist(),
                "unchanged": found.unchanged[name].sum(0).tolist(),
            }
            for i, name in enumerate(found.parts[:-1])
        ],
        "random": {
            "mean": _known(found.mean[-1]),
            "sd": _known(found.sd[-1]),
            "changed": found.changed[-1].tolist(),
        },
        "draws": found.n_random,
        "places": found.places,
        "notes": [*(note for note in found.notes if note not in numbered), *named],
    }


def _in_words(mean: float) -> str:
    return NOTHING if np.isnan(mean) else f"{mean:.3f}"


def _known(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
