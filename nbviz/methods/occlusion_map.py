"""The map of an occlusion sweep, whole or while it is being filled in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nbviz.core.brief import Brief
from nbviz.core.capture import probabilities
from nbviz.core.errors import ModelError
from nbviz.core.layers import Layer
from nbviz.core.user_warning import warn_user
from nbviz.methods.incremental import Reply
from nbviz.methods.incremental.runner import Runner
from nbviz.methods.picture_features import class_number


@dataclass(frozen=True, eq=False, repr=False)
class OcclusionMap(Brief):
    """What the model says with the window at each position. Cells not computed yet hold NaN (class -1).

    Attributes
    ----------
    probability : (rows, columns) float32
        Probability of ``target``, 0 to 1.
    logit : (rows, columns) float32
        Its score as the model gives it; the logarithm of the probability where the model gives that.
    top_class : (rows, columns) int32
        Most probable class.
    unit_activation : (rows, columns) float32, or None without ``layer``
        Activation of ``unit``, summed over space.
    probabilities : (rows, columns, classes) float32
        Of all classes.
    positions : (rows, columns, 4) int32
        Top, left, bottom, right of the window in pixels of the picture (time in samples for a signal, with
        top 0 and bottom 1); bottom and right are one past the last pixel.
    clean_probability, clean_logit, clean_top_class, clean_unit_activation, clean_probabilities
        The same for the picture as it is.
    target, layer, unit, window, stride
        What was asked for; ``window`` and ``stride`` are (height, width) in pixels.
    partial : bool
        Whether cells are missing.
    path : {"incremental", "full"}
        Whether only what a window changes was recomputed.
    notes : tuple of str
        What a person should know about how the map came about.
    """

    probability: np.ndarray
    logit: np.ndarray
    top_class: np.ndarray
    unit_activation: np.ndarray | None
    probabilities: np.ndarray
    positions: np.ndarray
    clean_probability: float
    clean_logit: float
    clean_top_class: int
    clean_unit_activation: float | None
    clean_probabilities: np.ndarray
    target: int
    layer: str | None
    unit: int | None
    window: tuple[int, int]
    stride: tuple[int, int]
    partial: bool
    path: str
    notes: tuple[str, ...]


class Sheet:
    """The map while it is being filled in."""

    def __init__(
        self,
        runner: Runner,
        *,
        names: tuple[str, ...],
        positions: np.ndarray,
        extents: tuple[tuple[int, int], tuple[int, int]],
        target: int | str | None,
        layer: Layer | None,
        unit: int | None,
        notes: tuple[str, ...],
    ) -> None:
        clean = runner.clean.output.float().numpy()
        _check_output(clean)
        self.runner, self.positions, self.layer = runner, positions, layer
        self.window, self.stride = extents
        self.clean_outputs = clean
        self.clean_probabilities = probabilities(clean)[0]
        self.target = class_number(names, target, self.clean_probabilities)
        self.unit, self.clean_activation = _unit(runner, layer, unit)
        count = len(positions.reshape(-1, 4))
        self.outputs = np.full((count, clean.shape[1]), np.nan, np.float32)
        self.activation = np.full(count, np.nan, np.float32)
        self.notes = (*notes, *_several(runner.outputs), *_undecided(self.clean_probabilities))

    def write(self, ids: np.ndarray, reply: Reply) -> None:
        self.outputs[ids] = reply.output.float().numpy()
        if self.unit is not None and reply.activation is not None:
            self.activation[ids] = reply.activation[:, self.unit].float().numpy()

    def map(self) -> OcclusionMap:
        shape = self.positions.shape[:2]
        known = ~np.isnan(self.outputs[:, 0])
        every = np.full((len(known), len(self.clean_probabilities)), np.nan, np.float32)
        every[known] = probabilities(self.outputs[known])
        top = np.full(len(known), -1, np.int32)
        top[known] = every[known].argmax(1)
        clean = self.clean_probabilities
        return OcclusionMap(
            probability=every[:, self.target].reshape(shape).copy(),
            logit=self._logit(self.outputs, every).reshape(shape),
            top_class=top.reshape(shape),
            unit_activation=None if self.unit is None else self.activation.reshape(shape).copy(),
            probabilities=every.reshape(*shape, -1),
            positions=self.positions,
            clean_probability=float(clean[self.target]),
            clean_logit=float(self._logit(self.clean_outputs, clean[None])[0]),
            clean_top_class=int(clean.argmax()),
            clean_unit_activation=self.clean_activation,
            clean_probabilities=clean,
            target=self.target,
            layer=None if self.layer is None else self.layer.name,
            unit=self.unit,
            window=self.window,
            stride=self.stride,
            partial=not known.all(),
            path=self.runner.path,
            notes=(*self.notes, *self.runner.notes),
        )

    def _logit(self, outputs: np.ndarray, chances: np.ndarray) -> np.ndarray:
        clean = self.clean_outputs
        if clean.shape[1] == 1 and not 0 <= clean[0, 0] <= 1:
            return outputs[:, 0] * (1 if self.target == 1 else -1)
        if np.allclose(clean if clean.shape[1] > 1 else self.clean_probabilities, self.clean_probabilities):
            return np.log(np.maximum(chances[:, self.target], 1e-38))
        return outputs[:, self.target].copy()


def _unit(runner: Runner, layer: Layer | None, unit: int | None) -> tuple[int | None, float | None]:
    activation = runner.clean.activation
    if layer is None or activation is None:
        return None, None
    number = int(activation[0].argmax()) if unit is None else unit
    return number, float(activation[0, number])


def _check_output(clean: np.ndarray) -> None:
    if clean.ndim != 2 or clean.shape[0] != 1:
        raise ModelError(
            f"occlusion needs one score per class; the model returns shape {clean.shape} for one image. "
            "Say which are the classes: Network(model, output=lambda out: ...)."
        )
    if not np.isfinite(clean).all():
        raise ModelError(
            f"the model gives {int((~np.isfinite(clean)).sum())} NaN or infinite scores for the clean image. "
            "Check its weights, and the range of the input."
        )


def _undecided(chances: np.ndarray) -> tuple[str, ...]:
    """A warning if the clean prediction is hardly better than chance."""
    if chances.max() >= 1.5 / len(chances):
        return ()
    note = (
        f"the model is undecided on the clean image (highest probability {chances.max():.3g} of "
        f"{len(chances)} classes), so the map will show little. Is the input normalised as in training? "
        "Network(model, transform=...)."
    )
    warn_user(note)
    return (note,)


def _several(outputs: int) -> tuple[str, ...]:
    if outputs == 1:
        return ()
    note = (
        f"the model returns {outputs} tensors; one of them is taken for the class scores. "
        "To choose it: Network(model, output=0), or output='name', or output=lambda out: ..."
    )
    warn_user(note)
    return (note,)
