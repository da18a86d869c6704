"""Trails of samples over maps: what bundling must keep, and what it must do."""

import numpy as np
import pytest

from nbviz.methods.trails import trails


@pytest.fixture(scope="module")
def streams():
    """Two classes of 60 samples over 4 frames, each a broad stream; the classes cross each other."""
    rng = np.random.default_rng(0)
    along = np.linspace(-30, 30, 4)
    first = np.stack([np.stack([np.full(60, x), rng.normal(0, 4, 60)], axis=1) for x in along])
    second = np.stack([np.stack([rng.normal(0, 4, 60), np.full(60, x)], axis=1) for x in along])
    return np.concatenate([first, second], axis=1), np.repeat(["a", "b"], 60)


def cells_touched(lines, low, high, cells=150):
    """How much ink the trails take: cells of a fine grid that hold a point of them."""
    where = np.floor((lines.reshape(-1, 2) - low) / (high - low) * cells).astype(int)
    return len(np.unique(where, axis=0))


def test_strength_zero_is_the_straight_polyline_through_every_position(streams):
    positions, labels = streams
    found = trails(positions, labels, strength=0, points_per_step=5)
    assert found.shape == (120, 16, 2)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, ::5], positions.transpose(1, 0, 2), rtol=1e-6)
    np.testing.assert_allclose(found[:, 7], 0.6 * positions[1] + 0.4 * positions[2], rtol=1e-4, atol=1e-5)


def test_bundling_keeps_the_ends_and_needs_less_ink(streams):
    positions, labels = streams
    straight, bundled = trails(positions, labels, strength=0), trails(positions, labels)
    np.testing.assert_allclose(bundled[:, 0], positions[0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(bundled[:, -1], positions[-1], rtol=1e-5, atol=1e-5)
    low, high = straight.min(), straight.max() + 1e-3
    assert bundled.min() >= low - 3
    assert bundled.max() <= high + 3
    assert cells_touched(bundled, low, high) < 0.6 * cells_touched(straight, low, high)
    middle = bundled.shape[1] // 2
    for name in "ab":
        rows = labels == name
        across = np.s_[rows, middle, 1 if name == "a" else 0]
        assert bundled[across].std() < 0.3 * straight[across].std()


def test_strength_mixes_straight_and_bundled(streams):
    straight, half, full = (trails(*streams, strength=s) for s in (0, 0.5, 1))
    np.testing.assert_allclose(half, (straight + full) / 2, atol=1e-4)


def test_trails_do_not_gather_in_knots(streams):
    bundled = trails(*streams)
    pieces = np.linalg.norm(np.diff(bundled[:60], axis=1), axis=2)
    assert pieces[:, 4:-4].min() > 0.5 * np.median(pieces)


def test_classes_do_not_attract_each_other(streams):
    positions, labels = streams
    together = trails(positions, labels)
    for name in "ab":
        rows = labels == name
        # Alone, but with the same frame around it: the grid is laid over all positions.
        corners = np.tile(np.stack([positions.min((0, 1)), positions.max((0, 1))]), (4, 1, 1))
        alone = trails(np.concatenate([positions[:, rows], corners], axis=1), np.r_[np.zeros(60), np.ones(2)])
        np.testing.assert_allclose(together[rows], alone[:60], atol=1e-4)
    assert np.abs(trails(positions)[:60] - together[:60]).max() > 1  # as one class they do


def test_bundling_moves_with_the_map(streams):
    positions, labels = streams
    there = trails(positions * 1e-3 + 7, labels)
    np.testing.assert_allclose((there - 7) * 1e3, trails(positions, labels), atol=0.05)


def test_samples_that_hardly_move_do_not_seem_to():
    rng = np.random.default_rng(1)
    still = np.tile(rng.normal(size=(80, 2)), (3, 1, 1))
    np.testing.assert_array_equal(trails(still), trails(still, strength=0))
    np.testing.assert_array_equal(trails(np.zeros((2, 5, 2))), 0)
    restless = still + rng.normal(0, 0.01, still.shape)
    aside = np.linalg.norm(trails(restless) - trails(restless, strength=0), axis=2).max(axis=1)
    length = np.linalg.norm(np.diff(restless, axis=0), axis=2).sum(axis=0)
    assert (aside <= 0.5 * length + 1e-6).all()
    assert aside.max() > 0


@pytest.mark.parametrize(
    ("positions", "options", "message"),
    [
        (np.zeros((1, 4, 2)), {}, "two frames or more, got"),
        (np.zeros((3, 4, 3)), {}, r"\(frames, samples, 2\)"),
        (np.zeros((3, 0, 2)), {}, "got"),
        (np.full((3, 4, 2), np.nan), {}, "finite"),
        (np.zeros((3, 4, 2)), {"strength": 1.5}, "strength=1.5"),
        (np.zeros((3, 4, 2)), {"strength": float("nan")}, "strength=nan"),
        (np.zeros((3, 4, 2)), {"points_per_step": 0}, "points_per_step=0"),
        (np.zeros((3, 4, 2)), {"labels": [1, 2]}, "2 labels for 4 samples"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_plain_words(positions, options, message):
    with pytest.raises(ValueError, match=message):
        trails(positions, **options)
