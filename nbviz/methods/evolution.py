"""Maps of the same samples over the epochs of a training, or over layers, made to be compared."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.methods.activation_checks import (
    check_activations,
    check_choice,
    check_labels,
    check_neighbours,
    check_perplexity,
)
from nbviz.methods.dynamic_tsne import divergences, dynamic_maps
from nbviz.methods.evolution_result import Evolution
from nbviz.methods.neighbour_cache import METRICS, NeighbourCache, Prepared
from nbviz.methods.neighbours import hits, nearest_neighbours
from nbviz.methods.principal_components import principal_components
from nbviz.methods.projection import project_steps
from nbviz.methods.tsne import initial_map, tsne_frames

MODES = ("dynamic", "joint", "follow")
ITERATIONS = 750
ITERATIONS_FROM_MAPS = 250  # when the maps of another strength are refined


def evolution_steps(
    activations: Sequence[ArrayLike],
    labels: ArrayLike | None = None,
    *,
    names: Sequence[Any] | None = None,
    mode: str = "dynamic",
    strength: float = 0.001,
    perplexity: float = 30.0,
    n_iter: int | None = None,
    metric: str = "euclidean",
    seed: int = 0,
    k: int = 6,
    start: ArrayLike | None = None,
    frame_every: int | None = None,
    n_jobs: int = 1,
    cache: NeighbourCache | None = None,
) -> Steps:
    """Map every frame so that the maps can be joined by trails, with previews.

    Yields a ``Preview`` first (a PCA of each frame, turned to match its neighbour; with ``start``, that),
    then ``Progress`` and a ``Preview`` about ten times a second, at last the ``Result``. All values are
    :class:`Evolution`. It may be closed at every ``yield``.

    Parameters
    ----------
    activations : sequence of array_like, each of shape (n_samples, n_features)
        One array per frame, in order, the same samples in the same rows. Features may differ in number,
        except in mode ``"joint"``. Above 512 features t-SNE is given their first 50 principal components.
    labels : array_like, shape (n_samples,), optional
        For the neighbourhood hits; numbers or strings.
    names : sequence, optional
        What each frame is; numbers from 0 by default.
    mode : {"dynamic", "joint", "follow"}
        Dynamic t-SNE (Rauber, Falcão and Telea 2016, "Visualizing Time-Dependent Data Using Dynamic
        t-SNE", equation 4): all maps are optimised together and moving costs. Joint: one t-SNE of all
        frames' samples as if they were different samples of one set. Follow: each frame's t-SNE starts
        from the map of the frame before; nothing holds it there.
    strength : float
        What moving costs in dynamic t-SNE (lambda), 0 or more: 0 gives independent maps with a common
        start, a large one the same map in all frames. It is weighed against squared distances in the map,
        which grow with the number of samples. Six epochs of the zoo's mnist-mlp, 2,000 samples: 3e-4 saved
        43% of the movement for 1.4% more divergence, 1e-3 57% for 4.8%, 1e-2 81% for 17%.
    perplexity : float
        From 1 to below n_samples / 3.
    n_iter : int, optional
        t-SNE iterations (of each frame), by default 750; with ``start`` 250.
    metric : {"euclidean", "cosine", "correlation"}
    seed : int
        Of the small noise on the start positions.
    k : int
        Neighbours in the neighbourhood hits.
    start : array_like, shape (frames, n_samples, 2), optional
        Dynamic t-SNE only: maps of another strength to refine, instead of beginning anew. What comes out
        is near a run from the beginning, not equal to it.
    frame_every : int, optional
        Iterations between previews; the result does not depend on it.
    n_jobs : int
        Threads of the optimisation. With more than one, runs of one seed differ slightly.
    cache : NeighbourCache, optional
        With the same arrays, a later call that changes strength, mode or labels does not search neighbours
        again (joint excepted). Give it a ``size`` of the number of frames or more.

    Raises
    ------
    TypeError, ValueError
        At the first ``next``: fewer than two frames, frames of different length, activations that cannot
        be projected (the message begins with the frame's name), a parameter out of range.
    """
    given = [np.asarray(frame) for frame in activations]
    if len(given) < 2:
        raise ValueError(f"an evolution has two frames or more, got {len(given)}")
    titles = tuple(str(name) for name in (range(len(given)) if names is None else names))
    if len(titles) != len(given):
        raise ValueError(f"got {len(titles)} names for {len(given)} frames; they must be equally many")
    check_choice("mode", mode, MODES)
    check_choice("metric", metric, METRICS)
    arrays = [_check_frame(frame, title, len(given[0])) for frame, title in zip(given, titles, strict=True)]
    n_samples = len(arrays[0])
    check_perplexity(perplexity, n_samples)
    codes = None if labels is None else check_labels(labels, n_samples)
    if codes is not None:
        check_neighbours(k, n_samples)
    if not 0 <= strength < np.inf:
        raise ValueError(f"strength={strength} must be 0 or more, and finite")
    maps = None if start is None else _check_start(start, mode, (len(arrays), n_samples, 2))
    n_iter = (ITERATIONS if maps is None else ITERATIONS_FROM_MAPS) if n_iter is None else n_iter
    if n_iter < 1 or (frame_every is not None and frame_every < 1):
        raise ValueError(f"n_iter={n_iter} and frame_every={frame_every} must be at least 1")
    if mode == "joint" and len({array.shape[1] for array in arrays}) > 1:
        raise ValueError(
            f"mode='joint' needs as many features in every frame, got {[a.shape[1] for a in arrays]}: "
            "layers of different width live in different spaces; use mode='follow' or 'dynamic'"
        )

    picture = Evolution(
        positions=_matched_components(arrays) if maps is None else maps.astype(np.float32),
        names=titles,
        mode=mode,
        strength=float(strength) if mode == "dynamic" else None,
        iteration=0,
        kl=None,
        neighbourhood_hit=None,
        neighbourhood_hit_activations=None,
        k=k,
        perplexity=float(perplexity),
        metric=metric,
        seed=seed,
        notes=(),
    )
    yield Preview(picture)
    cache = NeighbourCache(len(arrays) + 1) if cache is None else cache
    frames = [cache.prepared(frame, metric) for frame in given]
    joints = []
    for prepared, array in zip(frames, arrays, strict=True):
        graph = yield from prepared.graph_steps(array, max(int(3 * perplexity), min(k, n_samples - 1)))
        joints.append((yield from prepared.joint_steps(graph, perplexity)))
    picture = replace(picture, notes=_notes(mode, frames, arrays, maps is not None))
    if mode == "joint":
        union = np.concatenate(arrays)
        events = project_steps(
            union,
            perplexity=perplexity,
            n_iter=n_iter,
            metric=metric,
            seed=seed,
            frame_every=frame_every,
            n_jobs=n_jobs,
        )
        final = yield from _joint(picture, events, joints)
    elif mode == "dynamic":
        # The last frame's components: after training they show most of the classes.
        begin = np.stack([initial_map(frames[-1].start, seed)] * len(frames)) if maps is None else maps
        steps = dynamic_maps(
            joints,
            begin,
            n_iter,
            strength,
            exaggerate=maps is None,
            frame_every=frame_every,
            n_jobs=n_jobs,
        )
        final = picture
        for step in steps:
            final = replace(final, positions=step.positions, iteration=step.iteration, kl=step.kl_divergence)
            yield Preview(final)
            yield Progress(step.iteration, n_iter, f"t-SNE of {len(frames)} frames")
    else:
        final = yield from _follow(
            picture, frames[0].start, joints, n_iter=n_iter, frame_every=frame_every, n_jobs=n_jobs
        )
    if codes is not None:
        final = yield from _with_hits(final, frames, arrays, codes)
    yield Result(final)


def evolution(
    activations: Sequence[ArrayLike], labels: ArrayLike | None = None, **parameters: Any
) -> Evolution:
    """Map every frame: :func:`evolution_steps`, run to the end."""
    return run_to_end(evolution_steps(activations, labels, **parameters))


def _joint(
    picture: Evolution, events: Steps, joints: Sequence[Any]
) -> Generator[Preview | Progress, None, Evolution]:
    """The t-SNE of the union, cut into frames."""
    shape = picture.positions.shape
    for event in events:
        if isinstance(event, Progress):
            yield event
            continue
        embedding = event.value
        picture = replace(
            picture, positions=embedding.positions.reshape(shape), iteration=embedding.iteration
        )
        if isinstance(event, Preview):
            yield Preview(picture)
        else:
            notes = tuple(f"all frames together: {note}" for note in embedding.notes)
            picture = replace(picture, notes=(*picture.notes, *notes))
    return replace(picture, kl=divergences(joints, picture.positions.astype(np.float64)))


def _follow(
    picture: Evolution,
    begin: NDArray[Any],
    joints: Sequence[Any],
    *,
    n_iter: int,
    frame_every: int | None,
    n_jobs: int,
) -> Generator[Preview | Progress, None, Evolution]:
    """Frame after frame; those still to come are shown where the one before them lies."""
    positions, kl = picture.positions.copy(), np.full(len(joints), np.nan)
    for t, joint in enumerate(joints):
        for frame in tsne_frames(
            joint, initial_map(begin, picture.seed), n_iter, frame_every=frame_every, n_jobs=n_jobs
        ):
            positions[t:], kl[t] = frame.positions, frame.kl_divergence
            picture = replace(picture, positions=positions.copy(), kl=kl.copy(), iteration=frame.iteration)
            yield Preview(picture)
            yield Progress(t * n_iter + frame.iteration, len(joints) * n_iter, f"t-SNE of {picture.names[t]}")
        begin = positions[t]
    return picture


def _with_hits(
    final: Evolution, frames: Sequence[Prepared], arrays: Sequence[NDArray[Any]], codes: NDArray[np.int64]
) -> Generator[Progress, None, Evolution]:
    """The same with its neighbourhood hits."""
    in_map, in_activations = np.zeros(len(frames)), np.zeros(len(frames))
    for t, (prepared, array) in enumerate(zip(frames, arrays, strict=True)):
        graph = yield from prepared.activation_graph_steps(array, final.k)
        in_activations[t] = hits(graph, codes).mean()
        in_map[t] = hits(nearest_neighbours(final.positions[t], final.k), codes).mean()
        yield Progress(t + 1, len(frames), "neighbourhood hits")
    return replace(final, neighbourhood_hit=in_map, neighbourhood_hit_activations=in_activations)


def _check_frame(frame: NDArray[Any], title: str, n_samples: int) -> NDArray[Any]:
    """The frame as :func:`check_activations` returns it; an error says which frame it is about."""
    try:
        array = check_activations(frame)
    except (ValueError, TypeError) as error:
        error.args = (f"frame {title!r}: {error.args[0]}",)
        raise
    if len(array) != n_samples:
        raise ValueError(
            f"frame {title!r} has {len(array)} samples, the first has {n_samples}: "
            "every frame must hold the same samples, in the same order"
        )
    return array


def _check_start(start: ArrayLike, mode: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if mode != "dynamic":
        raise ValueError(f"start= is for mode='dynamic', not for {mode!r}, which makes its own")
    maps = np.asarray(start, dtype=np.float64)
    if maps.shape != shape:
        raise ValueError(f"start must have shape {shape} (frames, samples, 2), got {maps.shape}")
    if not np.isfinite(maps).all():
        raise ValueError("start holds positions that are not finite")
    return maps


def _matched_components(arrays: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """First picture: the PCA of each frame, scaled to one size and turned to match the frame after it.

    Turned by the orthogonal Procrustes rotation (Schönemann 1966), from the last frame backwards.
    """
    maps: list[NDArray[np.float64]] = []
    for array in reversed(arrays):
        found = principal_components(array, 2, 500, most_iterations=2).positions.astype(np.float64)
        found -= found.mean(axis=0)
        found /= np.sqrt((found**2).sum(axis=1).mean()) or 1.0
        if maps:
            left, _, right = np.linalg.svd(found.T @ maps[-1])
            found = found @ (left @ right)
        maps.append(found)
    return np.stack(maps[::-1]).astype(np.float32)


def _notes(
    mode: str, frames: Sequence[Prepared], arrays: Sequence[NDArray[Any]], refined: bool
) -> tuple[str, ...]:
    notes = {
        "dynamic": [
            "moving between frames costs: the stronger, the more each map also shows what its neighbours "
            "hold; compare its neighbourhood hit with that of the activations"
        ],
        "joint": ["one t-SNE of all frames: samples of different frames also attract and repel each other"],
        "follow": ["each frame starts from the map before it; nothing else ties them"],
    }[mode]
    if refined:
        notes.append("refined from the maps shown before: a run from the beginning may settle otherwise")
    reduced = [frame for frame in frames if frame.reduced_to]
    if reduced and mode != "joint":
        least = min(frame.kept_variance for frame in reduced)
        notes.append(
            f"PCA to {reduced[0].reduced_to} dimensions before t-SNE in {len(reduced)} of {len(frames)} "
            f"frames (at least {least:.0%} of the variance)"
        )
    inexact = [frame for frame, a in zip(frames, arrays, strict=True) if not frame.hits_are_exact(len(a))]
    if inexact:
        notes.append(
            f"neighbourhood hit in activation space measured on principal components in {len(inexact)} "
            f"of {len(frames)} frames"
        )
    return tuple(notes)
