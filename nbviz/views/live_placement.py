"""Draw a digit (or type a text) and watch where a layer puts it among the samples.

The other half is js/src/views/live_placement.ts.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t
from PIL import Image

from nbviz.core.errors import UnknownName
from nbviz.core.events import Preview, Result, Steps
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.core.specimen import ModelSpecimen
from nbviz.methods.live_placement import Answer, Landing, PlacementMap, answer, land
from nbviz.methods.sheet import Sheet
from nbviz.views.live_placement_frame import PlacementPicture, class_name, encode_picture, percentile_in_words
from nbviz.views.live_placement_map import MapKeeper
from nbviz.views.parts.columns import columns_of, row_names
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.pictured_view import PicturedView
from nbviz.views.parts.pictures import picture_side
from nbviz.views.parts.pixels import Pixels
from nbviz.views.parts.sample_map import samples_of
from nbviz.views.parts.sized_view import SizedView
from nbviz.views.parts.traits import Number


class LivePlacement(PicturedView, SizedView):
    """A layer's map of the samples, and a sheet to draw on: what is drawn lands in the map while one draws.

    The map is made once (t-SNE, watched as it comes to rest); then every stroke is run through the network
    and placed in it, with its nearest neighbours and class probabilities. Of a network for text, a text is
    typed instead.

    Parameters
    ----------
    model : torch.nn.Module or Network
        A network for pictures of one or three channels, or for text. It is not changed. If it gives no score
        per class there are no probabilities.
    X, y : samples and labels, in any form that :class:`~nbviz.Samples` takes
        Pictures, or a list of strings.
    max_samples : int, optional
        How many are read from a Dataset or DataLoader.
    **traits
        Any trait below, for example ``layer="conv2"`` or ``drawing=pixels``.

    Raises
    ------
    TypeError
        If ``model`` is no module, or the samples are neither pictures nor strings.
    ValueError
        If ``X`` and ``y`` differ in length, or there is no such layer.

    Notes
    -----
    The map is that of Rauber, Fadel, Falcão and Telea, "Visualizing the Hidden Activity of Artificial Neural
    Networks", IEEE TVCG 2017; new samples are placed by Poličar, Stražar and Zupan, "Embedding to reference
    t-SNE space addresses batch effects in single-cell classification", Machine Learning 2023.
    """

    layer = t.Unicode("").tag(sync=True, parameter=True)
    """Layer whose map is shown; ``"input"`` is one too. Default: the last hidden layer."""

    reduce = t.Enum(["flatten", "max", "mean"], "flatten").tag(sync=True, parameter=True)
    """How a feature map becomes a vector: all values, or the largest or the mean of each channel. Of texts
    the mean by default, since they are of different lengths."""

    method = t.Enum(["tsne", "pca"], "tsne").tag(sync=True, parameter=True)
    """t-SNE, or principal component analysis."""

    n_samples = t.Int(2000, min=0).tag(sync=True, parameter=True)
    """How many samples the map has, evenly spread over all; 0 for all. More take longer to place among."""

    perplexity = Number(30.0, min=1.0).tag(sync=True, parameter=True)
    """Of the map: about how many neighbours a sample attends to; 1 to below a third of the samples. Until it
    is set: 30, or what ``n_samples`` allows."""

    iterations = t.Int(750, min=1, max=10_000).tag(sync=True, parameter=True)
    """t-SNE iterations."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """One seed gives one map."""

    drawing = Pixels("read_drawing").tag(sync=True, parameter=True)
    """What is drawn: uint8, (H, W) or (H, W, 3), 0 to 255, of the size of the samples; also with the channels
    in front, (1, H, W) or (3, H, W), where the samples are so. Where these are not 8-bit, numbers of another
    type than uint8 that lie in the samples' own range are taken in that range, as a sample ``X[17]`` is: of
    digits of 0 to 16, 16 is full strength. Other whole numbers are levels from 0 to 255, and floats from 0 to
    a largest of exactly 1 are always shares of the full strength. What fits none is refused. A ``PIL.Image``
    of any size is fitted to the sheet. ``[]`` clears it."""

    text = t.Unicode("").tag(sync=True, parameter=True)
    """What is typed, for a network that reads text."""

    centre = t.Bool(True).tag(sync=True, parameter=True)
    """Whether the drawing is moved so that its centre of mass is in the middle, as in MNIST, before the
    network sees it. Default: yes where the samples stand on a plain background."""

    k = t.Int(6, min=1).tag(sync=True, parameter=True)
    """How many nearest neighbours are shown; 1 to below the number of samples."""

    kept = Pixels("read_kept").tag(sync=True, parameter=True)
    """Drawings that stay in the map, (m, H, W) or (m, H, W, 3) uint8, as the network saw them; or a list of
    texts. ``[]`` for none."""

    sample = t.Int(-1, min=-1).tag(sync=True)
    """Row number of the sample that lies on the sheet as it is; -1 once it is drawn on. Setting it brings the
    sample to the sheet."""

    brush = Number(0.0, min=0.0).tag(sync=True)
    """Diameter of the brush in pixels of the picture; 0 for a twelfth of its shorter side, at least 1."""

    ink = t.Unicode("").tag(sync=True)
    """Colour of the brush on a sheet of three channels, ``"#rrggbb"``; empty for white or black, which stands
    out more."""

    def __init__(
        self, model: Any, X: Any = None, y: Any = None, *, max_samples: int | None = None, **traits: Any
    ) -> None:
        network = Network.of(model)
        samples = samples_of("LivePlacement(model, X, y)", X, y, max_samples=max_samples)
        reads_text = isinstance(samples.inputs, list) and isinstance(samples.inputs[0], str)
        self._sheet = None if reads_text else Sheet.of(samples)
        self._recorded: ModelSpecimen | None = ModelSpecimen(network, samples)
        self._maps = MapKeeper()
        self._kept_landed: tuple[Any, Answer, Landing] | None = None
        self._before: tuple[int, Any] | None = None  # sample and drawing, or text, before the sample came
        self._sprite_is_due = not reads_text
        layers = self._recorded.layers()
        traits["layer"] = self._recorded.check(traits.get("layer") or self._recorded.default_layer())
        traits.setdefault("reduce", "mean" if reads_text else "flatten")
        sheet = self._sheet
        if sheet is not None:
            traits.setdefault("centre", sheet.is_plain)
            traits.setdefault("drawing", sheet.blank())
        super().__init__(
            **traits,
            specimen={
                "n": len(samples),
                "layers": [layer.name for layer in layers],
                "maps": [layer.name for layer in layers if layer.module and len(layer.shape) > 1],
                "columns": columns_of(samples, self._recorded.class_names),
                "names": row_names(samples, network),
                "text": reads_text,
                "shape": [] if sheet is None else [*sheet.size, sheet.channels],
                "background": [] if sheet is None else sheet.background.tolist(),
                "ink": [] if sheet is None else sheet.ink.tolist(),
                "classifies": self._recorded.n_classes is not None,
                "pictures": 0 if reads_text else picture_side(samples),
            },
        )

    def read_drawing(self, value: Any) -> np.ndarray:
        """A value for :attr:`drawing` as pixels of the sheet's shape."""
        sheet = getattr(self, "_sheet", None)
        if sheet is not None:
            return sheet.check(value)
        if np.asarray(value).size and not self._is_closed:
            raise TypeError("the samples are texts: set text, not drawing")
        return Pixels.empty

    def read_kept(self, value: Any) -> np.ndarray:
        """A value for :attr:`kept` as a pile of pictures or of texts."""
        if len(value) == 0:
            return Pixels.empty
        if getattr(self, "_sheet", None) is not None:
            return np.stack([self.read_drawing(one) for one in value])
        texts = list(value)
        if not all(isinstance(text, str) and text.strip() for text in texts):
            raise TypeError("the samples are texts: kept is a list of strings that are not empty")
        return np.array(texts)

    @t.validate("layer")
    def _check_layer(self, proposal: Any) -> str:
        if self._recorded is None:
            return proposal.value
        try:
            return self._recorded.check(proposal.value or self._recorded.default_layer())
        except UnknownName as error:
            raise t.TraitError(str(error)) from error

    @t.validate("text")
    def _check_text(self, proposal: Any) -> str:
        if proposal.value and getattr(self, "_sheet", None) is not None:
            raise t.TraitError("the samples are pictures: set drawing, not text")
        return proposal.value

    @t.validate("sample")
    def _check_sample(self, proposal: Any) -> int:
        n = self.specimen.get("n")
        if n is not None and proposal.value >= n:
            raise t.TraitError(f"sample {proposal.value} does not exist: there are {n}, counted from 0")
        return proposal.value

    @t.validate("ink")
    def _check_ink(self, proposal: Any) -> str:
        value = proposal.value.lower()
        if value and (len(value) != 7 or value[0] != "#" or set(value[1:]) - set("0123456789abcdef")):
            raise t.TraitError(f"ink is a colour such as '#d55e00', got {proposal.value!r}")
        return value

    @t.observe("sample")
    def _bring(self, change: Any) -> None:
        if change["new"] < 0 or self._recorded is None:
            return
        self._before = (change["old"], self.text if self._sheet is None else self.drawing)
        if self._sheet is None:
            self.text = self._recorded.samples.inputs[change["new"]]
        else:
            self.drawing = self._sheet.drawing(change["new"])

    @t.observe("drawing", "text")
    def _drawn_on(self, _change: Any) -> None:
        if self.sample < 0 or self._recorded is None:
            return
        if self._sheet is None:
            is_as_it_was = self.text == self._recorded.samples.inputs[self.sample]
        else:
            is_as_it_was = np.array_equal(self.drawing, self._sheet.drawing(self.sample))
        if not is_as_it_was:
            self.sample = -1

    # Computing

    def compute(self, params: SimpleNamespace) -> Steps:
        specimen = self._recorded
        if specimen is None:
            raise RuntimeError("the view is closed")
        new, seen, shift = self._given(params)
        said = None if new is None else answer(specimen, new, params.layer, params.reduce)
        picture = PlacementPicture(params.layer, specimen, said, seen, shift, params.text)
        number = 0
        for event in self._maps.steps(specimen, params):
            if isinstance(event, Preview):
                yield Preview(picture.on(event.value))
            elif isinstance(event, Result):
                ready, number = event.value
            else:
                yield event
            if isinstance(event, Preview | Result):
                self.send_sprite()
        landing = None if said is None else land(ready, said, k=params.k)
        kept = self._landed_before(specimen, ready, number, params)
        yield Result(picture.on(ready.chart, number=number, landing=landing, kept=kept))

    def _given(self, params: SimpleNamespace) -> tuple[Any, np.ndarray | None, tuple[int, int]]:
        """What the network is given (None for nothing), the drawing as it sees it, how far it was moved."""
        sheet = self._sheet
        if sheet is None:
            return ([params.text] if params.text.strip() else None), None, (0, 0)
        drawing = np.asarray(params.drawing)
        if sheet.is_blank(drawing):
            return None, None, (0, 0)
        seen, shift = sheet.centred(drawing) if params.centre else (drawing, (0, 0))
        row = self.sample
        if row >= 0 and self._recorded is not None and np.array_equal(seen, sheet.drawing(row)):
            return self._recorded.samples[np.array([row])], seen, shift  # all of it, not 256 levels
        return sheet.samples(seen[None]), seen, shift

    def _landed_before(
        self, specimen: ModelSpecimen, ready: PlacementMap, number: int, params: SimpleNamespace
    ) -> tuple[Answer, Landing] | None:
        """The kept drawings in this map; they are placed once."""
        kept = np.asarray(params.kept)
        if kept.size == 0:
            return None
        key = (number, kept.shape, kept.tobytes())
        if self._kept_landed is None or self._kept_landed[0] != key:
            new = kept.tolist() if self._sheet is None else self._sheet.samples(kept)
            said = answer(specimen, new, params.layer, params.reduce)
            self._kept_landed = (key, said, land(ready, said, k=1))
        return self._kept_landed[1:]

    def encode(self, value: PlacementPicture) -> Frame:
        return encode_picture(value)

    def all_samples(self) -> Samples | None:
        return None if self._recorded is None else self._recorded.samples

    # From the browser, and from a script

    def receive(self, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """A picture was uploaded, dropped or pasted, (H, W, 3) pixels; what is drawn shall be kept; the
        sample that came to the sheet shall go again; or a picture of a sample is wanted, for the card."""
        if content.get("type") == "keep":
            self._keep(self._latest)
        if content.get("type") == "undo":
            self._take_back()
        super().receive(content, buffers)
        if content.get("type") == "upload" and self._sheet is not None:
            size = (int(content["width"]), int(content["height"]))
            self.drawing = Image.frombytes("RGB", size, bytes(buffers[0]))

    def _take_back(self) -> None:
        """The sheet as it was before a sample came to it: the click was the first of a double click."""
        if self._before is None:
            return
        sample, given = self._before
        if self._sheet is None:
            self.text = given
        else:
            self.drawing = given
        self.sample = sample
        self._before = None

    def stop(self) -> None:
        """Stop what is computed now; the last good picture stays. A t-SNE that was stopped is left as it is:
        what is drawn next lands in it."""
        self._maps.stop()
        super().stop()

    def keep(self) -> None:
        """Leave what is drawn (or typed) in the map, as the network saw it.

        Raises
        ------
        ValueError
            If nothing is drawn.
        """
        if not self._keep(self.latest()):
            raise ValueError("nothing is drawn, so there is nothing to keep")

    def _keep(self, shown: Any) -> bool:
        if not isinstance(shown, PlacementPicture) or shown.landing is None:
            return False
        self.kept = [*np.asarray(self.kept), shown.text if shown.seen is None else shown.seen]
        return True

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def embedding(self) -> np.ndarray:
        """Positions of the samples in the map, (n, 2) float32."""
        return self.latest().chart.embedding.positions

    @property
    def rows(self) -> np.ndarray:
        """Row numbers of the samples in the map, (n,) int."""
        return self.latest().chart.rows

    @property
    def position(self) -> np.ndarray | None:
        """Where the drawing lies in the map, (2,) float32; None if nothing is drawn."""
        landing = self.latest().landing
        return None if landing is None else landing.positions[0]

    @property
    def neighbours(self) -> np.ndarray | None:
        """Row numbers of the k samples with the nearest activations, nearest first, (k,) int."""
        landing = self.latest().landing
        return None if landing is None else landing.neighbours[0]

    @property
    def probabilities(self) -> np.ndarray | None:
        """Class probabilities, (classes,) float32. None if nothing is drawn, or there are no classes."""
        said = self.latest().answer
        return None if said is None or said.probabilities is None else said.probabilities[0]

    @property
    def distance_percentile(self) -> float | None:
        """How many per cent of the samples lie nearer to their nearest neighbour than the drawing to its, by
        more than rounding; 0 to 100. From 99 on its place in the map is not to be trusted. None if nothing is
        drawn."""
        landing = self.latest().landing
        return None if landing is None else float(landing.percentiles[0])

    @property
    def seen(self) -> np.ndarray | None:
        """The drawing as the network sees it, after :attr:`centre`; uint8. None if nothing is drawn."""
        return self.latest().seen

    @property
    def kept_positions(self) -> np.ndarray:
        """Where the kept drawings lie, (m, 2) float32."""
        kept = self.latest().kept
        return np.zeros((0, 2), np.float32) if kept is None else kept[1].positions

    def shown_network(self) -> Network | None:
        return None if self._recorded is None else self._recorded.network

    def summary(self) -> str:
        """The state in plain words."""
        shown = self._latest
        if not isinstance(shown, PlacementPicture) or self._recorded is None:
            return f"LivePlacement: {self.state_in_words()}"
        kind = "t-SNE" if shown.chart.embedding.method == "tsne" else "PCA"
        text = f"LivePlacement: {kind} of {shown.layer!r}, {len(shown.chart.rows):,} samples"
        landing = shown.landing
        if landing is None or shown.answer is None:
            return f"{text}; nothing is {'typed' if self._sheet is None else 'drawn'}"
        samples, near = self._recorded.samples, landing.neighbours[0]
        labels = samples.labels
        if labels is not None and labels.dtype.kind == "i":
            counts = np.bincount(np.unique(labels[near], return_inverse=True)[1])
            name = samples.label_name(int(np.unique(labels[near])[counts.argmax()]))
            text += f"; {counts.max()} of {len(near)} nearest neighbours are {name}"
        if shown.answer.probabilities is not None:
            best = int(shown.answer.probabilities[0].argmax())
            share = float(shown.answer.probabilities[0, best])
            text += f"; most probable {class_name(self._recorded, best)} ({share:.2f})"
        return f"{text}; {percentile_in_words(landing.percentiles[0])}"

    def release(self) -> None:
        self._recorded = self._sheet = self._kept_landed = self._before = None
        self._maps = MapKeeper()
        self.specimen = self.thumbnails = {}
