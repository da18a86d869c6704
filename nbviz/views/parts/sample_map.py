"""What views share that place all samples by the activations of a layer.

:class:`SampleMapView` holds the traits that mean the same in each of them, with their checks. A view declares
its other traits itself. The functions serve views of another kind too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.errors import ModelError, UnknownName
from nbviz.core.layers import Layer
from nbviz.core.samples import Samples
from nbviz.core.specimen import ModelSpecimen, Specimen
from nbviz.views.parts.pictured_view import PicturedView
from nbviz.views.parts.sized_view import SizedView
from nbviz.views.parts.traits import Indices


class SampleMapView(PicturedView, SizedView):
    """A view of the samples on a map of one layer.

    A subclass sets ``_specimen`` before ``SizedView.__init__``.
    """

    layer = t.Unicode("").tag(sync=True, parameter=True)
    """Name of the layer; ``"input"`` is one too. Default: the last hidden layer."""

    reduce = t.Enum(["flatten", "max", "mean"], "flatten").tag(sync=True, parameter=True)
    """How a feature map becomes a vector: all values, or the largest or the mean of each channel. Of hidden
    layers only: the input and the output are shown with all their values."""

    method = t.Enum(["tsne", "pca"], "tsne").tag(sync=True, parameter=True)
    """How the map is made: t-SNE, or principal component analysis."""

    iterations = t.Int(750, min=1, max=10_000).tag(sync=True, parameter=True)
    """t-SNE iterations; a third of them, at most 250, with early exaggeration."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """One seed gives one map."""

    selection = Indices().tag(sync=True)
    """Row numbers of the selected samples."""

    _specimen: Specimen | None = None  # None once the view is closed

    # traitlets rolls back a message from the browser for a TraitError only.

    @t.validate("layer")
    def _check_layer(self, proposal: Any) -> str:
        specimen = self._specimen
        if specimen is None or not proposal.value:
            return proposal.value
        try:
            return specimen.check(proposal.value)
        except UnknownName as error:
            raise t.TraitError(str(error)) from error
        except ModelError:
            return proposal.value  # no layer is known while the model raises; compute() shows its error

    @t.validate("selection")
    def _check_selection(self, proposal: Any) -> np.ndarray:
        return known_rows(proposal.value, self.specimen.get("n"))

    def all_samples(self) -> Samples | None:
        return None if self._specimen is None else self._specimen.samples

    def shown_network(self) -> Any:
        return self._specimen.network if isinstance(self._specimen, ModelSpecimen) else None


def samples_of(
    call: str, X: Any, y: Any, *, max_samples: int | None = None, what: str = "samples"
) -> Samples:
    """The samples that ``call``, such as ``"LayerExplorer(model, X, y)"``, was given.

    Raises
    ------
    TypeError
        If there is no ``X``.
    """
    if X is None:
        raise TypeError(f"{call}: the {what} X are missing")
    return Samples.of(X, y, max_samples=max_samples)


def arrays_by_layer(activations: Any, where: str = "") -> Mapping[str, Any]:
    """Activations computed elsewhere, by layer name. One array is called ``"activations"``. The message says
    ``where`` there are none, such as ``" on the left"``.

    Raises
    ------
    ValueError
        If the mapping is empty.
    """
    arrays = activations if isinstance(activations, Mapping) else {"activations": activations}
    if not arrays:
        raise ValueError(f"there are no activations{where}: pass a mapping of layer name to array")
    return arrays


def samples_of_arrays(
    arrays: Mapping[str, Any], X: Any, y: Any, *, metadata: Any = None, class_names: Any = None
) -> Samples:
    """The samples of activations computed elsewhere; without ``X`` the first layer stands for them."""
    inputs = next(iter(arrays.values())) if X is None else X
    return Samples.of(inputs, y, metadata=metadata, class_names=class_names)


def known_layers(specimen: Specimen) -> list[Layer]:
    """The layers; none if the model raises in forward: compute() raises it again, and the view shows it."""
    try:
        return specimen.layers()
    except ModelError:
        return []


def known_rows(rows: np.ndarray, n: int | None) -> np.ndarray:
    """The sorted row numbers ``rows``, if all are below ``n`` (None: not known yet); else a TraitError."""
    if n is not None and len(rows) and rows[-1] >= n:
        raise t.TraitError(f"selection holds row {rows[-1]}, but there are {n} samples")
    return rows
