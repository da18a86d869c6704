"""The map of a live placement: made once, and not begun again because somebody draws while it is made."""

from __future__ import annotations

from types import SimpleNamespace

from nbviz.core.events import Preview, Result, Steps
from nbviz.core.specimen import ModelSpecimen
from nbviz.methods.layer_map import LayerMap
from nbviz.methods.live_placement import PlacementMap, placement_map_steps, ready_steps
from nbviz.methods.neighbour_cache import NeighbourCache
from nbviz.views.parts.resumable import Resumable

DEPENDS_ON = ("layer", "reduce", "method", "n_samples", "perplexity", "iterations", "seed", "version")
"""Parameters of the view of which the map is made."""


class MapKeeper:
    """Keeps the map, finished or under way, and numbers the finished ones."""

    def __init__(self) -> None:
        self._neighbours = NeighbourCache()
        self._map = Resumable()
        self._made = 0
        self._is_stopped = False

    def steps(self, specimen: ModelSpecimen, params: SimpleNamespace) -> Steps:
        """The map at hand, the one under way from where it is, or a new one.

        Yields Progress, Preview of a LayerMap, and a Result: a PlacementMap and its number, from 1 on.
        """
        key = tuple(getattr(params, name) for name in DEPENDS_ON)
        was_stopped, self._is_stopped = self._is_stopped, False
        known = self._map.last(key)
        if was_stopped and isinstance(known, Preview) and known.value.embedding.method == "tsne":
            self._map.go_on(self._as_it_is(specimen, known.value, params.reduce))
        yield from self._map.steps(key, lambda: self._new_map(specimen, params))

    def _new_map(self, specimen: ModelSpecimen, params: SimpleNamespace) -> Steps:
        n = len(specimen.samples)
        for event in placement_map_steps(
            specimen,
            params.layer,
            reduce=params.reduce,
            n_samples=params.n_samples,
            method=params.method,
            perplexity=params.perplexity,
            n_iter=params.iterations,
            seed=params.seed,
            k=max(1, min(6, (params.n_samples or n) - 1, n - 1)),
            cache=self._neighbours,
        ):
            yield self._numbered(event.value) if isinstance(event, Result) else event

    def _as_it_is(self, specimen: ModelSpecimen, chart: LayerMap, reduce: str) -> Steps:
        yield self._numbered((yield from ready_steps(specimen, chart, reduce)))

    def _numbered(self, ready: PlacementMap) -> Result:
        self._made += 1
        return Result((ready, self._made))

    def stop(self) -> None:
        """A t-SNE under way stays as it is: the next request takes it for finished."""
        self._is_stopped = True
