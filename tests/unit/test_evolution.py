"""Maps over epochs and layers: against independent t-SNE, finite differences and the zoo's training."""

from dataclasses import replace

import numpy as np
import pytest

from nbviz import zoo
from nbviz.core.errors import UnknownName
from nbviz.core.events import Preview, Progress, Result
from nbviz.core.network import Network
from nbviz.methods.dynamic_tsne import divergences, dynamic_maps, penalty, penalty_gradient
from nbviz.methods.epoch_activations import checkpoint_activations, layer_activations
from nbviz.methods.evolution import evolution, evolution_steps
from nbviz.methods.neighbour_cache import NeighbourCache
from nbviz.methods.neighbours import nearest_neighbours, neighbourhood_hit
from nbviz.methods.projection import project
from nbviz.methods.tsne import affinities, initial_map, tsne_frames

QUICK = {"n_iter": 60, "perplexity": 10.0}
N = 200


@pytest.fixture(scope="module")
def mnist():
    """200 held-out images."""
    return zoo.load_mnist(N)


@pytest.fixture(scope="module")
def network():
    return zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def epochs(network, mnist):
    """The last hidden layer at the epochs 0, 1, 2, 4, 8 and 32."""
    return checkpoint_activations(network, mnist)


@pytest.fixture(scope="module")
def cache():
    return NeighbourCache(size=40)


@pytest.fixture(scope="module")
def settled():
    """The cache of by_strength: affinities of one perplexity are kept, and QUICK has another."""
    return NeighbourCache(size=10)


@pytest.fixture(scope="module")
def by_strength(epochs, mnist, settled):
    """Dynamic t-SNE at several strengths, run long enough to settle."""
    return {
        strength: evolution(
            epochs.activations,
            mnist.labels,
            names=epochs.names,
            strength=strength,
            n_iter=250,
            cache=settled,
        )
        for strength in (0, 3e-4, 0.01, 1e5)
    }


def maps_of(evolved):
    return evolved.positions.astype(np.float64)


# The penalty and its minimiser


def test_penalty_is_the_equation():
    maps = np.random.default_rng(0).normal(size=(3, 5, 2))
    total = sum(np.linalg.norm(maps[t, i] - maps[t + 1, i]) ** 2 for t in range(2) for i in range(5))
    assert penalty(maps, 0.3) == pytest.approx(0.3 / (2 * 5) * total)


def test_gradient_of_the_penalty_is_its_finite_difference():
    maps = np.random.default_rng(0).normal(size=(4, 5, 2))
    found = penalty_gradient(maps, 0.7)
    for index in np.ndindex(maps.shape):
        nudge = np.zeros_like(maps)
        nudge[index] = 1e-4
        difference = (penalty(maps + nudge, 0.7) - penalty(maps - nudge, 0.7)) / 2e-4
        assert found[index] == pytest.approx(difference, abs=1e-8)


def exact_divergence(joint, y):
    """KL(P || Q), nothing approximated."""
    kernel = 1 / (1 + ((y[:, None] - y[None]) ** 2).sum(-1))
    np.fill_diagonal(kernel, 0)
    p, q = joint.toarray(), kernel / kernel.sum()
    inside = p > 0
    return (p[inside] * np.log(p[inside] / q[inside])).sum()


def test_what_is_reached_is_a_minimum_of_divergences_plus_penalty():
    """The damped steps, and openTSNE's missing factor 4, leave the minimum where the equation has it."""
    rng = np.random.default_rng(3)
    frames = [rng.normal(size=(40, 5)) + shift for shift in (0.0, 0.1)]
    joints = [affinities(nearest_neighbours(frame, 30), 8.0) for frame in frames]
    start = np.stack([initial_map(frames[0][:, :2], 0)] * 2)
    strength = 0.02
    *_, last = dynamic_maps(joints, start, 1500, strength, frame_every=500)
    maps = last.positions.astype(np.float64)

    def cost(at):
        return sum(map(exact_divergence, joints, at)) + penalty(at, strength)

    assert penalty(maps, strength) > 1e-3
    np.testing.assert_allclose(last.kl_divergence, divergences(joints, maps), atol=1e-6)
    np.testing.assert_allclose(last.kl_divergence, list(map(exact_divergence, joints, maps)), atol=0.01)
    # Along the direction in which only the penalty acts (frames drawn together) and against it.
    toward = maps.mean(axis=0) - maps
    slope = (cost(maps + 1e-3 * toward) - cost(maps - 1e-3 * toward)) / 2e-3
    penalty_slope = (penalty(maps + 1e-3 * toward, strength) - penalty(maps - 1e-3 * toward, strength)) / 2e-3
    assert abs(slope) < 0.05 * abs(penalty_slope)


def test_strength_zero_is_independent_tsne_bit_for_bit(epochs, by_strength):
    found = by_strength[0]
    cache = NeighbourCache()
    joints = []
    for array in epochs.activations:
        prepared = cache.prepared(array, "euclidean")
        graph = run(prepared.graph_steps(array, 90))
        joints.append(run(prepared.joint_steps(graph, 30.0)))
    start = initial_map(prepared.start, 0)
    for t, joint in enumerate(joints):
        *_, alone = tsne_frames(joint, start, 250)
        np.testing.assert_array_equal(found.positions[t], alone.positions)
        assert found.kl[t] == pytest.approx(alone.kl_divergence)
    # The last frame starts from its own components, so it is the projection that a layer map shows.
    np.testing.assert_array_equal(found.positions[-1], project(epochs.activations[-1], n_iter=250).positions)


def run(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize("strength", [0.001, 1.0])
def test_result_does_not_depend_on_how_often_it_is_shown(epochs, cache, strength):
    once, often = (
        evolution(
            epochs.activations[::3], strength=strength, frame_every=every, cache=cache, **QUICK
        ).positions
        for every in (1000, 1)
    )
    np.testing.assert_array_equal(once, often)


def test_strength_calms_the_maps_at_nearly_constant_divergence(by_strength):
    free, calm, calmer = by_strength[0], by_strength[3e-4], by_strength[0.01]
    print()
    for strength, found in by_strength.items():
        print(
            f"strength {strength:g}: divergence {found.kl.mean():.4f}, "
            f"displacement {found.displacement.mean():.3f}, relative {found.relative_displacement.mean():.3f}"
        )
    assert calm.displacement.mean() < 0.85 * free.displacement.mean()
    assert calm.relative_displacement.mean() < 0.9 * free.relative_displacement.mean()
    assert calm.kl.mean() < 1.03 * free.kl.mean()
    assert calmer.displacement.mean() < 0.5 * free.displacement.mean()


def test_a_large_strength_freezes_the_maps(by_strength):
    frozen = by_strength[1e5]
    assert np.isfinite(frozen.positions).all()
    assert frozen.relative_displacement.max() < 1e-3
    # One map, but a map: it still separates the classes of the trained network.
    assert np.ptp(frozen.positions) > 5
    assert frozen.neighbourhood_hit[-1] > 0.8


# Events, cache, warm start


def test_previews_come_first_and_the_result_last(epochs, mnist, cache):
    events = list(evolution_steps(epochs.activations, mnist.labels, cache=cache, frame_every=20, **QUICK))
    assert isinstance(events[0], Preview)
    assert isinstance(events[-1], Result)
    first, final = events[0].value, events[-1].value
    assert first.iteration == 0
    assert first.kl is None
    assert first.neighbourhood_hit is None
    assert [e.value.iteration for e in events[1:] if isinstance(e, Preview)] == [20, 40, 60]
    assert final.positions.shape == (6, N, 2)
    assert final.positions.dtype == np.float32
    assert final.names == ("0", "1", "2", "3", "4", "5")
    assert final.kl.shape == final.neighbourhood_hit.shape == (6,)
    assert final.displacement.shape == (5,)
    for t in range(6):
        assert final.neighbourhood_hit[t] == neighbourhood_hit(final.positions[t], mnist.labels)
        assert final.neighbourhood_hit_activations[t] == pytest.approx(
            neighbourhood_hit(epochs.activations[t], mnist.labels)
        )


def test_displacement_is_the_mean_distance(by_strength):
    found = by_strength[0]
    maps = maps_of(found)
    moved = np.sqrt(((maps[3] - maps[2]) ** 2).sum(axis=1)).mean()
    assert found.displacement[2] == pytest.approx(moved)
    larger = replace(found, positions=10 * found.positions + 3)
    np.testing.assert_allclose(larger.displacement, 10 * found.displacement, rtol=1e-4)
    np.testing.assert_allclose(larger.relative_displacement, found.relative_displacement, rtol=1e-4)


def test_first_picture_turns_each_frame_to_match_the_next(epochs):
    first = next(iter(evolution_steps(epochs.activations))).value
    maps = maps_of(first)
    for t in range(5):
        product = maps[t].T @ maps[t + 1]
        np.testing.assert_allclose(product, product.T, atol=1e-3 * np.abs(product).max())
        assert np.linalg.eigvalsh(product).min() > 0  # no turn or mirror image would lie nearer


def test_another_strength_searches_no_neighbours_and_starts_from_what_is_shown(epochs, by_strength, settled):
    shown = by_strength[0]
    events = list(
        evolution_steps(epochs.activations, strength=0.01, start=shown.positions, cache=settled, n_iter=100)
    )
    assert {e.what for e in events if isinstance(e, Progress)} == {"t-SNE of 6 frames"}
    np.testing.assert_array_equal(events[0].value.positions, shown.positions)
    final = events[-1].value
    anew = by_strength[0.01]
    assert final.displacement.mean() < 0.6 * shown.displacement.mean()
    assert final.kl.mean() < 1.05 * anew.kl.mean()
    assert any("refined" in note for note in final.notes)
    assert not any("refined" in note for note in anew.notes)


def test_it_can_be_stopped_at_every_event(epochs, cache):
    for mode in ("dynamic", "joint", "follow"):
        for count in (1, 4, 12):
            steps = evolution_steps(epochs.activations[:2], mode=mode, cache=cache, **QUICK)
            for _, _event in zip(range(count), steps, strict=False):
                pass
            steps.close()
    fresh = evolution(epochs.activations[:2], **QUICK)
    kept = evolution(epochs.activations[:2], cache=cache, **QUICK)
    np.testing.assert_array_equal(fresh.positions, kept.positions)


# The other modes


def test_joint_mode_is_the_tsne_of_the_union(epochs):
    found = evolution(epochs.activations[::2], mode="joint", **QUICK)
    union = project(np.concatenate(epochs.activations[::2]), **QUICK)
    np.testing.assert_array_equal(found.positions.reshape(-1, 2), union.positions)
    assert found.strength is None
    assert np.isfinite(found.kl).all()


def test_follow_mode_starts_each_frame_from_the_one_before(epochs, cache):
    found = evolution(epochs.activations[:3], mode="follow", cache=cache, **QUICK)
    assert found.strength is None
    for t, array in enumerate(epochs.activations[:3]):
        prepared = cache.prepared(array, "euclidean")
        begin = prepared.start if t == 0 else found.positions[t - 1]
        joint = run(prepared.joint_steps(run(prepared.graph_steps(array, 30)), 10.0))
        *_, expected = tsne_frames(joint, initial_map(begin, 0), 60)
        np.testing.assert_array_equal(found.positions[t], expected.positions)
        assert found.kl[t] == pytest.approx(expected.kl_divergence)


def test_layers_of_different_width_follow_each_other(network, mnist, cache):
    layers = layer_activations(network, mnist, ["input", "pool1", "pool3", "relu4"])
    assert [a.shape for a in layers.activations] == [(N, 784), (N, 4704), (N, 576), (N, 128)]
    found = evolution(layers.activations, mnist.labels, names=layers.names, mode="follow", cache=cache)
    assert found.names == ("input", "pool1", "pool3", "relu4")
    print("\nneighbourhood hit by layer:", found.names, found.neighbourhood_hit.round(4))
    assert found.neighbourhood_hit[-1] > found.neighbourhood_hit[0] + 0.1
    assert found.neighbourhood_hit_activations[-1] > found.neighbourhood_hit_activations[0] + 0.1
    assert any("PCA to 50" in note for note in found.notes)


# What the network learned


@pytest.mark.parametrize("name", ["mnist-cnn", "mnist-mlp"])
def test_hit_and_accuracy_rise_with_training(name, mnist):
    frames = checkpoint_activations(zoo.load(name), mnist, epochs=[0, 1, zoo.load(name).checkpoints.last])
    found = evolution(frames.activations, mnist.labels, names=frames.names, n_iter=300)
    hit = found.neighbourhood_hit
    print(
        f"\n{name}: neighbourhood hit {hit[0]:.2%} before training and {hit[-1]:.2%} after "
        f"(Rauber et al. 2017: 83.78% and 98.36%), accuracy {frames.accuracy[-1]:.2%} (99.15%)"
    )
    assert hit[0] + 0.2 < hit[-1]
    assert hit[0] < hit[1] < hit[2]
    assert (np.diff(frames.accuracy) > 0).all()
    assert frames.accuracy[-1] > 0.95
    assert hit[-1] > 0.9


def test_checkpoints_give_the_activations_and_accuracy_of_their_weights(network, mnist, epochs):
    assert epochs.names == (0, 1, 2, 4, 8, 32)
    last = network.at_epoch(32)
    np.testing.assert_allclose(
        epochs.activations[-1],
        layer_activations(last, mnist, [network.hidden_layer(mnist)]).activations[0],
        rtol=1e-5,
        atol=1e-5,
    )
    for epoch, share in zip(epochs.names, epochs.accuracy, strict=True):
        answers = network.at_epoch(epoch).predict(mnist).argmax(axis=1)
        assert share == pytest.approx((answers == mnist.labels).mean())


def test_activations_are_kept_until_the_weights_of_a_checkpoint_change(mnist):
    source = zoo.load("mnist-mlp")
    states = {epoch: dict(source.checkpoints[epoch]) for epoch in (0, 1)}
    network = Network(source.module, transform=source.transform, checkpoints=states)
    first = checkpoint_activations(network, mnist, "relu2")
    again = checkpoint_activations(network, mnist, "relu2")
    assert all(a is b for a, b in zip(first.activations, again.activations, strict=True))
    np.testing.assert_array_equal(first.accuracy, again.accuracy)
    states[1] = {name: 0.5 * value for name, value in states[1].items()}
    changed = checkpoint_activations(network, mnist, "relu2")
    assert changed.activations[0] is first.activations[0]
    assert np.abs(changed.activations[1] - first.activations[1]).max() > 0.1
    some = checkpoint_activations(network, mnist, "relu2", [1], n_samples=50)
    assert some.names == (1,)
    np.testing.assert_allclose(some.activations[0], changed.activations[1][some.rows], rtol=1e-4, atol=1e-5)


def test_without_labels_there_is_no_accuracy(network, mnist):
    unlabelled = zoo.load_mnist(20).inputs
    assert checkpoint_activations(network, unlabelled, epochs=[0, 32]).accuracy is None
    assert layer_activations(network, unlabelled, ["relu4"]).accuracy is None
    assert layer_activations(network, mnist, ["relu4"]).accuracy == pytest.approx([1.0], abs=0.05)


# Bad input

GOOD = np.random.default_rng(9).normal(size=(90, 4))
PAIR = [GOOD, GOOD + 1]


def spoilt():
    array = GOOD.copy()
    array[5, 0] = np.nan
    return array


@pytest.mark.parametrize(
    ("frames", "parameters", "error", "message"),
    [
        ([GOOD], {}, ValueError, "two frames or more, got 1"),
        ([GOOD, GOOD[:80]], {}, ValueError, "frame '1' has 80 samples, the first has 90"),
        ([GOOD, spoilt()], {"names": ["fc1", "fc2"]}, ValueError, "frame 'fc2': .*1 NaN"),
        ([GOOD, np.ones((90, 4))], {}, ValueError, "frame '1': all 90 activations are equal"),
        ([GOOD, GOOD.astype(complex)], {}, TypeError, "frame '1': .*complex"),
        ([GOOD, GOOD[:, :3]], {"mode": "joint"}, ValueError, r"as many features .*\[4, 3\].*'follow'"),
        (PAIR, {"mode": "dynamc"}, UnknownName, "Did you mean 'dynamic'"),
        (PAIR, {"metric": "cosin"}, UnknownName, "Did you mean 'cosine'"),
        (PAIR, {"strength": -1}, ValueError, "strength=-1 must be 0 or more"),
        (PAIR, {"strength": float("nan")}, ValueError, "strength=nan"),
        (PAIR, {"strength": float("inf")}, ValueError, "finite"),
        (PAIR, {"perplexity": 30}, ValueError, "perplexity=30 .* 29 at most"),
        (PAIR, {"names": ["a"]}, ValueError, "1 names for 2 frames"),
        (PAIR, {"labels": np.zeros(89)}, ValueError, "89 labels for 90 samples"),
        (PAIR, {"labels": np.zeros(90), "k": 90}, ValueError, "k=90"),
        (PAIR, {"n_iter": 0}, ValueError, "n_iter=0"),
        (PAIR, {"start": np.zeros((2, 80, 2))}, ValueError, r"shape \(2, 90, 2\).*got \(2, 80, 2\)"),
        (PAIR, {"start": np.full((2, 90, 2), np.inf)}, ValueError, "not finite"),
        (PAIR, {"start": np.zeros((2, 90, 2)), "mode": "joint"}, ValueError, "start= is for mode='dynamic'"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_plain_words(frames, parameters, error, message):
    with pytest.raises(error, match=message):
        next(evolution_steps(frames, **{"perplexity": 10, **parameters}))


def test_missing_checkpoints_and_layers_are_named(network, mnist):
    with pytest.raises(ValueError, match="has no checkpoints"):
        checkpoint_activations(Network(network.module), mnist)
    with pytest.raises(UnknownName, match=r"epoch.*3"):
        checkpoint_activations(network, mnist, epochs=[0, 3])
    with pytest.raises(UnknownName, match="relu4"):
        checkpoint_activations(network, mnist, "relu9")
    with pytest.raises(UnknownName, match="relu4"):
        layer_activations(network, mnist, ["input", "relu9"])
    with pytest.raises(ValueError, match="one checkpoint or more"):
        checkpoint_activations(network, mnist, epochs=[])
    with pytest.raises(ValueError, match="list of one layer or more, got 'relu4'"):
        layer_activations(network, mnist, "relu4")
