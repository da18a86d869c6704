"""Cover any part of a picture by hand: what does the model say now, and how deep does the change reach?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.capture import probabilities
from nbviz.core.errors import ModelError
from nbviz.core.layers import INPUT, OUTPUT, first_tensor
from nbviz.core.network import Network
from nbviz.methods.fills import Fill, check_fill, paint
from nbviz.methods.occlusion_picture import Picture, read_picture


@dataclass(frozen=True, eq=False, repr=False)
class OcclusionEffect(Brief):
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
    image : array, tensor, PIL image or Picture
        As :func:`nbviz.methods.occlusion.occlude` takes it, or read already; not a signal.
    name : str
        What the picture is called in errors.

    Raises
    ------
    TypeError, ValueError
        If the image is of no known form, of the wrong number of channels, or holds NaN.
    ModelError
        If the model raises, gives no score per class, or one number that may be a value and no score.
    """

    def __init__(self, network: Network | nn.Module, image: Any, *, name: str = "the picture") -> None:
        self.network = Network.of(network)
        self.picture = image if isinstance(image, Picture) else read_picture(self.network, image)
        self.name = name
        if self.picture.is_signal:
            raise ValueError("the model takes signals: paint on pictures, or use occlude() for signals")
        self._clean: dict[str, torch.Tensor] | None = None
        shape = self.network.layer(OUTPUT, self.picture.inputs).shape
        if sum(size > 1 for size in shape) > 1:
            raise ModelError(
                f"the model returns shape {shape} for one image, not one score per class: no classifier. "
                "If its classes are a part of that: Network(model, output=lambda out: ...)."
            )
        if math.prod(shape) == 1 and not self._is_score():
            raise ModelError(
                "the model returns one number for an image. If it is a value (a regression), it is no "
                "classifier, and there are no probabilities to show. If it is the score of the second of two "
                "classes, name them: Network(model, class_names=['no', 'yes'])."
            )
        self.n_classes = max(2, math.prod(shape))

    def _is_score(self) -> bool:
        """Whether a single number is known to be the score of the second of two classes."""
        return len(self.network.class_names) == 2 or self.network.ends_in_sigmoid(self.picture.inputs)

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

        Raises
        ------
        ModelError
            If the model raises, or gives NaN; the message says for which picture.
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
            before=self._chances(clean, "as it is"),
            after=self._chances(changed, "as it is covered now"),
            layer_change=change,
            covered=float(np.asarray(mask, bool).mean()),
            notes=self.picture.notes,
        )

    def _chances(self, activations: dict[str, torch.Tensor], state: str) -> np.ndarray:
        """Class probabilities, (classes,) float32."""
        scores = activations[OUTPUT]
        bad = int((~torch.isfinite(scores)).sum())
        with np.errstate(invalid="ignore"):  # infinite scores, which are told of below
            chances = probabilities(scores.numpy())[0]
        if np.isnan(chances).any():
            raise ModelError(
                f"the model's output holds {bad} NaN or infinite scores of {scores.numel()} for {self.name} "
                f"{state}. Check its weights, and the range of the input."
            )
        return chances

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
