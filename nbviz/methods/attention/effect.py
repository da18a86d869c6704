"""How much a model's output changed: divergence of its distributions, and the tops that are others now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief


@dataclass(frozen=True)
class TopChange:
    """A position at which another class or token is the likeliest now; probabilities in [0, 1]."""

    position: int
    before: str
    after: str
    before_probability: float
    after_probability: float


@dataclass(frozen=True, eq=False, repr=False)
class Effect(Brief):
    """The change of a model's output.

    Attributes
    ----------
    kl : ndarray of float32, shape (positions,), or None
        Kullback-Leibler divergence of the new distribution from the old one, KL(old ‖ new), in bits, 0 or
        more: one for each row of scores. None if the output is no scores (hidden states).
    tops : tuple of TopChange
        Positions whose likeliest class or token is another one.
    relative : float
        Length of the output's change over the length of the output (Euclidean), 0 or more.
    """

    kl: NDArray[np.float32] | None
    tops: tuple[TopChange, ...]
    relative: float


def effect(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    *,
    are_scores: bool,
    names: Sequence[str] = (),
) -> Effect:
    """Compare two outputs of one shape, (scores,) or (positions, scores), or of any shape if no scores.

    ``names`` are those of the classes or tokens; the numbers where there are none.
    """
    old, new = before.astype(np.float64), after.astype(np.float64)
    length = float(np.linalg.norm(old))
    relative = float(np.linalg.norm(new - old)) / (length if length > 0 else 1.0)
    if not are_scores or old.shape[-1] < 2:
        return Effect(None, (), relative)
    log_p, log_q = (log_probabilities(x.reshape(-1, x.shape[-1])) for x in (old, new))
    p, q = np.exp(log_p), np.exp(log_q)
    with np.errstate(invalid="ignore"):
        parts = np.where(p > 0, p * (log_p - log_q), 0.0)
    kl = np.maximum(parts.sum(-1) / np.log(2), 0).astype(np.float32)
    tops = []
    for position, (i, j) in enumerate(zip(p.argmax(-1), q.argmax(-1), strict=True)):
        if i != j:
            was, is_now = (names[k] if k < len(names) else str(k) for k in (int(i), int(j)))
            tops.append(TopChange(position, was, is_now, float(p[position, i]), float(q[position, j])))
    return Effect(kl, tuple(tops), relative)


def log_probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Natural logarithms of the probabilities that rows of scores, (n, scores), stand for.

    Rows that are probabilities already (a softmax inside the model) are not put through another softmax.
    """
    if scores.min() >= 0 and np.allclose(scores.sum(-1), 1, atol=1e-3):
        return np.log(np.maximum(scores, np.finfo(np.float32).tiny))
    shifted = scores - scores.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
