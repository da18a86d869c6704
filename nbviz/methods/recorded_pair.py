"""Two layers, or one layer of two networks, recorded for the same samples."""

from __future__ import annotations

import numpy as np

from nbviz.core.events import Preview, Progress, Result, Steps, result_of
from nbviz.core.recording import Recording
from nbviz.core.specimen import Specimen
from nbviz.methods.map_comparison import compared_maps_steps


def recorded_pair_steps(
    specimens: tuple[Specimen, Specimen],
    layers: tuple[str, str],
    rows: np.ndarray,
    *,
    reduce: str = "flatten",
    match: bool = True,
) -> Steps:
    """Run the samples ``rows`` to a layer on the left and to one on the right.

    Yields Progress; if all would take long, a Preview of (row numbers, ComparedMaps), the principal
    components of some samples; at last a Result of two Recordings.

    Raises
    ------
    ValueError
        If the activations would take more than 2 GB.
    ModelError
        If the model raises.
    """
    recordings: list[Recording] = []
    for event in specimens[0].record_steps(layers[0], reduce, rows):
        if isinstance(event, Progress):
            yield event
        elif isinstance(event, Result):
            recordings.append(event.value)
        else:
            look: Recording = event.value
            steps = specimens[1].record_steps(layers[1], reduce, look.rows)
            other: Recording = yield from result_of(steps)
            picture = _look(look, other, match)
            if picture is not None:
                yield picture
    recordings.append((yield from result_of(specimens[1].record_steps(layers[1], reduce, rows))))
    yield Result(tuple(recordings))


def _look(left: Recording, right: Recording, match: bool) -> Preview | None:
    """The first picture of some samples; None if these few cannot be projected: all of them decide."""
    try:
        event = next(compared_maps_steps(left.activations, right.activations, k=1, method="pca", match=match))
    except ValueError:
        return None
    assert isinstance(event, Preview)
    return Preview((left.rows, event.value))
