"""What a layer makes of the samples: its activations as a map of points.

The other half is js/src/views/layer_explorer.ts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.checkpoints import with_checked_checkpoints, with_checkpoints
from nbviz.core.epoch_specimen import EpochSpecimens
from nbviz.core.errors import unknown_name
from nbviz.core.events import Preview, Result, Steps
from nbviz.core.function_layers import FunctionSpecimen
from nbviz.core.network import Network
from nbviz.core.recording import Predictions, class_labels
from nbviz.core.specimen import ArraySpecimen, ModelSpecimen, Specimen
from nbviz.methods.layer_map import LayerMap, layer_map_steps
from nbviz.methods.neighbour_cache import NeighbourCache
from nbviz.methods.neighbours import neighbourhood_hit
from nbviz.methods.turn import Turner
from nbviz.views.evolution_explorer import EvolutionExplorer
from nbviz.views.layer_explorer_frame import encode_map
from nbviz.views.parts.columns import RESERVED, answer_columns, columns_of, known_column, row_names
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.pictures import picture_side
from nbviz.views.parts.sample_map import (
    SampleMapView,
    arrays_by_layer,
    known_layers,
    samples_of,
    samples_of_arrays,
)
from nbviz.views.parts.traits import Number

MOST_PATHS = 1000
"""Samples whose paths are shown at first."""


class LayerExplorer(SampleMapView):
    """A scatter of the samples, placed by the activations of one layer.

    The principal components are shown at once, then t-SNE refines the map while it is watched.

    Parameters
    ----------
    model : torch.nn.Module or Network
        Its layers are found by one traced forward pass. It is not changed.
    X : Samples, array, tensor, Dataset, DataLoader, list or DataFrame
        The samples; see :class:`nbviz.Samples`.
    y : (n,) sequence, optional
        Labels, for colours, neighbourhood hit and accuracy.
    max_samples : int, optional
        How many are read from a Dataset or DataLoader.
    checkpoints : mapping of int to state dict or model, optional
        Weights by epoch, for the trait ``epoch``; also as ``Network(model, checkpoints=...)``. All epochs
        in one picture, with the paths of the samples: :meth:`evolution`.
    layers : mapping of str to callable, optional
        Further layers, computed from the samples and not by the model: each function takes a batch of raw
        samples and returns an array, tensor or sparse matrix, a row for each.
    **traits
        Any trait below or of :class:`~nbviz.views.parts.sample_map.SampleMapView`, for example
        ``layer="conv2"`` or ``perplexity=50``.

    Raises
    ------
    TypeError
        If ``model`` is no module, or a keyword is unknown.
    ValueError
        If ``X`` and ``y`` differ in length, ``X`` is empty, or there is no such layer.

    Notes
    -----
    Implements the activation projections of Rauber, Fadel, Falcão and Telea, "Visualizing the Hidden
    Activity of Artificial Neural Networks", IEEE TVCG 23(1), 2017, sections 3 and 4.

    Examples
    --------
    >>> view = nbviz.LayerExplorer(net, digits)  # doctest: +SKIP
    >>> view.layer = "conv2"; view.perplexity = 50  # doctest: +SKIP
    >>> view.neighbourhood_hit  # doctest: +SKIP
    """

    epoch = t.Int(None, allow_none=True).tag(sync=True, parameter=True)
    """Checkpoint whose weights are used; None for the model as it is now. Maps of two epochs are turned so as
    to lie alike."""

    perplexity = Number(30.0, min=1.0).tag(sync=True, parameter=True)
    """About how many neighbours a sample attends to; 1 to below a third of the samples. Until it
    is set: 30, or what ``n_samples`` allows."""

    metric = t.Enum(["euclidean", "cosine", "correlation"], "euclidean").tag(sync=True, parameter=True)
    """Distance between activation vectors."""

    n_samples = t.Int(0, min=0).tag(sync=True, parameter=True)
    """How many samples are shown, evenly spread over all; 0 for all."""

    k = t.Int(6, min=1).tag(sync=True, parameter=True)
    """Neighbours that are counted in the neighbourhood hit (6 in the paper)."""

    colour_by = t.Unicode("").tag(sync=True)
    """``"label"``, ``"prediction"``, ``"correct"``, ``"confidence"`` or a metadata column."""

    predictions_sent = t.Dict().tag(sync=True, echo_update=False)
    """Predictions for the browser, sent again only when they change. Not to be set."""

    def __init__(
        self,
        model: Any,
        X: Any = None,
        y: Any = None,
        *,
        max_samples: int | None = None,
        checkpoints: Mapping[int, Any] | None = None,
        layers: Mapping[str, Any] | None = None,
        **traits: Any,
    ) -> None:
        network = Network.of(model)
        samples = samples_of("LayerExplorer(model, X, y)", X, y, max_samples=max_samples)
        if checkpoints is None:
            network = with_checked_checkpoints(network)
        else:
            network = with_checkpoints(network, checkpoints)
        if layers is None:
            self._begin(ModelSpecimen(network, samples), traits)
        else:
            self._begin(FunctionSpecimen(network, samples, layers), traits)

    @classmethod
    def from_activations(
        cls,
        activations: Any,
        y: Any = None,
        *,
        X: Any = None,
        predictions: Any = None,
        metadata: Any = None,
        class_names: Any = None,
        **traits: Any,
    ) -> LayerExplorer:
        """A view of activations that were computed elsewhere.

        Parameters
        ----------
        activations : mapping of str to (n, ...) array, or one array
            By layer name, in the order of the layers. One array is called ``"activations"``.
        y : (n,) sequence, optional
            Labels.
        X : optional
            The samples themselves, for pictures and names.
        predictions : (n,) or (n, classes) array, optional
            Predicted classes as numbers or words, or the network's outputs.
        metadata : mapping of str to (n,) sequence, or DataFrame, optional
            Further columns to colour by.
        class_names : sequence of str, or mapping of int to str, optional
            Names of the integer classes.

        Raises
        ------
        ValueError
            If there are no activations, their lengths or that of ``y`` differ, or the predictions are words
            and the labels numbers without names.
        TypeError
            If the activations are not real numbers, ``X`` is Samples with labels and there is ``y`` too, or a
            keyword is unknown.
        """
        arrays = arrays_by_layer(activations)
        samples = samples_of_arrays(arrays, X, y, metadata=metadata, class_names=class_names)
        view = cls.__new__(cls)
        view._begin(ArraySpecimen(arrays, samples, predictions), traits, pictures=X is not None)
        return view

    def _begin(self, specimen: Specimen, traits: dict[str, Any], pictures: bool = True) -> None:
        self._specimen = specimen
        self._epochs: EpochSpecimens | None = EpochSpecimens(specimen)
        self._turn = Turner()
        self._neighbours = NeighbourCache()
        self._sprite_is_due = pictures
        self._predictions_shown: Predictions | None = None
        samples = specimen.samples
        layers = known_layers(specimen)
        if layers:
            traits["layer"] = specimen.check(traits.get("layer") or specimen.default_layer())
        columns = columns_of(samples, specimen.class_names)
        network = specimen.network if isinstance(specimen, ModelSpecimen) else None
        super().__init__(
            **{"colour_by": next(iter(columns), "prediction"), **traits},
            specimen={
                "n": len(samples),
                "layers": [
                    {"name": x.name, "type": x.type, "shape": list(x.shape), "parameters": x.parameters}
                    for x in layers
                ],
                "columns": columns,
                "names": row_names(samples, network),
                "pictures": picture_side(samples) if pictures else 0,
                "epochs": self._epochs.epochs,
            },
        )

    # traitlets rolls back a message from the browser for a TraitError only.

    @t.validate("epoch")
    def _check_epoch(self, proposal: Any) -> int | None:
        known = self.specimen.get("epochs")
        if known is None or proposal.value is None or proposal.value in known:
            return proposal.value
        if not known:
            raise t.TraitError(
                "the network has no checkpoints: LayerExplorer(model, X, y, checkpoints={epoch: weights})"
            )
        raise t.TraitError(str(unknown_name("epoch", proposal.value, [str(epoch) for epoch in known])))

    @t.validate("colour_by")
    def _check_colour(self, proposal: Any) -> str:
        return known_column(proposal.value, self.specimen, RESERVED[1:])

    def compute(self, params: SimpleNamespace) -> Steps:
        if self._epochs is None:
            raise RuntimeError("the view is closed")
        specimen, has_epochs = self._epochs.at(params.epoch), bool(self._epochs.epochs)
        for event in layer_map_steps(
            specimen,
            params.layer,
            reduce=params.reduce,
            n_samples=params.n_samples,
            method=params.method,
            perplexity=params.perplexity,
            n_iter=params.iterations,
            metric=params.metric,
            seed=params.seed,
            k=params.k,
            cache=self._neighbours,
        ):
            if has_epochs and isinstance(event, Preview | Result):
                yield type(event)(self._turn(replace(event.value, epoch=params.epoch)))
            else:
                yield event
            if isinstance(event, Preview):
                self.send_sprite()

    def encode(self, value: LayerMap) -> Frame:
        if self._specimen is not None and value.predictions is not self._predictions_shown:
            self._predictions_shown = value.predictions
            if value.predictions is not None:
                self.publish(predictions_sent=answer_columns(self._specimen, value.predictions, value.rows))
        return encode_map(value, self.specimen["n"])

    def evolution(self, **traits: Any) -> EvolutionExplorer:
        """The same samples and layer over all epochs, or layers, with the path of each sample.

        Its maps lie in coordinates that can be compared, as those of ``epoch`` here, made one by one, do not.
        Selections of the two views follow each other.

        Parameters
        ----------
        **traits
            Of :class:`~nbviz.EvolutionExplorer`, for example ``over="layers"`` or ``strength=0.01``.
            ``layer``, ``n_samples``, ``reduce``, ``k``, ``seed`` and ``colour_by`` are as here unless given;
            distances are Euclidean.

        Raises
        ------
        ValueError
            If the view has no model, or its layer is a function of the samples.
        """
        if not isinstance(self._specimen, ModelSpecimen):
            raise ValueError(
                "the view has no model: EvolutionExplorer.from_activations({epoch or layer: array, ...}, y)"
            )
        network = self._specimen.network
        names = [layer.name for layer in network.layers(self._specimen.samples)]
        layer = traits.get("layer", self.layer)
        if layer not in names:
            if traits.get("over") != "layers":
                raise unknown_name("layer of the model", layer, names)
            layer = ""
        columns = self.specimen["columns"]
        same = {name: getattr(self, name) for name in ("reduce", "k", "seed", "selection")}
        same["layer"] = layer
        same["n_samples"] = min(self.n_samples or MOST_PATHS, MOST_PATHS, len(self._specimen.samples))
        known = [*columns, *RESERVED[1:]]
        same["colour_by"] = self.colour_by if self.colour_by in known else next(iter(columns), "")
        view = EvolutionExplorer(network, self._specimen.samples, **{**same, **traits})
        view._links.append(t.link((self, "selection"), (view, "selection")))
        return view

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def embedding(self) -> np.ndarray:
        """Positions of the samples shown, (n, 2) float32."""
        return self.latest().embedding.positions

    @property
    def rows(self) -> np.ndarray:
        """Row numbers of the samples shown, (n,) int."""
        return self.latest().rows

    @property
    def neighbourhood_hit(self) -> float | None:
        """Share of the k nearest neighbours *in the map* with the sample's own label, mean, 0 to 1.

        After a stop it is that of the map as it was left. None without labels that are classes.
        """
        shown = self.latest()
        found = shown.embedding.neighbourhood_hit
        labels = None if self._specimen is None else class_labels(self._specimen.samples)
        if found is not None or labels is None:
            return found
        k = min(self.k, len(shown.rows) - 1)
        return neighbourhood_hit(shown.embedding.positions, labels[shown.rows], k)

    @property
    def neighbourhood_hit_activations(self) -> float | None:
        """The same among the activation vectors themselves, 0 to 1.

        NaN after a stop, since it is measured at the end. None without labels that are classes.
        """
        found = self.latest().embedding.neighbourhood_hit_activations
        labels = None if self._specimen is None else class_labels(self._specimen.samples)
        return float("nan") if found is None and labels is not None else found

    @property
    def accuracy(self) -> float | None:
        """Share of the samples shown whose prediction is their label, 0 to 1."""
        return self.latest().accuracy

    @property
    def predictions(self) -> np.ndarray | None:
        """Predicted class of the samples shown, (n,) int."""
        predictions = self.latest().predictions
        return None if predictions is None else predictions.classes

    @property
    def kl_divergence(self) -> float | None:
        """What t-SNE minimises, nats."""
        return self.latest().embedding.kl_divergence

    def summary(self) -> str:
        """The state in plain words."""
        shown = self._latest
        if not isinstance(shown, LayerMap):
            of_layer = f" of layer {self.layer!r}" if self.layer else ""
            return f"LayerExplorer{of_layer}: {self.state_in_words()}"
        embedding = shown.embedding
        kind = "t-SNE" if embedding.method == "tsne" else "PCA"
        text = f"LayerExplorer: {kind} of {shown.layer!r}"
        text += "" if self.epoch is None else f" after epoch {self.epoch}"
        text += f", {len(shown.rows):,} samples, {embedding.n_features:,} values each"
        if embedding.neighbourhood_hit is not None:
            text += f"; neighbourhood hit {embedding.neighbourhood_hit:.1%} in the map"
        if embedding.neighbourhood_hit_activations is not None:
            text += f", {embedding.neighbourhood_hit_activations:.1%} in the activations"
        if shown.accuracy is not None:
            text += f"; accuracy {shown.accuracy:.1%}"
        return text

    def shown_network(self) -> Network | None:
        # A checkpoint stays as it is, whatever becomes of the model.
        is_live = isinstance(self._specimen, ModelSpecimen) and self.epoch is None
        return self._specimen.network if is_live else None  # type: ignore[union-attr]

    def release(self) -> None:
        self._specimen = self._epochs = None
        self._turn = Turner()
        self._neighbours = NeighbourCache()
        self._predictions_shown = None
        self.specimen = self.thumbnails = self.predictions_sent = {}
