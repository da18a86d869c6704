"""Writing states as levels to files: by step as they come, then turned to by cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nbviz.core.errors import unknown_name
from nbviz.methods.state_levels import as_array, check_scale, quantise
from nbviz.methods.state_planes import Planes, n_words, pack, plane_cuts

Chunk = ArrayLike | Mapping[str, ArrayLike]
PIECE = 1024
"""Steps that are quantised or turned at once: a piece stays in the processor's cache."""


@dataclass(frozen=True, slots=True)
class CellRange:
    """Where one layer's states stand among the cells of a store."""

    name: str
    start: int
    stop: int
    signed: bool = True
    scale: float = 1.0


class LevelFile:
    """The file that holds the levels by step, while it grows."""

    def __init__(self, path: Path):
        self.path = path
        self.layers: tuple[CellRange, ...] = ()
        self.n_steps = 0
        self.begins: list[int] = []
        path.touch()

    def append(self, chunk: Chunk, signed: Any, scale: Any) -> None:
        parts = parts_of(chunk)
        layers = ranges_of(parts, signed, scale)
        if self.layers and layers != self.layers:
            was, now = ({one.name: one.stop - one.start for one in each} for each in (self.layers, layers))
            raise ValueError(f"all chunks must have the same cells: {was} so far, then {now}")
        self.layers = layers
        n_new = len(next(iter(parts.values())))
        with self.path.open("ab") as file:
            for at in range(0, n_new, PIECE):
                piece = {name: part[at : at + PIECE] for name, part in parts.items()}
                file.write(levels_of(piece, layers).data)
        if n_new:
            self.begins.append(self.n_steps)
        self.n_steps += n_new

    def mapped(self) -> NDArray[np.uint8]:
        return mapped_bytes(self.path, (self.n_steps, self.layers[-1].stop))


def mapped_bytes(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A file's bytes as a plain read-only array: ``np.memmap`` itself is slow at small slices."""
    return np.memmap(path, np.uint8, "r", shape=shape).view(np.ndarray)


def turn(by_step: NDArray[np.uint8], path: Path, planes: Planes) -> Iterator[int]:
    """Write the levels by cell and fill the planes, a few pieces at a time; says how many steps are done."""
    n_steps, n_cells = by_step.shape
    by_cell = np.memmap(path, np.uint8, "w+", shape=(n_cells, n_steps)).view(np.ndarray)
    for at in range(0, n_steps, PIECE):
        piece = by_step[at : at + PIECE]
        by_cell[:, at : at + PIECE] = piece.T
        fill(planes, at, piece)
        if at % (16 * PIECE) == 0:
            yield min(at + PIECE, n_steps)


def empty_planes(layers: tuple[CellRange, ...], n_steps: int, folder: Path | None) -> Planes:
    """Planes to be filled, in memory or in files."""
    signed, scale = per_cell(layers)
    found = plane_cuts(signed, scale)
    shape = (len(found), n_steps, n_words(len(signed)))
    bits = {}
    for side in (1, -1) if signed.any() else (1,):
        if folder is None:
            bits[side] = np.empty(shape, dtype=np.uint64)
        else:
            path = folder / f"planes{side:+d}"
            bits[side] = np.memmap(path, np.uint64, "w+", shape=shape).view(np.ndarray)
    return Planes(found, bits)


def fill(planes: Planes, at: int, levels: NDArray[np.uint8]) -> None:
    """Write the planes of some steps, from step ``at``."""
    for side, bits in planes.bits.items():
        for plane, found in enumerate(planes.cuts):
            bits[plane, at : at + len(levels)] = pack(levels, found, side)


def per_cell(layers: tuple[CellRange, ...]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Sign and scale of every cell."""
    sizes = [one.stop - one.start for one in layers]
    return (
        np.repeat([one.signed for one in layers], sizes),
        np.repeat([float(one.scale) for one in layers], sizes),
    )


def parts_of(chunk: Chunk) -> dict[str, NDArray]:
    """The arrays of a chunk by name, each (time, cells), all of the same number of steps."""
    if isinstance(chunk, Mapping):
        parts = {str(name): _matrix(part, f"states of {name!r}") for name, part in chunk.items()}
        if not parts:
            raise ValueError("the dict of states is empty")
    else:
        parts = {"states": _matrix(chunk, "states")}
    lengths = {name: len(part) for name, part in parts.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"all layers must have the same number of steps, not {lengths}")
    return parts


def _matrix(states: ArrayLike, what: str) -> NDArray:
    array = as_array(states)
    if array.ndim != 2 or array.shape[1] == 0:
        raise ValueError(f"{what} have the shape {array.shape}; (time, cells) is needed")
    return array


def ranges_of(parts: Mapping[str, NDArray], signed: Any, scale: Any) -> tuple[CellRange, ...]:
    ranges: list[CellRange] = []
    for given in (signed, scale):
        if isinstance(given, Mapping):
            for name in given:
                if name not in parts:
                    raise unknown_name("layer", name, parts)
    for name, part in parts.items():
        start = ranges[-1].stop if ranges else 0
        one_sign = signed.get(name, True) if isinstance(signed, Mapping) else signed
        one_scale = scale.get(name, 1.0) if isinstance(scale, Mapping) else scale
        stop = start + part.shape[1]
        ranges.append(CellRange(name, start, stop, bool(one_sign), check_scale(one_scale)))
    return tuple(ranges)


def levels_of(parts: Mapping[str, NDArray], layers: tuple[CellRange, ...]) -> NDArray[np.uint8]:
    """The levels of all layers side by side."""
    found = np.empty((len(next(iter(parts.values()))), layers[-1].stop), dtype=np.uint8)
    for one in layers:
        try:
            found[:, one.start : one.stop] = quantise(parts[one.name], one.signed, one.scale)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{one.name}: {error}") from None
    return found
