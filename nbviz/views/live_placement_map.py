"""The map of a live placement: made once, and not begun again because somebody draws while it is made."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from nbviz.core.events import Preview, Result, Steps
from nbviz.core.specimen import ModelSpecimen
from nbviz.methods.layer_map import LayerMap
from nbviz.methods.live_placement import PlacementMap, placement_map_steps, ready_steps
from nbviz.methods.neighbour_cache import NeighbourCache

DEPENDS_ON = ("layer", "reduce", "method", "n_samples", "perplexity", "iterations", "seed")
"""Parameters of the view of which the map is made."""


@dataclass
class _UnderWay:
    """A map under way. It outlives the request that began it."""

    key: tuple[Any, ...]
    steps: Steps
    latest: LayerMap | None = None
    is_stopped: bool = False


class MapKeeper:
    """Keeps the map that is there, and the one that is being made.

    A request that is superseded, by the next stroke say, closes the generator that it runs. Here that leaves
    the making of the map suspended where it was, and the next request goes on with it.
    """

    def __init__(self) -> None:
        self._neighbours = NeighbourCache()
        self._under_way: _UnderWay | None = None
        self._ready: tuple[tuple[Any, ...], PlacementMap, int] | None = None

    def steps(self, specimen: ModelSpecimen, params: SimpleNamespace) -> Steps:
        """The map at hand, the one under way from where it is, or a new one.

        Yields Progress, Preview of a LayerMap, and a Result: a PlacementMap and its number, from 1 on.
        """
        key = (*(getattr(params, name) for name in DEPENDS_ON), specimen.network.version)
        if self._ready is not None and self._ready[0] == key:
            yield Result(self._ready[1:])
            return
        mapping = self._under_way
        if mapping is None or mapping.key != key:
            mapping = self._under_way = _UnderWay(key, self._new_map(specimen, params))
        elif mapping.latest is not None:
            if mapping.is_stopped:
                steps = _as_it_is(specimen, mapping.latest, params.reduce)
                mapping = self._under_way = _UnderWay(key, steps, mapping.latest)
            yield Preview(mapping.latest)
        try:
            for event in mapping.steps:
                if isinstance(event, Result):
                    number = 1 if self._ready is None else self._ready[2] + 1
                    self._ready, self._under_way = (key, event.value, number), None
                    yield Result((event.value, number))
                    return
                if isinstance(event, Preview):
                    mapping.latest = event.value
                yield event
        except Exception:
            self._under_way = None  # what raised is at its end: the next request tells the error again
            raise

    def _new_map(self, specimen: ModelSpecimen, params: SimpleNamespace) -> Steps:
        n = len(specimen.samples)
        return placement_map_steps(
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
        )

    def stop(self) -> None:
        """A t-SNE under way stays as it is: the next request takes it for finished."""
        mapping = self._under_way
        if mapping is not None and mapping.latest is not None:
            mapping.is_stopped = mapping.latest.embedding.method == "tsne"


def _as_it_is(specimen: ModelSpecimen, chart: LayerMap, reduce: str) -> Steps:
    yield Result((yield from ready_steps(specimen, chart, reduce)))
