"""Cover any part of a picture by hand: what does the model say now, and how deep does the change reach?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from nbviz.core.capture import probabilities
from nbviz.core.errors import ModelError
from nbviz.core.layers import INPUT, OUTPUT, first_tensor
from nbviz.core.network import Network
from nbviz.methods.fills import Fill, check_fill, paint
from nbviz.methods.occlusion_picture import Picture, read_picture


@dataclass(frozen=True)
class OcclusionEffect:
    """What covering a part of a picture does.

    Attributes
    ----------
    picture, occluded : arrays of one shape
        The picture as it is and as the model saw it.
    before, after : (classes,) float32
        Class probabilities of the two.
    layer_change : dict of str to float
        For each layer in the order of execution, ``‖a' − a‖₂ / ‖a‖₂`` of its activations a (clean) and a'
        (occluded): 0 means unchanged, 1 a change as large as the activation itself.
    covered : float
        Share of the pixels that are covered, 0 to 1.
    notes : tuple of str
        What a person should know about the picture.
    """

    picture: np.ndarray
    occluded: np.ndarray
    before: np.ndarray
    after: np.ndarray
    layer_change: dict[str, float]
    covered: float
    notes: tuple[str, ...] = ()


class Canvas:
    """One picture to paint on. What the clean picture gives is computed once.

    Parameters
    ----------
    network : Network or torch.nn.Module
    image : array, tensor or PIL image
        As :func:`nbviz.methods.occlusion.occlude` takes it; not a signal.

    Raises
    ------
    TypeError, ValueError
        If the image is of no known form, of the wrong number of channels, or holds NaN.
    ModelError
        If the model raises, or gives no score per class.
    """

    def __init__(self, network: Network | nn.Module, image: Any) -> None:
        self.network = Network.of(network)
        self.picture: Picture = read_picture(self.network, image)
        if self.picture.is_signal:
            raise ValueError("the model takes signals: paint on pictures, or use occlude() for signals")
        self._clean: dict[str, torch.Tensor] | None = None
        shape = self.network.layer(OUTPUT, self.picture.inputs).shape
        if sum(size > 1 for size in shape) > 1:
            raise ModelError(
                f"the model returns shape {shape} for one image, not one score per class: no classifier. "
                "If its classes are a part of that: Network(model, output=lambda out: ...)."
            )
        self.n_classes = max(2, math.prod(shape))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.picture.size

    def occluded(self, mask: np.ndarray, fill: Fill = "grey", *, seed: int = 0) -> np.ndarray:
        """The picture with the pixels of ``mask``, (H, W) bool, replaced."""
        mask = np.asarray(mask, bool)
        if mask.shape != self.size:
            raise ValueError(f"the mask has shape {mask.shape}, the picture {self.size}: they must be equal")
        picture = self.picture
        fill = check_fill(fill, picture.array)
        return paint(picture.array, mask, fill, seed=seed, levels=picture.levels)

    def effect(self, mask: np.ndarray, fill: Fill = "grey", *, seed: int = 0) -> OcclusionEffect:
        """What covering ``mask`` does.

        Parameters
        ----------
        mask : (H, W) bool array
            True where the picture is covered.
        fill : {"grey", "mean", "zero", "blur", "noise", "local mean"} or picture
        seed : int
            Of the noise.
        """
        occluded = self.occluded(mask, fill, seed=seed)
        if self._clean is None:
            self._clean = self._activations(self.picture.inputs)
        clean = self._clean
        changed = self._activations(self.picture.prepare(occluded))
        change = {}
        for name, before in clean.items():
            if name not in changed or changed[name].shape != before.shape:
                continue
            size = float(before.norm())
            distance = float((changed[name] - before).norm())
            change[name] = distance / size if size > 0 else float(distance > 0)
        return OcclusionEffect(
            picture=self.picture.array,
            occluded=occluded,
            before=probabilities(clean[OUTPUT].numpy())[0],
            after=probabilities(changed[OUTPUT].numpy())[0],
            layer_change=change,
            covered=float(np.asarray(mask, bool).mean()),
            notes=self.picture.notes,
        )

    def _activations(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Every layer's activations for one input, as float32 copies on the CPU."""
        network = self.network
        wanted = {(layer.module, layer.call): layer.name for layer in network.layers(inputs) if layer.module}
        found: dict[str, torch.Tensor] = {INPUT: inputs.detach().to("cpu", torch.float32)}
        calls: dict[str, int] = {}

        def watch(name: str) -> Any:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                call = calls[name] = calls.get(name, -1) + 1
                tensor = first_tensor(output)
                if (name, call) in wanted and tensor is not None:
                    found[wanted[name, call]] = tensor.detach().to("cpu", torch.float32, copy=True)

            return hook

        with network.running() as module, torch.inference_mode():
            names = {name for name, _ in wanted}
            handles = [module.get_submodule(n).register_forward_hook(watch(n)) for n in names]
            try:
                output = network.pick(network.call(module, inputs))
            finally:
                for handle in handles:
                    handle.remove()
            found[OUTPUT] = output.detach().to("cpu", torch.float32).reshape(1, -1)
        return found


def occlusion_effect(
    network: Network | nn.Module, image: Any, mask: np.ndarray, fill: Fill = "grey", *, seed: int = 0
) -> OcclusionEffect:
    """What covering ``mask`` of ``image`` does; see :meth:`Canvas.effect`."""
    return Canvas(network, image).effect(mask, fill, seed=seed)
