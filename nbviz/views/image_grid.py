"""A wall of pictures: every picture of a layer's map gets a cell of a grid, alike ones side by side.

The other half is js/src/views/image_grid.ts.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.events import Preview, Steps
from nbviz.core.kept import Kept
from nbviz.core.network import Network
from nbviz.core.recording import Predictions, spread
from nbviz.core.samples import Samples
from nbviz.core.specimen import ArraySpecimen, ModelSpecimen, Specimen
from nbviz.methods.image_grid import ImageGrid as Grid
from nbviz.methods.neighbour_cache import NeighbourCache
from nbviz.methods.picture_wall import MOST, PictureWall, picture_wall_steps
from nbviz.views.parts.columns import (
    RESERVED,
    answer_columns,
    columns_of,
    known_column,
    row_names,
)
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.pictures import LARGE_SPRITE, packed_sprite, picture_side
from nbviz.views.parts.sample_map import (
    SampleMapView,
    arrays_by_layer,
    known_layers,
    samples_of,
)
from nbviz.views.parts.traits import Number


class ImageGrid(SampleMapView):
    """The pictures themselves on a grid, where neighbours have similar activations in one layer.

    The activations are mapped to the plane (principal components at once, then t-SNE), and each picture gets
    the cell of a grid such that the sum of squared ways is the smallest possible.

    Parameters
    ----------
    model : torch.nn.Module or Network
    X : Samples, array, tensor, Dataset, DataLoader or list of pictures
        The samples; see :class:`nbviz.Samples`.
    y : (n,) sequence, optional
        Labels, for frames, neighbourhood hit and accuracy.
    max_samples : int, optional
        How many are read from a Dataset or DataLoader.
    **traits
        Any trait below or of :class:`~nbviz.views.parts.sample_map.SampleMapView`, for example
        ``layer="conv2"`` or ``columns=40``.

    Raises
    ------
    TypeError
        If ``model`` is no module, or a keyword is unknown.
    ValueError
        If the samples are no pictures, ``X`` and ``y`` differ in length, or there is no such layer.

    Notes
    -----
    Karpathy, "t-SNE visualization of CNN codes", 2014; the assignment is exact (Jonker and Volgenant 1987, in
    Crouse's version of 2016).
    """

    perplexity = Number(30.0, min=1.0).tag(sync=True, parameter=True)
    """About how many neighbours a sample attends to; 1 to below a third of the samples. Until it
    is set: 30, or what ``n_samples`` allows."""

    metric = t.Enum(["euclidean", "cosine", "correlation"], "euclidean").tag(sync=True, parameter=True)
    """Distance between activation vectors."""

    n_samples = t.Int(2000, min=0, max=MOST).tag(sync=True, parameter=True)
    """How many pictures are shown, evenly spread over all; 0 for all, 5,000 at most."""

    columns = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Columns of the grid, from about a third of to three times the root of the number of pictures; 0 for
    half as many again as rows."""

    colour_by = t.Unicode("").tag(sync=True)
    """What the frames of the pictures mean: ``"label"``, ``"prediction"``, ``"correct"``, ``"confidence"``, a
    metadata column, or ``"nothing"``."""

    zoom = Number(1.0, min=0.5, max=2000.0).tag(sync=True)
    """How large the wall is drawn: 1, with ``centre = (0.5, 0.5)``, shows all of it."""

    centre = t.Tuple(Number(), Number(), default_value=(0.5, 0.5)).tag(sync=True)
    """The place of the wall in the middle of the view: shares of its width and height from the lower left."""

    predictions_sent = t.Dict().tag(sync=True, echo_update=False)
    """Predictions for the browser, sent again only when they change. Not to be set."""

    def __init__(
        self, model: Any, X: Any = None, y: Any = None, *, max_samples: int | None = None, **traits: Any
    ) -> None:
        network = Network.of(model)
        samples = samples_of("ImageGrid(model, X, y)", X, y, max_samples=max_samples, what="pictures")
        self._begin(ModelSpecimen(network, samples), traits)

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
    ) -> ImageGrid:
        """A wall of pictures whose activations were computed elsewhere.

        Parameters
        ----------
        activations : mapping of str to (n, ...) array, or one array
            By layer name. One array is called ``"activations"``.
        y : (n,) sequence, optional
            Labels.
        X : the pictures, in any form that :class:`~nbviz.Samples` takes
        predictions : (n,) or (n, classes) array, optional
            Predicted classes as numbers or words, or the network's outputs.
        metadata : mapping of str to (n,) sequence, or DataFrame, optional
            Further columns to colour by.
        class_names : sequence of str, or mapping of int to str, optional
            Names of the integer classes.

        Raises
        ------
        ValueError
            If there are no activations, their lengths differ from that of ``X``, or ``X`` are no pictures.
        TypeError
            If the activations are not real numbers, or a keyword is unknown.
        """
        arrays = arrays_by_layer(activations)
        if X is None:
            raise TypeError(
                "ImageGrid.from_activations(activations, y, X=pictures): the pictures X are missing"
            )
        samples = Samples.of(X, y, metadata=metadata, class_names=class_names)
        view = cls.__new__(cls)
        view._begin(ArraySpecimen(arrays, samples, predictions), traits)
        return view

    def _begin(self, specimen: Specimen, traits: dict[str, Any]) -> None:
        samples = specimen.samples
        first = samples.picture(0)
        if first is None:
            raise ValueError(
                "an image grid shows pictures, and these samples are none: (n, H, W) or (n, H, W, 3) uint8 "
                "or (n, C, H, W) arrays are. LayerExplorer shows samples of any kind as points."
            )
        self._specimen = specimen
        self._neighbours = NeighbourCache()
        self._kept = Kept()
        self._sprite_shown: bytes | None = None
        self._predictions_shown: Predictions | None = None
        layers = known_layers(specimen)
        if layers:
            traits["layer"] = specimen.check(traits.get("layer") or specimen.default_layer())
        traits.setdefault("n_samples", min(2000, len(samples)))
        columns = columns_of(samples, specimen.class_names)
        super().__init__(
            **{"colour_by": next(iter(columns), "prediction"), **traits},
            specimen={
                "n": len(samples),
                "most": MOST,
                "layers": [x.name for x in layers],
                "maps": [x.name for x in layers if len(x.shape) > 1 and x.type != "input"],
                "columns": columns,
                "names": row_names(samples),
                "pictures": picture_side(samples),
            },
        )

    @t.validate("colour_by")
    def _check_colour(self, proposal: Any) -> str:
        return known_column(proposal.value, self.specimen, [*RESERVED[1:], "nothing"])

    def compute(self, params: SimpleNamespace) -> Steps:
        specimen = self._specimen
        if specimen is None:
            raise RuntimeError("the view is closed")
        events = picture_wall_steps(
            specimen,
            params.layer,
            n_samples=params.n_samples,
            columns=params.columns,
            kept=self._kept,
            reduce=params.reduce,
            method=params.method,
            perplexity=params.perplexity,
            n_iter=params.iterations,
            metric=params.metric,
            seed=params.seed,
            cache=self._neighbours,
        )
        for event in events:
            yield event
            if isinstance(event, Preview):
                self._send_sprite(specimen.samples, params.n_samples)

    def _send_sprite(self, samples: Samples, n_samples: int) -> None:
        """Thumbnails of the samples shown, once for each choice of samples; the first picture does not wait
        for them."""
        rows = spread(len(samples), min(n_samples or len(samples), MOST))
        key = rows.tobytes()
        if key == self._sprite_shown:
            return
        self._sprite_shown = key
        shown = samples if len(rows) == len(samples) else samples[rows]
        packed = packed_sprite(shown) or packed_sprite(shown, max_bytes=LARGE_SPRITE)
        self.publish(thumbnails={**packed, "rows": rows.astype(np.int32).tobytes()} if packed else {})

    def encode(self, value: PictureWall) -> Frame:
        embedding, grid = value.map.embedding, value.grid
        self._send_predictions(value)
        meta = {
            "layer": value.map.layer,
            "shape": list(grid.shape),
            "seconds": grid.seconds,
            "displacement": grid.mean_displacement,
            "exact": grid.is_exact,
            "method": embedding.method,
            "features": embedding.n_features,
            "hit": value.neighbourhood_hit,
            "hitMap": embedding.neighbourhood_hit,
            "accuracy": value.map.accuracy,
            "notes": list(value.map.notes),
        }
        return Frame(meta, [value.rows.astype(np.int32), grid.cells.astype(np.uint16).ravel()])

    def _send_predictions(self, value: PictureWall) -> None:
        predictions, specimen = value.map.predictions, self._specimen
        if predictions is None or specimen is None or predictions is self._predictions_shown:
            return
        self._predictions_shown = predictions
        sent = answer_columns(specimen, predictions, value.map.rows)
        self.publish(predictions_sent=sent)

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def rows(self) -> np.ndarray:
        """Row numbers of the samples shown, (n,) int."""
        return self.latest().rows

    @property
    def cells(self) -> np.ndarray:
        """Row and column of each of :attr:`rows`, (n, 2) int; row 0 is the lowest."""
        return self.latest().grid.cells

    @property
    def grid(self) -> Grid:
        """The grid, with the time it took and how far the pictures were moved."""
        return self.latest().grid

    @property
    def embedding(self) -> np.ndarray:
        """Positions in the map that was laid on the grid, (n, 2) float32."""
        return self.latest().map.embedding.positions

    @property
    def neighbourhood_hit(self) -> float | None:
        """Of the pictures in the 8 cells nearest to a picture, the share with its label: mean, 0 to 1.

        Those are the cells around it, at the border of the wall also some farther away.

        None without labels that are classes, and after a stop that came before the grid.
        """
        return self.latest().neighbourhood_hit

    @property
    def accuracy(self) -> float | None:
        """Share of the samples shown whose prediction is their label, 0 to 1."""
        return self.latest().map.accuracy

    def look_at(self, row: int, zoom: float = 8.0) -> None:
        """Move the view to one picture.

        Parameters
        ----------
        row : int
            Row number of a sample that is shown.
        zoom : float
            See :attr:`zoom`.

        Raises
        ------
        ValueError
            If the sample is not among those shown, or ``zoom`` is no number.
        """
        picture = self.latest()
        if math.isnan(zoom):
            raise ValueError("zoom is NaN: 1 shows the whole wall, 8 an eighth of its width")
        place = np.flatnonzero(picture.rows == row)
        if len(place) == 0:
            raise ValueError(f"sample {row} is not among the {len(picture.rows)} shown (n_samples)")
        (down, across), (height, width) = picture.grid.cells[place[0]], picture.grid.shape
        with self.hold_trait_notifications():
            self.zoom, self.centre = zoom, ((across + 0.5) / width, (down + 0.5) / height)

    def summary(self) -> str:
        """The state in plain words."""
        picture = self._latest
        if not isinstance(picture, PictureWall):
            return f"ImageGrid of layer {self.layer!r}: {self.state_in_words()}"
        text = f"ImageGrid of {picture.map.layer!r}: {picture.grid.text()}"
        if picture.neighbourhood_hit is not None:
            text += f"; {picture.neighbourhood_hit:.1%} of the pictures around a picture have its label"
        return text

    def release(self) -> None:
        self._specimen = self._predictions_shown = self._sprite_shown = None
        self._neighbours, self._kept = NeighbourCache(), Kept()
        self.specimen = self.thumbnails = self.predictions_sent = {}
