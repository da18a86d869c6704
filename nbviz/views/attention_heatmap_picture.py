"""One picture of the attention view: the matrix that is drawn, out of all that a model attends to."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.methods.attention.effect import Effect
from nbviz.methods.attention.result import Attention, AttentionGroup
from nbviz.methods.attention.summary import rollout


@dataclass(frozen=True, eq=False, repr=False)
class AttentionPicture(Brief):
    """One picture of the view.

    Attributes
    ----------
    attention, baseline : Attention
        With the changes that are asked for, and without.
    effect : Effect or None
        Of the changes on the output; None without changes.
    group : AttentionGroup
        The group that is drawn.
    weights : (rows, columns) float32 array
        The matrix that is drawn.
    masked : (rows, columns) bool array
    drawn : str
        What the matrix is, in words.
    pixels : (H, W, 3) uint8 array or None
        The picture that the model read, to draw the attention over.
    grid : (height, width) or None
        Its patches down and across; None if it is no picture, or the columns are no patches.
    notes : tuple of str
        What a person should know about the picture, beside what :attr:`attention` says.
    """

    attention: Attention
    baseline: Attention
    effect: Effect | None
    group: AttentionGroup
    weights: np.ndarray
    masked: np.ndarray
    drawn: str
    pixels: np.ndarray | None = None
    grid: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


def changes_of(params: SimpleNamespace) -> dict[str, Any]:
    """The changes of attention that are asked for."""
    found: dict[str, Any] = {}
    if params.temperature != 1.0:
        found["temperature"] = params.temperature
    if params.hidden:
        found["mask"] = list(params.hidden)
    if params.uniform_all:
        found["uniform"] = True
    elif params.uniform:
        found["uniform"] = [one[0] if len(one) == 1 else (one[0], one[1]) for one in params.uniform]
    return found


def matrix_of(
    group: AttentionGroup, layer: int, head: int, combine: str
) -> tuple[np.ndarray, np.ndarray, str]:
    """The matrix that is drawn, where it is masked, and what it is."""
    layers, heads = group.weights.shape[:2]
    if layer >= layers:
        raise ValueError(f"layer {layer} does not exist: {group.name} has {layers}, counted from 0")
    if combine == "head":
        if head >= heads:
            raise ValueError(f"head {head} does not exist: {group.name} has {heads}, counted from 0")
        return group.weights[layer, head], group.masked[layer, head], f"layer {layer}, head {head}"
    masked = group.masked[layer].all(0)
    if combine == "rollout":
        if group.kind != "self":
            raise ValueError(
                "a rollout needs attention within one sequence; this group looks from one to another. "
                f"Choose a self-attention, or a mean over heads. Group: {group.name}"
            )
        return rollout(group)[layer], np.zeros_like(masked), f"rollout up to layer {layer}"
    combined = group.weights[layer].mean(0) if combine == "mean" else group.weights[layer].max(0)
    return combined, masked, f"layer {layer}, {'mean' if combine == 'mean' else 'largest'} of {heads} heads"
