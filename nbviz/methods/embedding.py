"""A two-dimensional map, as a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief


@dataclass(frozen=True, eq=False, repr=False)
class Embedding(Brief):
    """A two-dimensional map of samples, and how it was made.

    Attributes
    ----------
    positions : ndarray of float32, shape (n_samples, 2)
        In PCA units of activation; in t-SNE arbitrary (only who is near whom has meaning).
    method : str
        ``"tsne"`` or ``"pca"``; the preview of a t-SNE is a PCA.
    iteration : int
        t-SNE iterations done (0 for PCA).
    kl_divergence : float or None
        What t-SNE minimises, in nats, 0 or more; None for PCA. Comparable at equal perplexity only.
    explained_variance : tuple of two floats or None
        PCA: share of the variance along each axis, in [0, 1]; None for t-SNE.
    n_features : int
    reduced_to : int or None
        Dimensions kept by a PCA before t-SNE; None if t-SNE saw all features.
    neighbourhood_hit : float or None
        Neighbourhood hit in the map, in [0, 1]; None without labels, and in previews.
    neighbourhood_hit_activations : float or None
        The same in activation space, under ``metric``; None without labels, and in previews.
    k : int
        Neighbours counted in both hits.
    perplexity : float or None
    metric : str or None
    seed : int or None
        None, all three, for PCA, which knows none of them.
    notes : tuple of str
        What a reader of the picture should be told, in plain words.
    """

    positions: NDArray[np.float32]
    method: str
    iteration: int
    kl_divergence: float | None
    explained_variance: tuple[float, float] | None
    n_features: int
    reduced_to: int | None
    neighbourhood_hit: float | None
    neighbourhood_hit_activations: float | None
    k: int
    perplexity: float | None
    metric: str | None
    seed: int | None
    notes: tuple[str, ...]
