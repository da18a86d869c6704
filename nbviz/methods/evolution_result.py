"""What the maps of the same samples over epochs or layers come to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief


@dataclass(frozen=True, eq=False, repr=False)
class Evolution(Brief):
    """Two-dimensional maps of the same samples, one per epoch or layer, in comparable coordinates.

    Attributes
    ----------
    positions : ndarray of float32, shape (frames, n_samples, 2)
        In arbitrary units, the same for all frames.
    names : tuple of str
        What each frame is: an epoch or a layer.
    mode : str
        ``"dynamic"``, ``"joint"`` or ``"follow"``; see :func:`~nbviz.methods.evolution.evolution_steps`.
    strength : float or None
        Lambda of dynamic t-SNE; None in the other modes.
    iteration : int
        t-SNE iterations done; 0 in the first picture, which is a PCA of each frame.
    kl : ndarray of float64, shape (frames,), or None
        Divergence, in nats, of each frame's map from that frame's own neighbourhoods, whatever the mode.
        None in previews that do not know it; in the others it may be a second old.
    neighbourhood_hit, neighbourhood_hit_activations : ndarray of float64, shape (frames,), or None
        In the map, and in activation space, in [0, 1]. None without labels, and in previews.
    k : int
        Neighbours counted in both.
    perplexity : float
    metric : str
    seed : int
    notes : tuple of str
        What a reader of the picture should be told, in plain words.
    """

    positions: NDArray[np.float32]
    names: tuple[str, ...]
    mode: str
    strength: float | None
    iteration: int
    kl: NDArray[np.float64] | None
    neighbourhood_hit: NDArray[np.float64] | None
    neighbourhood_hit_activations: NDArray[np.float64] | None
    k: int
    perplexity: float
    metric: str
    seed: int
    notes: tuple[str, ...]

    @property
    def displacement(self) -> NDArray[np.float64]:
        """Mean distance that samples move from each frame to the next, shape (frames - 1,), in map units."""
        moved = np.diff(self.positions.astype(np.float64), axis=0)
        return np.linalg.norm(moved, axis=2).mean(axis=1)

    @property
    def relative_displacement(self) -> NDArray[np.float64]:
        """:attr:`displacement` as a share of the maps' radius (root mean square distance from the centre).

        Maps differ in size, so this is what may be compared between modes and strengths.
        """
        centred = self.positions - self.positions.mean(axis=1, keepdims=True, dtype=np.float64)
        return self.displacement / np.sqrt((centred**2).sum(axis=2).mean())
