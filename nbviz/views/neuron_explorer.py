"""Samples and units side by side: which units answer to these samples, which samples to these units.

The other half is js/src/views/neuron_explorer.ts.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.errors import unknown_name
from nbviz.core.events import Preview, Progress, Result, Steps, result_of
from nbviz.core.kept import Kept
from nbviz.core.layers import Layer
from nbviz.core.network import Network
from nbviz.core.recording import Recording, class_labels, spread, why_no_classes
from nbviz.core.samples import Samples
from nbviz.core.specimen import ArraySpecimen, ModelSpecimen, Specimen
from nbviz.methods.neighbour_cache import NeighbourCache
from nbviz.methods.neuron_projection import NeuronProjection, neuron_projection_steps
from nbviz.methods.not_finite import samples_named
from nbviz.methods.projection import Embedding, project_steps
from nbviz.methods.unit_activity import (
    Discriminative,
    discriminative_steps,
    sample_activity,
    unit_activity,
)
from nbviz.views.neuron_explorer_frame import NeuronPicture, encode_neurons
from nbviz.views.parts.columns import columns_of, known_column, names_of_classes, row_names
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.pictured_view import PicturedView
from nbviz.views.parts.pictures import picture_side
from nbviz.views.parts.resumable import Resumable
from nbviz.views.parts.sample_map import (
    arrays_by_layer,
    known_rows,
    samples_of,
    samples_of_arrays,
)
from nbviz.views.parts.sized_view import usual_k, usual_perplexity
from nbviz.views.parts.traits import Indices


class NeuronExplorer(PicturedView):
    """Two linked maps of a layer: its samples, and its units laid out by how alike they respond.

    Select samples, and the units are coloured by how much they stand out on them. Select units, and the
    samples are coloured by their activation. Units without variance are counted and left out.

    Parameters
    ----------
    model : torch.nn.Module or Network
    X, y : samples and labels, in any form that :class:`~nbviz.Samples` takes
    max_samples : int, optional
        How many are read from a Dataset or DataLoader.
    **traits
        Any trait below, for example ``layer="conv2"``.

    Raises
    ------
    TypeError, ValueError
        If ``model`` is no module, or the samples are of no known form.

    Notes
    -----
    Rauber, Fadel, Falcão, Telea, "Visualizing the Hidden Activity of Artificial Neural Networks", IEEE TVCG
    2017, sections 3.2 (neuron projection: 1 - |r|, multidimensional scaling) and 5 (discriminative map).
    """

    layer = t.Unicode("").tag(sync=True, parameter=True)
    """Layer whose units are shown. Default: the last hidden layer."""

    reduce = t.Enum(["max", "mean"], "max").tag(sync=True, parameter=True)
    """Of layers with feature maps a unit is a channel, of layers with steps (tokens) one of their features:
    its largest or its mean value over all places. Default: ``"mean"`` for steps, else ``"max"``."""

    method = t.Enum(["mds", "tsne"], "mds").tag(sync=True, parameter=True)
    """Map of the units: multidimensional scaling (SMACOF), or t-SNE of the same dissimilarities."""

    colour_units = t.Enum(["activity", "class"], "activity").tag(sync=True, parameter=True)
    """Units by their activity on the selected samples, or by the class they tell best from the rest."""

    colour_by = t.Unicode("").tag(sync=True)
    """``"label"`` or a metadata column, for the samples while no units are selected; ``""`` for none."""

    n_samples = t.Int(1000, min=0).tag(sync=True, parameter=True)
    """How many samples are shown, evenly spread over all; 0 for all."""

    iterations = t.Int(500, min=1, max=10_000).tag(sync=True, parameter=True)
    """t-SNE iterations of the samples' map."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """One seed gives one picture."""

    selection = Indices().tag(sync=True, parameter=True)
    """Row numbers of the selected samples."""

    units = Indices().tag(sync=True, parameter=True)
    """Numbers of the selected units."""

    def __init__(
        self, model: Any, X: Any = None, y: Any = None, *, max_samples: int | None = None, **traits: Any
    ) -> None:
        network = Network.of(model)
        samples = samples_of("NeuronExplorer(model, X, y)", X, y, max_samples=max_samples)
        specimen = ModelSpecimen(network, samples)
        layers = [layer for layer in specimen.layers() if layer.module and layer.shape]
        if not layers:
            raise ValueError("the model has no layer with units (vectors, feature maps or states of steps)")
        self._begin(specimen, layers, traits)

    @classmethod
    def from_activations(
        cls,
        activations: Any,
        y: Any = None,
        *,
        X: Any = None,
        metadata: Any = None,
        class_names: Any = None,
        **traits: Any,
    ) -> NeuronExplorer:
        """A view of activations that were computed elsewhere.

        Parameters
        ----------
        activations : mapping of str to (n, units, ...) array, or one array
            By layer name. Further axes are the places of a unit (pixels, steps); see ``reduce``. One array
            is called ``"activations"``.
        y : (n,) sequence, optional
            Labels.
        X : optional
            The samples themselves, for pictures and names.
        metadata : mapping of str to (n,) sequence, or DataFrame, optional
            Further columns to colour by.
        class_names : sequence of str, or mapping of int to str, optional
            Names of the integer classes.

        Raises
        ------
        ValueError
            If there are no activations, or lengths differ.
        TypeError
            If the activations are not real numbers, or a keyword is unknown.
        """
        arrays = arrays_by_layer(activations)
        samples = samples_of_arrays(arrays, X, y, metadata=metadata, class_names=class_names)
        specimen = ArraySpecimen(arrays, samples)
        view = cls.__new__(cls)
        view._begin(specimen, specimen.layers(), traits, pictures=X is not None)
        return view

    def _begin(
        self, specimen: Specimen, layers: list[Layer], traits: dict[str, Any], pictures: bool = True
    ) -> None:
        samples = specimen.samples
        self._specimen: Specimen | None = specimen
        self._kept, self._map = Kept(), Resumable()
        self._cache = NeighbourCache()
        self._sprite_is_due = pictures
        self._units_of: tuple[str, Any] = ("", None)  # the selected units, and the layer that they are of
        names = [layer.name for layer in layers]
        wanted = traits.get("layer") or specimen.default_layer()
        if wanted not in names:
            raise unknown_name("layer with units", wanted, names)
        traits["layer"] = wanted
        if layers[names.index(wanted)].has_steps:
            traits.setdefault("reduce", "mean")
        traits.setdefault("n_samples", min(1000, len(samples)))
        columns = columns_of(samples, specimen.class_names)
        super().__init__(
            **{"colour_by": next(iter(columns), ""), **traits},
            specimen={
                "n": len(samples),
                "layers": names,
                "maps": [layer.name for layer in layers if len(layer.shape) > 1],
                "columns": columns,
                "names": row_names(samples, self.shown_network()),
                "pictures": picture_side(samples) if pictures else 0,
                "classes": class_labels(samples) is not None,
            },
        )

    @t.validate("layer")
    def _check_layer(self, proposal: Any) -> str:
        known = self.specimen.get("layers", [])
        if known and proposal.value not in known:
            raise t.TraitError(str(unknown_name("layer with units", proposal.value, known)))
        return proposal.value

    @t.validate("selection")
    def _check_selection(self, proposal: Any) -> np.ndarray:
        return known_rows(proposal.value, self.specimen.get("n"))

    @t.validate("colour_by")
    def _check_colour(self, proposal: Any) -> str:
        return proposal.value and known_column(proposal.value, self.specimen)

    @t.observe("layer", "units")
    def _forget(self, _change: Any) -> None:
        """Units of one layer are not those of another, unless they were set together with it."""
        layer, units = self._units_of
        if self._recompute is not None and layer != self.layer and np.array_equal(units, self.units):
            self.units = []
        self._units_of = (self.layer, self.units)

    def compute(self, params: SimpleNamespace) -> Steps:
        specimen = self._specimen
        if specimen is None:
            raise RuntimeError("the view is closed")
        samples = specimen.samples
        rows = spread(len(samples), params.n_samples or len(samples))
        reduce = params.reduce if params.layer in self.specimen["maps"] else "flatten"
        recording: Recording = yield from result_of(specimen.record_steps(params.layer, reduce, rows))
        array = recording.activations
        labels = class_labels(samples)
        shown = None if labels is None else labels[rows]
        self.send_sprite()
        what = (params.layer, reduce, rows.tobytes(), params.version)
        perplexity = usual_perplexity(len(rows))
        options = {"n_iter": params.iterations, "seed": params.seed, "perplexity": perplexity}
        # Selections and colours are quick; they leave the samples' map where it stands, finished or not.
        points = self._map.steps(
            (*what, params.iterations, params.seed),
            lambda: project_steps(array, shown, k=usual_k(len(rows)), cache=self._cache, **options),
        )
        units = neuron_projection_steps(array, method=params.method, seed=params.seed)
        units = self._kept.steps("units", (*what, params.method, params.seed), units)
        # The unit map is quick: it stands from its first preview on, while the samples' map still moves.
        with samples_named(samples, rows):
            unit_map: NeuronProjection = yield from result_of(units)
        told: Discriminative | None = None
        if params.colour_units == "class":
            if shown is None:
                raise ValueError("to colour units by class the samples need labels that are classes")
            told = yield from result_of(
                self._kept.steps(
                    "told", (*what, params.seed), discriminative_steps(array, shown, seed=params.seed)
                )
            )
        picture = None
        for event in points:
            if isinstance(event, Progress):
                yield event
                continue
            picture = self._coloured(
                params, specimen, rows, event.value, units=unit_map, array=array, told=told
            )
            if isinstance(event, Preview):
                yield Preview(picture)
        assert picture is not None
        yield Result(picture)

    def _coloured(
        self,
        params: SimpleNamespace,
        specimen: Specimen,
        rows: np.ndarray,
        samples: Embedding,
        *,
        units: NeuronProjection,
        array: np.ndarray,
        told: Discriminative | None,
    ) -> NeuronPicture:
        chosen = np.flatnonzero(np.isin(rows, params.selection))
        if len(chosen) and len(chosen) < len(rows):
            values = unit_activity(array, chosen).z
            title = f"difference on {len(chosen)} selected samples (standard deviations)"
        else:
            values, title = array.mean(0, dtype=np.float64), "mean activation"
        if len(params.units) and params.units[-1] >= array.shape[1]:
            raise ValueError(
                f"unit {params.units[-1]} does not exist: {params.layer} has {array.shape[1]}, counted from 0"
            )
        active = sample_activity(array, params.units, standardise=True) if len(params.units) else None
        words = f"mean activation of {len(params.units)} selected units (standard deviations)"
        return NeuronPicture(
            layer=params.layer,
            rows=rows,
            samples=samples,
            units=units,
            activations=array,
            unit_values=values,
            unit_title=title,
            sample_values=active,
            sample_title=words,
            n_selected=len(chosen),
            discriminative=told,
            class_names=() if told is None else names_of_classes(specimen, told.classes),
            notes=tuple(filter(None, (why_no_classes(specimen.samples),))),
        )

    def encode(self, value: NeuronPicture) -> Frame:
        return encode_neurons(value)

    def all_samples(self) -> Samples | None:
        return None if self._specimen is None else self._specimen.samples

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def rows(self) -> np.ndarray:
        """Row numbers of the samples shown, (n,) int."""
        return self.latest().rows

    @property
    def embedding(self) -> np.ndarray:
        """Positions of the samples shown, (n, 2) float32."""
        return self.latest().samples.positions

    @property
    def projection(self) -> NeuronProjection:
        """The map of the units, with dissimilarities, dead units and stress."""
        return self.latest().units

    @property
    def activations(self) -> np.ndarray:
        """Activations of the samples shown, (n, units) float32."""
        return self.latest().activations

    @property
    def unit_values(self) -> np.ndarray:
        """What colours the units while ``colour_units`` is ``"activity"``, (units,): mean activation, or the
        difference on the selected samples. By class see ``discriminative``."""
        return self.latest().unit_values

    @property
    def discriminative(self) -> Discriminative | None:
        """Which class each unit tells from the rest; None unless ``colour_units`` is ``"class"``."""
        return self.latest().discriminative

    def shown_network(self) -> Network | None:
        return self._specimen.network if isinstance(self._specimen, ModelSpecimen) else None

    def summary(self) -> str:
        """The state in plain words."""
        picture = self._latest
        if not isinstance(picture, NeuronPicture):
            return f"NeuronExplorer: {self.state_in_words()}"
        text = (
            f"NeuronExplorer: {picture.layer}, {len(picture.units.units)} units"
            f" ({len(picture.units.dead)} dead left out), {len(picture.rows):,} samples"
        )
        if picture.is_difference:
            best = np.argsort(-np.abs(picture.unit_values))[:3]
            text += f"; on {picture.n_selected} selected samples units {', '.join(map(str, best))} stand out"
        return text

    def release(self) -> None:
        self._specimen = None
        self._kept, self._map = Kept(), Resumable()
        self._cache = NeighbourCache()
        self.specimen = self.thumbnails = {}
