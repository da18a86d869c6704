"""t-SNE by openTSNE, in slices that can be shown and stopped, with the same result as in one go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.methods.neighbours import NeighbourGraph

EARLY_EXAGGERATION = 12.0
EARLY_ITERATIONS = 250
SECONDS_PER_FRAME = 0.1
# Of many samples the divergence takes half as long as an iteration, so not every frame has a new one.
ITERATIONS_PER_FRAME_OF_MANY = 10
FRAMES_PER_DIVERGENCE_OF_MANY = 5
MANY = 20_000
"""Samples above which a map of some of them comes first, and pictures come less often."""
# The FFT gradient costs about 2.6 us * (map width)^2, Barnes-Hut about 3.3 us * samples (measured, one
# thread). Early exaggeration, where maps are small, took 1.7 times (4,000 samples) to 4 times (10,000) as
# long by Barnes-Hut.
FFT_BELOW_WIDTH_SQUARED_PER_SAMPLE = 1.2
FFT_LEAST_WIDTH = 50  # openTSNE's grid has at least so many intervals


@dataclass(frozen=True, eq=False, repr=False)
class Frame(Brief):
    """The map after some iterations: positions (n_samples, 2) and the Kullback-Leibler divergence.

    Of more than 20,000 samples it may be that of up to four frames before; the last frame has its own.
    """

    iteration: int
    positions: NDArray[np.float32]
    kl_divergence: float


def affinities(graph: NeighbourGraph, perplexity: float, n_jobs: int = 1) -> Any:
    """Symmetric joint probabilities p_ij (van der Maaten and Hinton 2008, section 3.1), sparse.

    Each sample's bandwidth is found by bisection over its 3 * perplexity nearest neighbours. One call:
    it cannot be stopped (0.05 s for 2,000 samples, 0.2 to 0.3 s for 10,000, at perplexity 30).
    """
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    nearest = graph.nearest(int(3 * perplexity))
    index = PrecomputedNeighbors(nearest.indices, nearest.distances)
    return PerplexityBasedNN(knn_index=index, perplexity=perplexity, n_jobs=n_jobs).P


def initial_map(components: NDArray[Any], seed: int) -> NDArray[np.float64]:
    """The first two principal components at the small scale t-SNE starts from (standard deviation 1e-4).

    A hundredth of seeded noise keeps equal samples from lying on each other for ever; it is the only
    random thing in the whole method.
    """
    from openTSNE import initialization

    start = initialization.rescale(np.asarray(components, dtype=np.float64))
    return initialization.jitter(start, random_state=seed)


def early_iterations(n_iter: int) -> int:
    """How many of ``n_iter`` iterations are early exaggeration: a third, 250 at most."""
    return min(EARLY_ITERATIONS, n_iter // 3)


def tsne_frames(
    joint: Any, start: NDArray[np.float64], n_iter: int, *, frame_every: int | None = None, n_jobs: int = 1
) -> Iterator[Frame]:
    """Optimise a map and hand out frames of it; the last one is the final map.

    The frames do not change the result: with ``n_jobs=1`` it is the same, bit for bit, for every
    ``frame_every`` and for one call of openTSNE with the same gradient method.

    Parameters
    ----------
    joint : sparse matrix, shape (n_samples, n_samples)
        From :func:`affinities`; left as it is.
    start : ndarray, shape (n_samples, 2)
    n_iter : int
        Early exaggeration included.
    frame_every : int, optional
        Iterations between frames. Default: as many as fit in a tenth of a second, of more than 20,000
        samples at least 10.
    """
    from openTSNE import TSNEEmbedding
    from openTSNE.affinity import PrecomputedAffinities

    joint = joint.copy()
    gradient = _Gradient()
    embedding = TSNEEmbedding(
        start.copy(),
        PrecomputedAffinities(joint, normalize=False),
        negative_gradient_method=gradient,
        momentum=0.8,
        n_jobs=n_jobs,
    )
    early = early_iterations(n_iter)
    done = frames = 0
    divergence = float("nan")
    for end, exaggeration in ((early, EARLY_EXAGGERATION), (n_iter, 1.0)):
        # Exaggerated here and not by openTSNE, which would multiply and divide in every slice: rounding
        # would then depend on the slices.
        joint.data *= exaggeration
        gradient.forget()
        size = frame_every or 5
        while done < end:
            size = min(size, end - done)
            began = time.perf_counter()
            is_last = done + size == end
            is_due = len(start) <= MANY or is_last or frames % FRAMES_PER_DIVERGENCE_OF_MANY == 0
            gradient.needs_divergence = is_due
            embedding.optimize(size, inplace=True, learning_rate=len(start) / exaggeration)
            done, frames = done + size, frames + 1
            if is_due:
                divergence = float(embedding.kl_divergence) / exaggeration - np.log(exaggeration)
            yield Frame(done, np.array(embedding, dtype=np.float32), divergence)
            per_iteration = (time.perf_counter() - began) / size
            least = ITERATIONS_PER_FRAME_OF_MANY if len(start) > MANY else 1
            size = frame_every or max(least, round(SECONDS_PER_FRAME / per_iteration))
        joint.data /= exaggeration


class _Gradient:
    """openTSNE's gradient by whichever of its two approximations is faster, without work done twice.

    After each slice openTSNE evaluates the map once more, for its divergence. That evaluation holds the
    gradient that the next slice begins with, so it is kept: slices cost nothing but the divergence itself,
    and that only where ``needs_divergence``.
    """

    def __init__(self) -> None:
        self._kept: Any = None
        self.needs_divergence = True

    def forget(self) -> None:
        """Drop the kept gradient: the probabilities have changed."""
        self._kept = None

    def __call__(self, embedding: Any, joint: Any, **parameters: Any) -> Any:
        from openTSNE.tsne import kl_divergence_bh, kl_divergence_fft

        if self._kept is not None:
            kept, self._kept = self._kept, None
            return kept
        width = max(FFT_LEAST_WIDTH, float(np.ptp(np.asarray(embedding), axis=0).max()))
        small = width**2 < FFT_BELOW_WIDTH_SQUARED_PER_SAMPLE * len(embedding)
        is_end = parameters["should_eval_error"]
        parameters["should_eval_error"] = is_end and self.needs_divergence
        found = (kl_divergence_fft if small else kl_divergence_bh)(embedding, joint, **parameters)
        if is_end:
            self._kept = found
        return found
