"""What a model attended to: weights in named groups, with the tokens of their rows and columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.errors import ModelError, unknown_name


@dataclass(frozen=True, eq=False, repr=False)
class AttentionGroup(Brief):
    """Layers of one stack that attend in one way: an encoder's self-attention, a cross-attention, …

    Attributes
    ----------
    name : str
        ``"self-attention"``, ``"encoder self-attention"``, ``"cross-attention"``, …
    kind : str
        ``"self"`` (rows and columns are one sequence) or ``"cross"``.
    weights : ndarray of float32, shape (layers, heads, rows, columns)
        In [0, 1]. Each row adds up to 1, save rows of which every column is masked: those are 0.
    masked : ndarray of bool, shape (layers, heads, rows, columns)
        True where the model may not look: causal masks, padding. The weight there is exactly 0. Read-only.
    rows, columns : tuple of str
        Tokens, or positions as text where there are none: who looks, and what is looked at.
    layers : tuple of str
        Which module each layer is, as ``named_modules()`` names it; the second call of one module ends in
        ``_1``, and so on.
    grid : (int, int) or None
        Rows and columns of the positions on a picture that the columns are, if the model says so.
    """

    name: str
    kind: str
    weights: NDArray[np.float32]
    masked: NDArray[np.bool_]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    layers: tuple[str, ...]
    grid: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Attention(Brief):
    """What a model attended to in one sample.

    Attributes
    ----------
    groups : tuple of AttentionGroup
        At least one; the first is the main one: the cross-attention where there is one, else the
        self-attention with the most layers.
    input_tokens : tuple of str
        Tokens of the input; positions as text where the input is no text.
    output_tokens : tuple of str
        Tokens that were written; of a model that writes none, the rows of the main group.
    output_text : str
        What was written, as one string; empty for a model that writes nothing.
    output : ndarray of float32 or None
        The model's output for this sample, without the batch axis; for a step-by-step decoder
        (steps, output ids). None where the weights came as an array.
    has_scores : bool
        Whether :attr:`output` is a score for each class or token (along the last axis).
    output_ids : tuple of int
        Ids of :attr:`output_tokens`; empty if the model writes nothing.
    notes : tuple of str
        What a reader of the picture should be told, in plain words.
    """

    groups: tuple[AttentionGroup, ...]
    input_tokens: tuple[str, ...]
    output_tokens: tuple[str, ...]
    output_text: str = ""
    output: NDArray[np.float32] | None = None
    has_scores: bool = False
    output_ids: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def main(self) -> AttentionGroup:
        """The first group."""
        return self.groups[0]

    @property
    def weights(self) -> NDArray[np.float32]:
        """Weights of the main group, (layers, heads, rows, columns)."""
        return self.main.weights

    @property
    def masked(self) -> NDArray[np.bool_]:
        """Where the main group is masked, (layers, heads, rows, columns)."""
        return self.main.masked

    @property
    def logits(self) -> NDArray[np.float32] | None:
        """:attr:`output` where it is scores before a softmax, else None (a model of hidden states)."""
        return self.output if self.has_scores else None

    def group(self, name: str | None = None) -> AttentionGroup:
        """The group called ``name``; the main one for None.

        Raises
        ------
        UnknownName
            If there is none; the message lists those there are.
        """
        if name is None:
            return self.main
        for group in self.groups:
            if group.name == name:
                return group
        raise unknown_name("attention group", name, [group.name for group in self.groups])


def checked(group: AttentionGroup) -> AttentionGroup:
    """``group`` itself.

    Raises
    ------
    ModelError
        If a weight is not a number, with its place.
    """
    if np.isnan(group.weights).any():
        layer, head, row, column = (int(i) for i in np.argwhere(np.isnan(group.weights))[0])
        raise ModelError(
            f"the attention of {group.layers[layer]!r} holds NaN, first in head {head}, row {row} "
            f"({group.rows[row]!r}), column {column} ({group.columns[column]!r}). "
            "Look for NaN in the model's weights or its input, or a mask that hides every column of a row."
        )
    return group
