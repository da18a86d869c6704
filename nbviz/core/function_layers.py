"""Layers that are no layers of the model: any function of the samples, such as tf-idf, beside its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any

import numpy as np

from nbviz.core.errors import ModelError, UnknownName, unknown_name
from nbviz.core.events import Preview, Progress, Result, Steps, result_of
from nbviz.core.inputs import describe
from nbviz.core.layers import INPUT, OUTPUT, Layer
from nbviz.core.network import Network
from nbviz.core.recording import Recording
from nbviz.core.samples import Samples
from nbviz.core.specimen import ModelSpecimen, samples_token

BATCH = 256
"""Samples that a function gets at a time."""


class FunctionSpecimen(ModelSpecimen):
    """A network and its samples, with further layers that functions compute from the samples.

    Parameters
    ----------
    network : Network
    samples : Samples
    functions : mapping of str to callable
        Each takes a batch of raw samples, as the samples hold them (a list of str, an array, a tensor), and
        returns an array, tensor or sparse matrix with one row for each.

    Raises
    ------
    TypeError
        If ``functions`` is no mapping of names to callables.
    ValueError
        If a name is that of one of the model's layers.
    """

    def __init__(
        self, network: Network, samples: Samples, functions: Mapping[str, Callable[[Any], Any]]
    ) -> None:
        super().__init__(network, samples)
        if not isinstance(functions, Mapping) or not all(map(callable, functions.values())):
            hint = ""
            for name, value in functions.items() if isinstance(functions, Mapping) else ():
                if not callable(value) and callable(getattr(value, "transform", None)):
                    hint = f". Give its method, layers={{{name!r}: {type(value).__name__}.transform}}, fitted"
            raise TypeError(
                "layers is a mapping of name to function, layers={'tf-idf': lambda batch: ...}; "
                f"got {functions!r}{hint}"
            )
        self._functions = {str(name): function for name, function in functions.items()}
        self._layers = {name: self._describe(name) for name in self._functions}
        for name in dict(network.module.named_modules()).keys() | {INPUT, OUTPUT}:
            if name in self._functions:
                raise ValueError(f"the model has a layer {name!r}: give the function another name")

    def with_network(self, network: Network) -> FunctionSpecimen:
        """The same samples and functions beside another network."""
        return FunctionSpecimen(network, self.samples, self._functions)

    def layers(self) -> list[Layer]:
        """The input, then the functions, then the layers of the model."""
        own = super().layers()
        return [*own[:1], *self._layers.values(), *own[1:]]

    def check(self, name: str) -> str:
        """``name``, if there is such a layer; else an error that names the near ones."""
        if name in self._functions:
            return name
        try:
            return super().check(name)
        except UnknownName as error:
            raise unknown_name("layer", name, [layer.name for layer in self.layers()]) from error

    def reduction(self, layer: str, reduce: str) -> str:
        """What a function returns is shown with all its values."""
        return "flatten" if layer in self._functions else super().reduction(layer, reduce)

    def record_steps(self, layer: str, reduce: str, rows: np.ndarray) -> Steps:
        """As :meth:`ModelSpecimen.record_steps`; the predictions are the model's.

        Raises
        ------
        ModelError
            If the function raises, or returns something else than numbers, a row for each sample.
        """
        if layer not in self._functions:
            yield from super().record_steps(layer, reduce, rows)
            return
        # A function may read the model's weights, so it is asked again when they change.
        version = self.network.version
        key = (samples_token(self.samples), self._functions[layer], rows.tobytes(), version)
        activations = self.network.cache.get(key)
        if activations is None:
            if len(rows) > BATCH:
                some = rows[:: -(-len(rows) // BATCH)]
                yield Preview(Recording(some, self._values(layer, some), None))
            activations = yield from self._all_values(layer, rows)
            self.network.cache.put(key, activations)
        predictions = None
        if self._classifies():
            outputs = yield from result_of(super().record_steps(OUTPUT, "flatten", rows))
            predictions = outputs.predictions
        yield Result(Recording(rows, activations, predictions))

    def _all_values(self, layer: str, rows: np.ndarray) -> Generator[Progress, None, np.ndarray]:
        parts = []
        for start in range(0, len(rows), BATCH):
            parts.append(self._values(layer, rows[start : start + BATCH]))
            yield Progress(start + len(parts[-1]), len(rows), f"samples through {layer}")
        widths = {part.shape[1] for part in parts}
        if len(widths) > 1:
            raise ModelError(
                f"layer {layer!r} has {min(widths)} values for some samples and {max(widths)} for others: "
                "the function must return as many for every batch (fit it on all samples first)"
            )
        return np.concatenate(parts)

    def _values(self, layer: str, rows: np.ndarray) -> np.ndarray:
        """What the function makes of these samples, (n, features) float32."""
        batch = self.samples.batch(rows)
        try:
            found = self._functions[layer](batch)
        except Exception as error:
            given = f"a list of {len(batch)} texts" if isinstance(batch, list) else describe(batch)
            raise ModelError(
                f"the function of layer {layer!r} raised {type(error).__name__}: {error}\n"
                f"It was given {given}."
            ) from error
        if hasattr(found, "toarray"):
            found = found.toarray()
        elif hasattr(found, "detach"):
            found = found.detach().cpu()
        array = np.asarray(found)
        if array.dtype.kind not in "biuf" or array.ndim < 1 or len(array) != len(rows):
            raise ModelError(
                f"the function of layer {layer!r} must return numbers, one row for each of the {len(rows)} "
                f"samples it was given; it returned {array.dtype} of shape {array.shape}"
            )
        return array.reshape(len(array), -1).astype(np.float32)

    def _describe(self, name: str) -> Layer:
        size = self._values(name, np.arange(1)).shape[1]
        return Layer(name, "function", (size,), 0, "", 0, 0)
