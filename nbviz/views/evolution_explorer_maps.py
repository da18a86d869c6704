"""The evolution explorer's maps: kept, and refined where that is as good as new ones."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from nbviz.core.events import Result, Steps
from nbviz.methods.epoch_activations import FrameActivations
from nbviz.methods.evolution import Evolution, evolution_steps
from nbviz.methods.neighbour_cache import NeighbourCache
from nbviz.views.parts.resumable import Resumable

LEAP = 10
"""Growth of λ up to which the maps at hand are refined instead of made anew."""


class MapsAtHand:
    """The newest maps, finished or not, and what they were made from. One worker's own: it is not locked."""

    def __init__(self) -> None:
        self._cache = NeighbourCache(32)
        self._under_way = Resumable()
        self._made: tuple[tuple[Any, ...], float, Evolution] | None = None

    def steps(self, params: SimpleNamespace, frames: FrameActivations, labels: np.ndarray | None) -> Steps:
        """Maps of ``frames``: those at hand where they are meant, from where they stand; refined where only λ
        has grown.

        Parameters
        ----------
        params : the view's
        frames : FrameActivations
        labels : (n,) int array or None
            Classes of the samples shown.

        Yields
        ------
        As :func:`~nbviz.methods.evolution.evolution_steps`.
        """
        source = (params.over, params.layer, params.n_samples, params.reduce, params.seed, params.version)
        settings = (*source, params.mode, params.perplexity, params.iterations, params.k)
        for event in self._under_way.steps(
            (*settings, params.strength), lambda: self._new(params, settings, frames, labels)
        ):
            if isinstance(event, Result):
                self._made = (settings, params.strength, event.value)
            yield event

    def _new(
        self,
        params: SimpleNamespace,
        settings: tuple[Any, ...],
        frames: FrameActivations,
        labels: np.ndarray | None,
    ) -> Steps:
        start = None
        if self._made is not None and self._made[0] == settings and params.mode == "dynamic":
            _, strength, maps = self._made
            # Refined only where λ grows, and by little: what a strong λ has pressed together stays together,
            # and a great leap overshoots.
            if strength <= params.strength <= LEAP * strength:
                start = maps.positions
        return evolution_steps(
            frames.activations,
            labels,
            names=frames.names,
            mode=params.mode,
            strength=params.strength,
            perplexity=params.perplexity,
            n_iter=params.iterations if start is None else None,
            seed=params.seed,
            k=params.k,
            start=start,
            n_jobs=-1,
            cache=self._cache,
        )
