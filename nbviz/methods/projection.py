"""Activations of many samples as a map of points: PCA at once, t-SNE refining it."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from nbviz.methods.neighbour_cache import METRICS, NeighbourCache, Prepared
from nbviz.methods.neighbours import hits, nearest_neighbours
from nbviz.methods.principal_components import PrincipalComponents, principal_components
from nbviz.methods.tsne import EARLY_ITERATIONS, early_iterations, initial_map, tsne_frames

METHODS = ("tsne", "pca")
# Larger activations are previewed from this many samples, which keeps the first picture below 0.1 s.
PREVIEW_ROWS = 500
PREVIEW_ITERATIONS = 2  # on MNIST activations no further from the exact picture than four
PREVIEW_ALL_BELOW = 1_000_000  # samples times features


@dataclass(frozen=True, eq=False)
class Embedding:
    """A two-dimensional map of samples, and how it was made.

    Attributes
    ----------
    positions : ndarray of float32, shape (n_samples, 2)
        In PCA units of activation; in t-SNE arbitrary (only who is near whom has meaning).
    method : str
        ``"tsne"`` or ``"pca"``; the preview of a t-SNE is a PCA.
    iteration : int
        t-SNE iterations done (0 for PCA).
    kl_divergence : float or None
        What t-SNE minimises, in nats, 0 or more; None for PCA. Comparable at equal perplexity only.
    explained_variance : tuple of two floats or None
        PCA: share of the variance along each axis, in [0, 1]; None for t-SNE.
    n_features : int
    reduced_to : int or None
        Dimensions kept by a PCA before t-SNE; None if t-SNE saw all features.
    neighbourhood_hit : float or None
        Neighbourhood hit in the map, in [0, 1]; None without labels, and in previews.
    neighbourhood_hit_activations : float or None
        The same in activation space, under ``metric``; None without labels, and in previews.
    k : int
        Neighbours counted in both hits.
    perplexity : float or None
    metric : str or None
    seed : int or None
        None, all three, for PCA, which knows none of them.
    notes : tuple of str
        What a reader of the picture should be told, in plain words.
    """

    positions: NDArray[np.float32]
    method: str
    iteration: int
    kl_divergence: float | None
    explained_variance: tuple[float, float] | None
    n_features: int
    reduced_to: int | None
    neighbourhood_hit: float | None
    neighbourhood_hit_activations: float | None
    k: int
    perplexity: float | None
    metric: str | None
    seed: int | None
    notes: tuple[str, ...]


def project_steps(
    activations: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    method: str = "tsne",
    perplexity: float = 30.0,
    n_iter: int = 750,
    metric: str = "euclidean",
    seed: int = 0,
    k: int = 6,
    start: ArrayLike | None = None,
    frame_every: int | None = None,
    n_jobs: int = 1,
    cache: NeighbourCache | None = None,
) -> Steps:
    """Map activations to two dimensions, with previews.

    Yields a ``Preview`` of the PCA picture first, then ``Progress``; for t-SNE a ``Preview`` of the map
    about ten times a second; at last the ``Result``. All values are :class:`Embedding`. It may be closed
    at every ``yield``. The longest stretch without one, on two cores that others used too: 0.6 s for 2,000
    samples x 9,408 features, 1.4 s for 10,000 (after scikit-learn's import, 1 to 3 s, once).

    Parameters
    ----------
    activations : array_like, shape (n_samples, n_features)
        Above 512 features, t-SNE is given their first 50 principal components.
    labels : array_like, shape (n_samples,), optional
        For the neighbourhood hits; numbers or strings.
    method : {"tsne", "pca"}
        t-SNE: van der Maaten and Hinton 2008, by openTSNE, started from PCA.
    perplexity : float
        From 1 to below n_samples / 3: about how many neighbours each sample attends to.
    n_iter : int
        t-SNE iterations, of which a third, at most 250, are early exaggeration (factor 12).
    metric : {"euclidean", "cosine", "correlation"}
        Distance of activations, for t-SNE and for the hit in activation space.
    seed : int
        Of the small noise on the start positions. One seed gives one picture at ``n_jobs=1``.
    k : int
        Neighbours in the neighbourhood hits.
    start : array_like, shape (n_samples, 2), optional
        t-SNE: a map of the same samples to start from, at a small scale as always, in place of the first two
        principal components. What has to lie elsewhere moves; the rest stays comparable with that map.
    frame_every : int, optional
        Iterations between previews; default as above. The result does not depend on it.
    n_jobs : int
        Threads of the optimisation. With more than one, runs of one seed differ slightly.
    cache : NeighbourCache, optional
        Lets later calls on the same array skip what did not change.

    Raises
    ------
    TypeError, ValueError
        At the first ``next``: activations that cannot be projected (see
        :func:`~nbviz.methods.activation_checks.check_activations`), perplexity, ``k``, ``n_iter``,
        method, metric, number of labels or ``start`` out of range.
    """
    given = np.asarray(activations)
    array = check_activations(given)
    n_samples, n_features = array.shape
    check_choice("method", method, METHODS)
    check_choice("metric", metric, METRICS)
    codes = None if labels is None else check_labels(labels, n_samples)
    if codes is not None:
        check_neighbours(k, n_samples)
    if method == "tsne":
        check_perplexity(perplexity, n_samples)
        if n_iter < 1 or (frame_every is not None and frame_every < 1):
            raise ValueError(f"n_iter={n_iter} and frame_every={frame_every} must be at least 1")
    begin = None if start is None else _check_start(start, method, n_samples)

    fit_rows = None if n_samples * n_features <= PREVIEW_ALL_BELOW else PREVIEW_ROWS
    picture = _pca_embedding(principal_components(array, 2, fit_rows, most_iterations=PREVIEW_ITERATIONS), k)
    yield Preview(picture)  # without its hit: that would import scikit-learn first, a second when cold

    cache = NeighbourCache() if cache is None else cache
    prepared = cache.prepared(given, metric)
    if method == "pca":
        final = _pca_embedding(principal_components(array, 2), k)
    else:
        graph = yield from prepared.graph_steps(array, max(int(3 * perplexity), min(k, n_samples - 1)))
        joint = yield from prepared.joint_steps(graph, perplexity)
        final = replace(
            picture,
            method="tsne",
            explained_variance=None,
            reduced_to=prepared.reduced_to,
            perplexity=float(perplexity),
            metric=metric,
            seed=seed,
            notes=_tsne_notes(prepared, n_features, n_iter),
        )
        for frame in tsne_frames(
            joint,
            initial_map(prepared.start if begin is None else begin, seed),
            n_iter,
            frame_every=frame_every,
            n_jobs=n_jobs,
        ):
            final = replace(
                final,
                positions=frame.positions,
                iteration=frame.iteration,
                kl_divergence=frame.kl_divergence,
            )
            yield Preview(final)
            yield Progress(frame.iteration, n_iter, "t-SNE")
    if codes is not None:
        in_map = nearest_neighbours(final.positions, k)
        in_activations = yield from prepared.activation_graph_steps(array, k)
        final = replace(
            final,
            neighbourhood_hit=float(hits(in_map, codes).mean()),
            neighbourhood_hit_activations=float(hits(in_activations, codes).mean()),
        )
        if not prepared.hits_are_exact(n_samples):
            note = (
                f"neighbourhood hit in activation space measured on {prepared.reduced_to} principal "
                f"components: {n_samples} x {n_features} values are too many for an exact search"
            )
            final = replace(final, notes=(*final.notes, note))
    yield Result(final)


def project(activations: ArrayLike, labels: ArrayLike | None = None, **parameters: Any) -> Embedding:
    """Map activations to two dimensions: :func:`project_steps`, run to the end."""
    return run_to_end(project_steps(activations, labels, **parameters))


def _pca_embedding(components: PrincipalComponents, k: int) -> Embedding:
    n_samples, n_fitted = len(components.positions), components.n_fitted
    first, second = components.explained_variance_ratio
    fitted = f"principal components found from {n_fitted} of {n_samples} samples"
    return Embedding(
        positions=np.asarray(components.positions, dtype=np.float32),
        method="pca",
        iteration=0,
        kl_divergence=None,
        explained_variance=(float(first), float(second)),
        n_features=components.directions.shape[0],
        reduced_to=None,
        neighbourhood_hit=None,
        neighbourhood_hit_activations=None,
        k=k,
        perplexity=None,
        metric=None,
        seed=None,
        notes=(fitted,) if n_fitted < n_samples else (),
    )


def _check_start(start: ArrayLike, method: str, n_samples: int) -> NDArray[np.float64]:
    if method != "tsne":
        raise ValueError(f"start= is for method='tsne', not for {method!r}, which starts from nothing")
    array = np.asarray(start, dtype=np.float64)
    if array.shape != (n_samples, 2):
        raise ValueError(f"start must have shape {(n_samples, 2)} (samples, 2), got {array.shape}")
    if not np.isfinite(array).all() or not np.ptp(array, axis=0).any():
        raise ValueError("start must hold finite positions, not all of them the same")
    return array


def _tsne_notes(prepared: Prepared, n_features: int, n_iter: int) -> tuple[str, ...]:
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
