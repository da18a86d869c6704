"""A map of points as a picture wall: every point gets a cell of a square grid, as near as possible.

Karpathy, "t-SNE visualization of CNN codes" (2014), fills a grid with the pictures of a t-SNE map; here the
cells are given out so that the sum of squared ways is the smallest possible (linear assignment).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.brief import Brief
from nbviz.core.events import Preview, Progress, Result, Steps, run_to_end
from nbviz.core.recording import spread

LIMIT = 2_500
"""Points that are given a cell at most by default: memory grows with their square, 50 MB here."""
# How finely the prices of the cells are found first, in squared cells. Finer takes longer than it saves, and
# below 2 the exponentials leave the range of float64.
FINEST = 4.0
ROUNDS = 10


@dataclass(frozen=True, eq=False, repr=False)
class ImageGrid(Brief):
    """Who sits where.

    Attributes
    ----------
    rows : (m,) int64 array
        Which points of the map have a cell: all, or ``limit`` of them spread evenly.
    cells : (m, 2) int32 array
        Row and column of each, no two alike. Row 0 is the edge of the map where y is smallest.
    shape : tuple of two ints
        Rows and columns of the grid; at least m cells.
    displacement : (m,) float64 array
        Way from a point to its cell, in cell widths, once the map is stretched over the grid.
    cost : float
        Sum of the squared displacements. The smallest there is, except in a preview.
    seconds : float
        What the assignment took.
    is_exact : bool
        False in a preview.
    """

    rows: NDArray[np.int64]
    cells: NDArray[np.int32]
    shape: tuple[int, int]
    displacement: NDArray[np.float64]
    cost: float
    seconds: float
    is_exact: bool

    @property
    def mean_displacement(self) -> float:
        """Mean way from a point to its cell, in cell widths."""
        return float(self.displacement.mean())

    def text(self) -> str:
        """How the grid was made, in one line."""
        height, width = self.shape
        return (
            f"{len(self.rows)} points on {height} x {width} cells in {self.seconds:.2f} s, "
            f"{self.mean_displacement:.1f} cell widths from their places on average"
        )


def image_grid_steps(positions: ArrayLike, *, aspect: float = 1.0, limit: int = LIMIT) -> Steps:
    """Give every point of a map a cell of a grid.

    Yields Progress; a Preview after a few milliseconds (points sorted into rows, then along them); at last
    the Result. Values are :class:`ImageGrid`.

    The assignment is scipy's (Crouse 2016, a Jonker-Volgenant algorithm), and exact. It is made fast by
    prices: cells wanted by many are dear. Sinkhorn's iteration (Cuturi 2013) on the grid finds nearly right
    ones, and costs less prices have the same best assignment, which is then found at once: 2,500 points took
    0.2 s of one core in place of 8 s. The longest stretch without a yield is that.

    Parameters
    ----------
    positions : array_like, shape (n, 2)
        x and y, in any unit: each axis is stretched over the grid.
    aspect : float
        Columns per row, 0.1 to 10; 1 for a square grid. Columns and rows are chosen to leave few cells empty.
    limit : int
        Of more points, this many are taken, spread evenly over their order. Memory is 8 * limit**2 bytes.

    Raises
    ------
    ValueError
        Positions of another shape, none, or not finite; ``aspect`` or ``limit`` out of range.
    """
    points = _check_positions(positions)
    if not 0.1 <= aspect <= 10:
        raise ValueError(f"aspect={aspect:g} must be from 0.1 (a tall grid) to 10 (a wide one)")
    if limit < 1:
        raise ValueError(f"limit={limit} must be at least 1")
    began = time.perf_counter()
    rows = spread(len(points), limit)
    shape = grid_shape(len(rows), aspect)
    stretched = _stretched(points[rows], shape)

    def grid(cells: NDArray[Any], is_exact: bool) -> ImageGrid:
        squares = ((stretched - cells) ** 2).sum(axis=1)
        seconds = time.perf_counter() - began
        small = cells.astype(np.int32)
        return ImageGrid(rows, small, shape, np.sqrt(squares), float(squares.sum()), seconds, is_exact)

    yield Preview(grid(_sorted_into_rows(stretched, shape), False))
    yield Progress(0, 1, "places in the grid")
    cells = np.stack(np.divmod(_assign(stretched, shape), shape[1]), axis=1)
    yield Progress(1, 1, "places in the grid")
    yield Result(grid(cells, True))


def image_grid(positions: ArrayLike, **parameters: Any) -> ImageGrid:
    """Give every point of a map a cell of a grid: :func:`image_grid_steps`, run to the end."""
    return run_to_end(image_grid_steps(positions, **parameters))


def grid_shape(count: int, aspect: float = 1.0) -> tuple[int, int]:
    """Rows and columns of about the given ratio with ``count`` cells or few more."""
    columns = max(1, min(count, round(math.sqrt(count * aspect))))
    return -(-count // columns), columns


def _check_positions(positions: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(positions)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "fiu":
        raise ValueError(f"positions must be (points, 2) numbers, got {array.dtype} of shape {array.shape}")
    if len(array) == 0:
        raise ValueError("there are no positions")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).any(axis=1).sum())
        raise ValueError(f"{bad} of {len(array)} positions are not finite (NaN or infinite)")
    return array.astype(np.float64)


def _stretched(points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """(row, column) of each point, not rounded; the map fills the grid."""
    turned = points[:, ::-1]
    low, extent = turned.min(axis=0), np.ptp(turned, axis=0)
    inside = np.where(extent > 0, (turned - low) / np.where(extent > 0, extent, 1), 0.5)
    return inside * (np.array(shape) - 1)


def _sorted_into_rows(stretched: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.int64]:
    """A quick seating: the lowest points fill the first row, in the order of their columns, and so on."""
    columns = shape[1]
    by_row = np.argsort(stretched[:, 0], kind="stable")
    row = np.empty(len(stretched), np.int64)
    row[by_row] = np.arange(len(stretched)) // columns
    order = np.lexsort((stretched[:, 1], row))
    cells = np.empty((len(stretched), 2), np.int64)
    cells[order] = np.stack(np.divmod(np.arange(len(stretched)), columns), axis=1)
    return cells


def _assign(stretched: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.int64]:
    """The cell (numbered along the rows) of each point with the least sum of squared ways."""
    from scipy.optimize import linear_sum_assignment

    height, width = shape
    n, n_cells = len(stretched), height * width
    down = (stretched[:, :1] - np.arange(height)) ** 2
    across = (stretched[:, 1:] - np.arange(width)) ** 2
    to_points, to_cells, to_nobody = _prices(down, across)
    # Empty cells are taken by nobody, at no cost: with as many takers as cells, prices change no assignment.
    costs = np.empty((n_cells, n_cells))
    costs[:n] = (down[:, :, None] + across[:, None, :]).reshape(n, n_cells)
    costs[n:] = 0
    costs[:n] -= to_points[:, None]
    costs[n:] -= to_nobody
    costs -= to_cells.ravel()
    return linear_sum_assignment(costs)[1][:n]


def _prices(
    down: NDArray[np.float64], across: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Nearly optimal prices (dual variables) of points, of cells (height, width), and of nobody's seat.

    Entropic transport of points to cells. Squared ways add up over the axes, so each product with the kernel
    is two small matrix products.
    """
    n, n_cells = len(down), down.shape[1] * across.shape[1]
    nobody = n_cells - n
    softness = max(FINEST, max(down.shape[1], across.shape[1]) ** 2 / 16)
    cell_prices = np.zeros((down.shape[1], across.shape[1]))
    tiny = np.finfo(np.float64).tiny
    while True:
        rows, columns = np.exp(-down / softness), np.exp(-across / softness)
        cells = np.exp((cell_prices - cell_prices.max()) / softness)
        for _ in range(ROUNDS):
            points = 1 / np.maximum(((rows @ cells) * columns).sum(axis=1), tiny)
            empty = 1 / max(cells.sum(), tiny)
            cells = 1 / np.maximum((rows * points[:, None]).T @ columns + nobody * empty, tiny)
        cell_prices = softness * np.log(cells)
        if softness <= FINEST:
            return softness * np.log(points), cell_prices, softness * float(np.log(empty))
        softness = max(FINEST, softness / 3)
