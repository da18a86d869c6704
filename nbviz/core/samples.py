"""What is put under the lens: inputs, labels, names and pictures, from what people have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nbviz.core.pictures import picture_of, sprite_of


class Samples:
    """Inputs with labels, names and further columns.

    Parameters
    ----------
    inputs : array, tensor, list, mapping, DataFrame, Dataset or DataLoader
        The samples along the first axis. Images are (n, H, W) or (n, H, W, 3) uint8, or the model's own
        (n, C, H, W) tensor; a list of str is text; a mapping of arrays is a batch of tokens as transformers
        gives it; a DataFrame is a table of numeric columns. A ``torch.utils.data.Dataset`` or
        ``DataLoader`` is read once, up to ``max_samples``; it gives the labels too.
    labels : (n,) array, list or str column, optional
        Classes as integers or strings, or numbers to be coloured on a scale.
    names : sequence of str, optional
        What a sample is called on screen. Default: its index.
    metadata : mapping of str to (n,) sequence, or DataFrame, optional
        Further columns to colour by.
    class_names : sequence of str, optional
        Names of the integer labels.
    max_samples : int, optional
        How many are read from a Dataset or DataLoader; 2000 by default.

    Raises
    ------
    ValueError
        If there are no samples, or labels, names or a column are of another length.
    """

    def __init__(
        self,
        inputs: Any,
        labels: Any = None,
        *,
        names: Sequence[str] | None = None,
        metadata: Any = None,
        class_names: Sequence[str] | None = None,
        max_samples: int | None = None,
    ) -> None:
        if _is_dataset(inputs):
            inputs, read = _read_dataset(inputs, 2000 if max_samples is None else max_samples)
            labels = read if labels is None else labels
            max_samples = None
        elif hasattr(inputs, "columns") and hasattr(inputs, "to_numpy"):
            inputs = _table(inputs)
        self.inputs = _sequence(inputs)
        n = self._length()
        if max_samples is not None and n > max_samples:
            self.inputs = self.batch(np.arange(max_samples))
            labels, names = _head(labels, max_samples), _head(names, max_samples)
            metadata = None if metadata is None else {k: _head(v, max_samples) for k, v in metadata.items()}
            n = max_samples
        if n == 0:
            raise ValueError("there are no samples: X is empty")
        self.labels, found = _labels(labels, n)
        self.class_names: tuple[str, ...] = tuple(str(c) for c in (class_names or found or ()))
        self.names = None if names is None else [str(name) for name in names]
        _check_length("names", self.names, n)
        self.metadata: dict[str, np.ndarray] = {}
        if metadata is not None:
            for column in metadata:
                values = np.asarray(metadata[column])
                _check_length(f"metadata column {column!r}", values, n)
                self.metadata[str(column)] = values

    @classmethod
    def of(cls, inputs: Any, labels: Any = None, **options: Any) -> Samples:
        """``inputs`` itself if it is Samples already, else Samples made from it."""
        if isinstance(inputs, Samples):
            if labels is not None:
                raise TypeError("labels are part of Samples: pass them as Samples(X, y), not beside it")
            return inputs
        return cls(inputs, labels, **options)

    def _length(self) -> int:
        if isinstance(self.inputs, Mapping):
            lengths = {key: len(value) for key, value in self.inputs.items()}
            if len(set(lengths.values())) > 1:
                raise ValueError(f"the parts of the batch are of different length: {lengths}")
            return next(iter(lengths.values()), 0)
        return len(self.inputs)

    def __len__(self) -> int:
        return self._length()

    def __repr__(self) -> str:
        kind = "labelled " if self.labels is not None else ""
        shape = tuple(getattr(self.inputs, "shape", ())[1:])
        return f"Samples({len(self)} {kind}samples{f' of shape {shape}' if shape else ''})"

    def __getitem__(self, rows: Any) -> Samples:
        """The samples at ``rows`` (a slice, indices or a mask), as Samples."""
        index = np.atleast_1d(np.arange(len(self))[rows])
        return Samples(
            self.batch(index),
            None if self.labels is None else self.labels[index],
            names=None if self.names is None else [self.names[i] for i in index],
            metadata={key: column[index] for key, column in self.metadata.items()},
            class_names=self.class_names,
        )

    def batch(self, rows: np.ndarray) -> Any:
        """The raw samples at ``rows``, as the network's transform takes them."""
        if isinstance(self.inputs, Mapping):
            return {key: value[rows] for key, value in self.inputs.items()}
        if isinstance(self.inputs, list):
            return [self.inputs[int(i)] for i in rows]
        return self.inputs[rows]

    def name(self, row: int) -> str:
        """What sample ``row`` is called on screen."""
        if self.names is not None:
            return self.names[row]
        if isinstance(self.inputs, list) and isinstance(self.inputs[row], str):
            return self.inputs[row]
        return f"sample {row}"

    def label_name(self, label: int) -> str:
        """What a class is called on screen."""
        return self.class_names[label] if 0 <= label < len(self.class_names) else str(label)

    def picture(self, row: int) -> Any:
        """Sample ``row`` as a ``PIL.Image``, or None if it is no picture."""
        batch = self.batch(np.array([row]))
        return None if isinstance(batch, Mapping) else picture_of(batch[0])

    def sprite(self, tile: int | None = None, *, max_bytes: int = 600_000) -> Any:
        """All thumbnails in one PNG, in rows; None if the samples are no pictures or do not fit.

        Parameters
        ----------
        tile : int, optional
            Largest side of a thumbnail in pixels. By default the samples' own size up to 48, less where the
            PNG would exceed ``max_bytes``.
        max_bytes : int
            Largest size of the PNG.

        Returns
        -------
        Sprite or None
        """
        if isinstance(self.inputs, Mapping):
            return None
        return sprite_of(self.inputs, tile, max_bytes)


def _is_dataset(inputs: Any) -> bool:
    from torch.utils.data import DataLoader, Dataset

    return isinstance(inputs, DataLoader | Dataset)


def _read_dataset(source: Any, limit: int) -> tuple[Any, Any]:
    """Read the first ``limit`` items of a Dataset or DataLoader, once."""
    import torch
    from torch.utils.data import DataLoader

    xs: list[Any] = []
    ys: list[Any] = []
    if isinstance(source, DataLoader):
        for batch in source:
            x, y = _pair(batch)
            xs.extend(x)
            ys.extend(y if y is not None else ())
            if len(xs) >= limit:
                break
    else:
        count = min(limit, len(source)) if hasattr(source, "__len__") else limit
        for i in range(count):
            try:
                x, y = _pair(source[i])
            except IndexError:
                break
            xs.append(x)
            if y is not None:
                ys.append(y)
    xs, ys = xs[:limit], ys[:limit]
    labels = [
        int(y) if isinstance(y, torch.Tensor) and y.ndim == 0 and not y.is_floating_point() else y for y in ys
    ]
    if xs and isinstance(xs[0], torch.Tensor) and len({x.shape for x in xs}) == 1:
        return torch.stack(xs), labels or None
    return xs, labels or None


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, tuple | list) and len(item) >= 2:
        return item[0], item[1]
    if isinstance(item, tuple | list):
        return item[0], None
    return item, None


def _table(frame: Any) -> np.ndarray:
    numeric = frame.select_dtypes("number")
    if numeric.shape[1] == 0:
        raise ValueError(f"the table has no numeric column; its columns are {list(frame.columns)}")
    return numeric.to_numpy(dtype=np.float32)


def _sequence(inputs: Any) -> Any:
    """Arrays and tensors as they are (no copy), lists of equal arrays stacked, other lists as lists."""
    if isinstance(inputs, str | bytes):
        raise TypeError("a single string is no collection of samples: pass a list of strings")
    if isinstance(inputs, Mapping) or hasattr(inputs, "input_ids"):
        return {key: value if hasattr(value, "shape") else np.asarray(value) for key, value in inputs.items()}
    if hasattr(inputs, "detach"):
        return inputs.detach()
    if hasattr(inputs, "ndim") and hasattr(inputs, "__array__"):
        array = np.asarray(inputs)
        if array.ndim == 0:
            raise ValueError("X is a single number, not a collection of samples")
        return array
    if isinstance(inputs, Sequence):
        items = list(inputs)
        if items and isinstance(items[0], np.ndarray) and len({np.shape(x) for x in items}) == 1:
            return np.stack(items)
        if items and isinstance(items[0], int | float | list | tuple):
            try:
                return np.asarray(items)
            except ValueError as error:
                raise ValueError(f"X cannot be made an array: {error}") from error
        return items
    raise TypeError(
        f"samples cannot be read from {type(inputs).__name__}. They may be an array or tensor, a Dataset or "
        "DataLoader, a list of strings or pictures, a mapping of token arrays, or a DataFrame."
    )


def _labels(labels: Any, n: int) -> tuple[np.ndarray | None, tuple[str, ...]]:
    if labels is None:
        return None, ()
    values = np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)
    _check_length("y", values, n)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"y must hold one label per sample, got shape {values.shape}")
    if values.dtype.kind in "biu":
        return values.astype(np.int64), ()
    if values.dtype.kind == "f":
        whole = np.isfinite(values).all() and (values == np.round(values)).all()
        return (values.astype(np.int64) if whole else values.astype(np.float64)), ()
    names, codes = np.unique(values.astype(str), return_inverse=True)
    return codes.astype(np.int64), tuple(str(name) for name in names)


def _check_length(what: str, values: Any, n: int) -> None:
    if values is not None and len(values) != n:
        raise ValueError(f"{what} has {len(values)} entries, but X has {n} samples: they must be as many")


def _head(values: Any, n: int) -> Any:
    return None if values is None else values[:n]
