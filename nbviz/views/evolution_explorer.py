"""How the map of a layer's activations changes over the epochs of a training, or from layer to layer.

The other half is js/src/views/evolution_explorer.ts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.checkpoints import with_checked_checkpoints, with_checkpoints
from nbviz.core.errors import unknown_name
from nbviz.core.events import Preview, Result, Steps, result_of
from nbviz.core.network import Network
from nbviz.core.recording import class_labels
from nbviz.core.samples import Samples
from nbviz.core.specimen import ArraySpecimen, ModelSpecimen
from nbviz.methods.epoch_activations import (
    FrameActivations,
    checkpoint_activations_steps,
    frames_of_steps,
    layer_activations_steps,
)
from nbviz.methods.evolution import Evolution
from nbviz.methods.not_finite import samples_named
from nbviz.methods.trails import trails
from nbviz.views.evolution_explorer_frames import (
    EvolutionPicture,
    encode_evolution,
    packed_answers,
    same_answers,
)
from nbviz.views.evolution_explorer_maps import MapsAtHand
from nbviz.views.parts.columns import RESERVED, class_codes, columns_of, known_column, row_names
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.pictured_view import PicturedView
from nbviz.views.parts.pictures import picture_side
from nbviz.views.parts.sample_map import (
    arrays_by_layer,
    known_rows,
    samples_of,
    samples_of_arrays,
)
from nbviz.views.parts.sized_view import SizedView
from nbviz.views.parts.traits import Indices, Number

POINTS_PER_STEP = 8
"""Points of a bundled trail from one frame to the next."""


class EvolutionExplorer(PicturedView, SizedView):
    """Maps of the same samples over epochs or layers, one after another, with the paths of the samples.

    Parameters
    ----------
    model : torch.nn.Module or Network
        For epochs it needs ``checkpoints``, here or as ``Network(model, checkpoints=...)``.
    X, y : samples and labels, in any form that :class:`~nbviz.Samples` takes
    checkpoints : mapping of int to state dict, optional
        Weights by epoch, also as Lightning and other trainers save them; see
        :func:`nbviz.core.checkpoints.read_checkpoints`.
    max_samples : int, optional
        How many are read from a Dataset or DataLoader.
    **traits
        Any trait below, for example ``over="layers"`` or ``strength=0.01``.

    Raises
    ------
    TypeError, ValueError
        If ``model`` is no module, the samples are of no known form, checkpoints are no state dicts, do not
        fit the model or are all the same tensors, or ``over="epochs"`` is asked for without any. (Without
        checkpoints the view goes from layer to layer.)

    Notes
    -----
    Rauber, Fadel, Falcão, Telea, "Visualizing the Hidden Activity of Artificial Neural Networks", IEEE TVCG
    2017 (inter-epoch and inter-layer evolution); Rauber, Falcão, Telea, "Visualizing Time-Dependent Data
    Using Dynamic t-SNE", EuroVis 2016.
    """

    over = t.Enum(["epochs", "layers"], "epochs").tag(sync=True, parameter=True)
    """Whether the frames are epochs of one layer, or layers of the trained model."""

    layer = t.Unicode("").tag(sync=True, parameter=True)
    """Layer that is followed over the epochs. Default: the last hidden layer."""

    mode = t.Enum(["dynamic", "joint", "follow"], "dynamic").tag(sync=True, parameter=True)
    """How maps are made comparable: all together, with a price on moving (dynamic t-SNE); one t-SNE of all
    frames (joint, epochs only); each begins where the one before ended (follow)."""

    strength = Number(0.001, min=0.0).tag(sync=True, parameter=True)
    """λ of dynamic t-SNE: 0 gives independent maps, a large one the same map in all frames."""

    perplexity = Number(30.0, min=1.0).tag(sync=True, parameter=True)
    """About how many neighbours a sample attends to; 1 to below a third of the samples. Until it
    is set: 30, or what ``n_samples`` allows."""

    n_samples = t.Int(1000, min=0).tag(sync=True, parameter=True)
    """How many samples are shown, evenly spread over all; 0 for all."""

    reduce = t.Enum(["flatten", "max", "mean"], "flatten").tag(sync=True, parameter=True)
    """How a feature map becomes a vector."""

    iterations = t.Int(500, min=1, max=10_000).tag(sync=True, parameter=True)
    """t-SNE iterations."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """One seed gives one picture."""

    bundling = Number(1.0, min=0.0, max=1.0).tag(sync=True, parameter=True)
    """How far trails of one class are drawn together: 0 straight, 1 fully."""

    k = t.Int(6, min=1).tag(sync=True, parameter=True)
    """Neighbours that are counted in the neighbourhood hit."""

    colour_by = t.Unicode("").tag(sync=True, parameter=True)
    """``"label"``, a metadata column, or ``"prediction"``, ``"confidence"`` or ``"correct"`` of the frame
    that is drawn; ``""`` for none. Trails of one class of a column are drawn together; for the last three
    those of one label."""

    frame_shown = Number(0.0, min=0.0).tag(sync=True)
    """Frame that is drawn, 0 to the number of frames less 1; between two whole numbers the points are on
    their way."""

    show_trails = t.Bool(True).tag(sync=True)
    """Whether the paths are drawn."""

    selection = Indices().tag(sync=True)
    """Row numbers of the selected samples: only their trails are drawn."""

    answers_sent = t.Dict().tag(sync=True, echo_update=False)
    """What the network of each frame says of the samples shown. Not to be set."""

    _given: Sequence[tuple[Any, ArraySpecimen, str]] = ()  # activations that were computed elsewhere

    def __init__(
        self,
        model: Any,
        X: Any = None,
        y: Any = None,
        *,
        checkpoints: Mapping[int, Any] | None = None,
        max_samples: int | None = None,
        **traits: Any,
    ) -> None:
        network = Network.of(model)
        samples = samples_of("EvolutionExplorer(model, X, y)", X, y, max_samples=max_samples)
        if checkpoints is None:
            network = with_checked_checkpoints(network)
        else:
            network = with_checkpoints(network, checkpoints)
        if not network.checkpoints:
            if traits.get("over", "layers") == "epochs":
                raise ValueError(
                    "the network has no checkpoints: EvolutionExplorer(model, X, y, checkpoints={epoch: "
                    "state_dict, ...}), or over='layers' to go from layer to layer"
                )
            traits["over"] = "layers"
        specimen = ModelSpecimen(network, samples)
        names = [layer.name for layer in specimen.layers()]
        traits["layer"] = specimen.check(traits.get("layer") or specimen.default_layer())
        self._network: Network | None = network
        self._begin(
            samples,
            traits,
            layers=names,
            epochs=sorted(network.checkpoints),
            class_names=specimen.class_names,
        )

    @classmethod
    def from_activations(
        cls,
        activations: Mapping[Any, Any],
        y: Any = None,
        *,
        X: Any = None,
        predictions: Any = None,
        metadata: Any = None,
        class_names: Any = None,
        **traits: Any,
    ) -> EvolutionExplorer:
        """A view of activations that were computed elsewhere.

        Parameters
        ----------
        activations : mapping of int to (n, ...) array, or of str to (n, ...) array
            The frames in their order: by epoch (whole numbers), or by layer. Row i is the same sample
            everywhere.
        y : (n,) sequence, optional
            Labels.
        X : optional
            The samples themselves, for pictures and names.
        predictions : mapping with the same keys to (n,) or (n, classes) array, or one array for all, optional
            Predicted classes as numbers or words, or the network's outputs.
        metadata : mapping of str to (n,) sequence, or DataFrame, optional
            Further columns to colour by.
        class_names : sequence of str, or mapping of int to str, optional
            Names of the integer classes.

        Raises
        ------
        ValueError
            If there are fewer than two frames, lengths differ, or the keys of ``predictions`` are others.
        TypeError
            If the activations are no mapping or not real numbers, or a keyword is unknown.
        """
        if not isinstance(activations, Mapping):
            raise TypeError(
                "activations are a mapping of epoch or layer to array, {0: A, 5: B}; a list of arrays as "
                f"dict(enumerate(arrays)). Got {type(activations).__name__}"
            )
        arrays = arrays_by_layer(activations)
        if len(arrays) < 2:
            raise ValueError(
                "there is one frame, and nothing to compare it with: give two epochs or more, "
                "from_activations({0: A, 5: B}), or two layers"
            )
        samples = samples_of_arrays(arrays, X, y, metadata=metadata, class_names=class_names)
        answers = predictions if isinstance(predictions, Mapping) else dict.fromkeys(arrays, predictions)
        if set(answers) != set(arrays):
            raise ValueError(
                f"predictions are by the same keys as the activations, {list(arrays)}; got {list(answers)}"
            )
        are_epochs = all(isinstance(name, int | np.integer) for name in arrays)
        view = cls.__new__(cls)
        view._network = None
        view._given = [
            (
                int(name) if are_epochs else name,
                ArraySpecimen({str(name): array}, samples, answers[name]),
                str(name),
            )
            for name, array in (sorted(arrays.items()) if are_epochs else arrays.items())
        ]
        names = [name for name, _, _ in view._given]
        traits.setdefault("over", "epochs" if are_epochs else "layers")
        view._begin(
            samples,
            traits,
            layers=[] if are_epochs else names,
            epochs=names if are_epochs else [],
            class_names=view._given[0][1].class_names,
            pictures=X is not None,
        )
        return view

    def _begin(
        self,
        samples: Samples,
        traits: dict[str, Any],
        *,
        layers: list[str],
        epochs: list[int],
        class_names: tuple[str, ...],
        pictures: bool = True,
    ) -> None:
        self._samples: Samples | None = samples
        self._class_names = class_names
        self._maps = MapsAtHand()
        self._sprite_is_due = pictures
        self._told: FrameActivations | None = None  # whose answers the browser has
        traits.setdefault("n_samples", min(1000, len(samples)))
        columns = columns_of(samples, class_names)
        super().__init__(
            **{"colour_by": next(iter(columns), ""), **traits},
            specimen={
                "n": len(samples),
                "layers": layers,
                "epochs": epochs,
                "columns": columns,
                "names": row_names(samples, self._network),
                "pictures": picture_side(samples) if pictures else 0,
            },
        )

    @t.validate("layer")
    def _check_layer(self, proposal: Any) -> str:
        known = self.specimen.get("layers", [])
        if known and proposal.value not in known:
            raise t.TraitError(str(unknown_name("layer", proposal.value, known)))
        if self.specimen and not known and proposal.value:
            raise t.TraitError("the activations are those of one layer without a name: leave layer out")
        return proposal.value

    @t.validate("over")
    def _check_over(self, proposal: Any) -> str:
        if proposal.value == "epochs" and self.specimen and not self.specimen.get("epochs"):
            raise t.TraitError("the network has no checkpoints, so there are no epochs to compare")
        if proposal.value == "layers" and self.specimen and not self.specimen.get("layers"):
            raise t.TraitError("the activations are those of one layer, so there are no layers to compare")
        return proposal.value

    @t.validate("colour_by")
    def _check_colour(self, proposal: Any) -> str:
        return proposal.value and known_column(proposal.value, self.specimen, RESERVED[1:])

    @t.validate("selection")
    def _check_selection(self, proposal: Any) -> np.ndarray:
        return known_rows(proposal.value, self.specimen.get("n"))

    @t.validate("frame_shown")
    def _check_frame(self, proposal: Any) -> float:
        frames = self._n_frames()
        if frames and proposal.value > frames - 1:
            raise t.TraitError(
                f"there are {frames} frames, so frame_shown is 0 to {frames - 1}, got {proposal.value:g}"
            )
        return proposal.value

    @t.observe("over")
    def _stay_among_the_frames(self, _change: Any) -> None:
        frames = self._n_frames()
        if frames:
            self.frame_shown = min(self.frame_shown, frames - 1)

    def _n_frames(self) -> int:
        """How many frames there are; 0 before that is known."""
        return len(self.specimen.get("epochs" if self.over == "epochs" else "layers", ()))

    def compute(self, params: SimpleNamespace) -> Steps:
        samples = self._samples
        if samples is None:
            raise RuntimeError("the view is closed")
        frames: FrameActivations = yield from result_of(self._frames(params, samples))
        self.send_sprite()
        labels = class_labels(samples)
        shown = None if labels is None else labels[frames.rows]
        maps = None
        with samples_named(samples, frames.rows):
            for event in self._maps.steps(params, frames, shown):
                if isinstance(event, Preview):
                    yield Preview(EvolutionPicture(params.over, params.layer, event.value, frames, None))
                elif isinstance(event, Result):
                    maps = event.value
                else:
                    yield event
        assert maps is not None
        groups = self._groups(params.colour_by, frames.rows)
        paths = trails(maps.positions, groups, strength=params.bundling, points_per_step=POINTS_PER_STEP)
        yield Result(EvolutionPicture(params.over, params.layer, maps, frames, paths))

    def _frames(self, params: SimpleNamespace, samples: Samples) -> Steps:
        """The activations that are compared."""
        options = {"reduce": params.reduce, "n_samples": params.n_samples}
        if self._network is None:
            return frames_of_steps(self._given, **options)
        if params.over == "epochs":
            if len(self._network.checkpoints) < 2:
                raise ValueError(
                    "there are the weights of one epoch, and nothing to compare them with: give those of "
                    "another, checkpoints={0: ..., 5: ...}, or go from layer to layer, over='layers'"
                )
            return checkpoint_activations_steps(self._network, samples, params.layer, **options)
        return layer_activations_steps(self._network, samples, **options)

    def _groups(self, name: str, rows: np.ndarray) -> np.ndarray | None:
        """The classes whose trails are drawn together; None for all as one."""
        columns = self.specimen["columns"]
        column = columns.get("label" if name in RESERVED else name)
        codes = None if column is None else class_codes(column)
        return None if codes is None else codes[rows].astype(np.int64)

    def encode(self, value: EvolutionPicture) -> Frame:
        if self._samples is not None and not same_answers(value.frames, self._told):
            self._told = value.frames
            self.publish(answers_sent=packed_answers(value.frames, self._samples, self._class_names))
        return encode_evolution(value)

    def all_samples(self) -> Samples | None:
        return self._samples

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def rows(self) -> np.ndarray:
        """Row numbers of the samples shown, (samples,) int."""
        return self.latest().frames.rows

    @property
    def evolution(self) -> Evolution:
        """The maps, their divergences, neighbourhood hits and displacements."""
        return self.latest().evolution

    @property
    def accuracy(self) -> np.ndarray | None:
        """Share of the samples classified as labelled, (frames,), 0 to 1."""
        return self.latest().frames.accuracy

    @property
    def predictions(self) -> np.ndarray | None:
        """Predicted class of each sample, (frames, samples) int. None if a frame predicts no classes."""
        answers = self.latest().frames.answers
        return None if None in answers else np.stack([said.predictions.classes for said in answers])

    @property
    def neighbourhood_hit(self) -> np.ndarray | None:
        """Neighbourhood hit in the maps, (frames,), 0 to 1. None without labels."""
        return self.evolution.neighbourhood_hit

    @property
    def trails(self) -> np.ndarray | None:
        """Bundled paths, (samples, points, 2)."""
        return self.latest().trails

    def shown_network(self) -> Network | None:
        return self._network if self.over == "layers" else None  # the weights of an epoch stay what they are

    def summary(self) -> str:
        """The state in plain words."""
        picture = self._latest
        if not isinstance(picture, EvolutionPicture):
            return f"EvolutionExplorer: {self.state_in_words()}"
        maps = picture.evolution
        frames = f"{len(maps.names)} {picture.over}"
        what = f"{picture.layer} over {frames}" if picture.layer and picture.over == "epochs" else frames
        text = f"EvolutionExplorer: {what}, {maps.positions.shape[1]:,} samples"
        if maps.neighbourhood_hit is not None:
            hits = ", ".join(
                f"{name} {hit:.1%}" for name, hit in zip(maps.names, maps.neighbourhood_hit, strict=True)
            )
            text += f"; neighbourhood hit in the map: {hits}"
        if picture.frames.accuracy is not None:
            first, last = picture.frames.accuracy[[0, -1]]
            text += f"; accuracy {last:.1%}" if first == last else f"; accuracy {first:.1%} → {last:.1%}"
        return text

    def release(self) -> None:
        self._network = self._samples = self._told = None
        self._given = ()
        self._maps = MapsAtHand()
        self.specimen = self.thumbnails = self.answers_sent = {}
