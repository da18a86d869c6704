"""Maps that lie alike: how one is turned means nothing, so the next is turned to match it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nbviz.methods.layer_map import LayerMap


def turned(
    positions: NDArray[np.float32], towards: NDArray[np.float32], *, only_mirror: bool = False
) -> NDArray[np.float32]:
    """``positions`` turned and mirrored about their mean, so as to lie as near to ``towards`` as they can.

    The orthogonal Procrustes rotation (Schönemann 1966): distances among the positions stay as they are.

    Parameters
    ----------
    positions, towards : ndarray of float32, shape (n, 2)
        The same samples in the same order. Scale and place of ``towards`` do not matter.
    only_mirror : bool
        Keep the axes, which mean something in a PCA; only their signs do not.
    """
    mean = positions.mean(axis=0, dtype=np.float64)
    centred = positions - mean
    match = centred.T @ (towards - towards.mean(axis=0, dtype=np.float64))
    if only_mirror:
        turn = np.diag(np.where(np.diag(match) < 0, -1.0, 1.0))
    else:
        left, _, right = np.linalg.svd(match)
        turn = left @ right
    return (centred @ turn + mean).astype(np.float32)


class Turner:
    """Turns each map to match the last one of another epoch, if that shows the same samples.

    While there is no other epoch, maps are left as they are.
    """

    def __init__(self) -> None:
        self._latest: LayerMap | None = None
        self._reference: LayerMap | None = None

    def __call__(self, value: LayerMap) -> LayerMap:
        """``value``, turned."""
        if self._latest is not None and self._latest.epoch != value.epoch:
            self._reference = self._latest
        embedding, reference = value.embedding, self._reference
        if reference is not None and np.array_equal(reference.rows, value.rows):
            towards = reference.embedding.positions
            positions = turned(embedding.positions, towards, only_mirror=embedding.method == "pca")
            value = replace(value, embedding=replace(embedding, positions=positions))
        self._latest = value
        return value
