"""Two maps of the same samples, made to be compared, and which samples changed their neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Event, Preview, Progress, Result, Steps, run_to_end
from nbviz.core.kept import Itself, Kept
from nbviz.methods.activation_checks import (
    check_activations,
    check_choice,
    check_labels,
    check_neighbours,
)
from nbviz.methods.neighbour_cache import METRICS, NeighbourCache
from nbviz.methods.neighbour_preservation import NeighbourPreservation, preservation_of
from nbviz.methods.neighbours import NeighbourGraph, hits, nearest_neighbours
from nbviz.methods.projection import METHODS, Embedding, project_steps

SPACES = ("activations", "maps")


@dataclass(frozen=True, eq=False, repr=False)
class ComparedMaps(Brief):
    """Two maps and what became of the neighbours.

    Attributes
    ----------
    left, right : Embedding
        With their neighbourhood hits, if there are labels; not in previews.
    preservation : NeighbourPreservation or None
        Who kept their neighbours; None in previews that come before it is known.
    of : str
        Where it is measured: ``"activations"`` or ``"maps"``.
    is_matched : bool
        Whether the right map began from the left one (t-SNE), or was turned to match it (PCA).
    """

    left: Embedding
    right: Embedding
    preservation: NeighbourPreservation | None
    of: str
    is_matched: bool


class MapMemory:
    """What a later call need not compute again: neighbours, and the last map of each side.

    Arrays are known by their identity, as in :class:`NeighbourCache`. One memory belongs to one worker.
    """

    def __init__(self) -> None:
        self.neighbours = NeighbourCache(8)
        self.maps = Kept()


def compared_maps_steps(
    left: ArrayLike,
    right: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    names: tuple[str, str] = ("left", "right"),
    of: str = "activations",
    k: int = 10,
    method: str = "tsne",
    perplexity: float = 30.0,
    n_iter: int = 750,
    metric: str = "euclidean",
    seed: int = 0,
    match: bool = True,
    memory: MapMemory | None = None,
) -> Steps:
    """Map both sides and compare the neighbours, with previews.

    Yields a ``Preview`` of two PCA pictures first, then ``Progress`` and previews as
    :func:`~nbviz.methods.projection.project_steps` gives them, the left map before the right one, at last
    the ``Result``. All values are :class:`ComparedMaps`. It may be closed at every ``yield``.

    Parameters
    ----------
    left, right : array_like, shape (n_samples, n_features)
        Activations of the same samples, row by row; the numbers of features may differ.
    labels : array_like, shape (n_samples,), optional
        For the neighbourhood hits; numbers or strings.
    names : tuple of two str
        What an error calls the sides.
    of : {"activations", "maps"}
        Between which spaces neighbours are compared. The maps add the faults of the projection: two t-SNE
        maps of the same activations do not keep all neighbours either.
    k : int
        Neighbours compared, and counted in the neighbourhood hits.
    method, perplexity, n_iter, metric, seed
        As in ``project_steps``. Neighbours in the activations are by ``metric`` too.
    match : bool
        Whether the right t-SNE starts from the left map, as inter-layer maps of Rauber et al. 2017 do, or
        the right PCA is turned and reflected to lie on the left one as well as possible (orthogonal
        Procrustes, Schönemann 1966). If not, each side is made as if it were alone.
    memory : MapMemory, optional
        Lets later calls skip what did not change: with another right side the left map stays as it is.

    Raises
    ------
    TypeError, ValueError
        At the first ``next``: sides of different length, activations that cannot be projected (the message
        begins with the side's name), a parameter out of range.
    """
    given = (np.asarray(left), np.asarray(right))
    arrays = [_check_side(side, name) for side, name in zip(given, names, strict=True)]
    n_samples = len(arrays[0])
    if len(arrays[1]) != n_samples:
        raise ValueError(
            f"{names[0]} has {n_samples} samples and {names[1]} {len(arrays[1])}: "
            "they must be the same samples, in the same order"
        )
    for name, value, choices in (
        ("of", of, SPACES),
        ("method", method, METHODS),
        ("metric", metric, METRICS),
    ):
        check_choice(name, value, choices)
    check_neighbours(k, n_samples)
    codes = None if labels is None else check_labels(labels, n_samples)
    memory = MapMemory() if memory is None else memory
    options: dict[str, Any] = {
        "method": method,
        "perplexity": perplexity,
        "n_iter": n_iter,
        "metric": metric,
        "seed": seed,
    }
    key = tuple(options.values())

    left_steps = memory.maps.steps(
        "left", (Itself(given[0]), *key), project_steps(given[0], cache=memory.neighbours, **options)
    )
    first = _value(next(left_steps))
    picture = ComparedMaps(first, _first_look(given[1], first, match), None, of, match)
    yield Preview(picture)
    graphs: list[NeighbourGraph] = []
    exact: list[bool] = []
    for side, array in zip(given, arrays, strict=True):
        prepared = memory.neighbours.prepared(side, metric)
        graphs.append((yield from prepared.activation_graph_steps(array, k)))
        exact.append(prepared.hits_are_exact(n_samples))
    if of == "activations":
        picture = replace(picture, preservation=preservation_of(*graphs))
        yield Preview(picture)

    for event in left_steps:
        if isinstance(event, Progress):
            yield event
        else:
            picture = replace(picture, left=event.value)
            yield Preview(picture)
    found = picture.left
    start = found.positions if match and method == "tsne" else None
    right_steps = memory.maps.steps(
        "right",
        (Itself(given[1]), Itself(start), *key),
        project_steps(given[1], cache=memory.neighbours, start=start, **options),
    )
    for event in right_steps:
        if isinstance(event, Progress):
            yield event
            continue
        shown = event.value
        if match and shown.method == "pca":
            shown = _turned(shown, found)
        picture = replace(picture, right=shown)
        yield Preview(picture)
    yield Progress(0, 1, "neighbours in the maps")
    yield Result(_measured(picture, graphs, exact, codes))


def compared_maps(
    left: ArrayLike, right: ArrayLike, labels: ArrayLike | None = None, **parameters: Any
) -> Any:
    """Map and compare both sides: :func:`compared_maps_steps`, run to the end."""
    return run_to_end(compared_maps_steps(left, right, labels, **parameters))


def _measured(
    picture: ComparedMaps,
    graphs: list[NeighbourGraph],
    exact: list[bool],
    codes: NDArray[np.int64] | None,
) -> ComparedMaps:
    """The same with neighbourhood hits, and with the preservation between the maps if that is asked for."""
    k = graphs[0].k
    in_maps = [nearest_neighbours(side.positions, k) for side in (picture.left, picture.right)]

    def measured(i: int, side: Embedding) -> Embedding:
        note = f"neighbours in the activations searched among {side.reduced_to} principal components"
        notes = side.notes if exact[i] else (*side.notes, note)
        if codes is None:
            return replace(side, k=k, notes=notes)
        hit, direct = (float(hits(graph, codes).mean()) for graph in (in_maps[i], graphs[i]))
        return replace(side, k=k, notes=notes, neighbourhood_hit=hit, neighbourhood_hit_activations=direct)

    return replace(
        picture,
        left=measured(0, picture.left),
        right=measured(1, picture.right),
        preservation=preservation_of(*in_maps) if picture.of == "maps" else picture.preservation,
    )


def _first_look(activations: NDArray[Any], beside: Embedding, match: bool) -> Embedding:
    """The PCA preview of the right side."""
    embedding = _value(next(project_steps(activations, method="pca")))
    return _turned(embedding, beside) if match else embedding


def _value(event: Event) -> Embedding:
    """What the first event of a projection holds: always a picture."""
    assert not isinstance(event, Progress)
    return event.value


def _turned(moving: Embedding, fixed: Embedding) -> Embedding:
    """``moving`` about its own middle, turned and reflected towards ``fixed``; distances in it stay."""
    points = moving.positions.astype(np.float64)
    points = points - points.mean(axis=0)
    target = fixed.positions - fixed.positions.mean(axis=0, dtype=np.float64)
    one, _, other = np.linalg.svd(points.T @ target)
    return replace(moving, positions=(points @ (one @ other)).astype(np.float32))


def _check_side(side: NDArray[Any], name: str) -> NDArray[Any]:
    """The side as :func:`check_activations` returns it; an error says which side it is about."""
    try:
        return check_activations(side)
    except (ValueError, TypeError) as error:
        error.args = (f"{name}: {error.args[0]}",)
        raise
