"""Two maps of the same samples side by side: two layers, two epochs, or two models.

The other half is js/src/views/map_comparison.ts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.checkpoints import with_checked_checkpoints, with_checkpoints
from nbviz.core.epoch_specimen import EpochSpecimens, Networks
from nbviz.core.errors import UnknownName, unknown_name
from nbviz.core.events import Preview, Result, Steps
from nbviz.core.network import Network
from nbviz.core.recording import class_labels, spread
from nbviz.core.samples import Samples
from nbviz.core.specimen import ArraySpecimen, ModelSpecimen
from nbviz.methods.map_comparison import ComparedMaps, MapMemory, compared_maps_steps
from nbviz.methods.neighbour_preservation import NeighbourPreservation
from nbviz.methods.not_finite import samples_named
from nbviz.methods.recorded_pair import recorded_pair_steps
from nbviz.views.map_comparison_frames import (
    ComparisonPicture,
    accuracies_of,
    comparison_frame,
    predictions_of,
)
from nbviz.views.map_comparison_sides import (
    choose_sides,
    described,
    notes_of,
    side_names,
    titles_of,
)
from nbviz.views.parts.columns import columns_of, known_column, row_names
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.pictures import picture_side
from nbviz.views.parts.sample_map import (
    SampleMapView,
    arrays_by_layer,
    samples_of,
    samples_of_arrays,
)
from nbviz.views.parts.traits import Indices, Number

PRESERVATION = "preservation"


class MapComparison(SampleMapView):
    """Two linked maps of the same samples, and for every sample how many of its nearest neighbours it kept.

    ``MapComparison(net, X, y, layer="conv1", right_layer="fc1")`` compares two layers,
    ``MapComparison(net, X, y, checkpoint=0)`` one layer before and after the training, and
    ``MapComparison(net, X, y, right=other)`` two models. Without any of these it is before and after the
    training if the network has checkpoints, else the input and the last hidden layer.

    Parameters
    ----------
    left : torch.nn.Module or Network
        What is shown on the left.
    X, y : samples and labels, in any form that :class:`~nbviz.Samples` takes
    right : torch.nn.Module or Network, optional
        What is shown on the right; by default the same model. It gets the same ``X``.
    checkpoints : mapping of int to state dict or model, optional
        Weights by epoch of ``left``, for ``checkpoint`` and ``right_checkpoint``; also as
        ``Network(model, checkpoints=...)``.
    max_samples : int, optional
        How many are read from a Dataset or DataLoader.
    **traits
        Any trait below or of :class:`~nbviz.views.parts.sample_map.SampleMapView`, for example
        ``layer="conv2"`` or ``k=20``.

    Raises
    ------
    TypeError
        If ``left`` or ``right`` is no module, or a keyword is unknown.
    ValueError
        If ``X`` and ``y`` differ in length, there is one sample only, or there is no such layer or epoch.

    Notes
    -----
    Neighbour preservation as in Chen and Buja, "Local Multidimensional Scaling", JASA 2009 (local continuity
    meta-criterion); maps of several layers and epochs in comparable coordinates as in Rauber et al. 2017.
    """

    layer = t.Unicode("").tag(sync=True, parameter=True)
    """Layer on the left; ``"input"`` is one too. Default: the last hidden layer."""

    right_layer = t.Unicode("").tag(sync=True, parameter=True)
    """Layer on the right. Default: that of the left, if there is one of this name, else the last hidden."""

    checkpoint = t.Int(None, allow_none=True).tag(sync=True, parameter=True)
    """Epoch of the weights on the left; None for the model as it is now."""

    right_checkpoint = t.Int(None, allow_none=True).tag(sync=True, parameter=True)
    """Epoch of the weights on the right; None for the model as it is now."""

    of = t.Enum(["activations", "maps"], "activations").tag(sync=True, parameter=True)
    """Between which spaces neighbours are compared: the layers' activations, or the two maps as drawn."""

    k = t.Int(10, min=1).tag(sync=True, parameter=True)
    """Nearest neighbours that are compared, and counted in the neighbourhood hits; 1 to samples - 1."""

    match = t.Bool(True).tag(sync=True, parameter=True)
    """Whether the right map starts from the left one, so that they can be compared by eye."""

    perplexity = Number(30.0, min=1.0).tag(sync=True, parameter=True)
    """About how many neighbours a sample attends to; 1 to below a third of the samples. Until it
    is set: 30, or what ``n_samples`` allows."""

    metric = t.Enum(["euclidean", "cosine", "correlation"], "euclidean").tag(sync=True, parameter=True)
    """Distance between activation vectors."""

    n_samples = t.Int(1000, min=0).tag(sync=True, parameter=True)
    """How many samples are shown, evenly spread over all; 0 for all."""

    colour_by = t.Unicode("").tag(sync=True)
    """``"label"``, ``"prediction"`` (of each side), ``"preservation"``, or a metadata column."""

    selection = Indices().tag(sync=True)
    """Row numbers of the selected samples. Of a single one the neighbours are shown."""

    predictions_sent = t.Dict().tag(sync=True, echo_update=False)
    """Predictions of both sides for the browser. Not to be set."""

    _most_neighbours = 10

    def __init__(
        self,
        left: Any,
        X: Any = None,
        y: Any = None,
        *,
        right: Any = None,
        checkpoints: Mapping[int, Any] | None = None,
        max_samples: int | None = None,
        **traits: Any,
    ) -> None:
        network = Network.of(left)
        if checkpoints is None:
            network = with_checked_checkpoints(network)
        else:
            network = with_checkpoints(network, checkpoints)
        other = network if right is None else with_checked_checkpoints(Network.of(right))
        samples = samples_of("MapComparison(left, X, y)", X, y, max_samples=max_samples)
        sides = (EpochSpecimens(ModelSpecimen(network, samples)),) * 2
        if other is not network:
            sides = (sides[0], EpochSpecimens(ModelSpecimen(other, samples)))
        self._begin(sides, traits, names=side_names(network, other))

    @classmethod
    def from_activations(
        cls,
        left: Any,
        right: Any = None,
        y: Any = None,
        *,
        X: Any = None,
        predictions: Any = None,
        right_predictions: Any = None,
        metadata: Any = None,
        class_names: Any = None,
        **traits: Any,
    ) -> MapComparison:
        """A view of activations that were computed elsewhere.

        Parameters
        ----------
        left, right : mapping of str to (n, ...) array, or one array
            By layer name. Row i is the same sample everywhere. Without ``right``, two layers of ``left``.
        y : (n,) sequence, optional
            Labels.
        X : optional
            The samples themselves, for pictures and names.
        predictions, right_predictions : (n,) or (n, classes) array, optional
            What each side answers: classes as numbers or words, or outputs.
        metadata : mapping of str to (n,) sequence, or DataFrame, optional
            Further columns to colour by.
        class_names : sequence of str, or mapping of int to str, optional
            Names of the integer classes.

        Raises
        ------
        ValueError
            If there are no activations, a single layer without ``right``, or lengths differ.
        TypeError
            If activations are not real numbers, or a keyword is unknown.
        """
        right_given = left if right is None else right
        given = [arrays_by_layer(left, " on the left"), arrays_by_layer(right_given, " on the right")]
        if right is None and len(given[0]) == 1:
            raise ValueError(
                "there is one map, and nothing to compare it with: give right=..., or two layers or more, "
                "from_activations({'fc1': A, 'fc2': B})"
            )
        samples = samples_of_arrays(given[0], X, y, metadata=metadata, class_names=class_names)
        answers = (predictions, predictions if right is None else right_predictions)
        if right is None:
            traits = {"layer": next(iter(given[0])), "right_layer": list(given[0])[-1], **traits}
        sides = tuple(
            EpochSpecimens(ArraySpecimen(arrays, samples, answer))
            for arrays, answer in zip(given, answers, strict=True)
        )
        view = cls.__new__(cls)
        view._begin((sides[0], sides[1]), traits, pictures=X is not None)
        return view

    def _begin(
        self,
        sides: tuple[EpochSpecimens, EpochSpecimens],
        traits: dict[str, Any],
        *,
        names: tuple[str, str] = ("", ""),
        pictures: bool = True,
    ) -> None:
        left, right = sides
        samples = left.now.samples
        if len(samples) < 2:
            raise ValueError("one sample has no neighbours to compare: at least 2 are needed")
        self._sides: tuple[EpochSpecimens, EpochSpecimens] | None = sides
        self._side_names = names
        self._memory = MapMemory()
        self._sprite_is_due = pictures
        self._predictions_shown: Any = None
        networks = [side.network for side in {id(side): side for side in sides}.values()]
        self._networks = Networks(*(network for network in networks if network is not None))
        choose_sides(sides, traits)
        traits.setdefault("n_samples", min(1000, len(samples)))
        columns = columns_of(samples, left.now.class_names)
        if PRESERVATION in columns:
            columns[f"{PRESERVATION} (metadata)"] = columns.pop(PRESERVATION)
        super().__init__(
            **{"colour_by": next(iter(columns), PRESERVATION), **traits},
            specimen={
                "n": len(samples),
                "left": described(left),
                "right": described(right),
                "columns": columns,
                "names": row_names(samples, left.network),
                "pictures": picture_side(samples) if pictures else 0,
            },
        )

    @t.validate("layer", "right_layer")
    def _check_layer(self, proposal: Any) -> str:
        sides = self._sides
        if sides is None or not proposal.value:
            return proposal.value
        try:
            return sides[proposal.trait.name == "right_layer"].now.check(proposal.value)
        except UnknownName as error:
            raise t.TraitError(str(error)) from error

    @t.validate("checkpoint", "right_checkpoint")
    def _check_epoch(self, proposal: Any) -> int | None:
        sides = self._sides
        if sides is not None and proposal.value is not None:
            known = sides[proposal.trait.name == "right_checkpoint"].epochs
            if proposal.value not in known:
                raise t.TraitError(str(unknown_name("epoch", proposal.value, [str(e) for e in known])))
        return proposal.value

    @t.validate("colour_by")
    def _check_colour(self, proposal: Any) -> str:
        return known_column(proposal.value, self.specimen, ["prediction", PRESERVATION])

    def compute(self, params: SimpleNamespace) -> Steps:
        sides = self._sides
        if sides is None:
            raise RuntimeError("the view is closed")
        samples = sides[0].now.samples
        rows = spread(len(samples), params.n_samples or len(samples))
        layers = (params.layer, params.right_layer)
        specimens = (sides[0].at(params.checkpoint), sides[1].at(params.right_checkpoint))
        titles = titles_of(self._side_names, layers, (params.checkpoint, params.right_checkpoint), sides)
        pair: Any = None
        for event in recorded_pair_steps(specimens, layers, rows, reduce=params.reduce, match=params.match):
            if isinstance(event, Result):
                pair = event.value
            elif isinstance(event, Preview):
                look, maps = event.value
                yield Preview(ComparisonPicture(look, maps, titles))
                self.send_sprite()
            else:
                yield event
        left, right = pair
        predictions = (left.predictions, right.predictions)
        accuracy, why_unknown = accuracies_of(specimens, pair)
        notes = notes_of(specimens, layers) + why_unknown
        labels = class_labels(samples)
        events = compared_maps_steps(
            left.activations,
            right.activations,
            None if labels is None else labels[rows],
            names=titles,
            of=params.of,
            k=params.k,
            method=params.method,
            perplexity=params.perplexity,
            n_iter=params.iterations,
            metric=params.metric,
            seed=params.seed,
            match=params.match,
            memory=self._memory,
        )
        with samples_named(samples, rows):
            for event in events:
                if not isinstance(event, Preview | Result):
                    yield event
                    continue
                yield type(event)(ComparisonPicture(rows, event.value, titles, predictions, accuracy, notes))
                self.send_sprite()

    def encode(self, value: ComparisonPicture) -> Frame:
        shown, sides = self._predictions_shown, self._sides
        new = shown is None or any(a is not b for a, b in zip(shown, value.predictions, strict=True))
        is_told = any(one is not None for one in value.predictions)  # not so of a first look
        if sides is not None and new and is_told:
            self._predictions_shown = value.predictions
            self.publish(predictions_sent=predictions_of(sides, value))
        return comparison_frame(value)

    def all_samples(self) -> Samples | None:
        return None if self._sides is None else self._sides[0].now.samples

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def rows(self) -> np.ndarray:
        """Row numbers of the samples shown, (n,) int."""
        return self.latest().rows

    @property
    def maps(self) -> ComparedMaps:
        """Both maps with their positions and neighbourhood hits, and the preservation."""
        return self.latest().maps

    @property
    def preservation(self) -> NeighbourPreservation | None:
        """Who kept their neighbours. Its numbers count the samples *shown*: see :attr:`rows`. None after a
        stop that came too early."""
        return self.maps.preservation

    @property
    def accuracy(self) -> tuple[float | None, float | None]:
        """Share of the samples shown that each side classifies as labelled, 0 to 1."""
        return self.latest().accuracy

    def most_changed(self, count: int = 10) -> np.ndarray:
        """Row numbers of the samples that kept the fewest neighbours, (count,) int.

        Raises
        ------
        ValueError
            If ``count`` is negative.
        RuntimeError
            If the comparison was stopped before it was known.
        """
        picture = self.latest()
        return picture.rows[picture.known().most_changed(count)]

    def neighbours_of(self, row: int) -> dict[str, np.ndarray]:
        """Row numbers of the neighbours that a sample ``"kept"``, ``"lost"`` and ``"gained"``.

        Raises
        ------
        ValueError
            If the sample is not among those shown.
        RuntimeError
            If the comparison was stopped before it was known.
        """
        return self.latest().neighbours_of(row)

    def shown_network(self) -> Any:
        return self._networks if self._sides is not None and self._sides[0].network is not None else None

    def summary(self) -> str:
        """The state in plain words."""
        picture = self._latest
        if not isinstance(picture, ComparisonPicture):
            return f"MapComparison: {self.state_in_words()}"
        return f"MapComparison: {picture.summary()}"

    def release(self) -> None:
        self._sides = self._predictions_shown = None
        self._networks = Networks()
        self._memory = MapMemory()
        self.specimen = self.thumbnails = self.predictions_sent = {}
