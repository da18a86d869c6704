"""The text, each character on the colour of one cell's state, and which cells follow what is known about it.

The other half is js/src/views/cell_text.ts.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import traitlets as t

from nbviz.core.errors import unknown_name
from nbviz.core.events import Preview, Progress, Result, Steps
from nbviz.core.network import Network
from nbviz.methods.cell_ranking import MEASURES, CellRanking
from nbviz.methods.cell_readings import CellReadings, RankedText, layers_with
from nbviz.methods.recurrent.states import States
from nbviz.methods.state_track import track_of
from nbviz.views.cell_text_frames import TextPicture, encode_picture
from nbviz.views.parts.frames import SNAPSHOT_BYTES, Frame
from nbviz.views.parts.states_view import StatesView
from nbviz.views.parts.track_frames import pack_track


class CellText(StatesView):
    """A text in the colours of one cell of a recurrent network, cell after cell.

    Parameters
    ----------
    model : torch.nn.Module or Network
        Holds ``nn.LSTM``, ``nn.GRU``, ``nn.RNN`` or their Cell classes. It is not changed.
    text : str, or token ids (time,)
        What is shown, and on which cells are chosen. A string needs the network's tokenizer, and can be
        edited in the view.
    annotations : mapping or callable, optional
        What is known about the tokens, as in :class:`~nbviz.views.hidden_states.HiddenStates`: names to
        arrays of one value per token or to callables from a text to such an array, or one callable from a
        text to a mapping, such as :func:`~nbviz.methods.source_annotations.source_annotations`. Cells are
        sorted by how well they follow Booleans and numbers; each value of a categorical annotation is one.
    held_out : str, ids, or a list of these, optional
        Another text. The best cell for an annotation is chosen on ``text`` and its score is then told for
        this one. Annotations that are arrays belong to ``text`` alone.
    baseline : torch.nn.Module or Network, optional
        What the best cell is compared with; by default the network before its training, if that is its
        checkpoint 0, as in the zoo.
    **traits
        Any trait below, for example ``cell=57`` or ``sort_by="in single quotes"``.

    Raises
    ------
    ModelError
        If the model has no recurrent layer.
    TypeError, ValueError
        If the text is of no known form.

    References
    ----------
    Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks", 2015, section 4.1 and
    figure 2: text coloured by tanh(c), blue above zero and red below.
    """

    sort_by = t.Unicode("").tag(sync=True, parameter=True)
    """Annotation that sorts the cells, the best of them is then shown; empty for the cells in their order."""

    measure = t.Enum(MEASURES, "AUC").tag(sync=True, parameter=True)
    """By which a yes-or-no annotation sorts: AUC, or the absolute correlation r. Numbers sort by r."""

    window = t.Int(5000, min=10, max=50_000).tag(sync=True, parameter=True)
    """Most steps that are drawn at once; fewer if their states would fill more than a megabyte."""

    cell = t.Int(0, min=0).tag(sync=True)
    """The cell whose state is shown, numbered over all layers."""

    pinned = t.List(t.Int(min=0), default_value=[0]).tag(sync=True)
    """``[cell]``: to be linked with the ``pinned`` of other views. Set to several cells, the first of them is
    shown; set to none, the cell stays."""

    height = t.Int(560, min=200, max=2000).tag(sync=True)
    """Height of the picture, pixels."""

    def __init__(
        self,
        model: Any,
        text: Any = None,
        annotations: Any = None,
        held_out: Any = None,
        *,
        baseline: Any = None,
        **traits: Any,
    ) -> None:
        network = None if isinstance(model, States) else Network.of(model)
        self._readings: CellReadings | None = None
        if annotations is not None:
            self._readings = CellReadings(network, annotations, held_out, baseline)
        self._to_best = not {"cell", "pinned"} & set(traits)
        if traits.get("pinned"):
            traits.setdefault("cell", traits["pinned"][0])
        traits["pinned"] = traits.get("pinned", [traits.get("cell", 0)])
        super().__init__(network or model, text, annotations=annotations, **traits)

    def describe(self, states: States) -> dict[str, Any]:
        cells = (max(states.source(n, x).shape[1] for n in states.names(x)) for x in states.layers)
        return {**super().describe(states), "cells": sum(cells)}

    # Validation, and the two names of what is shown

    @t.validate("sort_by")
    def _check_sort_by(self, proposal: Any) -> str:
        known = self.specimen.get("annotations", [])
        name = proposal.value
        if self.specimen and name and name not in known and name.rpartition(" = ")[0] not in known:
            raise unknown_name("annotation", name, known)
        return name

    @t.validate("cell")
    def _check_cell(self, proposal: Any) -> int:
        cells = self.specimen.get("cells")
        if cells is not None and proposal.value >= cells:
            raise t.TraitError(f"cell={proposal.value}: there are {cells} recurrent cells, 0 to {cells - 1}")
        return proposal.value

    @t.observe("cell")
    def _pin(self, change: Any) -> None:
        self._to_best = False
        if self._recompute is not None and change.new not in self.pinned[:1]:
            self.pinned = [change.new]

    @t.observe("pinned")
    def _follow(self, change: Any) -> None:
        if self._recompute is None:
            return
        known = [cell for cell in change.new if cell < self.specimen["cells"]]
        if known:
            self.cell = known[0]

    @t.observe("sort_by", "measure")
    def _show_the_best(self, _change: Any) -> None:
        if self._recompute is not None:
            self._to_best = True

    @t.observe("text")
    def _to_the_start(self, _change: Any) -> None:
        if self._recompute is not None:
            self.position = 0

    # Computing

    def compute(self, params: SimpleNamespace) -> Steps:
        states = yield from self.states_steps(params.text)
        cells = sum(states.source(params.source, n).shape[1] for n in layers_with(states, params.source))
        window = min(params.window, max(10, SNAPSHOT_BYTES // cells))
        track = track_of(states, params.source, "", params.position, window)
        self.publish_track(track.key, lambda: pack_track(track))
        picture = TextPicture(track, params.sort_by, notes=states.notes)
        if self._readings is not None:
            for event in self._readings.ranked_steps(
                states, self.read_text(params.text), params.source, params.sort_by, params.measure
            ):
                if isinstance(event, Progress):
                    yield event
                    continue
                ranked: RankedText = event.value
                if self._to_best and ranked.ranking.sort_by:
                    self.publish(cell=track.to_model(int(ranked.ranking.order[0])))
                    self._to_best = False
                picture = replace(picture, ranked=ranked, notes=(*states.notes, *ranked.notes))
                if isinstance(event, Preview):
                    yield Preview(picture)
        yield Result(picture)

    def encode(self, value: TextPicture) -> Frame:
        return encode_picture(value)

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def scores(self) -> CellRanking | None:
        """How well each cell follows each annotation; None without annotations."""
        ranked = self.latest().ranked
        return None if ranked is None else ranked.ranking

    @property
    def order(self) -> list[int]:
        """Cells as they are sorted, numbered over all layers."""
        picture: TextPicture = self.latest()
        track, ranked = picture.track, picture.ranked
        drawn = range(track.cells) if ranked is None else ranked.ranking.order.tolist()
        return [track.to_model(cell) for cell in drawn]

    def summary(self) -> str:
        """The state in plain words."""
        picture = self._latest
        if not isinstance(picture, TextPicture):
            return f"CellText: {self.state_in_words()}"
        track, ranking = picture.track, None if picture.ranked is None else picture.ranked.ranking
        drawn = track.to_drawn([self.cell])
        name = "{} · {}".format(*track.name(drawn[0])) if drawn else f"cell {self.cell}"
        text = f"CellText: {track.quantity} of {name} over {track.total} steps"
        if ranking is None or ranking.best is None:
            return text
        best, (layer, number) = ranking.best, track.name(int(ranking.order[0]))
        where = "held-out text" if ranking.sort_by in ranking.held_out else "this text"
        text += (
            f"; {ranking.sort_by}: best {layer} · {number}, {best.metric} {best.held_out[0]:.3f} on {where}"
        )
        if best.baseline is not None:
            text += f", untrained {best.baseline:.3f}"
        return text + f", shuffled {best.shuffled.mean():.3f}"

    def release(self) -> None:
        self._readings = None
        super().release()
