"""Matching against brute force: every maximal run, every cell, no shortcut."""

import numpy as np
import pytest
from scipy.signal import lfilter

from nbviz.methods import run_fits, state_matching, state_planes
from nbviz.methods.state_matching import match_states
from nbviz.methods.state_store import StateStore


def brute_force(states, asked, *, cells, signs, starts, sides):
    """All runs in order, as (-intersection, union, -length, start), by the words of the rule."""
    n_steps, n_cells = states.shape
    sequence = np.searchsorted(starts, np.arange(n_steps), side="right").tolist()
    on = {side: (side * states >= asked.threshold).tolist() for side in (1, -1)}
    count = [sum(on[side][t][cell] for cell, side in zip(cells, signs, strict=True)) for t in range(n_steps)]
    assert asked.count.tolist() == count
    runs = set()
    for level in range(len(cells) - asked.most, len(cells) + 1):
        for first in range(n_steps):
            inside = first > 0 and sequence[first - 1] == sequence[first] and count[first - 1] >= level
            if count[first] < level or inside:
                continue
            end = first + 1
            while end < n_steps and sequence[end] == sequence[first] and count[end] >= level:
                end += 1
            runs.add((first, end))
    selected = set(zip(cells, signs, strict=True))
    rows = []
    for first, end in runs:
        if asked.length not in (None, end - first):
            continue
        if asked.exclude and first < asked.exclude[1] and end > asked.exclude[0]:
            continue
        around = [*range(first - asked.margins[0], first), *range(end, end + asked.margins[1])]
        around = [t for t in around if 0 <= t < n_steps and sequence[t] == sequence[first]]
        fitting = {
            (cell, side)
            for cell in range(n_cells)
            for side in sides
            if all(on[side][t][cell] for t in range(first, end))
            and not any(on[side][t][cell] for t in around)
        }
        rows.append((-len(fitting & selected), len(fitting | selected), first - end, first))
    return sorted(rows)


def rows_of(found):
    return list(zip(-found.intersection, found.union, -found.lengths, found.starts, strict=True))


def drifting(generator, n_steps, n_cells):
    """States that stay on for a few steps, as those of a network do."""
    walk = np.cumsum(generator.normal(size=(n_steps, n_cells)), axis=0) * 0.3
    return np.tanh(walk - walk.mean(axis=0) + generator.normal(size=n_cells) * 0.2)


def autoregressive(generator, n_steps, n_cells):
    """The same for many steps, without drift."""
    return np.tanh(lfilter([0.4], [1, -0.9], generator.normal(size=(n_steps, n_cells)), axis=0))


@pytest.mark.parametrize("few_runs", [0, 1, 32])
def test_matches_are_those_of_brute_force(few_runs, monkeypatch):
    monkeypatch.setattr(run_fits, "FEW_RUNS", few_runs)
    monkeypatch.setattr(run_fits, "BYTES_AT_ONCE", 700)  # several chunks
    generator = np.random.default_rng(few_runs)
    seen = {"missing": 0, "bounded": 0, "rows": 0}
    for _ in range(60):
        n_steps, n_cells = int(generator.integers(1, 200)), int(generator.integers(1, 150))
        states = drifting(generator, n_steps, n_cells)
        n_chosen = int(generator.integers(1, min(n_cells, 6) + 1))
        cells = generator.choice(n_cells, n_chosen, replace=False).tolist()
        one_sign = np.full(n_chosen, generator.choice([1, -1]))
        signs = (generator.choice([1, -1], n_chosen) if generator.random() < 0.4 else one_sign).tolist()
        sides = tuple(set(signs)) if generator.random() < 0.7 else (1, -1)
        starts = np.unique(np.append(0, generator.integers(0, n_steps, generator.integers(6))))
        first = int(generator.integers(n_steps))
        found = match_states(
            StateStore.from_array(states, starts=starts),
            cells,
            signs,
            float(generator.choice([0.02, 0.1, 0.3, 0.5, 0.85])),
            margins=tuple(generator.integers(0, 4, 2).tolist()) if generator.random() < 0.5 else (0, 0),
            most=int(generator.integers(n_chosen)),
            length=None if generator.random() < 0.8 else int(generator.integers(1, 4)),
            limit=int(generator.integers(1, 12)),
            exclude=None
            if generator.random() < 0.7
            else (first, int(generator.integers(first, n_steps)) + 1),
            sign="both" if len(sides) == 2 else None,
        )
        expected = brute_force(states, found, cells=cells, signs=signs, starts=starts, sides=sides)
        assert found.n_runs == len(expected)
        assert rows_of(found) == expected[: found.limit]
        np.testing.assert_array_equal(found.jaccard, found.intersection / found.union)
        seen["missing"] += int((found.intersection < n_chosen).sum())
        seen["bounded"] += found.n_runs > 4 * found.limit
        seen["rows"] += len(found)
    assert min(seen.values()) > 5, seen  # every kind of case came up


def test_the_bound_is_never_above_the_count_and_often_decides():
    generator = np.random.default_rng(5)
    store = StateStore.from_array(autoregressive(generator, 3000, 130), starts=[0, 1500])
    first = generator.integers(0, 2900, 400)
    lengths = generator.integers(1, 60, 400) // generator.integers(1, 60, 400) + 1
    for sign in ("positive", "negative", "both"):
        for margins in ((0, 0), (2, 1)):
            for theta in (0.02, 0.15, 38 / 128, 0.99):
                fits = run_fits.Fits(store, store.cuts(theta), margins, sign)
                least, count = fits.least(first, lengths), fits.count(first, lengths)
                assert (least <= count).all()
                if theta == 38 / 128:  # a plane of its own: the bound is the count
                    np.testing.assert_array_equal(least, count)
                elif theta == 0.15 and margins == (0, 0):
                    assert least.sum() > 0.5 * count.sum() > 0


def test_few_runs_are_counted_in_full(monkeypatch):
    store = StateStore.from_array(autoregressive(np.random.default_rng(6), 20_000, 200))
    counted = []
    whole = run_fits.Fits.count
    monkeypatch.setattr(
        run_fits.Fits,
        "count",
        lambda self, starts, lengths: counted.append(len(starts)) or whole(self, starts, lengths),
    )
    found = match_states(store, [3, 17], threshold=0.2, limit=10)
    assert found.n_runs > 400
    assert sum(counted) < found.n_runs / 4


def test_a_run_with_a_higher_bound_and_the_same_count_wins_by_its_position():
    states = np.zeros((40, 2))
    states[[10, 20, 30], 0] = 0.9
    states[[20, 30], 1] = 0.15  # on, but not at the next plane: the bounds of these two are too low by one
    states[10, 1] = 0.9
    store = StateStore.from_array(states)
    assert match_states(store, [0], threshold=0.1, limit=1).starts.tolist() == [10]
    assert match_states(store, [0], threshold=0.1, limit=2).starts.tolist() == [10, 20]


def planted(sign):
    """Noise below the threshold, and cells 3 and 7 on at steps 40-43, and at 90-93 with cell 5."""
    states = np.random.default_rng(0).uniform(-0.25, 0.25, (120, 20))
    states[40:44, [3, 7]] = 0.8 * sign
    states[90:94, [3, 5, 7]] = 0.8 * sign
    states[60:62, [3, 7]] = 0.8 * sign  # as good, but shorter
    states[70:80, 3] = 0.8 * sign  # cell 7 is missing
    return states


@pytest.mark.parametrize("sign", [1, -1])
def test_a_planted_pattern_is_found_in_order(sign):
    found = match_states(StateStore.from_array(planted(sign)), [3, 7], sign, 0.3)
    assert found.starts.tolist() == [40, 60, 90]
    assert found.lengths.tolist() == [4, 2, 4]
    assert found.intersection.tolist() == [2, 2, 2]
    assert found.union.tolist() == [2, 2, 3]
    np.testing.assert_allclose(found.jaccard, [1, 1, 2 / 3])
    assert len(match_states(StateStore.from_array(planted(sign)), [3, 7], -sign, 0.3)) == 0
    assert found.steps().tolist() == [*range(40, 44), *range(60, 62), *range(90, 94)]


def test_most_adds_runs_in_which_cells_are_missing_behind_the_full_ones():
    store = StateStore.from_array(planted(1))
    found = match_states(store, [3, 7], 1, 0.3, most=1)
    assert list(zip(found.starts, found.lengths, found.intersection, strict=True)) == [
        (40, 4, 2),
        (60, 2, 2),
        (90, 4, 2),
        (70, 10, 1),
    ]
    # a longer run of one cell around the full one is a run of its own
    states = planted(1)
    states[38:44, 3] = 0.8
    found = match_states(StateStore.from_array(states), [3, 7], 1, 0.3, most=1)
    assert (38, 6, 1) in list(zip(found.starts, found.lengths, found.intersection, strict=True))
    assert found.starts[0] == 40


def test_margins_demand_every_step_asked_for():
    states = np.zeros((30, 3))
    states[10:12, 0] = states[20:22, 0] = 0.8
    states[8:12, 1] = states[20:22, 1] = 0.8  # on at steps 8 and 9, too
    store = StateStore.from_array(states)
    plain = match_states(store, [0, 1])
    assert plain.intersection.tolist() == [2, 2]
    one = match_states(store, [0, 1], margins=(True, False))
    assert (one.starts.tolist(), one.intersection.tolist()) == ([20, 10], [2, 1])
    states[9, 1] = 0  # off just before, on two steps before
    store = StateStore.from_array(states)
    assert match_states(store, [0, 1], margins=(1, 0)).intersection.tolist() == [2, 2]
    assert match_states(store, [0, 1], margins=(2, 0)).intersection.tolist() == [2, 1]
    assert match_states(store, [0, 1], margins=(0, 5)).intersection.tolist() == [2, 2]
    # a boundary between hides the steps before it
    store = StateStore.from_array(states, starts=[0, 9])
    assert match_states(store, [0, 1], margins=(2, 0)).intersection.tolist() == [2, 2]


def test_one_step_runs_the_very_ends_and_boundaries():
    states = np.zeros((12, 2))
    states[[0, 1, 5, 9, 10, 11], 0] = 0.9
    found = match_states(StateStore.from_array(states), [0], margins=(3, 3))
    assert sorted(zip(found.starts, found.lengths, strict=True)) == [(0, 2), (5, 1), (9, 3)]
    assert found.intersection.tolist() == [1, 1, 1]
    found = match_states(StateStore.from_array(states, starts=[0, 1, 5, 10]), [0])
    expected = [(0, 1), (1, 1), (5, 1), (9, 1), (10, 2)]
    assert sorted(zip(found.starts, found.lengths, strict=True)) == expected
    only = match_states(StateStore.from_array(states), [0], length=1)
    assert (only.starts.tolist(), only.n_runs) == ([5], 1)
    always = match_states(StateStore.from_array(np.ones((5, 1))), [0])
    assert (always.starts.tolist(), always.lengths.tolist()) == ([0], [5])


@pytest.mark.parametrize(
    ("exclude", "left"), [((5, 6), [2, 8]), ((3, 5), [5, 8]), ((4, 5), [2, 5, 8]), ((7, 9), [2, 5])]
)
def test_runs_that_touch_the_excluded_span_are_left_out(exclude, left):
    states = np.zeros((12, 1))
    states[[2, 3, 5, 6, 8, 9]] = 0.9
    found = match_states(StateStore.from_array(states), [0], exclude=exclude)
    assert sorted(found.starts.tolist()) == left


def test_both_sides_count_in_the_union_only_if_searched():
    states = np.zeros((9, 4))
    states[3:5, 0], states[3:5, 1] = 0.8, -0.8
    store = StateStore.from_array(states)
    assert match_states(store, [0]).union.tolist() == [1]
    assert match_states(store, [0], sign="both").union.tolist() == [2]
    mixed = match_states(store, [0, 1], [1, -1])
    assert (mixed.intersection.tolist(), mixed.union.tolist(), mixed.sign) == ([2], [2], "both")


def test_unsigned_cells_and_cells_beyond_their_range_are_never_on():
    parts = {"gate": np.zeros((6, 2)), "h": np.full((6, 2), -0.9)}
    parts["gate"][2] = 0.9
    store = StateStore.from_array(parts, signed={"gate": False})
    assert match_states(store, [0], -1, sign="both").n_runs == 0
    assert match_states(store, [0, 3], [1, -1]).starts.tolist() == [2]
    wide = StateStore.from_array({"h": np.ones((6, 1)), "relu": np.full((6, 1), 7.0)}, scale={"relu": 8.0})
    assert match_states(wide, [1], threshold=5.0).union.tolist() == [1]
    assert match_states(wide, [0], threshold=5.0).n_runs == 0


def test_more_cells_than_a_byte_counts():
    store = StateStore.from_array(np.full((4, 300), 0.9))
    found = match_states(store, np.arange(300))
    assert found.count.tolist() == [300] * 4
    assert (found.n_runs, found.intersection.tolist(), found.union.tolist()) == (1, [300], [300])


def test_bits_are_counted_the_same_without_numpy_2(monkeypatch):
    words = np.random.default_rng(0).integers(0, 2**63, (50, 3), dtype=np.uint64)
    expected = [sum(int(word).bit_count() for word in row) for row in words]
    assert state_planes.count_bits(words).tolist() == expected
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    assert state_planes.count_bits(words).tolist() == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cells": []}, "no cell is selected"),
        ({"cells": [0, 0]}, "distinct"),
        ({"cells": [4]}, "from 0 to 3"),
        ({"cells": [-1]}, "from 0 to 3"),
        ({"cells": [0.5]}, "cell number"),
        ({"signs": [1]}, "each of the 2 cells"),
        ({"signs": [1, 0]}, "1 or -1"),
        ({"threshold": 1.5}, "from 0 to 1"),
        ({"threshold": -0.3}, "sign='negative'"),
        ({"most": 2}, "from 0 to 1"),
        ({"most": -1}, "from 0 to 1"),
        ({"limit": 0}, "at least 1"),
        ({"length": 0}, "at least 1"),
        ({"margins": (0, -1)}, "margins"),
        ({"exclude": (3, 9)}, "within 0 to 5"),
        ({"sign": "up"}, "positive"),
        ({"signs": [1, -1], "sign": "positive"}, "leaves out selected cells"),
    ],
)
def test_bad_queries_say_what_is_wrong(given, message):
    store = StateStore.from_array(np.zeros((5, 4)))
    with pytest.raises(ValueError, match=message):
        match_states(store, **({"cells": [0, 1]} | given))


def test_a_closed_store_says_so():
    store = StateStore.from_array(np.zeros((5, 4)))
    store.close()
    with pytest.raises(ValueError, match="closed"):
        match_states(store, [0])


def test_the_formula_names_the_order_of_the_rule():
    order = [state_matching.FORMULA.index(word) for word in ("∩", "∪", "longest", "earliest")]
    assert order == sorted(order)
