"""Columns of a table of samples, packed for the browser: labels, predictions, metadata.

The other half is js/src/parts/columns.ts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.errors import unknown_name
from nbviz.core.network import Network
from nbviz.core.recording import MOST_CLASSES, Predictions, class_labels
from nbviz.core.samples import Samples
from nbviz.core.specimen import Specimen
from nbviz.methods.answer_classes import answer_classes
from nbviz.methods.label_columns import present
from nbviz.methods.layer_map import true_outputs
from nbviz.methods.recurrent.tokens import spell

MOST_NAMES = 20_000
"""Names that are sent to the browser at most."""

MISSING = 65535
"""Code of a value that is not there."""

Answer = tuple[Mapping[int, str], np.ndarray | None]

RESERVED = ("label", "prediction", "correct", "confidence")
"""Columns that a view makes itself."""


def class_column(
    codes: np.ndarray, names: tuple[str, ...] = (), *, missing: np.ndarray | None = None
) -> dict[str, Any]:
    """Integer classes with their names, as uint16 codes into the list of names.

    ``missing`` is a mask of the rows that have none.
    """
    values = np.asarray(codes)
    if missing is not None and missing.any():
        column = class_column(values[~missing], names)
        codes = np.full(len(values), MISSING, np.uint16)
        codes[~missing] = np.frombuffer(column["codes"], np.uint16)
        return {**column, "codes": _bytes(codes)}
    classes = np.unique(values)
    known = len(names) and classes.size and classes.min() >= 0 and classes.max() < len(names)
    if known:
        shown, packed = list(names), values
    else:
        shown, packed = [str(c) for c in classes], np.searchsorted(classes, values)
    return {"kind": "classes", "names": shown, "codes": _bytes(packed.astype(np.uint16))}


def number_column(values: np.ndarray) -> dict[str, Any]:
    """Numbers to be coloured on a scale, float32; NaN is missing."""
    return {"kind": "numbers", "values": _bytes(np.asarray(values, np.float32))}


def column_of(values: np.ndarray) -> dict[str, Any]:
    """A metadata column: numbers if they are many and numeric, else classes. A sample with None, NaN or an
    empty text has no value."""
    array = np.asarray(values)
    there = present(array)
    known = array[there]
    if known.dtype.kind == "O" and known.size:
        known = np.array(known.tolist())

    def of_all(part: np.ndarray, fill: float) -> np.ndarray:
        whole = np.full(len(array), fill, float if np.isnan(fill) else part.dtype)
        whole[there] = part
        return whole

    if known.dtype.kind in "biu" and len(np.unique(known)) <= MOST_CLASSES:
        return class_column(of_all(known.astype(np.int64), 0), missing=~there)
    if known.dtype.kind in "biuf":
        return number_column(of_all(known, np.nan))
    names, codes = np.unique(known.astype(str), return_inverse=True)
    if len(names) > MISSING:
        raise ValueError(f"{len(names)} different texts cannot be told apart by colour; use numbers")
    return class_column(of_all(codes, 0), tuple(str(name) for name in names), missing=~there)


def columns_of(samples: Samples, class_names: tuple[str, ...] = ()) -> dict[str, dict[str, Any]]:
    """All columns of the samples by name; ``"label"`` first, if there are labels.

    ``class_names`` are the network's, for integer labels that have no names of their own. A metadata column
    whose name is one of :data:`RESERVED` is called ``"label (metadata)"`` and so on.

    Raises
    ------
    ValueError
        If a column holds more than 65,535 different texts.
    """
    columns: dict[str, dict[str, Any]] = {}
    if samples.labels is not None:
        columns["label"] = label_column(samples, class_names)
    for name, values in samples.metadata.items():
        try:
            columns[f"{name} (metadata)" if name in RESERVED else name] = column_of(values)
        except ValueError as error:
            raise ValueError(f"metadata column {name!r}: {error}") from error
    return columns


def label_column(samples: Samples, class_names: tuple[str, ...] = ()) -> dict[str, Any]:
    """The column of the labels, which there are; ``class_names`` as in :func:`columns_of`."""
    classes = class_labels(samples)
    if classes is None:
        return number_column(np.asarray(samples.labels))
    return class_column(classes, samples.class_names or class_names)


def names_of_classes(specimen: Specimen, classes: np.ndarray) -> tuple[str, ...]:
    """What label numbers are called: the labels' own names, else the network's, else the number."""
    names = specimen.samples.class_names or specimen.class_names
    return tuple(names[c] if 0 <= c < len(names) else str(c) for c in map(int, classes))


def known_column(name: str, specimen: Mapping[str, Any], further: Iterable[str] = ()) -> str:
    """``name``, if it is one of the columns in ``specimen`` or one of ``further``; else a TraitError."""
    columns = [*specimen.get("columns", {}), *further]
    if specimen and name not in columns:
        raise t.TraitError(str(unknown_name("column", name, columns)))
    return name


def class_codes(column: Mapping[str, Any]) -> np.ndarray | None:
    """(n,) codes of a column of classes, :data:`MISSING` where there is none; None for numbers."""
    return np.frombuffer(column["codes"], np.uint16) if column["kind"] == "classes" else None


def prediction_columns(
    predictions: Predictions,
    rows: np.ndarray,
    n: int,
    *,
    classes: Mapping[int, str],
    names: Sequence[str],
    truth: np.ndarray | None = None,
) -> dict[str, dict[str, Any]]:
    """Columns ``"prediction"``, ``"confidence"`` and, with ``truth``, ``"correct"``, of all ``n`` samples.

    Parameters
    ----------
    predictions : Predictions
        Of the samples ``rows``; the others have none.
    classes : mapping of int to str
        What they are called; see :func:`~nbviz.methods.answer_classes.answer_classes`.
    names : sequence of str
        Names in the order of their colours, ``classes`` among them: :func:`names_in_order`.
    truth : (n,) int array, optional
        Labels, numbered as the model's classes are.
    """
    place = {name: i for i, name in enumerate(names)}
    codes = np.full(n, MISSING, np.uint16)
    codes[rows] = [place[classes[c]] for c in predictions.classes.tolist()]
    confidence = np.full(n, np.nan, np.float32)
    confidence[rows] = predictions.confidence
    columns = {
        "prediction": {"kind": "classes", "names": list(names), "codes": _bytes(codes)},
        "confidence": number_column(confidence),
    }
    if truth is not None:
        right = np.zeros(n, np.int64)
        right[rows] = predictions.classes == truth[rows]
        columns["correct"] = class_column(right, ("wrong", "correct"), missing=codes == MISSING)
    return columns


def names_in_order(samples: Samples, class_names: tuple[str, ...], answers: Iterable[Answer]) -> list[str]:
    """Names of all classes that several answers tell apart, in the order of their colours: a class has the
    same one everywhere, and that of its label where labels and outputs are known to mean the same.

    Parameters
    ----------
    samples : Samples
    class_names : tuple of str
        The network's, for integer labels that have no names of their own.
    answers : pairs of (classes by number, labels numbered alike or None)
    """
    answers = list(answers)
    are_matched = any(truth is not None for _, truth in answers)  # so the labels are classes
    first = label_column(samples, class_names)["names"] if are_matched else []
    return list(dict.fromkeys([*first, *(name for classes, _ in answers for name in classes.values())]))


def answer_columns(
    specimen: Specimen, predictions: Predictions | None, rows: np.ndarray
) -> dict[str, dict[str, Any]]:
    """:func:`prediction_columns` of a specimen's samples; empty if nothing is predicted."""
    if predictions is None:
        return {}
    truth = true_outputs(specimen)
    classes = answer_classes(specimen, truth, predictions)
    names = names_in_order(specimen.samples, specimen.class_names, [(classes, truth)])
    n = len(specimen.samples)
    return prediction_columns(predictions, rows, n, classes=classes, names=names, truth=truth)


def _bytes(array: np.ndarray) -> memoryview | bytes:
    return np.ascontiguousarray(array).data.cast("B") if array.size else b""


def row_names(samples: Samples, network: Network | None = None) -> list[str] | None:
    """What each sample is called on screen: its name, its text, or its token ids spelled out.

    None where it has only a number, or there are more than 20,000 names.
    """
    inputs = samples.inputs
    if len(samples) > MOST_NAMES:
        return None
    if samples.names is not None:
        return samples.names
    if isinstance(inputs, list) and isinstance(inputs[0], str):
        return inputs
    is_tokens = isinstance(inputs, Mapping) and "input_ids" in inputs
    if not is_tokens or network is None or network.tokenizer is None:
        return None
    ids = np.asarray(inputs["input_ids"])
    real = np.asarray(inputs.get("attention_mask", np.ones_like(ids))).astype(bool)
    return [_spelled(network, row[mask]) for row, mask in zip(ids, real, strict=True)]


def _spelled(network: Network, ids: np.ndarray) -> str:
    decode = getattr(network.tokenizer, "decode", None)
    if callable(decode):
        return str(decode([int(i) for i in ids]))
    pieces = spell(network, [int(i) for i in ids])
    return ("" if all(len(piece) == 1 for piece in pieces) else " ").join(pieces)
