"""Dynamic t-SNE: the maps of several moments optimised together, each held near the one before."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.methods.tsne import EARLY_EXAGGERATION, SECONDS_PER_FRAME, _Gradient, early_iterations

# openTSNE's optimiser and its settings, of which a strength of 0 must give the same maps, bit for bit.
MOMENTUM = 0.8
LEAST_GAIN = 0.01
LONGEST_STEP = 5.0
# The divergence makes a gradient 1.4 times as dear, so it is not asked for in every frame.
SECONDS_PER_DIVERGENCE = 1.0
ACCURACY: dict[str, Any] = {
    "dof": 1,
    "bh_params": {"theta": 0.5},
    "fft_params": {"n_interpolation_points": 3, "min_num_intervals": 50, "ints_in_interval": 1},
}
# The c of dynamic_maps, as a multiple of the step along the penalty: less overshoots, more only slows.
DAMPING = 2.0
# openTSNE leaves out the factor 4 of the gradient (van der Maaten and Hinton 2008, equation 5).
GRADIENT_SCALE = 4.0


@dataclass(frozen=True, eq=False, repr=False)
class Maps(Brief):
    """All maps after some iterations: positions (frames, n_samples, 2), divergences (frames,) in nats.

    The divergences may be those of about a second ago; those of the last maps are their own.
    """

    iteration: int
    positions: NDArray[np.float32]
    kl_divergence: NDArray[np.float64]


def penalty(maps: NDArray[np.floating], strength: float) -> float:
    """How much the samples move, as dynamic t-SNE counts it (Rauber, Falcão and Telea 2016).

    ``strength / (2 n_samples) * sum over t and i of |y_i[t] - y_i[t + 1]|^2``.
    """
    moved = np.diff(maps, axis=0)
    return float(strength / (2 * maps.shape[1]) * (moved**2).sum())


def penalty_gradient(maps: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Derivative of :func:`penalty` with respect to ``maps``, of their shape."""
    moved = np.diff(maps, axis=0)
    gradient = np.zeros_like(maps)
    gradient[1:] += moved
    gradient[:-1] -= moved
    gradient *= strength / maps.shape[1]
    return gradient


def dynamic_maps(
    joints: Sequence[Any],
    starts: NDArray[np.float64],
    n_iter: int,
    strength: float,
    *,
    exaggerate: bool = True,
    frame_every: int | None = None,
    n_jobs: int = 1,
) -> Iterator[Maps]:
    """Minimise the divergences of all maps plus the :func:`penalty`, and hand out the maps on the way.

    Each step is that of openTSNE (momentum and gains). A strong penalty would make it overshoot, so the
    part of a step in which frames move against each other is damped by ``I + c L``, L being the penalty's
    own second derivative along the frames: where the gradient vanishes, and so the result, is the same.

    Parameters
    ----------
    joints : sequence of sparse matrices, shape (n_samples, n_samples)
        One per frame, from :func:`~nbviz.methods.tsne.affinities`; left as they are.
    starts : ndarray, shape (frames, n_samples, 2)
    n_iter : int
        Early exaggeration included.
    strength : float
        The penalty's weight, lambda, 0 or more. With 0 every map is, bit for bit, what
        :func:`~nbviz.methods.tsne.tsne_frames` makes of its joint probabilities and its start.
    exaggerate : bool
        Whether to begin with early exaggeration; not wanted when ``starts`` are maps already.
    frame_every : int, optional
        Iterations between what is handed out. Default: as many as fit in a tenth of a second. The result
        does not depend on it.
    n_jobs : int
        Threads of the gradients.
    """
    joints = [joint.copy() for joint in joints]
    maps = np.array(starts, dtype=np.float64)
    gradients = [_Gradient() for _ in joints]
    state = _State(maps, strength)
    early = early_iterations(n_iter) if exaggerate else 0
    done, judged, evaluated = 0, np.zeros(len(joints)), -np.inf
    for end, exaggeration in ((early, EARLY_EXAGGERATION), (n_iter, 1.0)):
        for joint, gradient in zip(joints, gradients, strict=True):
            joint.data *= exaggeration
            gradient.forget()
        state.begin(exaggeration)
        size = frame_every or 1
        while done < end:
            size = min(size, end - done)
            began = time.perf_counter()
            for _ in range(size):
                found = [
                    gradient(y, joint, should_eval_error=False, n_jobs=n_jobs, **ACCURACY)[1]
                    for y, joint, gradient in zip(maps, joints, gradients, strict=True)
                ]
                state.step(np.stack(found))
            done += size
            if done == end or began - evaluated > SECONDS_PER_DIVERGENCE:
                judged, evaluated = _divergences(gradients, joints, maps, exaggeration, n_jobs), began
            yield Maps(done, maps.astype(np.float32), judged)
            per_iteration = (time.perf_counter() - began) / size
            size = frame_every or max(1, round(SECONDS_PER_FRAME / per_iteration))
        for joint in joints:
            joint.data /= exaggeration


def divergences(joints: Sequence[Any], maps: NDArray[np.float64], n_jobs: int = 1) -> NDArray[np.float64]:
    """Kullback-Leibler divergence of each map, in nats, shape (frames,)."""
    return _divergences([_Gradient() for _ in joints], joints, maps, 1.0, n_jobs)


def _divergences(
    gradients: Sequence[_Gradient],
    joints: Sequence[Any],
    maps: NDArray[np.float64],
    exaggeration: float,
    n_jobs: int,
) -> NDArray[np.float64]:
    found = [
        gradient(y, joint, should_eval_error=True, n_jobs=n_jobs, **ACCURACY)[0]
        for y, joint, gradient in zip(maps, joints, gradients, strict=True)
    ]
    return np.array(found) / exaggeration - np.log(exaggeration)


class _State:
    """The maps while they are optimised, changed in place by :meth:`step`."""

    def __init__(self, maps: NDArray[np.float64], strength: float) -> None:
        self.maps, self.strength = maps, strength
        self.update = np.zeros_like(maps)
        self.gains = np.ones_like(maps)

    def begin(self, exaggeration: float) -> None:
        """Set the length of the steps that follow."""
        n_frames, n_samples = self.maps.shape[:2]
        self.rate = n_samples / exaggeration
        self.damping: NDArray[np.float64] | None = None
        if self.strength > 0:
            along = np.diff(np.eye(n_frames), axis=0)
            c = DAMPING * self.rate * self.strength / (GRADIENT_SCALE * n_samples)
            self.damping = np.linalg.inv(np.eye(n_frames) + c * along.T @ along)

    def step(self, gradient: NDArray[np.float64]) -> None:
        """One step down ``gradient``, the divergences', to which the penalty's is added."""
        if self.strength > 0:
            gradient += penalty_gradient(self.maps, self.strength) / GRADIENT_SCALE
        onward = np.sign(self.update) != np.sign(gradient)
        self.gains = np.where(onward, self.gains + 0.2, self.gains * 0.8 + LEAST_GAIN)
        downhill = self.rate * self.gains * gradient
        if self.damping is not None:
            downhill = np.einsum("st,tnd->snd", self.damping, downhill)
        self.update = MOMENTUM * self.update - downhill
        lengths = np.linalg.norm(self.update, axis=2, keepdims=True)
        long = lengths[..., 0] > LONGEST_STEP
        self.update[long] = self.update[long] / lengths[long] * LONGEST_STEP
        self.maps += self.update
        self.maps -= np.stack([np.mean(y, axis=0) for y in self.maps])[:, None]
