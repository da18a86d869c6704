"""The states of a corpus as levels, laid out twice: by cell for finding runs, by step for ranking them.

Both layouts, and the bit planes that save most of the ranking, are memory-mapped files: a million steps of
650 cells are twice 650 MB and 880 MB of planes on disk and in the page cache, which the system may take
back, and next to nothing in the process's own memory. A query reads the selected cells and one plane.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.errors import unknown_name
from nbviz.core.events import Progress, Result, Steps, run_to_end
from nbviz.methods.cell_selection import CellSelection, Sign, check_starts, select_cells
from nbviz.methods.state_files import (
    PIECE,
    CellRange,
    Chunk,
    LevelFile,
    empty_planes,
    fill,
    levels_of,
    mapped_bytes,
    parts_of,
    per_cell,
    ranges_of,
    turn,
)
from nbviz.methods.state_levels import Cuts, cuts, values_of
from nbviz.methods.state_planes import Planes

Part = TypeVar("Part", NDArray[np.uint8], Planes)
IN_MEMORY_BELOW = 64 * 2**20
"""Bytes of levels up to which :meth:`StateStore.from_array` makes no files."""


class StateStore:
    """States of a corpus as uint8 levels; made by :meth:`from_array`, :meth:`build` or :meth:`build_steps`.

    Use it as a context manager or call :meth:`close`; its files vanish then, or with the last reference to
    it, or when Python ends.

    Attributes
    ----------
    n_steps, n_cells : int
    layers : tuple of CellRange
        Name, cell range, sign and scale of each array that lies side by side in the store.
    signed, scale : (n_cells,) bool and float arrays
        As ``layers`` say, one entry per cell.
    starts : int64 array
        First step of each sequence; the first entry is 0.
    by_step : (n_steps, n_cells) uint8 array, read-only
    by_cell : (n_cells, n_steps) uint8 array, read-only
    planes : Planes
        See :mod:`~nbviz.methods.state_planes`.
    """

    def __init__(
        self,
        by_step: NDArray[np.uint8],
        by_cell: NDArray[np.uint8],
        planes: Planes,
        *,
        layers: tuple[CellRange, ...],
        starts: NDArray[np.int64],
        folder: tempfile.TemporaryDirectory | None = None,
    ):
        self._by_step: NDArray[np.uint8] | None = by_step
        self._by_cell: NDArray[np.uint8] | None = by_cell
        self._planes: Planes | None = planes
        self.n_steps, self.n_cells = by_step.shape
        self.layers = layers
        self.starts = starts
        self.signed, self.scale = per_cell(layers)
        self._vanish = weakref.finalize(self, folder.cleanup) if folder else None

    @property
    def by_step(self) -> NDArray[np.uint8]:
        return _still_open(self._by_step)

    @property
    def by_cell(self) -> NDArray[np.uint8]:
        return _still_open(self._by_cell)

    @property
    def planes(self) -> Planes:
        return _still_open(self._planes)

    @property
    def closed(self) -> bool:
        return self._by_step is None

    @property
    def nbytes(self) -> int:
        """Bytes of levels and planes, on disk or in memory."""
        return 2 * self.n_steps * self.n_cells + sum(bits.nbytes for bits in self.planes.bits.values())

    def close(self) -> None:
        """Let go of the states and delete their files. Closing twice does no harm."""
        self._by_step = self._by_cell = self._planes = None
        if self._vanish:
            self._vanish()

    def __enter__(self) -> StateStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def layer(self, name: str) -> CellRange:
        """Where a layer's cells are.

        Raises
        ------
        UnknownName
            With the names that exist.
        """
        for one in self.layers:
            if one.name == name:
                return one
        raise unknown_name("layer", name, [one.name for one in self.layers])

    def cell_name(self, cell: int) -> str:
        """The layer's name and the cell's number in it, as ``lstm.0[17]``."""
        one = next(one for one in self.layers if one.start <= cell < one.stop)
        return f"{one.name}[{cell - one.start}]"

    def values(self, start: int = 0, stop: int | None = None) -> NDArray[np.float32]:
        """States from ``start`` to ``stop`` in their own units, (steps, cells), to half a step."""
        return values_of(self.by_step[start:stop], self.signed, self.scale)

    def cuts(self, threshold: float) -> Cuts:
        """A threshold as levels for every cell; see :func:`~nbviz.methods.state_levels.cuts`."""
        return cuts(threshold, self.signed, self.scale, n_cells=self.n_cells)

    def select(
        self,
        span: tuple[int, int],
        threshold: float,
        zeros: tuple[int, int] = (0, 0),
        sign: Sign = "positive",
    ) -> CellSelection:
        """Cells on in a span and off around it: :func:`~nbviz.methods.cell_selection.select_cells`."""
        return select_cells(
            self.by_step,
            span,
            threshold,
            zeros,
            sign,
            signed=self.signed,
            scale=self.scale,
            starts=self.starts,
        )

    @classmethod
    def from_array(
        cls,
        states: Chunk,
        *,
        signed: bool | Mapping[str, bool] = True,
        scale: float | Mapping[str, float] = 1.0,
        starts: ArrayLike | None = None,
        folder: str | Path | None = None,
    ) -> StateStore:
        """A store of states that are in memory; parameters as :meth:`build_steps`.

        Below 64 MB it makes no files, unless `folder` is given.
        """
        parts = parts_of(states)
        n_steps = len(next(iter(parts.values())))
        if n_steps == 0:
            raise ValueError("there are no states: the array has no steps")
        n_bytes = sum(part.size for part in parts.values())
        if folder is not None or n_bytes > IN_MEMORY_BELOW:
            pieces = (
                {name: part[at : at + 16 * PIECE] for name, part in parts.items()}
                for at in range(0, n_steps, 16 * PIECE)
            )
            return cls.build(
                pieces, signed=signed, scale=scale, starts=starts, folder=folder, n_steps=n_steps
            )
        layers = ranges_of(parts, signed, scale)
        levels = levels_of(parts, layers)
        by_cell = np.ascontiguousarray(levels.T)
        planes = empty_planes(layers, n_steps, None)
        fill(planes, 0, levels)
        for array in (levels, by_cell):
            array.setflags(write=False)
        return cls(levels, by_cell, planes, layers=layers, starts=check_starts(starts, n_steps))

    @classmethod
    def build(cls, chunks: Iterable[Chunk], **parameters: Any) -> StateStore:
        """A store of states that come in chunks: :meth:`build_steps`, run to the end."""
        return run_to_end(cls.build_steps(chunks, **parameters))

    @classmethod
    def build_steps(
        cls,
        chunks: Iterable[Chunk],
        *,
        signed: bool | Mapping[str, bool] = True,
        scale: float | Mapping[str, float] = 1.0,
        starts: ArrayLike | None = None,
        chunks_are_sequences: bool = False,
        n_steps: int | None = None,
        folder: str | Path | None = None,
    ) -> Steps:
        """Write states to disk as they come; yields ``Progress``, then the store as ``Result``.

        It may be closed at every ``yield``; the files vanish then.

        Parameters
        ----------
        chunks : iterable of (time, cells) arrays, or of dicts from layer name to such an array
            In order. All have the same names and numbers of cells; the layers of a dict lie side by side
            and have the same number of steps. A bare array is a layer named ``"states"``.
        signed : bool, or dict from layer name to bool
            False for states that are never negative (gates, rectified units).
        scale : float, or dict from layer name to float
            A power of two, see :mod:`~nbviz.methods.state_levels`.
        starts : array_like of int, optional
            First step of each sequence, ascending. Read after the last chunk: it may be a list that grows
            while the chunks come.
        chunks_are_sequences : bool
            True if every chunk is a sequence of its own; `starts` is not given then.
        n_steps : int, optional
            Steps expected in all, for the progress only.
        folder : path, optional
            Where a folder for the files is made; the system's folder for temporary files if not given.

        Raises
        ------
        TypeError, ValueError, UnknownName
            At the first ``next``, or when the chunk comes: no steps or no cells, a shape that is not
            (time, cells) or that changes, NaN or infinite states, wrong starts.
        """
        if starts is not None and chunks_are_sequences:
            raise ValueError("give starts, or chunks_are_sequences=True, not both")
        # Windows does not delete a file that is still mapped: what is left there goes with the folder
        own = tempfile.TemporaryDirectory(prefix="nbviz-states-", dir=folder, ignore_cleanup_errors=True)
        try:
            written = LevelFile(Path(own.name) / "by_step")
            for chunk in chunks:
                written.append(chunk, signed, scale)
                yield Progress(written.n_steps, max(n_steps or 0, written.n_steps), "states")
            if not written.n_steps:
                raise ValueError("there are no states: the chunks have no steps at all")
            begins = written.begins if chunks_are_sequences else starts
            checked = check_starts(np.array(begins) if chunks_are_sequences else begins, written.n_steps)
            by_step = written.mapped()
            by_cell_file = Path(own.name) / "by_cell"
            planes = empty_planes(written.layers, written.n_steps, Path(own.name))
            for done in turn(by_step, by_cell_file, planes):
                yield Progress(done, written.n_steps, "states by cell")
            by_cell = mapped_bytes(by_cell_file, by_step.shape[::-1])
            store = cls(by_step, by_cell, planes, layers=written.layers, starts=checked, folder=own)
        except BaseException:
            own.cleanup()
            raise
        yield Result(store)


def _still_open(part: Part | None) -> Part:
    if part is None:
        raise ValueError("this store of states is closed; its files are deleted")
    return part
