"""Which samples lie among another class, and are they the ones the network gets wrong? Worst first.

The other half is js/src/views/outlier_explorer.ts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.errors import ModelError
from nbviz.core.events import Preview, Steps
from nbviz.core.network import Network
from nbviz.core.specimen import ArraySpecimen, ModelSpecimen, Specimen
from nbviz.methods.decision_regions import DecisionRegions
from nbviz.methods.layer_map import layer_map_steps
from nbviz.methods.loss_sources import given_losses
from nbviz.methods.neighbour_cache import NeighbourCache
from nbviz.methods.neighbour_report import SHOWS, NeighbourReport
from nbviz.methods.outlier_map import SPACES, OutlierMap, exact_report, outlier_map_steps
from nbviz.methods.shared_classes import SharedClasses, shared_classes
from nbviz.methods.visual_outliers import ErrorOverlap
from nbviz.methods.worst_first import KEYS
from nbviz.views.outlier_explorer_frames import class_columns, frame_of
from nbviz.views.parts.columns import row_names
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.pictures import picture_side
from nbviz.views.parts.resumable import Resumable
from nbviz.views.parts.sample_map import (
    SampleMapView,
    arrays_by_layer,
    samples_of,
    samples_of_arrays,
)
from nbviz.views.parts.sized_view import usual_k
from nbviz.views.parts.traits import Indices, Number


class OutlierExplorer(SampleMapView):
    """The map of a layer beside a list of its samples, worst first.

    An outlier is a sample with few neighbours of its own class. A table counts how many of the outliers the
    network gets wrong, and tests whether the two go together.

    Parameters
    ----------
    model : torch.nn.Module or Network
    X : samples, in any form that :class:`~nbviz.Samples` takes
    y : (n,) sequence, optional
        One class for each sample. Needed, unless ``X`` holds labels.
    max_samples : int, optional
        How many are read from a Dataset or DataLoader.
    **traits
        Any trait below or of :class:`~nbviz.views.parts.sample_map.SampleMapView`, for example
        ``layer="conv2"`` or ``sort_by="hit"``.

    Raises
    ------
    TypeError
        If ``model`` is no module, or a keyword is unknown.
    ValueError
        If there are no labels that are classes, ``X`` and ``y`` differ in length, or there is no such layer.

    Notes
    -----
    Rauber, Fadel, Falcão, Telea, "Visualizing the Hidden Activity of Artificial Neural Networks", IEEE TVCG
    2017: visual outliers, and how they are classified. The rule for what counts as one is ours. Regions by
    nearest neighbours: Espadoto, Rodrigues, Hirata, Telea 2021.
    """

    perplexity = Number(30.0, min=1.0).tag(sync=True, parameter=True)
    """About how many neighbours a sample attends to; 1 to below a third of the samples. Until it
    is set: 30, or what ``n_samples`` allows."""

    n_samples = t.Int(0, min=0).tag(sync=True, parameter=True)
    """How many samples are shown, evenly spread over all; 0 for all."""

    of = t.Enum(list(SPACES), "map").tag(sync=True, parameter=True)
    """Where neighbours are looked for: in the picture (``"map"``), or in the layer (``"activations"``)."""

    k = t.Int(6, min=1).tag(sync=True, parameter=True)
    """Neighbours of each sample that are looked at; 1 to samples - 1."""

    most_hit = t.Int(2, min=0).tag(sync=True, parameter=True)
    """A sample is an outlier if at most so many of its k neighbours are of its own class; 0 to k - 1."""

    regions = t.Bool(False).tag(sync=True, parameter=True)
    """Whether the ground behind the points is coloured by the class predicted for the points nearest to each
    place. An approximation: the network is not run there."""

    sort_by = t.Enum(list(KEYS), "loss").tag(sync=True)
    """What is worst: the highest loss, the lowest neighbourhood hit (``"hit"``), or the highest disagreement
    of neighbours and prediction. By neighbourhood hit where the other was not measured."""

    show = t.Enum(list(SHOWS), "all").tag(sync=True)
    """Which samples are listed: all, outliers, errors, or one cell of the table, such as
    ``"right outliers"``."""

    selection = Indices().tag(sync=True)
    """Row numbers of the selected samples. The list holds only these, unless there are none."""

    sample = t.Int(None, allow_none=True, min=0).tag(sync=True)
    """Row number of the sample that is shown with its neighbours; None for none."""

    height = t.Int(560, min=200, max=2000).tag(sync=True)
    """Height of the map and the list, pixels."""

    columns_sent = t.Dict().tag(sync=True, echo_update=False)
    """Labels and predictions for the browser. Not to be set."""

    def __init__(
        self, model: Any, X: Any = None, y: Any = None, *, max_samples: int | None = None, **traits: Any
    ) -> None:
        network = Network.of(model)
        samples = samples_of("OutlierExplorer(model, X, y)", X, y, max_samples=max_samples)
        self._begin(ModelSpecimen(network, samples), traits)

    @classmethod
    def from_activations(
        cls,
        activations: Any,
        y: Any = None,
        *,
        X: Any = None,
        predictions: Any = None,
        losses: Any = None,
        class_names: Any = None,
        **traits: Any,
    ) -> OutlierExplorer:
        """A view of activations that were computed elsewhere.

        Parameters
        ----------
        activations : mapping of str to (n, ...) array, or one array
            By layer name, in the order of the layers. One array is called ``"activations"``.
        y : (n,) sequence
            One class for each sample.
        X : optional
            The samples themselves, for pictures and names.
        predictions : (n,) or (n, classes) array, optional
            Predicted classes as numbers or words, or the network's outputs. Without it there are no errors.
        losses : (n,) sequence of float, optional
            NaN where it is not known. Default: cross-entropy in nats, if ``predictions`` are outputs.
        class_names : sequence of str, or mapping of int to str, optional
            Names of the integer classes.

        Raises
        ------
        ValueError
            If there are no activations or no labels that are classes, or lengths differ.
        TypeError
            If the activations are not real numbers, or a keyword is unknown.
        """
        arrays = arrays_by_layer(activations)
        samples = samples_of_arrays(arrays, X, y, class_names=class_names)
        view = cls.__new__(cls)
        specimen = ArraySpecimen(arrays, samples, predictions)
        view._begin(specimen, traits, *given_losses(specimen, predictions, losses), pictures=X is not None)
        return view

    def _begin(
        self,
        specimen: Specimen,
        traits: dict[str, Any],
        losses: np.ndarray | None = None,
        unit: str = "nats",
        *,
        pictures: bool = True,
    ) -> None:
        self._specimen = specimen
        self._classes: SharedClasses | None = None
        self._losses, self._loss_unit = losses, unit
        self._neighbours, self._map = NeighbourCache(), Resumable()
        self._sprite_is_due = pictures
        self._columns_of: Any = None  # the predictions that the browser has
        self._codes: dict[int, int] = {}
        samples = specimen.samples
        if len(samples) < 2:
            raise ValueError("one sample has no neighbours, so it is no outlier: at least 2 are needed")
        try:
            layers = specimen.layers()
            self._classes = shared_classes(specimen)
        except ModelError:
            layers = []  # the model raises in forward: compute() raises it again, and the view shows it
        if layers:
            traits["layer"] = specimen.check(traits.get("layer") or specimen.default_layer())
        columns: dict[str, Any] = {}
        network = specimen.network if isinstance(specimen, ModelSpecimen) else None
        if self._classes is not None:
            columns, self._codes = class_columns(self._classes)
        super().__init__(
            **traits,
            specimen={
                "n": len(samples),
                "layers": [{"name": x.name, "type": x.type, "shape": list(x.shape)} for x in layers],
                "names": row_names(samples, network),
                "pictures": picture_side(samples) if pictures else 0,
            },
            columns_sent=columns,
        )

    def usual(self, shown: int, given: Mapping[str, Any]) -> dict[str, Any]:
        found = super().usual(shown, given)
        return {**found, "most_hit": min(2, max(0, given.get("k", found["k"]) - 1))}

    @t.validate("sample")
    def _check_sample(self, proposal: Any) -> int | None:
        n = self.specimen.get("n")
        if n is not None and proposal.value is not None and proposal.value >= n:
            raise t.TraitError(f"sample {proposal.value} does not exist: there are {n}, counted from 0")
        return proposal.value

    def compute(self, params: SimpleNamespace) -> Steps:
        specimen = self._specimen
        if specimen is None:
            raise RuntimeError("the view is closed")
        if self._classes is None:
            specimen.layers()  # raises what the model raised
            self._classes = shared_classes(specimen)
        options = {
            "reduce": params.reduce,
            "n_samples": params.n_samples,
            "method": params.method,
            "perplexity": params.perplexity,
            "n_iter": params.iterations,
            "seed": params.seed,
        }
        shown = min(params.n_samples or len(specimen.samples), len(specimen.samples))
        version = specimen.network.version if isinstance(specimen, ModelSpecimen) else None
        key = (params.layer, *options.values(), version)
        was_shown = self._map.last(key) is not None
        maps = self._map.steps(
            key,
            lambda: layer_map_steps(
                specimen, params.layer, k=usual_k(shown), cache=self._neighbours, **options
            ),
        )
        for event in outlier_map_steps(
            specimen,
            maps,
            self._classes,
            reduce=params.reduce,
            n_samples=params.n_samples,
            of=params.of,
            k=params.k,
            most_hit=params.most_hit,
            losses=self._losses,
            regions=params.regions,
            was_shown=was_shown,
            cache=self._neighbours,
        ):
            yield event
            if isinstance(event, Preview):
                self.send_sprite()

    def encode(self, value: OutlierMap) -> Frame:
        known = value.map.predictions
        if value.predictions is not None and known is not None and known is not self._columns_of:
            self._columns_of = known
            columns, self._codes = class_columns(value.classes, known, value.map.rows)
            self.publish(columns_sent=columns)
        return frame_of(value, self._codes, self._loss_unit)

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def embedding(self) -> np.ndarray:
        """Positions of the samples shown, (m, 2) float32."""
        return self.latest().map.embedding.positions

    @property
    def rows(self) -> np.ndarray:
        """Row numbers of the samples shown, (m,) int. What follows is in their order, unless it says so."""
        return self.latest().map.rows

    @property
    def report(self) -> NeighbourReport:
        """Everything that was counted; its indices are those of the points, into :attr:`rows`."""
        return exact_report(self.latest())

    @property
    def outliers(self) -> np.ndarray:
        """Row numbers of the outliers, fewest neighbours of their own class first."""
        return self.rows[self.report.outliers.rows]

    @property
    def errors(self) -> np.ndarray | None:
        """Row numbers of the samples that the network gets wrong; None without predictions."""
        wrong = self.report.is_wrong
        return None if wrong is None else self.rows[wrong]

    @property
    def overlap(self) -> ErrorOverlap | None:
        """The table of outliers and errors with Fisher's exact test; None without predictions."""
        return self.report.outliers.overlap

    @property
    def listed(self) -> np.ndarray:
        """Row numbers of the list as it stands, worst first: ``show`` and ``selection`` choose, ``sort_by``
        sorts."""
        rows = self.rows
        among = np.flatnonzero(np.isin(rows, self.selection)) if len(self.selection) else None
        return rows[self.report.listed(self.sort_by, self.show, among)]

    @property
    def local_hits(self) -> np.ndarray:
        """Share of the k neighbours of each sample with its own label, (m,), 0 to 1."""
        return self.report.worst.hit

    @property
    def neighbours(self) -> np.ndarray:
        """Row numbers of the k neighbours of each sample, nearest first, (m, k) int."""
        return self.rows[self.report.graph.indices]

    @property
    def losses(self) -> np.ndarray | None:
        """Loss of each sample, (m,): cross-entropy in nats, or as given; None without one."""
        return self.latest().losses

    @property
    def predictions(self) -> np.ndarray | None:
        """Predicted class of each sample, (m,) int; None if there are none that compare with the labels."""
        return self.latest().predictions

    @property
    def decision_regions(self) -> DecisionRegions | None:
        """The ground behind the points; None unless ``regions`` is on and there are predictions."""
        return self.latest().regions

    def summary(self) -> str:
        """The state in plain words."""
        picture = self._latest
        if not isinstance(picture, OutlierMap):
            return f"OutlierExplorer: {self.state_in_words()}"
        report = picture.report
        kind = "t-SNE" if picture.map.embedding.method == "tsne" else "PCA"
        text = f"OutlierExplorer: {kind} of {picture.map.layer!r}, {len(picture.map.rows):,} samples"
        if report is None:
            return text
        count = len(report.outliers)
        text += (
            f"; {count} outlier{'s' * (count != 1)} (at most {report.most_hit} of {report.k} neighbours in "
            f"the {picture.of} of their own class)"
        )
        overlap = report.outliers.overlap
        return text if overlap is None else f"{text}. {overlap.words()}"

    def release(self) -> None:
        self._specimen = self._classes = self._losses = self._columns_of = None
        self._neighbours = NeighbourCache()
        self._map.clear()
        self.specimen = self.thumbnails = self.columns_sent = {}
