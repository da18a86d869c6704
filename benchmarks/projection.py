"""Our t-SNE beside plain openTSNE and scikit-learn, on activations of the shipped MNIST network.

Run ``python benchmarks/projection.py`` (2,000 held-out images, three minutes) or with ``--large``
(10,000 images, of which 8,000 are training images; ten minutes). Two layers: the last hidden one
(128 features) and a convolutional one (9,408 features, which we reduce to 50 by PCA).

Equal for all: perplexity 30, 750 iterations of which 250 exaggerated 12 times, PCA start, learning rate
"auto", no early stop, one thread to optimise (scikit-learn is held to one for all of its OpenMP work). Our
neighbour search and everybody's linear algebra use every core, unless ``--one-thread`` is given.
For the convolutional layer openTSNE runs twice: from the activations themselves, and from 50 components
made by scikit-learn's PCA, whose time counts. scikit-learn is given these components too.

Columns: time to the result, best of ``--repeats`` interleaved runs (ours with previews and both
neighbourhood hits); its ratio to openTSNE's, best of the same number; KL as each library reports it; KL
judge, the exact divergence of the map from one and the same affinities (exact neighbours in the space that
PCA to 50 dimensions leaves, where it is used); NH, the neighbourhood hit in the map, k = 6.

Exits with 1 when a figure that must hold does not: see ``verdicts``.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from openTSNE import TSNE
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE as SklearnTSNE
from threadpoolctl import threadpool_limits

from nbviz import zoo
from nbviz.core.capture import capture
from nbviz.core.events import Preview, Result
from nbviz.methods.neighbours import nearest_neighbours, neighbourhood_hit
from nbviz.methods.projection import project_steps
from nbviz.methods.tsne import affinities

PERPLEXITY, ITERATIONS = 30.0, 750
OURS, PLAIN = "nbviz", "openTSNE"


@dataclass
class Run:
    """One contender: its seconds, run by run, and its last map."""

    name: str
    make: Callable[[], tuple[np.ndarray, float]]
    repeats: int
    seconds: list[float] = field(default_factory=list)
    positions: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    divergence: float = 0.0

    def once(self) -> None:
        began = time.perf_counter()
        self.positions, self.divergence = self.make()
        self.seconds.append(time.perf_counter() - began)


class Ours:
    """Our projection, and when its pictures came."""

    def __init__(self, activations: np.ndarray, labels: np.ndarray) -> None:
        self.activations, self.labels = activations, labels
        self.first: list[float] = []
        self.rates: list[float] = []
        self.gaps: list[float] = []

    def __call__(self) -> tuple[np.ndarray, float]:
        began, previews, value = time.perf_counter(), [], None
        for event in project_steps(self.activations, self.labels, perplexity=PERPLEXITY, n_iter=ITERATIONS):
            if isinstance(event, Preview):
                previews.append(time.perf_counter())
            elif isinstance(event, Result):
                value = event.value
        assert value is not None
        self.first.append(previews[0] - began)
        frames = previews[1:]
        self.rates.append((len(frames) - 1) / (frames[-1] - frames[0]))
        self.gaps.append(max(np.diff(frames)))
        return value.positions, value.kl_divergence


def plain(activations: np.ndarray) -> tuple[np.ndarray, float]:
    """openTSNE as its documentation calls it."""
    found = TSNE(perplexity=PERPLEXITY, n_iter=ITERATIONS - 250, n_jobs=1, random_state=0).fit(activations)
    return np.asarray(found), float(found.kl_divergence)


def sklearn(activations: np.ndarray) -> tuple[np.ndarray, float]:
    """scikit-learn's t-SNE, made to run all iterations."""
    tsne = SklearnTSNE(
        perplexity=PERPLEXITY,
        max_iter=ITERATIONS,
        n_iter_without_progress=ITERATIONS,
        min_grad_norm=0,
        n_jobs=1,
        random_state=0,
    )
    with threadpool_limits(1, user_api="openmp"):
        return tsne.fit_transform(activations), float(tsne.kl_divergence_)


def components(activations: np.ndarray) -> np.ndarray:
    """scikit-learn's PCA to 50 dimensions, as its default solver does it."""
    return PCA(50, random_state=0).fit_transform(activations)


def exact_divergence(joint, positions: np.ndarray) -> float:
    """KL(P || Q) with nothing approximated, block by block (van der Maaten and Hinton 2008, equation 2)."""
    y = np.asarray(positions, dtype=np.float64)
    total = -float(len(y))  # each point's similarity to itself is 1 and does not count
    for start in range(0, len(y), 500):
        total += (1 / (1 + ((y[start : start + 500, None] - y[None]) ** 2).sum(axis=-1))).sum()
    p = joint.tocoo()
    q = 1 / (1 + ((y[p.row] - y[p.col]) ** 2).sum(axis=1)) / total
    return float((p.data * np.log(p.data / q))[p.data > 0].sum())


def compare(layer: str, activations: np.ndarray, labels: np.ndarray, repeats: int) -> list[str]:
    """Run all contenders on one layer, print the table, and return what does not hold."""
    n_samples, n_features = activations.shape
    reduce = n_features > 512
    ours = Ours(activations, labels)
    if reduce:
        runs = [
            Run(OURS, ours, repeats),
            Run(PLAIN, lambda: plain(components(activations)), repeats),
            Run("openTSNE, all features", lambda: plain(activations), 1),
            Run("scikit-learn", lambda: sklearn(components(activations)), 1),
        ]
    else:
        runs = [
            Run(OURS, ours, repeats),
            Run(PLAIN, lambda: plain(activations), repeats),
            Run("scikit-learn", lambda: sklearn(activations), 1),
        ]
    for turn in range(repeats):
        for run in runs:
            if turn < run.repeats:
                run.once()
    seen = components(activations) if reduce else activations
    joint = affinities(nearest_neighbours(seen, int(3 * PERPLEXITY)), PERPLEXITY)
    judged = {run.name: exact_divergence(joint, run.positions) for run in runs}
    base = min(runs[1].seconds)
    print(f"\n{layer}: {n_samples} samples x {n_features} features" + (", PCA to 50" if reduce else ""))
    print(f"{'':24}{'time':>9}{'ratio':>8}{'KL':>9}{'KL judge':>10}{'NH':>8}")
    for run in runs:
        best, hit = min(run.seconds), neighbourhood_hit(run.positions, labels)
        divergences = f"{run.divergence:9.4f}{judged[run.name]:10.4f}"
        print(f"{run.name:24}{best:7.2f} s{best / base:8.2f}{divergences}{hit:8.4f}")
    print(
        f"our first picture {min(ours.first):.3f} s (the very first call {ours.first[0]:.3f} s), "
        f"{max(ours.rates):.1f} frames/s, longest wait between two frames {min(ours.gaps):.2f} s",
        flush=True,
    )
    if n_samples > 2000:
        return []
    times, divergences = min(runs[0].seconds) / base, judged[OURS] / judged[PLAIN]
    failed = verdicts(times, divergences, max(ours.rates), min(ours.first))
    return [f"{layer}: {text}" for text in failed]


def verdicts(times: float, divergences: float, rate: float, first: float) -> list[str]:
    """What must be true of 2,000 samples, and is not."""
    checks = {
        f"time {times:.2f}x openTSNE's, at most 1.1": times <= 1.1,
        f"divergence {divergences:.3f}x openTSNE's, at most 1.02": divergences <= 1.02,
        f"{rate:.1f} frames/s, at least 5": rate >= 5,
        f"first picture {first:.3f} s, at most 0.1": first <= 0.1,
    }
    return [text for text, holds in checks.items() if not holds]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="10,000 samples instead of 2,000")
    parser.add_argument("--one-thread", action="store_true", help="hold everything to one thread")
    parser.add_argument("--repeats", type=int, default=None, help="interleaved runs (default 5; large 1)")
    parser.add_argument("--layers", nargs="+", default=["relu4", "relu2"], help="layers of mnist-cnn")
    arguments = parser.parse_args()
    samples = zoo.load_mnist(10_000 if arguments.large else 2_000)
    activations = capture(zoo.load("mnist-cnn"), samples, arguments.layers)
    repeats = arguments.repeats or (1 if arguments.large else 5)
    failed = []
    threadpool_limits(1 if arguments.one_thread else None)
    for layer in arguments.layers:
        failed += compare(layer, activations.pop(layer), np.asarray(samples.labels), repeats)
    print("\n" + "\n".join(f"FAILED {text}" for text in failed) if failed else "\nall that must hold holds")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
