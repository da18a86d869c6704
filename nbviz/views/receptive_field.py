"""What a unit really looks at, next to what it could see: its top images under windows of noise.

The other half is js/src/views/receptive_field.ts.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import traitlets as t

from nbviz.core.errors import unknown_name
from nbviz.core.events import Steps
from nbviz.core.layers import Layer
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.methods.discrepancy import largest_window
from nbviz.methods.occlusion_picture import Picture, read_picture
from nbviz.methods.receptive_field import RandomPatches, random_patches_steps
from nbviz.methods.top_images import of_input_size, read_in, samples_of
from nbviz.views.base import View
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.traits import Number
from nbviz.views.receptive_field_frame import describe, map_arrays, picture_strip


class ReceptiveField(View):
    """The empirical receptive field of a unit (channel), found with windows of noise on its top images.

    Parameters
    ----------
    model : torch.nn.Module or Network
        Of pictures or signals. It is not changed.
    X : Samples, or what they are made from; or one image
        Those on which the unit is strongest are used. Images of one size: 8-bit pixels (n, H, W) or
        (n, H, W, 3), or the model's own floating-point input (n, C, H, W).
    y : (n,) sequence, optional
        Labels, written below the images.
    **traits
        Any trait below, for example ``layer="conv2"`` or ``unit=5``.

    Raises
    ------
    TypeError, ValueError
        If ``model`` is no module, or ``X`` cannot be read.
    TraitError, UnknownName
        If there is no such layer or unit.

    Notes
    -----
    Zhou, Khosla, Lapedriza, Oliva, Torralba, "Object Detectors Emerge in Deep Scene CNNs", ICLR 2015,
    section 3.2. See :func:`nbviz.methods.receptive_field.random_patches` for what is computed.
    """

    _other_words: ClassVar[dict[str, str]] = dict.fromkeys(
        ("baseline", "baselines", "fill"),
        "always noise, uniform between black and white; see window, n, seed",
    )

    layer = t.Unicode("").tag(sync=True, parameter=True)
    """Layer of the unit; by default the last one with feature maps."""

    unit = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Channel of the layer. A layer with fewer channels takes its last one."""

    window = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Side of the noise windows, pixels, up to that of the image; 0 for a twentieth of it, 5 or more."""

    n = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Noise windows on each image; 0 for one at each pixel, at most 1,000."""

    n_images = t.Int(10, min=1, max=100).tag(sync=True, parameter=True)
    """How many of the unit's top images are used (more than 25 in the paper)."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Of the places of the windows and the noise in them."""

    shown = t.Int(0, min=0).tag(sync=True)
    """Which of the top images is shown large, 0 for the first."""

    opacity = Number(0.7, min=0.0, max=1.0).tag(sync=True)
    """Of a discrepancy map over its image."""

    whole_map = t.Bool(False).tag(sync=True)
    """Show the mean map to its edges, at one scale for all layers; else as far as the unit can see."""

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once: layers and their units. Not to be set."""

    def __init__(self, model: Any, X: Any = None, y: Any = None, **traits: Any) -> None:
        network = Network.of(model)
        if X is None:
            raise TypeError("ReceptiveField(model, X): the images X are missing")
        samples = Samples.of(X, y) if y is not None else samples_of(network, X)
        self._network: Network | None = network
        # Read once: what the layer's units gave on these samples is then known for every other unit.
        self._source: Any = X if samples is None else samples
        self._strip: tuple[np.ndarray, np.ndarray, int] | None = None
        first = read_picture(network, X) if samples is None else read_in(network, samples, 0)
        layers = _layers_of(network, first)
        if not traits.get("layer"):
            mapped = [name for name, shape in layers.items() if len(shape) > 1 and max(shape[1:]) > 1]
            traits["layer"] = (mapped or list(layers))[-1]
        units = [{"name": name, "units": shape[0]} for name, shape in layers.items()]
        count = 1 if samples is None else len(samples)
        largest = largest_window(of_input_size(first)[0])
        specimen = {"layers": units, "samples": count, "largestWindow": largest}
        super().__init__(**{**traits, "specimen": specimen})

    def _units(self) -> dict[str, int]:
        return {layer["name"]: layer["units"] for layer in self.specimen.get("layers", ())}

    @t.validate("layer")
    def _check_layer(self, proposal: Any) -> str:
        units = self._units()
        if units and proposal.value not in units:
            raise unknown_name("layer with units", proposal.value, units)
        return proposal.value

    @t.validate("unit")
    def _check_unit(self, proposal: Any) -> int:
        units = self._units().get(self.layer)
        if units is not None and proposal.value >= units:
            raise t.TraitError(f"layer {self.layer!r} has units 0 to {units - 1}, got {proposal.value}")
        return proposal.value

    @t.validate("window")
    def _check_window(self, proposal: Any) -> int:
        # Refused at once: an error of the computation would come again with every other setting.
        largest = self.specimen.get("largestWindow")
        if largest is not None and proposal.value > largest:
            raise t.TraitError(
                f"window must be from 1 to the {largest} pixels of the image, or 0 for the usual one; got "
                f"{proposal.value}"
            )
        return proposal.value

    @t.observe("layer")
    def _keep_unit_in_layer(self, _change: Any) -> None:
        units = self._units().get(self.layer)
        if units is not None and self.unit >= units:
            self.unit = units - 1

    def compute(self, params: SimpleNamespace) -> Steps:
        if self._network is None:
            raise RuntimeError("the view is closed")
        return random_patches_steps(
            self._network,
            self._source,
            params.layer,
            params.unit,
            window=params.window or None,
            n=params.n or None,
            n_images=params.n_images,
            seed=params.seed,
        )

    def encode(self, value: RandomPatches) -> Frame:
        if self._strip is None or self._strip[0] is not value.images:
            self._strip = (value.images, *picture_strip(value.images))
        _, strip, tile = self._strip
        maps, arrays = map_arrays(value)
        meta = describe(value, [self._name(int(row)) for row in value.rows], tile)
        return Frame(meta | maps, [strip, *arrays])

    def _name(self, row: int) -> dict[str, Any]:
        """What an image is called."""
        samples = self._source
        if not isinstance(samples, Samples):
            return {"row": row, "name": "the image", "label": ""}
        label = ""
        if samples.labels is not None:
            value = samples.labels[row]
            names = () if samples.class_names or self._network is None else self._network.class_names
            if samples.labels.dtype.kind == "f":
                label = f"{value:.3g}"
            elif 0 <= value < len(names):
                label = names[value]
            else:
                label = samples.label_name(int(value))
        return {"row": row, "name": samples.name(row), "label": label}

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def result(self) -> RandomPatches:
        """The empirical receptive field: mean map, maps of the images, both sizes."""
        return self.latest()

    @property
    def size(self) -> int:
        """Side of the estimated field, pixels; compare with ``result.theoretical.size``."""
        return self.result.size

    def summary(self) -> str:
        """The state in plain words."""
        found = self._latest
        if not isinstance(found, RandomPatches):
            return f"ReceptiveField: {self.state_in_words()}"
        text = f"ReceptiveField: {found.layer}, unit {found.unit}: "
        height, width = found.theoretical.size
        is_signal = found.theoretical.image[0] == 1
        could = f"could see {width if is_signal else f'{height} × {width}'} pixels"
        if found.done < found.total:
            return text + f"{could}; {found.done:,} of {found.total:,} noise windows so far"
        if not found.size:
            return text + f"{could}; no window of noise changed it"
        many = f"{len(found.rows)} top images" if len(found.rows) > 1 else "one image"
        side = f"{found.size}" if is_signal else f"{found.size} × {found.size}"
        return text + f"looks at {side} pixels, {could} ({many})"

    def release(self) -> None:
        self._network = self._source = self._strip = None
        self.specimen = {}


def _layers_of(network: Network, picture: Picture) -> dict[str, tuple[int, ...]]:
    """Layers that have units, in the order of execution: the number of units, then the axes of space."""

    def shape_of(layer: Layer) -> tuple[int, ...]:
        space = list(layer.shape)
        return (space.pop(layer.channel_axis), *space)

    layers = network.layers(picture.inputs)
    found = {layer.name: shape_of(layer) for layer in layers if layer.module and 1 <= len(layer.shape) <= 3}
    if not found:
        raise ValueError("the model has no layer whose units can be looked at: none gives a vector or a map")
    return found
