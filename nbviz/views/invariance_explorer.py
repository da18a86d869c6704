"""Shift, scale or turn a picture and see how far the features move and whether the answer stays.

The other half is js/src/views/invariance_explorer.ts.
"""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t
from PIL import Image

from nbviz.core.errors import unknown_name
from nbviz.core.events import Progress, Result, Steps
from nbviz.core.layers import INPUT, OUTPUT
from nbviz.core.network import Network
from nbviz.methods.invariance import InvarianceCurves, invariance_steps
from nbviz.methods.moved_picture import BORDERS, TRANSFORMS, usual_shift, values_between
from nbviz.methods.occlusion_picture import Picture, read_picture
from nbviz.methods.picture_features import first_and_last, gives_classes
from nbviz.methods.top_images import read_in, samples_of
from nbviz.views.base import View
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.traits import Number

_AS_GIVEN = {"translate": 0.0, "scale": 1.0, "rotate": 0.0}
_USUAL_POINTS = {"translate": 31, "scale": 17, "rotate": 36}
_PICTURE_BYTES = 500_000
"""The moved pictures of one frame; larger ones are made smaller, and the marked one is asked for."""


@dataclass(frozen=True)
class ExplorerPicture:
    """One picture of the view: the curves so far, of one sample."""

    row: int
    true_class: int
    curves: InvarianceCurves
    notes: tuple[str, ...] = ()


class InvarianceExplorer(View):
    """Feature distance and class probability of a picture that is shifted, scaled or turned.

    Parameters
    ----------
    model : torch.nn.Module or Network
        A network for pictures, or for signals (1-D convolutions). It is not changed. If it gives no score
        per class, there are distances only.
    image : picture, or several to leaf through
        8-bit pixels (H, W) or (H, W, 3), a PIL image, or the model's own floating-point input (C, H, W) or
        (1, C, H, W). Several: Samples, a list, a Dataset or DataLoader, or a batch (n, …). Samples with
        labels tell the true class.
    **traits
        Any trait below, for example ``transform="rotate"`` or ``layers=["conv1", "fc1"]``.

    Raises
    ------
    TypeError, ValueError
        If ``model`` is no module or the image is of no known form.

    Notes
    -----
    Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.1 and
    figure 5. The distance is Euclidean; the method is :mod:`nbviz.methods.invariance`.
    """

    transform = t.Enum([*TRANSFORMS], "translate").tag(sync=True, parameter=True)
    """What is done to the picture, about its middle."""

    axis = t.Enum(["vertical", "horizontal"], "vertical").tag(sync=True, parameter=True)
    """Which way a translation goes. A signal is shifted horizontally, along time."""

    furthest = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Largest shift either way, pixels; 0 for 60/224 of the picture, as in the paper."""

    smallest = Number(1.0, min=0.05, max=20.0).tag(sync=True, parameter=True)
    """Smallest factor of scale; below 1 the picture shrinks."""

    largest = Number(1.8, min=0.05, max=20.0).tag(sync=True, parameter=True)
    """Largest factor of scale."""

    turn = Number(350.0, min=1.0, max=360.0).tag(sync=True, parameter=True)
    """Largest angle, degrees counter-clockwise."""

    points = t.Int(0, min=0, max=400).tag(sync=True, parameter=True)
    """About how many values there are; 0 for those of the paper. Shifts are whole pixels."""

    border = t.Enum([*BORDERS], "edge").tag(sync=True, parameter=True)
    """What comes in from outside: the outermost pixels, the mirror image, the other end, black, grey."""

    layers = t.List(t.Unicode()).tag(sync=True, parameter=True)
    """Layers whose features are compared; empty for the first with weights and the last hidden one."""

    target = t.Int(-1, min=-1).tag(sync=True, parameter=True)
    """Class whose probability is followed; -1 for the true one, without labels the most probable one."""

    sample = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Which of the samples is moved."""

    measure = t.Enum(["relative", "absolute"], "relative").tag(sync=True)
    """Distance over the norm of the features of the picture as given, or in units of activation."""

    value = Number(0.0).tag(sync=True)
    """The marked strength: pixels, factor or degrees. It comes to the nearest value there is."""

    height = t.Int(300, min=200, max=2000).tag(sync=True)
    """Height of the charts, pixels."""

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once: classes, layers, number of samples. Not to be set."""

    def __init__(self, model: Any, image: Any = None, **traits: Any) -> None:
        network = Network.of(model)
        if image is None:
            raise TypeError("InvarianceExplorer(model, image): the image is missing")
        self._network: Network | None = network
        # A name is no collection of letters: read_picture says what is wanted instead.
        self._samples = None if isinstance(image, str | PathLike) else samples_of(network, image)
        self._image = image
        self._last_transform: str | None = None
        picture = self._read(network, 0)
        if picture.is_signal:
            traits.setdefault("axis", "horizontal")
        super().__init__(**{**traits, "specimen": self._describe(network, picture)})

    def _describe(self, network: Network, picture: Picture) -> dict[str, Any]:
        classes: list[str] = []
        if gives_classes(network, picture.inputs):
            count = int(np.prod(network.layer(OUTPUT, picture.inputs).shape))
            names = network.class_names
            classes = [names[i] if i < len(names) else str(i) for i in range(count)]
        return {
            "samples": 1 if self._samples is None else len(self._samples),
            "labelled": self._samples is not None and self._samples.labels is not None,
            "classes": classes,
            "layers": [layer.name for layer in network.layers(picture.inputs) if layer.name != INPUT],
            "usual": first_and_last(network, picture.inputs),
            "signal": picture.is_signal,
        }

    def _read(self, network: Network, row: int) -> Picture:
        if self._samples is None:
            return read_picture(network, self._image)
        return read_in(network, self._samples, row)

    @t.validate("sample")
    def _check_sample(self, proposal: Any) -> int:
        count = 1 if self._samples is None else len(self._samples)
        if proposal.value >= count:
            raise t.TraitError(f"sample {proposal.value} does not exist: there are {count}, counted from 0")
        return proposal.value

    @t.validate("layers")
    def _check_layers(self, proposal: Any) -> list[str]:
        known = [INPUT, OUTPUT, *self.specimen.get("layers", [])]
        for name in proposal.value:
            if self.specimen and name not in known:
                raise unknown_name("layer", name, known)
        return list(dict.fromkeys(proposal.value))

    @t.validate("value")
    def _check_value(self, proposal: Any) -> float:
        if not np.isfinite(proposal.value):
            raise t.TraitError(f"value must be a finite number, got {proposal.value}")
        return proposal.value

    def compute(self, params: SimpleNamespace) -> Steps:
        network = self._network
        if network is None:
            raise RuntimeError("the view is closed")
        picture = self._read(network, params.sample)
        true_class, why_not = self._true_class(params.sample)
        target = params.target if params.target >= 0 else true_class
        followed = "" if params.target >= 0 else "; the most probable one is followed"
        notes = (f"true class unknown: {why_not}{followed}",) if why_not else ()
        steps = invariance_steps(
            network,
            picture,
            params.transform,
            values=_values(params, picture.size),
            layers=params.layers or None,
            target=target if target >= 0 else None,
            axis=params.axis if params.transform == "translate" else None,
            border=params.border,
        )
        for event in steps:
            if isinstance(event, Progress):
                yield event
                continue
            if isinstance(event, Result):
                self._mark(event.value)
            yield type(event)(ExplorerPicture(params.sample, true_class, event.value, notes))

    def _mark(self, curves: InvarianceCurves) -> None:
        """Bring the marked value to one that there is; of another transform, to the picture as given."""
        changed = self._last_transform not in (None, curves.transform)
        self._last_transform = curves.transform
        if not np.isclose(curves.values, self.value).any():
            wanted = _AS_GIVEN[curves.transform] if changed else self.value
            self.publish(value=float(curves.values[_nearest(curves, wanted)]))

    def _true_class(self, row: int) -> tuple[int, str]:
        """The label of a sample as a class of the model, by name where both have names; else -1, and why it
        is none, in words (empty without labels or classes)."""
        samples, classes = self._samples, self.specimen["classes"]
        if samples is None or samples.labels is None or not classes:
            return -1, ""
        if samples.labels.dtype.kind not in "iu":
            return -1, "the labels are numbers on a scale, not classes"
        label = int(samples.labels[row])
        name = samples.label_name(label)
        if samples.class_names and name in classes:
            return classes.index(name), ""
        known = self._network is not None and self._network.class_names
        if samples.class_names and known:
            return -1, f"the label {name!r} is not among the model's classes, {', '.join(classes[:5])}, …"
        if samples.is_alphabetical:
            return -1, f"the label {name!r} is a word, and the model's outputs have no names (class_names)"
        if not 0 <= label < len(classes):
            return -1, f"the label is {label}, the model's classes are 0 to {len(classes) - 1}"
        return label, ""

    def encode(self, value: ExplorerPicture) -> Frame:
        curves = value.curves
        known = _known(curves)
        pictures = curves.pictures[known]
        small = _smaller(pictures)
        size = list(curves.pictures.shape[1:3])
        meta: dict[str, Any] = {
            "row": value.row,
            "name": "" if self._samples is None else self._samples.name(value.row),
            "transform": curves.transform,
            "axis": curves.axis,
            "values": [float(x) for x in curves.values[known]],
            "total": len(curves.values),
            "span": [float(curves.values.min()), float(curves.values.max())],
            "asGiven": _AS_GIVEN[curves.transform],
            "layers": list(curves.layers),
            "norm": [float(x) for x in curves.norm],
            "target": curves.target,
            "targetName": curves.target_name,
            "trueClass": value.true_class,
            "clean": None if curves.target < 0 else curves.clean_probability,
            "border": curves.border,
            "size": size,
            "tile": list(small.shape[1:3]),
            "channels": 1 if small.ndim == 3 else 3,
            "notes": [*curves.notes, *value.notes],
        }
        return Frame(
            meta,
            [
                curves.distance[:, known].astype(np.float32).ravel(),
                curves.probability[known].astype(np.float32),
                curves.top_probability[known].astype(np.float32),
                curves.top_class[known].astype(np.int32),
                small.ravel(),
            ],
        )

    def receive(self, content: dict[str, Any], buffers: list[memoryview]) -> None:
        """The browser wants the marked picture in full, where the frame has smaller ones."""
        shown, generation = self._latest, self._latest_generation
        if content.get("type") != "picture" or not isinstance(shown, ExplorerPicture):
            return
        value = float(content["value"])
        pixels = shown.curves.pictures[_nearest(shown.curves, value)]
        head = {"type": "picture", "value": value, "generation": generation}
        self.send(head, buffers=[np.ascontiguousarray(pixels).data.cast("B")])

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def curves(self) -> InvarianceCurves:
        """Distances, probabilities and pictures over the strength of the transformation."""
        return self.latest().curves

    @property
    def picture(self) -> np.ndarray:
        """The picture at the marked value, (H, W) or (H, W, 3) uint8."""
        curves = self.curves
        return curves.pictures[_nearest(curves, self.value)]

    def summary(self) -> str:
        """The state in plain words."""
        shown = self._latest
        if not isinstance(shown, ExplorerPicture):
            return f"InvarianceExplorer: {self.state_in_words()}"
        curves = shown.curves
        known = _known(curves)
        low, high = curves.values.min(), curves.values.max()
        text = f"InvarianceExplorer: {curves.transform} {low:g} to {high:g} {curves.unit}"
        if curves.target >= 0:
            worst = known[curves.probability[known].argmin()]
            text += (
                f"; probability of {curves.target_name} {curves.clean_probability:.2f} as given, "
                f"lowest {curves.probability[worst]:.2f} at {curves.values[worst]:g}"
            )
        most = curves.relative_distance[:, known].max(1)
        far = ", ".join(f"{name} {x:.2f}" for name, x in zip(curves.layers, most, strict=True))
        return f"{text}; largest relative distance: {far}"

    def release(self) -> None:
        self._network = self._samples = self._image = None
        self.specimen = {}


def _values(params: SimpleNamespace, size: tuple[int, int]) -> np.ndarray:
    """The strengths that the traits ask for."""
    length = size[0 if params.axis == "vertical" else 1]
    furthest = params.furthest or usual_shift(length)
    low, high = {
        "translate": (-furthest, furthest),
        "scale": (params.smallest, params.largest),
        "rotate": (0.0, params.turn),
    }[params.transform]
    return values_between(params.transform, low, high, params.points or _USUAL_POINTS[params.transform])


def _known(curves: InvarianceCurves) -> np.ndarray:
    """Positions of the values that have been run, in ascending order of the values."""
    order = np.argsort(curves.values, kind="stable")
    return order[~np.isnan(curves.distance[0, order])]


def _nearest(curves: InvarianceCurves, value: float) -> int:
    known = _known(curves)
    return int(known[np.abs(curves.values[known] - value).argmin()])


def _smaller(pictures: np.ndarray) -> np.ndarray:
    """Pictures (n, H, W) or (n, H, W, 3), of a size at which all fit into a frame."""
    if pictures.nbytes <= _PICTURE_BYTES:
        return pictures
    shrink = (_PICTURE_BYTES / pictures.nbytes) ** 0.5
    height, width = (max(1, int(side * shrink)) for side in pictures.shape[1:3])
    return np.stack(
        [np.asarray(Image.fromarray(p).resize((width, height), Image.Resampling.BOX)) for p in pictures]
    )
