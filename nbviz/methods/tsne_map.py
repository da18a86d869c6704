"""The t-SNE part of a map: of all samples, and of many by way of a few."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbviz.core.events import Preview, Progress
from nbviz.methods.embedding import Embedding
from nbviz.methods.landmark_map import FEW_ITERATIONS, MORE, PLACED_BY, TOO_MANY, Pacer, few
from nbviz.methods.neighbour_cache import Prepared
from nbviz.methods.tsne import (
    EARLY_ITERATIONS,
    MANY,
    Frame,
    affinities,
    early_iterations,
    initial_map,
    tsne_frames,
)


def tsne_steps(
    array: NDArray[Any],
    begun: Embedding,
    prepared: Prepared,
    *,
    begin: NDArray[Any] | None,
    least_neighbours: int,
    n_iter: int,
    frame_every: int | None,
    n_jobs: int,
) -> Generator[Preview | Progress, None, Embedding]:
    """From ``begun``, which says with which perplexity and seed, to the last frame, which it *returns*.

    It starts from the map ``begin``, if there is one, else from the principal components.
    """
    perplexity, seed = float(begun.perplexity or 0), int(begun.seed or 0)
    shown, start, hidden = begun, begin, 0
    options: Any = {"seed": seed, "n_iter": n_iter, "n_jobs": n_jobs, "frame_every": frame_every}
    if len(array) > MANY:
        shown = yield from _by_landmarks(array, begun, prepared, few(len(array)), begin, **options)
        if len(array) > TOO_MANY:
            return (yield from _by_landmarks(array, begun, prepared, MORE, shown.positions, **options))
        # While the map of all is pressed together in its early phase the one of the landmarks stays.
        start, hidden = shown.positions, early_iterations(n_iter)
    graph = yield from prepared.graph_steps(array, max(int(3 * perplexity), least_neighbours))
    joint = yield from prepared.joint_steps(graph, perplexity)
    notes = _notes(prepared, begun.n_features, n_iter)
    first = initial_map(prepared.start if start is None else start, seed)
    for frame in tsne_frames(joint, first, n_iter, frame_every=frame_every, n_jobs=n_jobs):
        shown = _after(begun, frame, prepared, notes, frame.positions)
        if frame.iteration > hidden:
            yield Preview(shown)
        yield Progress(frame.iteration, n_iter, "t-SNE")
    return shown


def _by_landmarks(
    array: NDArray[Any],
    begun: Embedding,
    prepared: Prepared,
    count: int,
    start: NDArray[Any] | None,
    *,
    seed: int,
    n_iter: int,
    frame_every: int | None,
    n_jobs: int,
) -> Generator[Preview | Progress, None, Embedding]:
    """A map of ``count`` samples with all others placed in it; from ``start``, if there is a map of all."""
    points = yield from prepared.point_steps(array)
    asked = float(begun.perplexity or 0)
    perplexity = min(asked, (count - 1) / 3)
    landmarks = yield from prepared.landmark_steps(points, count, int(3 * perplexity))
    joint = affinities(landmarks.graph, perplexity)
    note = (
        f"t-SNE of {count:,} samples; each of the other {len(array) - count:,} lies in the median of the "
        f"{PLACED_BY} it is most like"
    )
    if perplexity < asked:
        note += f". Their perplexity is {perplexity:.0f}: {asked:g} needs more samples"
    notes = (note, *_notes(prepared, begun.n_features, n_iter))
    begin = initial_map((prepared.start if start is None else start)[landmarks.rows], seed)
    is_final = count == MORE
    hidden = early_iterations(n_iter) if is_final else 0  # until then the map of fewer stays
    total = n_iter if is_final else min(n_iter, FEW_ITERATIONS)
    pacer, frame = Pacer(), None
    for frame in tsne_frames(joint, begin, total, frame_every=frame_every, n_jobs=n_jobs):
        placed = pacer.place(landmarks, frame.positions) if frame.iteration > hidden else None
        if placed is not None:
            yield Preview(_after(begun, frame, prepared, notes, placed))
        yield Progress(frame.iteration, total, f"t-SNE of {count:,} samples")
    assert frame is not None
    shown = _after(begun, frame, prepared, notes, landmarks.place_all(frame.positions))
    yield Preview(shown)
    return shown


def _after(
    begun: Embedding,
    frame: Frame,
    prepared: Prepared,
    notes: tuple[str, ...],
    positions: NDArray[np.float32],
) -> Embedding:
    return replace(
        begun,
        positions=positions,
        iteration=frame.iteration,
        kl_divergence=frame.kl_divergence,
        reduced_to=prepared.reduced_to,
        notes=notes,
    )


def _notes(prepared: Prepared, n_features: int, n_iter: int) -> tuple[str, ...]:
    notes = []
    if prepared.reduced_to:
        notes.append(
            f"PCA from {n_features} to {prepared.reduced_to} dimensions before t-SNE "
            f"({prepared.kept_variance:.0%} of the variance)"
        )
    if prepared.n_zero_rows:
        notes.append(
            f"{prepared.n_zero_rows} samples have no direction (all features zero or equal): "
            f"their {prepared.metric} distance is undefined; here all that have one are equally far from them"
        )
    if early_iterations(n_iter) < EARLY_ITERATIONS:
        notes.append(f"{n_iter} iterations are few: the map may not have settled (750 are usual)")
    return tuple(notes)
