"""Where activations come from: a network with samples, or arrays that were computed elsewhere."""

from __future__ import annotations

import time
import weakref
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.capture import capture_steps, probabilities
from nbviz.core.errors import unknown_name
from nbviz.core.events import Preview, Progress, Result, Steps
from nbviz.core.layers import OUTPUT, Layer
from nbviz.core.network import Network
from nbviz.core.samples import Samples

FIRST_LOOK = 500
"""Samples, evenly spread, that are run first and shown alone if the rest would take long."""

PATIENCE = 0.2
"""Seconds that all samples may take before the first look is shown alone."""


@dataclass(frozen=True)
class Predictions:
    """What the network answers.

    Attributes
    ----------
    classes : (n,) int array
        Most probable class.
    confidence : (n,) float32 array
        Its probability, 0 to 1.
    """

    classes: np.ndarray
    confidence: np.ndarray

    @classmethod
    def of(cls, values: Any) -> Predictions:
        """From (n, classes) outputs of any usual kind, or from (n,) predicted classes."""
        array = np.asarray(values)
        if array.ndim == 1:
            return cls(array.astype(np.int64), np.full(len(array), np.nan, np.float32))
        shares = probabilities(array)
        return cls(shares.argmax(1).astype(np.int64), shares.max(1))


def spread(n: int, count: int) -> np.ndarray:
    """``count`` of ``n`` row numbers, evenly spread; all of them if there are no more."""
    return np.arange(n) if count >= n else np.unique(np.linspace(0, n - 1, count).round().astype(np.int64))


class ModelSpecimen:
    """A network and its samples."""

    def __init__(self, network: Network, samples: Samples) -> None:
        self.network, self.samples = network, samples
        self._known: tuple[tuple[Any, ...], np.ndarray, Predictions] | None = None

    def layers(self) -> list[Layer]:
        return self.network.layers(self.samples)

    def check(self, name: str) -> str:
        """``name``, if there is such a layer; else an error that names the near ones."""
        return self.network.layer(name, self.samples).name

    def default_layer(self) -> str:
        return self.network.hidden_layer(self.samples)

    @property
    def notes(self) -> tuple[str, ...]:
        return self.network.notes

    def predictions_of(self, rows: np.ndarray) -> Predictions | None:
        """Predictions for ``rows`` under the present weights, if they are known already."""
        if self._known is None:
            return None
        version, known_rows, predictions = self._known
        same = version == self.network.version and np.array_equal(known_rows, rows)
        return predictions if same else None

    def activation_steps(self, layer: str, reduce: str, rows: np.ndarray) -> Steps:
        """Activations of ``layer`` for ``rows``, (m, features) float32, and predictions beside them.

        Yields Progress, at most one Preview of (rows, activations) of a first look, and a Result of
        (rows, activations).
        """
        network = self.network
        key = (_token(self.samples), layer, reduce, rows.tobytes(), network.version)
        cached = network.cache.get(key)
        known = self.predictions_of(rows)
        if cached is not None and known is not None:
            yield Result((rows, cached))
            return
        wanted = [layer] if known is not None else list(dict.fromkeys([layer, OUTPUT]))
        first = spread(len(rows), FIRST_LOOK)
        began = time.perf_counter()
        look = yield from self._run(rows[first], wanted, reduce)
        others = np.setdiff1d(np.arange(len(rows)), first, assume_unique=True)
        found = look
        if len(others):
            if (time.perf_counter() - began) * len(rows) / len(first) > PATIENCE and len(first) > 2:
                yield Preview((rows[first], look[layer]))
            rest = yield from self._run(rows[others], wanted, reduce)
            order = np.argsort(np.concatenate([first, others]), kind="stable")
            found = {name: np.concatenate([look[name], rest[name]])[order] for name in wanted}
        if known is None:
            self._known = (network.version, rows, self._predictions(found[OUTPUT]))
        network.cache.put(key, found[layer])
        yield Result((rows, found[layer]))

    def _run(
        self, rows: np.ndarray, layers: list[str], reduce: str
    ) -> Generator[Progress, None, dict[str, np.ndarray]]:
        for event in capture_steps(self.network, self.samples, layers, reduce=reduce, rows=rows):
            if isinstance(event, Result):
                return event.value
            assert isinstance(event, Progress)
            yield event
        raise RuntimeError("the capture ended without a result")

    def _predictions(self, outputs: np.ndarray) -> Predictions:
        return Predictions.of(outputs)


class ArraySpecimen:
    """Activations computed elsewhere, by layer."""

    notes: tuple[str, ...] = ()

    def __init__(self, arrays: Mapping[str, Any], samples: Samples, predictions: Any = None) -> None:
        if not isinstance(arrays, Mapping):
            arrays = {"activations": arrays}
        if not arrays:
            raise ValueError("there are no activations: pass a mapping of layer name to array")
        self.samples = samples
        self._arrays: dict[str, np.ndarray] = {}
        for name, values in arrays.items():
            array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
            if array.ndim < 2 or len(array) != len(samples):
                raise ValueError(
                    f"activations of layer {name!r} have shape {array.shape}: "
                    f"(samples, features) with {len(samples)} samples is wanted"
                )
            self._arrays[str(name)] = array
        self._reduced: dict[tuple[str, str, bytes], np.ndarray] = {}
        self._predictions = None
        if predictions is not None:
            self._predictions = Predictions.of(predictions)
            if len(self._predictions.classes) != len(samples):
                raise ValueError(
                    f"predictions has {len(self._predictions.classes)} entries, but there are "
                    f"{len(samples)} samples: they must be as many"
                )

    def layers(self) -> list[Layer]:
        return [Layer(n, "array", a.shape[1:], 0, "", 0, 0) for n, a in self._arrays.items()]

    def check(self, name: str) -> str:
        if name not in self._arrays:
            raise unknown_name("layer", name, self._arrays)
        return name

    def default_layer(self) -> str:
        return list(self._arrays)[-1]

    def predictions_of(self, rows: np.ndarray) -> Predictions | None:
        known = self._predictions
        return None if known is None else Predictions(known.classes[rows], known.confidence[rows])

    def activation_steps(self, layer: str, reduce: str, rows: np.ndarray) -> Steps:
        key = (layer, reduce, rows.tobytes())
        if key not in self._reduced:
            array = self._arrays[layer][rows]
            if array.ndim > 2 and reduce != "flatten":
                axes = tuple(range(2, array.ndim))
                array = array.max(axes) if reduce == "max" else array.mean(axes)
            self._reduced = {key: np.ascontiguousarray(array.reshape(len(array), -1), dtype=np.float32)}
        yield Result((rows, self._reduced[key]))


Specimen = ModelSpecimen | ArraySpecimen

_tokens: weakref.WeakKeyDictionary[Samples, object] = weakref.WeakKeyDictionary()


def _token(samples: Samples) -> object:
    """A key that stands for these samples and is never used again for others."""
    return _tokens.setdefault(samples, object())
