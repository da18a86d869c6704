"""The units of a layer as a map: near each other where they answer the samples alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.methods.activation_checks import check_activations, check_choice, check_perplexity
from nbviz.methods.neighbours import NeighbourGraph
from nbviz.methods.smacof import classical_scaling, smacof_frames
from nbviz.methods.tsne import affinities, initial_map, tsne_frames

METHODS = ("mds", "tsne")
MOST_UNITS = 4_096
"""More units would need more than 128 MB for their pairs."""
# Values of one unit that differ by less than float32 can tell are equal values.
SAME = 8 * float(np.finfo(np.float32).eps)


@dataclass(frozen=True, eq=False, repr=False)
class NeuronProjection(Brief):
    """A two-dimensional map of units, and how it was made.

    Attributes
    ----------
    positions : (m, 2) float32 array
        Of the units shown. Under MDS distances stand for dissimilarities, 0 to 1; under t-SNE only who is
        near whom has meaning.
    units : (m,) int64 array
        Which units of the layer are shown, ascending.
    dead : (d,) int64 array
        Units with the same value for every sample: they correlate with nothing, and are left out.
    dissimilarity : (m, m) float32 array
        1 - ``|r|``, r the Pearson correlation of two units over the samples: 0 for units that say the same,
        also with opposite signs, 1 for unrelated ones.
    method : {"mds", "tsne"}
    iteration : int
        Iterations done; 0 in the preview, which is classical scaling.
    stress : float or None
        MDS: sum over pairs of (distance - dissimilarity)**2.
    stress_1 : float or None
        MDS: Kruskal's stress-1, 0 (perfect) upwards. Many units with little in common cannot lie far from
        each other in a plane: 0.3 to 0.5 is usual here, and the finer distances then mean little.
    kl_divergence : float or None
        t-SNE: what it minimises, nats.
    perplexity : float or None
        t-SNE.
    n_samples : int
        Samples the correlations are taken over.
    notes : tuple of str
    """

    positions: NDArray[np.float32]
    units: NDArray[np.int64]
    dead: NDArray[np.int64]
    dissimilarity: NDArray[np.float32]
    method: str
    iteration: int
    stress: float | None
    stress_1: float | None
    kl_divergence: float | None
    perplexity: float | None
    n_samples: int
    notes: tuple[str, ...]


def neuron_projection_steps(
    activations: ArrayLike,
    *,
    method: str = "mds",
    n_iter: int | None = None,
    perplexity: float | None = None,
    seed: int = 0,
    frame_every: int | None = None,
) -> Steps:
    """Map the units of a layer to two dimensions, with previews.

    Rauber, Fadel, Falcão and Telea 2017, "Visualizing the Hidden Activity of Artificial Neural Networks":
    MDS of 1 - ``|r|``. Yields a Preview of classical scaling first, then Previews and Progress about ten
    times a second, at last the Result; values are :class:`NeuronProjection`. It may be closed at any yield.

    Parameters
    ----------
    activations : array_like, shape (n, units)
        Of n samples. A unit of a convolution is a channel: capture it with ``reduce="max"`` or ``"mean"``.
    method : {"mds", "tsne"}
        Metric multidimensional scaling by SMACOF, started from classical scaling, or t-SNE on the
        dissimilarities.
    n_iter : int, optional
        At most so many iterations of MDS (default 300), which stops when it has settled; exactly so many of
        t-SNE (default 750).
    perplexity : float, optional
        t-SNE: 1 to below a third of the units that are not dead. Default: 30, or as near as these allow.
    seed : int
        t-SNE: of a hundredth of noise on the start. MDS holds no chance.
    frame_every : int, optional
        Iterations between previews.

    Raises
    ------
    TypeError, ValueError
        At the first ``next``: as :func:`~nbviz.methods.activation_checks.check_activations`; fewer than 3
        samples or 2 living units, more than 4,096 units, or method, perplexity or n_iter out of range.
    """
    array = check_activations(activations)
    check_choice("method", method, METHODS)
    if (n_iter is not None and n_iter < 1) or (frame_every is not None and frame_every < 1):
        raise ValueError(f"n_iter={n_iter} and frame_every={frame_every} must be at least 1")
    if len(array) < 3:
        raise ValueError(f"{len(array)} samples: over fewer than 3 any two units correlate perfectly")
    living, notes = _living(array)
    if method == "tsne":
        largest = float(max(1, min(30, (len(living) - 1) // 3)))
        perplexity = check_perplexity(
            largest if perplexity is None else perplexity,
            len(living),
            of="units",
            otherwise="method='mds' works with 2",
        )

    yield Progress(0, 1, "correlations of units")
    pairs = correlation_dissimilarity(array[:, living])
    start = classical_scaling(pairs)
    shown = NeuronProjection(
        positions=start.astype(np.float32),
        units=living,
        dead=np.setdiff1d(np.arange(array.shape[1]), living),
        dissimilarity=pairs.astype(np.float32),
        method=method,
        iteration=0,
        stress=None,
        stress_1=None,
        kl_divergence=None,
        perplexity=perplexity if method == "tsne" else None,
        n_samples=len(array),
        notes=notes,
    )
    yield Preview(shown)
    if method == "mds":
        most = n_iter or 300
        for mds in smacof_frames(pairs, start, max_iter=most, frame_every=frame_every):
            shown = replace(
                shown,
                positions=mds.positions.astype(np.float32),
                iteration=mds.iteration,
                stress=mds.stress,
                stress_1=mds.stress_1,
            )
            yield Preview(shown)
            yield Progress(mds.iteration, most, "MDS of units")
    else:
        assert perplexity is not None
        graph = nearest_of(pairs, min(int(3 * perplexity), len(pairs) - 1))
        joint, most = affinities(graph, perplexity), n_iter or 750
        for tsne in tsne_frames(joint, initial_map(start, seed), most, frame_every=frame_every):
            shown = replace(
                shown, positions=tsne.positions, iteration=tsne.iteration, kl_divergence=tsne.kl_divergence
            )
            yield Preview(shown)
            yield Progress(tsne.iteration, most, "t-SNE of units")
    yield Result(shown)


def neuron_projection(activations: ArrayLike, **parameters: Any) -> NeuronProjection:
    """Map the units of a layer to two dimensions: :func:`neuron_projection_steps`, run to the end."""
    return run_to_end(neuron_projection_steps(activations, **parameters))


def correlation_dissimilarity(activations: NDArray[Any]) -> NDArray[np.float64]:
    """1 - ``|r|`` of all pairs of columns, (units, units), in [0, 1]; no column may be constant."""
    standard = activations.astype(np.float64)
    standard -= standard.mean(axis=0)
    standard /= np.linalg.norm(standard, axis=0)
    pairs = 1 - np.minimum(np.abs(standard.T @ standard), 1)
    np.fill_diagonal(pairs, 0)
    return pairs


def dead_units(activations: NDArray[Any]) -> NDArray[np.bool_]:
    """Which units have the same value for every sample, to the precision of float32."""
    highest, lowest = activations.max(axis=0), activations.min(axis=0)
    return highest - lowest <= SAME * np.maximum(np.abs(highest), np.abs(lowest))


def _living(array: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    is_dead = dead_units(array)
    living = np.flatnonzero(~is_dead)
    n_dead, n_units = int(is_dead.sum()), array.shape[1]
    if len(living) < 2:
        raise ValueError(f"{n_units} units, of which {n_dead} are constant: a map needs two that are not")
    if len(living) > MOST_UNITS:
        raise ValueError(
            f"{len(living):,} units are too many (at most {MOST_UNITS:,}): show the channels of a feature "
            'map, reduce="max" or "mean", or choose columns'
        )
    if not n_dead:
        return living, ()
    zeros = int((array[:, is_dead] == 0).all(axis=0).sum())
    note = f"{n_dead} of {n_units} units left out: one value for all {len(array)} samples ({zeros} always 0)"
    return living, (note,)


def nearest_of(pairs: NDArray[np.float64], k: int) -> NeighbourGraph:
    """The ``k`` nearest others of each, by a full matrix of distances."""
    others = pairs.copy()
    np.fill_diagonal(others, np.inf)
    indices = np.argsort(others, axis=1, kind="stable")[:, :k]
    return NeighbourGraph(indices.astype(np.int32), np.take_along_axis(others, indices, axis=1))
