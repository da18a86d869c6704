"""The picture wall, against plain scipy and against every possible seating."""

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import nbviz
from nbviz.core.events import Preview, Progress, Result
from nbviz.methods.image_grid import grid_shape, image_grid, image_grid_steps
from nbviz.methods.principal_components import pca


@pytest.fixture(scope="module")
def digit_map():
    """500 real digits, placed by the two first principal components of their pixels."""
    images = np.asarray(nbviz.zoo.load_mnist(500).inputs, np.float32).reshape(500, -1)
    return pca(images).positions


def least_cost(positions, shape):
    """The same assignment by scipy alone, without prices."""
    height, width = shape
    low, extent = positions.min(0), np.ptp(positions, axis=0)
    stretched = (positions - low) / np.where(extent > 0, extent, 1) * [width - 1, height - 1]
    cells = np.array([(x, y) for y in range(height) for x in range(width)])
    costs = cdist(stretched, cells, "sqeuclidean")
    return costs[linear_sum_assignment(costs)].sum()


@pytest.mark.parametrize(("count", "aspect"), [(500, 1), (484, 1), (300, 2.5), (77, 0.3)])
def test_the_seating_is_that_of_scipy_alone(digit_map, count, aspect):
    grid = image_grid(digit_map[:count], aspect=aspect)
    assert grid.cost == pytest.approx(least_cost(digit_map[:count], grid.shape), rel=1e-5)
    assert grid.is_exact


@pytest.mark.parametrize("name", ["heavy tails", "two far clumps", "a line", "equal"])
def test_awkward_maps_are_seated_as_well_as_by_scipy_alone(name):
    rng = np.random.default_rng(0)
    points = rng.standard_t(1.5, size=(200, 2))
    if name == "two far clumps":
        points = rng.normal(size=(200, 2)) * 1e-3 + rng.integers(0, 2, (200, 1)) * 1e4
    elif name == "a line":
        points[:, 1] = 3
    elif name == "equal":
        points[:] = 1
    grid = image_grid(points)
    assert len({tuple(cell) for cell in grid.cells}) == 200
    if name in ("heavy tails", "two far clumps"):
        assert grid.cost == pytest.approx(least_cost(points, grid.shape), rel=1e-9)


def test_no_other_seating_of_six_points_is_cheaper():
    points = np.random.default_rng(4).normal(size=(6, 2))
    grid = image_grid(points, aspect=1.5)
    assert grid.shape == (2, 3)
    stretched = (points - points.min(0)) / np.ptp(points, axis=0) * [2, 1]
    cells = np.array([(x, y) for y in range(2) for x in range(3)])
    costs = cdist(stretched, cells, "sqeuclidean")
    assert grid.cost == pytest.approx(min(costs[range(6), order].sum() for order in permutations(range(6))))


def test_points_that_lie_on_a_grid_stay_where_they_are():
    y, x = np.divmod(np.random.default_rng(1).permutation(49), 7)
    grid = image_grid(np.stack([x * 3.0 - 5, y * 0.1], axis=1))
    assert grid.shape == (7, 7)
    np.testing.assert_array_equal(grid.cells, np.stack([y, x], axis=1))
    assert grid.mean_displacement == pytest.approx(0, abs=1e-6)


def test_every_cell_holds_one_point_at_most_and_displacements_are_the_ways(digit_map):
    grid = image_grid(digit_map)
    height, width = grid.shape
    assert len(np.unique(grid.cells[:, 0] * width + grid.cells[:, 1])) == 500
    assert grid.cells.min() == 0
    assert (grid.cells.max(axis=0) < [height, width]).all()
    low, extent = digit_map.min(0), np.ptp(digit_map, axis=0)
    places = ((digit_map - low) / extent * [width - 1, height - 1])[:, ::-1]
    np.testing.assert_allclose(grid.displacement, np.linalg.norm(places - grid.cells, axis=1), atol=1e-4)
    assert f"{grid.mean_displacement:.1f} cell widths" in grid.text()


def test_the_first_picture_comes_before_the_exact_one_and_is_no_better(digit_map):
    events = list(image_grid_steps(digit_map))
    assert [type(event) for event in events] == [Preview, Progress, Progress, Result]
    first, last = events[0].value, events[-1].value
    assert len({tuple(cell) for cell in first.cells}) == 500
    assert not first.is_exact
    assert last.cost <= first.cost
    assert first.mean_displacement < 12  # of a grid 22 wide: it is a seating by place, not any


def test_of_too_many_points_an_even_sample_is_seated(digit_map):
    grid = image_grid(digit_map, limit=100)
    assert grid.shape == (10, 10)
    assert len(grid.rows) == 100
    assert np.diff(grid.rows).max() <= 6


@pytest.mark.parametrize("count", [1, 2, 3, 5, 12, 99, 100, 101, 2000])
@pytest.mark.parametrize("aspect", [0.5, 1, 2])
def test_grids_have_room_and_few_empty_cells(count, aspect):
    height, width = grid_shape(count, aspect)
    assert count <= height * width < count + max(height, width)
    assert (
        len(image_grid(np.random.default_rng(0).normal(size=(min(count, 200), 2)), aspect=aspect).cells) > 0
    )


@pytest.mark.parametrize(
    ("positions", "options", "message"),
    [
        (np.zeros((0, 2)), {}, "no positions"),
        (np.zeros((5, 3)), {}, "shape \\(5, 3\\)"),
        (np.zeros(5), {}, "shape \\(5,\\)"),
        ([["a", "b"]], {}, "numbers"),
        ([[0, 1], [np.nan, 1]], {}, "1 of 2 positions"),
        (np.zeros((5, 2)), {"aspect": 0}, "aspect"),
        (np.zeros((5, 2)), {"limit": 0}, "limit"),
    ],
)
def test_what_cannot_be_seated_is_refused(positions, options, message):
    with pytest.raises(ValueError, match=message):
        image_grid(positions, **options)
