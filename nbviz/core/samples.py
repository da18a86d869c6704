"""What is put under the lens: inputs, labels, names and pictures, from what people have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nbviz.core.pictures import Sprite, picture_of, sprite_of
from nbviz.core.reading import (
    DATASET_LIMIT,
    column,
    is_dataset,
    is_shuffled,
    names_of,
    read_dataset,
    read_inputs,
    read_labels,
    read_table,
)


class Samples:
    """Inputs with labels, names and further columns.

    Parameters
    ----------
    inputs : array, tensor, list, mapping, DataFrame, Dataset or DataLoader
        The samples along the first axis. Images are (n, H, W) or (n, H, W, 3) uint8, or the model's own
        (n, C, H, W) tensor; a list of str is text; a mapping of arrays is a batch of tokens as transformers
        gives it; of a DataFrame the numeric columns are the inputs, the others ``metadata``. A
        ``torch.utils.data.Dataset`` or ``DataLoader`` is read once, up to ``max_samples``; it gives the
        labels too. Arrays and tensors are not copied.
    labels : (n,) array or list, or str, optional
        Classes as integers or strings, or numbers to be coloured on a scale; of a DataFrame, the name of
        the column that holds them.
    names : sequence of str, optional
        What a sample is called on screen. Default: its index.
    metadata : mapping of str to (n,) sequence, or DataFrame, optional
        Further columns to colour by.
    class_names : sequence of str, or mapping of int to str, optional
        Names of the integer labels. Labels that are strings are numbered in this order; without it, in
        alphabetical order.
    max_samples : int, optional
        How many are taken from the front. From a Dataset or DataLoader 2000 by default, else all.

    Raises
    ------
    ValueError
        If there are no samples; labels, names or a column are of another length; labels are given beside a
        DataLoader that shuffles.
    TypeError
        If samples cannot be read from such an object.
    """

    inputs: Any
    """The raw samples: an array, a tensor, a list, or a dict of arrays."""
    labels: np.ndarray | None
    """(n,) int64 classes, float64 values, or None."""
    names: list[str] | None
    metadata: dict[str, np.ndarray]
    class_names: tuple[str, ...]

    def __init__(
        self,
        inputs: Any,
        labels: Any = None,
        *,
        names: Sequence[str] | None = None,
        metadata: Any = None,
        class_names: Sequence[str] | Mapping[int, str] | None = None,
        max_samples: int | None = None,
    ) -> None:
        if max_samples is not None and max_samples < 1:
            raise ValueError(f"max_samples must be at least 1, got {max_samples}")
        more: dict[str, Any] = {}
        if is_dataset(inputs):
            if labels is not None and is_shuffled(inputs):
                raise ValueError(
                    "the DataLoader shuffles, so labels given beside it belong to other samples: let the "
                    "dataset give them with its items, (input, label), or use shuffle=False"
                )
            inputs, read = read_dataset(inputs, max_samples or DATASET_LIMIT)
            labels = read if labels is None else labels
        elif hasattr(inputs, "select_dtypes"):
            inputs, labels, more = read_table(inputs, labels)
        self.inputs = read_inputs(inputs)
        n = len(self)
        if n == 0:
            raise ValueError("there are no samples: X is empty")
        given = names_of(class_names)
        values = None if labels is None else column("y", labels, n)
        self.labels, self.class_names = read_labels(values, n, given)
        # True and false number the classes of a model that tells two apart, and of no other.
        self.are_truth_values = values is not None and values.dtype == bool
        # Text labels are numbered by the alphabet then, which need not be the order of a model's outputs.
        self.is_alphabetical = bool(self.class_names) and not given
        self.names = None if names is None else [str(name) for name in column("names", names, n)]
        more |= {} if metadata is None else {str(key): metadata[key] for key in metadata}
        self.metadata = {key: column(f"metadata column {key!r}", more[key], n) for key in more}
        if max_samples is not None and n > max_samples:
            self.__dict__.update(self[:max_samples].__dict__)

    @classmethod
    def of(cls, inputs: Any, labels: Any = None, **options: Any) -> Samples:
        """``inputs`` itself if it is Samples already, else Samples made from it.

        Labels and other options beside Samples are added to a copy, which shares the inputs.

        Raises
        ------
        TypeError
            If there are labels beside Samples that hold labels already.
        """
        if not isinstance(inputs, Samples):
            return cls(inputs, labels, **options)
        options = {name: value for name, value in options.items() if value is not None}
        if labels is None and not options:
            return inputs
        if labels is not None and inputs.labels is not None:
            raise TypeError("these Samples hold labels already: leave y out, or pass Samples(X.inputs, y)")
        more = options.pop("metadata", {})
        made = cls(
            inputs.inputs,
            inputs.labels if labels is None else labels,
            names=options.pop("names", inputs.names),
            metadata={**inputs.metadata, **{key: more[key] for key in more}},
            class_names=options.get("class_names", inputs.class_names),
            max_samples=options.get("max_samples"),
        )
        if labels is None and "class_names" not in options:
            made.is_alphabetical = inputs.is_alphabetical
        if labels is None:
            made.are_truth_values = inputs.are_truth_values
        return made

    def __len__(self) -> int:
        if not isinstance(self.inputs, Mapping):
            return len(self.inputs)
        lengths = {key: len(value) for key, value in self.inputs.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the parts of the batch are of different length: {lengths}")
        return next(iter(lengths.values()), 0)

    def __repr__(self) -> str:
        kind = "labelled " if self.labels is not None else ""
        shape = tuple(getattr(self.inputs, "shape", ())[1:])
        return f"Samples({len(self)} {kind}samples{f' of shape {shape}' if shape else ''})"

    def __getitem__(self, rows: Any) -> Samples:
        """The samples at ``rows`` (a slice, indices or a mask), as Samples. A slice copies nothing."""
        index = np.atleast_1d(np.arange(len(self))[rows])
        part = Samples(
            self.batch(rows if isinstance(rows, slice) else index),
            None if self.labels is None else self.labels[index],
            names=None if self.names is None else [self.names[i] for i in index],
            metadata={key: values[index] for key, values in self.metadata.items()},
            class_names=self.class_names,
        )
        part.is_alphabetical, part.are_truth_values = self.is_alphabetical, self.are_truth_values
        return part

    def batch(self, rows: np.ndarray | slice) -> Any:
        """The raw samples at ``rows``, as the network's transform takes them; a slice gives a view."""
        if isinstance(self.inputs, Mapping):
            return {key: value[rows] for key, value in self.inputs.items()}
        if isinstance(self.inputs, list) and not isinstance(rows, slice):
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

    def sprite(self, tile: int | None = None, *, max_bytes: int = 600_000) -> Sprite | None:
        """All thumbnails in one PNG, in rows; None if the samples are no pictures or do not fit.

        Parameters
        ----------
        tile : int, optional
            Largest side of a thumbnail in pixels; None is returned where the PNG would exceed
            ``max_bytes``. By default the samples' own size up to 48, or what fits.
        max_bytes : int
            Largest size of the PNG.

        Returns
        -------
        Sprite or None
        """
        return None if isinstance(self.inputs, Mapping) else sprite_of(self.inputs, tile, max_bytes)
