"""Activations of many samples as a map of points: PCA at once, t-SNE refining it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.events import Preview, Result, Steps, run_to_end
from nbviz.methods.activation_checks import (
    check_activations,
    check_choice,
    check_labels,
    check_neighbours,
    check_perplexity,
)
from nbviz.methods.embedding import Embedding
from nbviz.methods.landmark_map import TOO_MANY
from nbviz.methods.neighbour_cache import METRICS, NeighbourCache
from nbviz.methods.neighbours import hits, nearest_neighbours, nearest_neighbours_steps
from nbviz.methods.principal_components import PrincipalComponents, principal_components
from nbviz.methods.tsne import MANY
from nbviz.methods.tsne_map import tsne_steps

METHODS = ("tsne", "pca")
# Larger activations are previewed from this many samples, which keeps the first picture below 0.1 s.
PREVIEW_ROWS = 500
PREVIEW_ITERATIONS = 2  # on MNIST activations no further from the exact picture than four
PREVIEW_ALL_BELOW = 1_000_000  # samples times features


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
    at every ``yield``. Of more than 20,000 samples a map of 2,000 (above 300,000, of 1,000) comes first, with
    all others placed beside those they are nearest to, and t-SNE of all goes on from there; of more than
    100,000 the map of 10,000 with the others placed is the result, and its notes say so. The longest stretch
    without a yield, on two cores that others used too: 0.6 s for 2,000 samples x 9,408 features, 1.4 s for
    10,000 (after scikit-learn's import, 1 to 3 s, once).

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
        check_perplexity(perplexity, n_samples, otherwise="method='pca' works with 2")
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
        final = replace(
            picture,
            method="tsne",
            explained_variance=None,
            perplexity=float(perplexity),
            metric=metric,
            seed=seed,
        )
        final = yield from tsne_steps(
            array,
            final,
            prepared,
            begin=begin,
            least_neighbours=min(k, n_samples - 1),
            n_iter=n_iter,
            frame_every=frame_every,
            n_jobs=n_jobs,
        )
    if codes is not None:
        if n_samples > MANY:
            in_map = yield from nearest_neighbours_steps(final.positions, k)
        else:
            in_map = nearest_neighbours(final.positions, k)
        final = replace(final, neighbourhood_hit=float(hits(in_map, codes).mean()))
        if n_samples > TOO_MANY:
            note = f"neighbourhood hit in activation space not measured: {n_samples:,} samples are too many"
            final = replace(final, notes=(*final.notes, note))
            yield Result(final)
            return
        in_activations = yield from prepared.activation_graph_steps(array, k)
        final = replace(final, neighbourhood_hit_activations=float(hits(in_activations, codes).mean()))
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
