"""The selection rule against its own words, on states that make every clause decide."""

import numpy as np
import pytest

from nbviz.methods.cell_selection import count_on, select_cells
from nbviz.methods.state_levels import cuts, quantise


def by_the_words(states, span, theta, *, zeros, sign, starts):
    """The rule, step by step, in Python."""
    n_steps, n_cells = states.shape
    sequence = np.searchsorted(starts, np.arange(n_steps), side="right")
    found = {}
    for cell in range(n_cells):
        for side in (1, -1):
            if (side > 0 and sign == "negative") or (side < 0 and sign == "positive"):
                continue
            on = [side * states[t, cell] >= theta for t in range(n_steps)]
            before = [
                t for t in range(span[0] - zeros[0], span[0]) if t >= 0 and sequence[t] == sequence[span[0]]
            ]
            after = [
                t
                for t in range(span[1], span[1] + zeros[1])
                if t < n_steps and sequence[t] == sequence[span[1] - 1]
            ]
            if all(on[t] for t in range(*span)) and not any(on[t] for t in before + after):
                found[cell] = side
    return found


def test_selection_is_the_rule_in_words():
    generator = np.random.default_rng(0)
    selected = 0
    for _ in range(400):
        n_steps = int(generator.integers(1, 12))
        states = np.tanh(generator.normal(size=(n_steps, 40)) + generator.normal(size=40))
        first = int(generator.integers(n_steps))
        span = (first, int(generator.integers(first + 1, n_steps + 1)))
        zeros = tuple(generator.integers(0, 4, 2).tolist())
        starts = np.unique(np.append(0, generator.integers(0, n_steps, 3)))
        sign = str(generator.choice(["positive", "negative", "both"]))
        found = select_cells(quantise(states), span, 0.3, zeros, sign, starts=starts)
        expected = by_the_words(states, span, found.threshold, zeros=zeros, sign=sign, starts=starts)
        assert dict(zip(found.cells.tolist(), found.signs.tolist(), strict=True)) == expected
        selected += len(expected)
    assert selected > 1000  # the rule was not met by selecting nothing


# cells:             0    1    2    3    4
STATES = np.array(
    [
        [0.0, 0.5, 0.0, -0.5, 0.5],
        [0.0, 0.0, 0.5, 0.0, 0.5],
        [0.5, 0.5, 0.5, -0.5, 0.5],
        [0.0, 0.0, 0.0, 0.0, 0.5],
        [0.5, 0.0, 0.0, 0.0, 0.5],
    ]
)


@pytest.mark.parametrize(
    ("span", "zeros", "expected"),
    [
        ((2, 3), (0, 0), [0, 1, 2, 4]),
        ((2, 3), (1, 0), [0, 1]),
        ((2, 3), (2, 0), [0]),
        ((2, 3), (9, 1), [0]),
        ((2, 3), (0, 2), [1, 2]),
        ((0, 1), (3, 1), [1]),  # nothing is demanded before the first step
        ((4, 5), (0, 3), [0, 4]),  # nor after the last
        ((0, 5), (2, 2), [4]),
    ],
)
def test_margins_of_several_steps_one_step_patterns_and_the_ends(span, zeros, expected):
    assert select_cells(quantise(STATES), span, 0.5, zeros).cells.tolist() == expected


def test_nothing_is_demanded_across_a_sequence_boundary():
    levels = quantise(STATES)
    assert select_cells(levels, (2, 3), 0.5, (1, 0)).cells.tolist() == [0, 1]
    assert select_cells(levels, (2, 3), 0.5, (1, 0), starts=[0, 2]).cells.tolist() == [0, 1, 2, 4]
    assert select_cells(levels, (2, 3), 0.5, (0, 2), starts=[0, 3]).cells.tolist() == [0, 1, 2, 4]
    assert select_cells(levels, (2, 3), 0.5, (2, 0), starts=[0, 1]).cells.tolist() == [0, 1]


def test_the_sides():
    levels = quantise(STATES)
    negative = select_cells(levels, (2, 3), 0.5, sign="negative")
    assert (negative.cells.tolist(), negative.signs.tolist()) == ([3], [-1])
    both = select_cells(levels, (2, 3), 0.5, sign="both")
    assert (both.cells.tolist(), both.signs.tolist()) == ([0, 1, 2, 3, 4], [1, 1, 1, -1, 1])
    mirrored = select_cells(quantise(-STATES), (2, 3), 0.5, (1, 1), "negative")
    assert mirrored.cells.tolist() == select_cells(levels, (2, 3), 0.5, (1, 1)).cells.tolist()


def test_unsigned_cells_have_no_negative_side():
    levels = np.zeros((4, 2), dtype=np.uint8)
    assert len(select_cells(levels, (1, 2), 0.3, sign="both", signed=False)) == 0
    mixed = select_cells(levels, (1, 2), 0.3, sign="both", signed=np.array([False, True]))
    assert mixed.cells.tolist() == [1]


def test_without_zeros_a_higher_threshold_never_adds_a_cell():
    states = np.tanh(np.random.default_rng(4).normal(size=(6, 300)))
    before = set(range(300))
    for theta in np.linspace(0, 1, 60):
        now = set(select_cells(quantise(states), (2, 4), theta, sign="both").cells.tolist())
        assert now <= before
        before = now
    assert not before  # no state is as high as the highest threshold


def test_count_on_per_step():
    found = cuts(0.5, n_cells=5)
    counted = count_on(quantise(STATES), np.array([1, 3, 4]), np.array([1, -1, 1]), found)
    assert counted.tolist() == [3, 1, 3, 1, 1]


@pytest.mark.parametrize("span", [(2, 2), (-1, 2), (3, 6), (3, 1)])
def test_a_span_outside_the_data_is_refused(span):
    with pytest.raises(ValueError, match="within 0 to 5"):
        select_cells(quantise(STATES), span, 0.5)


def test_bad_levels_zeros_signs_and_starts_are_refused():
    levels = quantise(STATES)
    with pytest.raises(TypeError, match="uint8"):
        select_cells(STATES, (0, 1), 0.5)
    with pytest.raises(ValueError, match=r"\(time, cells\)"):
        select_cells(levels[0], (0, 1), 0.5)
    with pytest.raises(ValueError, match="zeros"):
        select_cells(levels, (0, 1), 0.5, (-1, 0))
    with pytest.raises(ValueError, match="positive"):
        select_cells(levels, (0, 1), 0.5, sign="positiv")
    for starts in ([0, 5], [0, 3, 3], [-1, 2], [3, 1]):
        with pytest.raises(ValueError, match="ascending"):
            select_cells(levels, (0, 1), 0.5, starts=starts)
