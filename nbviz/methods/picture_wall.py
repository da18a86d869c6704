"""A layer's map laid on a grid, for a wall of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.core.events import Preview, Progress, Result, Steps
from nbviz.core.kept import Kept
from nbviz.core.recording import class_labels
from nbviz.core.specimen import ModelSpecimen, Specimen
from nbviz.methods.image_grid import ImageGrid, image_grid_steps
from nbviz.methods.layer_map import LayerMap, layer_map_steps
from nbviz.methods.neighbours import neighbourhood_hit

MOST = 5_000
"""Pictures on one wall at most: the assignment needs 8 bytes for each pair of a picture and a cell."""

ASPECT = 1.5
"""Columns per row where the columns are not said."""

AROUND = 8
"""Cells around a cell: whose pictures are counted in the neighbourhood hit of the grid."""


@dataclass(frozen=True, eq=False, repr=False)
class PictureWall(Brief):
    """Which picture hangs where.

    Attributes
    ----------
    rows : (m,) int array
        The samples shown.
    grid : ImageGrid
        Which cell each has.
    map : LayerMap
        The map they were taken from.
    neighbourhood_hit : float or None
        Of the 8 pictures around a picture, the share that carry its label: mean, 0 to 1. None without labels
        that are classes, and in previews.
    """

    rows: np.ndarray
    grid: ImageGrid
    map: LayerMap
    neighbourhood_hit: float | None


def picture_wall_steps(
    specimen: Specimen,
    layer: str,
    *,
    n_samples: int = 0,
    columns: int = 0,
    kept: Kept | None = None,
    **projection: Any,
) -> Steps:
    """Run the samples to ``layer``, project its activations, and give each sample a cell of a grid.

    Yields Progress; a Preview of the principal components on a grid, at once; one of the finished map on a
    grid (both seated quickly); at last the Result, seated exactly. Values are :class:`PictureWall`.

    Parameters
    ----------
    specimen : ModelSpecimen or ArraySpecimen
    layer : str
    n_samples : int
        How many samples, evenly spread over all; 0 for all, 5,000 at most.
    columns : int
        Of the grid; 0 for half as many again as rows.
    kept : Kept, optional
        Lets later calls that change only the grid take the same map.
    **projection
        As in :func:`~nbviz.methods.layer_map.layer_map_steps`.

    Raises
    ------
    TypeError, ValueError
        As ``layer_map_steps``; or ``columns`` would make a strip rather than a grid.
    ModelError
        If the model raises.
    """
    count = min(n_samples or len(specimen.samples), len(specimen.samples), MOST)
    aspect = _aspect(columns, count)
    labels = class_labels(specimen.samples)
    settings = {**projection, "n_samples": count, "k": max(1, min(AROUND, count - 1))}
    version = specimen.network.version if isinstance(specimen, ModelSpecimen) else None
    compared = {name: value for name, value in settings.items() if name != "cache"}
    events = layer_map_steps(specimen, layer, **settings)
    if kept is not None:
        events = kept.steps("map", (layer, version, compared), events)
    is_first = True
    for event in events:
        if isinstance(event, Progress):
            yield event
        elif isinstance(event, Result):
            yield from _seated(event.value, labels, aspect)
        elif is_first:  # a wall that is hung anew ten times a second cannot be looked at
            is_first = False
            quick = next(_seated(event.value, None, aspect))
            assert isinstance(quick, Preview)
            yield quick


def _seated(found: LayerMap, labels: np.ndarray | None, aspect: float) -> Steps:
    """The map on a grid: quickly, then exactly."""
    for event in image_grid_steps(found.embedding.positions, aspect=aspect, limit=MOST):
        if isinstance(event, Progress):
            yield event
            continue
        grid: ImageGrid = event.value
        rows, hit = found.rows[grid.rows], None
        if labels is not None and len(rows) > 1 and isinstance(event, Result):
            places = grid.cells.astype(np.float64)
            hit = neighbourhood_hit(places, labels[rows], min(AROUND, len(rows) - 1))
        yield type(event)(PictureWall(rows, grid, found, hit))


def _aspect(columns: int, count: int) -> float:
    """Columns per row of a grid of so many columns for ``count`` pictures."""
    if columns == 0:
        return ASPECT
    fewest, most = int(np.ceil(np.sqrt(0.1 * count))), int(np.sqrt(10 * count))
    if not fewest <= columns <= most:
        raise ValueError(
            f"columns={columns} for {count} pictures would be a strip: it must be from {fewest} to {most}, "
            "or 0 to let the view choose"
        )
    return columns**2 / count
