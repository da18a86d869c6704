"""One number for each head, or one matrix for all: what many heads look like at a glance.

All functions take weights (layers, heads, rows, columns), with the places that are masked, as in an
:class:`~nbviz.methods.attention.result.AttentionGroup`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nbviz.methods.attention.result import AttentionGroup

Array = NDArray[np.float32]


def entropy(group: AttentionGroup) -> Array:
    """Mean entropy of each head's rows in bits, (layers, heads).

    0: all weight on one column; log₂ of the number of columns: all alike. Rows that may look at one column
    at most say nothing (their entropy must be 0) and are left out; NaN where no row is left.
    """
    w = group.weights
    logarithms = np.maximum(w, np.finfo(np.float32).tiny)
    bits = -np.einsum("lhij,lhij->lhi", w, np.log2(logarithms, out=logarithms))
    return _mean_over_rows(bits, (~group.masked).sum(-1) > 1)


def mean_distance(group: AttentionGroup) -> Array:
    """Mean distance in tokens between a row and what it looks at, Σⱼ wᵢⱼ |i − j|, (layers, heads).

    Vig and Belinkov 2019, "Analyzing the structure of attention", equation 2.

    Raises
    ------
    ValueError
        If rows and columns are not the same sequence.
    """
    n = _square(group, "a distance")
    i, j = np.ogrid[:n, :n]
    distance = np.einsum("lhij,ij->lhi", group.weights, np.abs(i - j).astype(np.float32))
    return _mean_over_rows(distance, _looks(group))


def over_heads(group: AttentionGroup, how: str = "mean") -> Array:
    """The mean or the largest weight over the heads, (layers, rows, columns)."""
    if how not in ("mean", "max"):
        raise ValueError(f"how must be 'mean' or 'max', got {how!r}")
    return group.weights.mean(1) if how == "mean" else group.weights.max(1)


def rollout(group: AttentionGroup, *, residual: float = 0.5) -> Array:
    """How much of each input reaches each row of each layer, (layers, rows, columns); rows add up to 1.

    Â = (1 − r) A + r I with A the mean over heads, rows made to add up to 1; the rollout of layer l is
    Â_l Â_{l−1} … Â_1 (Abnar and Zuidema 2020, "Quantifying attention flow in transformers", section 3, with
    r = 0.5). ``residual`` is r, in [0, 1]: the share that the skip connection carries.

    Raises
    ------
    ValueError
        If rows and columns are not the same sequence, or ``residual`` is not in [0, 1].
    """
    n = _square(group, "a rollout")
    if not 0 <= residual <= 1:
        raise ValueError(f"residual={residual} must be from 0 to 1")
    mixed = (1 - residual) * group.weights.mean(1).astype(np.float64) + residual * np.eye(n)
    sums = mixed.sum(-1, keepdims=True)
    mixed /= np.where(sums > 0, sums, 1)
    for layer in range(1, len(mixed)):
        mixed[layer] = mixed[layer] @ mixed[layer - 1]
    return mixed.astype(np.float32)


def attention_from(group: AttentionGroup, row: int) -> Array:
    """What a row looks at, (layers, heads, columns)."""
    return group.weights[:, :, _index("row", row, group.rows)]


def attention_to(group: AttentionGroup, column: int) -> Array:
    """Who looks at a column, (layers, heads, rows). No distribution: columns add up to anything."""
    return group.weights[..., _index("column", column, group.columns)]


def first_token_score(group: AttentionGroup) -> Array:
    """Mean weight on the first column, over rows that may look elsewhere too, (layers, heads), in [0, 1].

    Near 1 the head rests there: an "attention sink" (Xiao et al. 2023).
    """
    return _mean_over_rows(group.weights[..., 0], (~group.masked).sum(-1) > 1)


def previous_token_score(group: AttentionGroup) -> Array:
    """Mean weight on the token before, (layers, heads), in [0, 1]: the mean of w[i, i − 1] over i ≥ 1.

    NaN for a single token.

    Raises
    ------
    ValueError
        If rows and columns are not the same sequence.
    """
    _square(group, "a previous token")
    before = np.diagonal(group.weights, -1, axis1=-2, axis2=-1)
    return _mean_over_rows(before, _looks(group)[..., 1:])


def induction_score(group: AttentionGroup, tokens: Sequence[object] | None = None) -> Array:
    """Mean weight on what followed the same token earlier, (layers, heads), in [0, 1].

    For each row i whose token stood earlier: Σ over j < i with token j equal to token i of w[i, j + 1],
    averaged over these rows. On a random sequence that is repeated once this is the score of Olsson et al.
    2022, "In-context learning and induction heads" (there: the mean weight from each token of the second
    half to the one after its first occurrence). NaN if no token comes twice.

    Parameters
    ----------
    group : AttentionGroup
    tokens : sequence, optional
        What is compared; default the rows' tokens.

    Raises
    ------
    ValueError
        If rows and columns are not the same sequence, or ``tokens`` are not as many.
    """
    n = _square(group, "an induction score")
    compared = list(group.rows if tokens is None else tokens)
    if len(compared) != n:
        raise ValueError(f"there are {len(compared)} tokens for {n} rows")
    targets = np.zeros((n, n), dtype=np.float32)
    last: dict[object, list[int]] = {}
    for i, token in enumerate(compared):
        targets[i, [j + 1 for j in last.get(token, ())]] = 1
        last.setdefault(token, []).append(i)
    # The token itself is the one after its neighbour ("aa"): that it looks at itself is no induction.
    np.fill_diagonal(targets, 0)
    return _mean_over_rows((group.weights * targets).sum(-1), np.asarray(targets.any(-1)))


def _looks(group: AttentionGroup) -> NDArray[np.bool_]:
    return np.asarray(~group.masked.all(-1))


def _mean_over_rows(values: NDArray, counted: NDArray[np.bool_]) -> Array:
    """The mean over the last axis of the values that count; NaN where none does."""
    counted = np.broadcast_to(counted, values.shape)
    number = counted.sum(-1)
    total = np.where(counted, values, 0).sum(-1, dtype=np.float64)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan).astype(np.float32)


def _square(group: AttentionGroup, what: str) -> int:
    rows, columns = group.weights.shape[-2:]
    if rows != columns or group.kind != "self":
        raise ValueError(
            f"{what} needs rows and columns of one sequence; {group.name!r} looks from {rows} rows at "
            f"{columns} columns of another. Choose a self-attention group."
        )
    return rows


def _index(what: str, number: int, names: Sequence[str]) -> int:
    if not -len(names) <= number < len(names):
        raise ValueError(f"{what} {number} does not exist: there are {len(names)}")
    return number
