"""Cover parts of a picture and see what the model says: by hand, or with a sliding window.

The other half is js/src/views/occlusion_painter.ts.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import traitlets as t

from nbviz.core.errors import unknown_name
from nbviz.core.events import Preview, Progress, Result, Steps
from nbviz.core.network import Network
from nbviz.core.reading import is_dataset
from nbviz.core.samples import Samples
from nbviz.methods.fills import FILLS
from nbviz.methods.occlusion import occlude_steps
from nbviz.methods.occlusion_effect import Canvas, OcclusionEffect
from nbviz.methods.occlusion_map import OcclusionMap
from nbviz.methods.occlusion_picture import is_pile_of_grey, read_sample
from nbviz.views.base import View
from nbviz.views.occlusion_painter_frames import PainterPicture, encode_painting
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.pixels import Mask, shown_pixels
from nbviz.views.parts.traits import Number


class OcclusionPainter(View):
    """A picture to cover by hand (paint) or by a sliding window (slide), and the model's answers.

    Parameters
    ----------
    model : torch.nn.Module or Network
        A classifier of pictures. It is not changed. One that returns a single number is taken for one if it
        ends in a sigmoid, or two classes are named: ``Network(model, class_names=["no", "yes"])``.
    image : picture, or several to leaf through
        8-bit pixels (H, W) or (H, W, 3), a PIL image, or the model's own floating-point input (C, H, W) or
        (1, C, H, W). Several: Samples, a list, a Dataset or DataLoader, or a batch (n, …).
    patch : picture, optional
        What the fill ``"patch"`` cuts from; of the same size as the image.
    **traits
        Any trait below, for example ``mode="slide"`` or ``fill="mean"``.

    Raises
    ------
    TypeError, ValueError
        If ``model`` is no module or the image is of no known form.
    ModelError
        If the model raises, or gives no score per class.

    Notes
    -----
    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2.
    """

    _other_words: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("baseline", "baselines"), f"fill: {', '.join(map(repr, FILLS))}, or 'patch'"),
        **dict.fromkeys(("window", "sliding_window_shapes"), "window_height and window_width, in pixels"),
        "strides": "stride, in pixels",
    }

    mode = t.Enum(["paint", "slide"], "paint").tag(sync=True, parameter=True)
    """Cover by hand, or let a window slide over the picture."""

    sample = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Which of the samples is shown."""

    mask = Mask().tag(sync=True, parameter=True)
    """What is painted, (H, W) bool: True where the brush was. ``view.mask = array`` paints from Python."""

    reveal = t.Bool(False).tag(sync=True, parameter=True)
    """The other way round: all is hidden but what is painted. Which part suffices?"""

    fill = t.Enum([*FILLS, "patch"], "grey").tag(sync=True, parameter=True)
    """What stands in covered places, in pixels before the model's transform."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Of the noise."""

    window_height = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Height of the sliding window, pixels; 0 for a seventh of the picture."""

    window_width = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Its width, pixels; 0 for a seventh of the picture."""

    stride = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Step of the window, pixels; 0 for a twenty-eighth of the picture."""

    target = t.Int(-1, min=-1).tag(sync=True, parameter=True)
    """Class whose probability is mapped; -1 for the most probable of the clean picture."""

    layer = t.Unicode("").tag(sync=True, parameter=True)
    """Layer whose feature map is summed; empty for none."""

    unit = t.Int(-1, min=-1).tag(sync=True, parameter=True)
    """Its unit (channel); -1 for the strongest one."""

    quantity = t.Enum(["probability", "logit", "class", "activation"], "probability").tag(sync=True)
    """What the map shows. ``"activation"`` is that of ``layer``; without a layer the view shows the
    probability and says so."""

    opacity = Number(0.65, min=0.0, max=1.0).tag(sync=True)
    """Of the map over the picture."""

    brush = t.Int(0, min=0).tag(sync=True)
    """Diameter of the brush in pixels of the picture; 0 for an eighth of it."""

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once: classes, layers, number of samples. Not to be set."""

    def __init__(self, model: Any, image: Any = None, *, patch: Any = None, **traits: Any) -> None:
        network = Network.of(model)
        if image is None:
            raise TypeError("OcclusionPainter(model, image): the image is missing")
        self._network: Network | None = network
        self._samples = Samples.of(image) if _are_several(image) else None
        self._image = image
        self._patch = patch
        self._canvas: tuple[int, tuple[int, ...], Canvas] | None = None
        if traits.get("fill") == "patch" and patch is None:
            raise ValueError("fill='patch' cuts from another picture: pass it as patch=...")
        super().__init__(**{**traits, "specimen": self._describe(network)})

    def _describe(self, network: Network) -> dict[str, Any]:
        canvas = self._new_canvas(network, 0)
        self._n_classes = canvas.n_classes
        layers = network.layers(canvas.picture.inputs)
        units = {x.name: x.shape[x.channel_axis] for x in layers if x.module and len(x.shape) == 3}
        return {
            "samples": 1 if self._samples is None else len(self._samples),
            "classes": list(network.class_names),
            "layers": [{"name": name, "units": count} for name, count in units.items()],
            "patch": self._patch is not None,
        }

    def _picture(self, row: int) -> Any:
        if self._samples is None:
            return self._image
        raw = self._samples.batch(np.array([row]))
        return raw[0]

    @t.validate("sample")
    def _check_sample(self, proposal: Any) -> int:
        count = 1 if self._samples is None else len(self._samples)
        if proposal.value >= count:
            raise t.TraitError(f"sample {proposal.value} does not exist: there are {count}, counted from 0")
        return proposal.value

    @t.validate("target")
    def _check_target(self, proposal: Any) -> int:
        if proposal.value >= self._n_classes:
            raise t.TraitError(
                f"the model has classes 0 to {self._n_classes - 1}; got target={proposal.value}"
            )
        return proposal.value

    @t.validate("layer")
    def _check_layer(self, proposal: Any) -> str:
        known = [layer["name"] for layer in self.specimen.get("layers", [])]
        if self.specimen and proposal.value and proposal.value not in known:
            raise unknown_name("layer with feature maps", proposal.value, known)
        return proposal.value

    @t.validate("fill")
    def _check_fill(self, proposal: Any) -> str:
        if proposal.value == "patch" and getattr(self, "_patch", None) is None:
            raise t.TraitError("fill='patch' cuts from another picture: OcclusionPainter(..., patch=picture)")
        return proposal.value

    def compute(self, params: SimpleNamespace) -> Steps:
        canvas = self._canvas_for(params.sample)
        fill = self._patch if params.fill == "patch" else params.fill
        mask = params.mask if params.mask.size else np.zeros(canvas.size, bool)
        if mask.shape != canvas.size:
            raise ValueError(
                f"the mask has shape {mask.shape}, the picture {canvas.size}: they must be equal"
            )
        effect = canvas.effect(~mask if params.reveal else mask, fill, seed=params.seed)
        picture = PainterPicture(params.sample, effect, None)
        if params.mode == "paint":
            yield Result(picture)
            return
        yield Preview(picture)
        height, width = canvas.size
        default = max(1, round(min(height, width) / 7))
        steps = occlude_steps(
            canvas.network,
            self._picture(params.sample),
            window=(params.window_height or default, params.window_width or default),
            stride=params.stride or None,
            fill=fill,
            target=None if params.target < 0 else params.target,
            layer=params.layer or None,
            unit=params.unit if params.layer and params.unit >= 0 else None,
            seed=params.seed,
        )
        for event in steps:
            if isinstance(event, Progress):
                yield event
            else:
                yield type(event)(PainterPicture(params.sample, effect, event.value))

    def _canvas_for(self, row: int) -> Canvas:
        network = self._network
        if network is None:
            raise RuntimeError("the view is closed")
        if self._canvas is None or self._canvas[:2] != (row, network.version):
            version = network.version
            self._canvas = (row, version, self._new_canvas(network, row))
        return self._canvas[2]

    def _new_canvas(self, network: Network, row: int) -> Canvas:
        if self._samples is None:
            return Canvas(network, self._image)
        return Canvas(network, read_sample(network, self._samples, row), name=self._samples.name(row))

    def encode(self, value: PainterPicture) -> Frame:
        return encode_painting(value, self._class_name)

    def _class_name(self, index: int) -> str:
        names = self._network.class_names if self._network is not None else ()
        return names[index] if index < len(names) else f"class {index}"

    def receive(self, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """The pointer rests on a cell of the map: the picture as the model saw it there, and its classes."""
        shown = self._latest
        if content.get("type") != "peek" or not isinstance(shown, PainterPicture) or shown.map is None:
            return
        found, cell = shown.map, int(content["cell"])
        top, left, bottom, right = (int(v) for v in found.positions.reshape(-1, 4)[cell])
        shares = found.probabilities.reshape(-1, found.probabilities.shape[-1])[cell]
        if np.isnan(shares).any() or self._canvas is None:
            return
        mask = np.zeros(self._canvas[2].size, bool)
        mask[top:bottom, left:right] = True
        fill = self._patch if self.fill == "patch" else self.fill
        occluded = shown_pixels(
            self._canvas[2].occluded(mask, fill, seed=self.seed), like=shown.effect.picture
        )
        best = np.argsort(-shares, kind="stable")[:5]
        classes = [
            {
                "name": self._class_name(int(i)),
                "index": int(i),
                "before": float(found.clean_probabilities[i]),
                "after": float(shares[i]),
            }
            for i in best
        ]
        head = {"type": "peek", "cell": cell, "classes": classes}
        self.send(head, buffers=[np.ascontiguousarray(occluded).data.cast("B")])

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def effect(self) -> OcclusionEffect:
        """What the painted mask does: probabilities before and after, change per layer."""
        return self.latest().effect

    @property
    def map(self) -> OcclusionMap | None:
        """The map of the sliding window; None in paint mode."""
        return self.latest().map

    @property
    def probabilities(self) -> np.ndarray:
        """Class probabilities with the painted mask, (classes,) float32."""
        return self.effect.after

    def summary(self) -> str:
        """The state in plain words."""
        shown = self._latest
        if not isinstance(shown, PainterPicture):
            return f"OcclusionPainter: {self.state_in_words()}"
        effect = shown.effect
        best, now = int(effect.before.argmax()), int(effect.after.argmax())
        text = (
            f"OcclusionPainter: {effect.covered:.0%} covered; {self._class_name(best)} "
            f"{effect.before[best]:.2f} → {effect.after[best]:.2f}"
        )
        if now != best:
            text += f", now {self._class_name(now)} {effect.after[now]:.2f}"
        if shown.map is not None and not shown.map.partial:
            low = np.unravel_index(shown.map.probability.argmin(), shown.map.probability.shape)
            top, left, bottom, right = shown.map.positions[low]
            text += (
                f"; lowest probability of {self._class_name(shown.map.target)} "
                f"{shown.map.probability.min():.2f} at rows {top}–{bottom}, columns {left}–{right}"
            )
        return text

    def release(self) -> None:
        self._network = self._samples = self._image = self._patch = self._canvas = None
        self.specimen = {}


def _are_several(image: Any) -> bool:
    """Whether this is a collection of pictures, not one."""
    if isinstance(image, Samples) or is_dataset(image):
        return True
    if isinstance(image, list | tuple):
        return len(image) > 1
    shape: tuple[int, ...] = getattr(image, "shape", ())
    return (len(shape) == 4 and shape[0] > 1) or (len(shape) == 3 and is_pile_of_grey(image))
