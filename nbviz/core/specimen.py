"""Where activations come from: a network with samples, or arrays that were computed elsewhere."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Generator, Hashable, Mapping
from typing import Any

import numpy as np

from nbviz.core.activations import ActivationCache
from nbviz.core.capture import LARGEST, capture_steps
from nbviz.core.errors import ModelError, unknown_name
from nbviz.core.events import Preview, Progress, Result, Steps
from nbviz.core.layers import INPUT, OUTPUT, Layer
from nbviz.core.network import Network
from nbviz.core.recording import Predictions, Recording, class_labels
from nbviz.core.samples import Samples

FIRST_LOOK = 500
"""Samples, evenly spread, that are run first and shown alone if the rest would take long."""

LOOK_VALUES = 4_000_000
"""Activations that a first look holds at most: of a large feature map fewer samples are shown first."""

PATIENCE = 0.15
"""Seconds that all samples may take before the first look is shown alone."""


class ModelSpecimen:
    """A network and its samples."""

    def __init__(self, network: Network, samples: Samples) -> None:
        self.network, self.samples = network, samples
        self._known: tuple[tuple[int, ...], np.ndarray, Predictions] | None = None
        self._bad_outputs = 0  # samples of the last run

    def with_network(self, network: Network) -> ModelSpecimen:
        """The same samples under another network."""
        return ModelSpecimen(network, self.samples)

    def layers(self) -> list[Layer]:
        return self.network.layers(self.samples)

    def check(self, name: str) -> str:
        """``name``, if there is such a layer; else an error that names the near ones."""
        return self.network.layer(name, self.samples).name

    def default_layer(self) -> str:
        return self.network.hidden_layer(self.samples)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of the model's outputs."""
        return self.network.class_names

    @property
    def n_classes(self) -> int | None:
        """How many classes the outputs tell apart; None if they are no scores of classes."""
        if not self._classifies():
            return None
        return max(2, math.prod(self.network.layer(OUTPUT, self.samples).shape))

    @property
    def notes(self) -> tuple[str, ...]:
        notes = self.network.notes
        if self._is_regression() and self.samples.labels.dtype.kind == "i":  # type: ignore[union-attr]
            notes += ("no predictions: the model returns one number, and y has more than two classes",)
        if not self._bad_outputs:
            return notes
        bad = f"no predictions: the model's output is NaN for {self._bad_outputs:,} samples"
        return (*notes, bad)

    def reduction(self, layer: str, reduce: str) -> str:
        """How ``layer`` is reduced where ``reduce`` is asked for: the channels of a hidden layer are
        features, those of the input are colours, of which a mean would leave only the brightness."""
        return "flatten" if layer in (INPUT, OUTPUT) else reduce

    def record_steps(self, layer: str, reduce: str, rows: np.ndarray) -> Steps:
        """Run the samples ``rows``, as far as it has not been done already.

        Yields Progress, at most one Preview of a first look, and a Result; both hold a Recording.

        Raises
        ------
        ValueError
            If the activations would take more than 2 GB.
        ModelError
            If the model raises.
        """
        network, reduce = self.network, self.reduction(layer, reduce)
        # Taken before the run: what is recorded while a user trains is then never taken for up to date.
        version = network.version
        key = (samples_token(self.samples), layer, reduce, rows.tobytes(), version)
        kept, known = network.cache.get(key), self._known_predictions(version, rows)
        wanted = [layer] if kept is None else []
        if known is None and layer != OUTPUT and self._classifies():
            wanted.append(OUTPUT)
        features = self._features(layer, reduce, len(rows))
        size = max(1, min(FIRST_LOOK, max(100, LOOK_VALUES // features)))
        # Every stride-th sample at a time: each part is spread evenly, and lands in its place at once.
        stride = -(-len(rows) // size)
        is_large = len(rows) * features > 2 * LOOK_VALUES
        if kept is not None and is_large:
            yield Preview(Recording(rows[::stride], kept[::stride], None))
        arrays: dict[str, np.ndarray] = {}
        began = time.perf_counter()
        for start in range(stride if wanted else 0):
            part = rows[start::stride]
            found = yield from self._run(part, wanted, reduce, start * len(rows) // stride, len(rows))
            is_slow = (time.perf_counter() - began) * stride > PATIENCE
            if start == 0 and stride > 1 and kept is None and (is_slow or is_large):
                yield Preview(Recording(part, found[layer], None))
            for name, vectors in found.items():
                if start == 0:  # after the first look: that much fresh memory takes 0.2 s by itself
                    arrays[name] = np.empty((len(rows), vectors.shape[1]), np.float32)
                _lay_in(arrays[name], vectors, name, start, stride)
        activations = arrays[layer] if kept is None else kept
        if known is None and self._classifies():
            outputs = activations if layer == OUTPUT else arrays[OUTPUT]
            self._bad_outputs = int(np.isnan(outputs).any(1).sum())
            if not self._bad_outputs:
                known = Predictions.of(outputs, sigmoid=network.ends_in_sigmoid(self.samples))
                self._known = (version, rows, known)
            # Who wants the losses too need not run the model again.
            output_key = (samples_token(self.samples), OUTPUT, "flatten", rows.tobytes(), version)
            network.cache.put(output_key, outputs)
        network.cache.put(key, activations)
        yield Result(Recording(rows, activations, known))

    def _known_predictions(self, version: tuple[int, ...], rows: np.ndarray) -> Predictions | None:
        if self._known is None or self._known[0] != version or not np.array_equal(self._known[1], rows):
            return None
        return self._known[2]

    def _classifies(self) -> bool:
        """Whether the output may be scores of classes: one vector per sample, and labels that are classes."""
        labels = self.samples.labels
        if (labels is not None and labels.dtype.kind == "f") or self._is_regression():
            return False
        return sum(size > 1 for size in self.network.layer(OUTPUT, self.samples).shape) <= 1

    def _is_regression(self) -> bool:
        """Whether the model returns one number, and the labels are too many to be told apart by one."""
        labels = self.samples.labels
        if labels is None or self.class_names:
            return False
        values = math.prod(self.network.layer(OUTPUT, self.samples).shape)
        return values == 1 and len(np.unique(labels)) > 2

    def _features(self, layer: str, reduce: str, n: int) -> int:
        spec = self.network.layer(layer, self.samples)
        if len(spec.shape) > 1 and reduce != "flatten":
            return spec.shape[spec.channel_axis]
        features = math.prod(spec.shape)
        if 4 * n * features > LARGEST:
            can_reduce = self.reduction(layer, "max") == "max"
            per_channel = "one value per channel (reduce='max') or " if can_reduce else ""
            raise ValueError(
                f"layer {layer!r} has {features:,} values per sample, {4 * n * features / 2**30:.1f} GB for "
                f"{n:,} samples. Use {per_channel}fewer samples (n_samples)."
            )
        return max(1, features)

    def _run(
        self, rows: np.ndarray, layers: list[str], reduce: str, done: int, total: int
    ) -> Generator[Progress, None, dict[str, np.ndarray]]:
        for event in capture_steps(self.network, self.samples, layers, reduce=reduce, rows=rows):
            if isinstance(event, Result):
                return event.value
            assert isinstance(event, Progress)
            yield Progress(done + event.done, total, event.what)
        raise RuntimeError("the capture ended without a result")


def _lay_in(target: np.ndarray, vectors: np.ndarray, layer: str, start: int, stride: int) -> None:
    """Put the vectors of every ``stride``-th sample in their places: no second copy of all is ever made."""
    if target.shape[1] != vectors.shape[1]:
        raise ModelError(
            f"layer {layer!r} has {target.shape[1]} values for some samples and {vectors.shape[1]} for "
            "others (inputs of different length?). Use one value per channel: reduce='mean'."
        )
    target[start::stride] = vectors


class ArraySpecimen:
    """Activations computed elsewhere, by layer.

    ``predictions`` are (n,) classes, as whole numbers or words, or (n, classes) outputs. (n, 1) whole numbers
    or words are classes too; (n, 1) floats are the score of the second of two classes.
    """

    notes: tuple[str, ...] = ()
    class_names: tuple[str, ...] = ()
    n_classes: int | None = None

    def __init__(self, arrays: Mapping[str, Any], samples: Samples, predictions: Any = None) -> None:
        self.samples = samples
        self._arrays: dict[str, np.ndarray] = {}
        for name, values in arrays.items():
            array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
            if array.dtype.kind not in "biuf":
                raise TypeError(f"activations of layer {name!r} are {array.dtype}, not real numbers")
            if array.ndim < 2 or len(array) != len(samples):
                raise ValueError(
                    f"activations of layer {name!r} have shape {array.shape}: "
                    f"(samples, features) with {len(samples)} samples is wanted"
                )
            self._arrays[str(name)] = array
        self._kept = ActivationCache()
        self._newest: tuple[Hashable, np.ndarray | None] = (None, None)
        self._predictions = None
        if predictions is not None:
            self._predictions = self._read(predictions)
            if len(self._predictions.classes) != len(samples):
                raise ValueError(
                    f"predictions has {len(self._predictions.classes)} entries, but there are "
                    f"{len(samples)} samples: they must be as many"
                )

    def _read(self, predictions: Any) -> Predictions:
        """Predictions as numbers; words are numbered as the labels are, new ones after them."""
        values = predictions.detach().cpu() if hasattr(predictions, "detach") else predictions
        array = np.asarray(values)
        if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind in "iuOUS":
            array = array[:, 0]  # a column of a table: classes, no score
        if array.ndim != 1 or array.dtype.kind not in "OUS":
            self.n_classes = None if array.ndim == 1 else max(2, array.shape[-1])
            return Predictions.of(array)
        labels, names = class_labels(self.samples), self.samples.class_names
        if labels is not None and not names:
            raise ValueError(
                "the predictions are words, but the labels are numbers without names: "
                "say what the numbers mean, class_names=[...], or give both as words"
            )
        words = [str(word) for word in array]
        self.class_names = (*names, *sorted(set(words) - set(names)))
        numbers = {name: i for i, name in enumerate(self.class_names)}
        return Predictions.of(np.array([numbers[word] for word in words], np.int64))

    def reduction(self, layer: str, reduce: str) -> str:
        """As :meth:`ModelSpecimen.reduction`; of arrays it is not known which one is the input."""
        return reduce

    def layers(self) -> list[Layer]:
        return [Layer(n, "array", a.shape[1:], 0, "", 0, 0) for n, a in self._arrays.items()]

    def check(self, name: str) -> str:
        if name not in self._arrays:
            raise unknown_name("layer", name, self._arrays)
        return name

    def default_layer(self) -> str:
        return list(self._arrays)[-1]

    def record_steps(self, layer: str, reduce: str, rows: np.ndarray) -> Steps:
        """As :meth:`ModelSpecimen.record_steps`."""
        activations = self._vectors(layer, reduce, rows)
        known = self._predictions
        shown = None if known is None else Predictions(known.classes[rows], known.confidence[rows])
        yield Result(Recording(rows, activations, shown))

    def _vectors(self, layer: str, reduce: str, rows: np.ndarray) -> np.ndarray:
        """(rows, features) float32: the same array for the same question while it is kept, so that what was
        found out about it is known again. The newest is kept whatever its size."""
        key = (layer, reduce, rows.tobytes())
        kept = self._newest[1] if self._newest[0] == key else self._kept.get(key)
        if kept is None:
            array = self._arrays[layer][rows]
            if array.ndim > 2 and reduce != "flatten":
                axes = tuple(range(2, array.ndim))
                # A mean of float16 values is not taken in float16.
                wide = np.result_type(array.dtype, np.float32)
                array = array.max(axes) if reduce == "max" else array.mean(axes, dtype=wide)
            kept = np.ascontiguousarray(array.reshape(len(array), -1), dtype=np.float32)
            self._kept.put(key, kept)
        self._newest = (key, kept)
        return kept


Specimen = ModelSpecimen | ArraySpecimen

_tokens: weakref.WeakKeyDictionary[Samples, object] = weakref.WeakKeyDictionary()


def samples_token(samples: Samples) -> object:
    """A key that stands for these samples and is never used again for others."""
    return _tokens.setdefault(samples, object())
