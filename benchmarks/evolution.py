"""Our maps over epochs beside independent openTSNE runs of the same frames, and what calm costs.

Run ``python benchmarks/evolution.py`` (2,000 held-out images, the six checkpoints of mnist-mlp and of
mnist-cnn, last hidden layer; half an hour) or with ``--samples 500`` (three minutes).

Times are processor seconds, so that other work on the machine hardly counts, at one thread, best of
``--repeats`` interleaved runs of ``--timed`` iterations. Both sides are given the same affinities and start
from the same positions; perplexity 30, 250 iterations of early exaggeration (a third, if fewer than 750),
Barnes-Hut. Neighbours and affinities are left out on both sides, for we keep them between strengths.

Columns of the tables: KL, divergence in nats, mean of the frames; moved, mean distance that samples move
from frame to frame; moved / radius, the same as a share of the map's radius; NH, neighbourhood hit (k = 6) in
the first and the last map; AC, accuracy on the same images.

Exits with 1 when a figure that must hold does not: see ``verdicts``.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from openTSNE import TSNEEmbedding
from openTSNE.affinity import PrecomputedAffinities
from threadpoolctl import threadpool_limits

from nbviz import zoo
from nbviz.methods.dynamic_tsne import dynamic_maps
from nbviz.methods.epoch_activations import FrameActivations, checkpoint_activations, layer_activations
from nbviz.methods.evolution import Evolution, evolution
from nbviz.methods.neighbour_cache import NeighbourCache
from nbviz.methods.neighbours import nearest_neighbours
from nbviz.methods.trails import trails
from nbviz.methods.tsne import affinities, early_iterations, initial_map

STRENGTHS = (0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1, 1e1)
PAPER = "Rauber et al. 2017, MNIST, last hidden layer: NH 83.78% before training, 98.36% after; AC 99.15%"


def plain(joint, start: np.ndarray, n_iter: int) -> np.ndarray:
    """openTSNE as its documentation calls it."""
    early = early_iterations(n_iter)
    found = TSNEEmbedding(
        start.copy(), PrecomputedAffinities(joint, normalize=False), n_jobs=1, negative_gradient_method="bh"
    )
    found = found.optimize(early, exaggeration=12, momentum=0.8)
    return np.asarray(found.optimize(n_iter - early, momentum=0.8))


def processor_seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def overhead(frames: FrameActivations, n_iter: int, repeats: int) -> float:
    """Processor time of dynamic t-SNE, as a multiple of that of independent openTSNE runs."""
    joints = [affinities(nearest_neighbours(array, 90), 30.0) for array in frames.activations]
    components = np.linalg.svd(frames.activations[-1] - frames.activations[-1].mean(0), full_matrices=False)
    start = initial_map(components.U[:, :2] * components.S[:2], 0)
    starts = np.stack([start] * len(joints))
    ours, theirs = [], []
    for _ in range(repeats):
        theirs.append(processor_seconds(lambda: [plain(joint, start, n_iter) for joint in joints]))
        ours.append(processor_seconds(lambda: list(dynamic_maps(joints, starts, n_iter, 1e-3))))
    ratio = min(ours) / min(theirs)
    print(
        f"{n_iter} iterations of {len(joints)} frames: openTSNE, frame by frame {min(theirs):.2f} s, "
        f"dynamic t-SNE with previews {min(ours):.2f} s, ratio {ratio:.2f}",
        flush=True,
    )
    return ratio


def row(title: str, found: Evolution) -> None:
    assert found.kl is not None
    assert found.neighbourhood_hit is not None
    hit = found.neighbourhood_hit
    print(
        f"{title:16}{found.kl.mean():8.4f}{found.displacement.mean():9.3f}"
        f"{found.relative_displacement.mean():12.3f}{hit[0]:10.2%}{hit[-1]:9.2%}",
        flush=True,
    )


def against_strength(frames: FrameActivations, labels: np.ndarray) -> dict[object, Evolution]:
    """Print divergence and movement for every strength, and for the other modes."""
    print(f"{'':16}{'KL':>8}{'moved':>9}{'moved/radius':>13}{'NH first':>9}{'NH last':>9}")
    cache, found = NeighbourCache(16), {}
    for strength in STRENGTHS:
        found[strength] = evolution(
            frames.activations, labels, names=frames.names, strength=strength, cache=cache
        )
        row(f"strength {strength:g}", found[strength])
    for mode in ("follow", "joint"):
        found[mode] = evolution(frames.activations, labels, names=frames.names, mode=mode, cache=cache)
        row(mode, found[mode])
    warm = evolution(frames.activations, labels, start=found[0].positions, strength=1e-2, cache=cache)
    row("0, then 0.01", warm)
    return found


def curve(title: str, found: Evolution) -> None:
    assert found.neighbourhood_hit is not None
    assert found.neighbourhood_hit_activations is not None
    print(f"{title:24}" + "".join(f"{name:>9}" for name in found.names))
    print(f"{'NH in the map':24}" + "".join(f"{hit:9.2%}" for hit in found.neighbourhood_hit))
    inside = found.neighbourhood_hit_activations
    print(f"{'NH of the activations':24}" + "".join(f"{hit:9.2%}" for hit in inside))


def verdicts(ratio: float, by: dict[object, Evolution], layers: Evolution, drawn: float) -> list[str]:
    """What must be true, and is not."""
    free, calm = by[0], by[3e-4]
    assert free.kl is not None
    assert calm.kl is not None
    assert layers.neighbourhood_hit is not None
    hit = by[1e-3].neighbourhood_hit
    assert hit is not None
    frozen = by[1e1].relative_displacement.max()
    checks = {
        f"time {ratio:.2f}x independent openTSNE's, at most 1.3": ratio <= 1.3,
        "strength 3e-4 moves at most 0.8 as far": calm.displacement.mean() < 0.8 * free.displacement.mean(),
        "strength 3e-4 costs at most 3% of divergence": calm.kl.mean() < 1.03 * free.kl.mean(),
        f"strength 10 freezes (moves {frozen:.3f} of the radius, at most 0.02)": frozen < 0.02,
        "NH rises from the first to the last epoch": hit[-1] > hit[0],
        "NH rises from input to last layer": layers.neighbourhood_hit[-1] > layers.neighbourhood_hit[0],
        f"trails in {drawn:.2f} s, at most 1.5": drawn <= 1.5,
    }
    return [text for text, holds in checks.items() if not holds]


def examine(name: str, layers: list[str], arguments: argparse.Namespace) -> list[str]:
    """All figures of one network; returns what does not hold."""
    samples, network = zoo.load_mnist(arguments.samples), zoo.load(name)
    labels = np.asarray(samples.labels)
    frames = checkpoint_activations(network, samples)
    print(f"\n{name}, {len(labels)} images, {frames.activations[0].shape[1]} features")
    ratio = overhead(frames, arguments.timed, arguments.repeats)
    by = against_strength(frames, labels)
    curve("epoch", by[1e-3])
    assert frames.accuracy is not None
    print(f"{'AC':24}" + "".join(f"{share:9.2%}" for share in frames.accuracy))
    print(PAPER)
    through = layer_activations(network, samples, layers)
    found = evolution(through.activations, labels, names=through.names, mode="follow")
    curve("layer", found)
    positions = by[1e-3].positions
    drawn = min(processor_seconds(lambda: trails(positions, labels)) for _ in range(3))
    print(f"trails of {positions.shape[1]} samples over {len(positions)} frames: {drawn:.2f} s", flush=True)
    return [f"{name}: {text}" for text in verdicts(ratio, by, found, drawn)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=2_000, help="held-out images, 2,000 at most")
    parser.add_argument("--repeats", type=int, default=3, help="interleaved runs that are timed")
    parser.add_argument("--timed", type=int, default=150, help="iterations of these")
    arguments = parser.parse_args()
    failed = []
    with threadpool_limits(1):
        failed += examine("mnist-mlp", ["input", "relu1", "relu2", "relu3", "relu4"], arguments)
        failed += examine("mnist-cnn", ["input", "pool1", "pool2", "pool3", "relu4"], arguments)
    print("\n" + "\n".join(f"FAILED {text}" for text in failed) if failed else "\nall that must hold holds")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
