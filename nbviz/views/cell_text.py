"""The text, each character on the colour of one cell's state, and which cells follow what is known about it.

The other half is js/src/views/cell_text.ts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import traitlets as t

from nbviz.core.errors import unknown_name
from nbviz.core.events import Preview, Progress, Result, Steps, result_of, run_to_end
from nbviz.core.network import Network
from nbviz.methods.cell_ranking import MEASURES, CellRanking
from nbviz.methods.cell_readings import CellReadings, RankedText, layers_with
from nbviz.methods.given_states import given_states
from nbviz.methods.recurrent import states_steps
from nbviz.methods.recurrent_states import States
from nbviz.methods.state_track import StateTrack, source_notes, track_of
from nbviz.views.base import View
from nbviz.views.cell_text_frames import encode_picture, encode_text
from nbviz.views.frames import SNAPSHOT_BYTES, Frame


@dataclass(frozen=True, eq=False)
class TextPicture:
    """One picture of the view.

    Attributes
    ----------
    track : StateTrack
        The stretch of text that is shown, and its states.
    sort_by : str
        As asked for; the ranking may have left it out.
    ranked : RankedText or None
        None if nothing is known about the text. Its columns are the cells of the track.
    notes : tuple of str
        What a reader should be told, in plain words.
    """

    track: StateTrack
    sort_by: str = ""
    ranked: RankedText | None = None
    notes: tuple[str, ...] = ()


class CellText(View):
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

    text = t.Unicode("").tag(sync=True, parameter=True)
    """The text that is shown; empty if token ids were given."""

    source = t.Unicode("").tag(sync=True, parameter=True)
    """Kind of state: ``"tanh cell"`` (LSTM, the default there), ``"cell"``, ``"hidden"``, or a gate."""

    sort_by = t.Unicode("").tag(sync=True, parameter=True)
    """Annotation that sorts the cells, the best of them is then shown; empty for the cells in their order."""

    measure = t.Enum(MEASURES, "AUC").tag(sync=True, parameter=True)
    """By which a yes-or-no annotation sorts: AUC, or the absolute correlation r. Numbers sort by r."""

    position = t.Int(0, min=0).tag(sync=True, parameter=True)
    """First step that is drawn, in texts longer than ``window`` steps."""

    window = t.Int(5000, min=10, max=50_000).tag(sync=True, parameter=True)
    """Most steps that are drawn at once; fewer if their states would fill more than a megabyte."""

    cell = t.Int(0, min=0).tag(sync=True)
    """The cell whose state is shown, numbered over all layers."""

    pinned = t.List(t.Int(min=0), default_value=[0]).tag(sync=True)
    """``[cell]``: to be linked with the ``pinned`` of other views. Set to several cells, the first of them is
    shown; set to none, the cell stays."""

    height = t.Int(560, min=200, max=2000).tag(sync=True)
    """Height of the picture, pixels."""

    track = t.Dict().tag(sync=True, echo_update=False)
    """The states that are drawn, sent when they change. Not to be set."""

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once: kinds of state, annotations. Not to be set."""

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
        if network is not None and text is None:
            raise TypeError("CellText(model, text): the text is missing (a string, or token ids)")
        self._network: Network | None = network
        self._given: Any = None if isinstance(text, str) else text
        self._states: tuple[Any, States] | None = (None, model) if isinstance(model, States) else None
        self._readings: CellReadings | None = None
        if annotations is not None:
            self._readings = CellReadings(network, annotations, held_out, baseline)
        self._to_best = not {"cell", "pinned"} & set(traits)
        if isinstance(text, str):
            traits["text"] = text
        first = self._first_look(traits.get("text", ""))
        traits.setdefault("source", first["sources"][0]["name"])
        if traits.get("pinned"):
            traits.setdefault("cell", traits["pinned"][0])
        traits["pinned"] = traits.get("pinned", [traits.get("cell", 0)])
        super().__init__(**{**traits, "specimen": first})

    @classmethod
    def from_states(cls, states: Any, tokens: Any = None, **options: Any) -> CellText:
        """Show states that were computed elsewhere.

        Parameters
        ----------
        states : (time, cells) array, mapping of layer names to such arrays, or path
            As in :meth:`HiddenStates.from_states <nbviz.views.hidden_states.HiddenStates.from_states>`.
        tokens : list of str, optional
            One per step; default their numbers.
        **options
            ``annotations`` and any trait.

        Raises
        ------
        ValueError
            If shapes or lengths disagree, or there are NaN.
        """
        return cls(given_states(states, tokens), **options)

    def _first_look(self, text: str) -> dict[str, Any]:
        """Layers and kinds of state, from a run over the first few steps."""
        if self._network is None:
            assert self._states is not None
            states = self._states[1]
        else:
            given = text if self._given is None else self._given
            _refuse_empty(given)
            short = given[:4] if isinstance(given, str) or getattr(given, "ndim", 1) == 1 else given
            states = run_to_end(states_steps(self._network, short))
        names = list(dict.fromkeys(name for layer in states.layers for name in states.names(layer)))
        if "tanh cell" in names:
            names = ["tanh cell", *(name for name in names if name not in ("tanh cell", "cell"))]
        own = None if self._readings is None else self._readings.annotations
        if callable(own):
            own = own("".join(states.tokens or ["a"]))
        return {
            "sources": [{"name": name, **source_notes(name)} for name in names],
            "annotations": [str(name) for name in own or {}],
            "cells": sum(max(states.source(n, x).shape[1] for n in states.names(x)) for x in states.layers),
            "editable": self._network is not None and self._given is None,
        }

    # Validation, and the two names of what is shown

    @t.validate("source")
    def _check_source(self, proposal: Any) -> str:
        known = [s["name"] for s in self.specimen.get("sources", [])]
        if known and proposal.value not in [*known, "cell"]:
            raise unknown_name("kind of state", proposal.value, known)
        return proposal.value

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

    @t.validate("text")
    def _check_text(self, proposal: Any) -> str:
        if self._network is None and proposal.value:
            raise t.TraitError("these states were computed elsewhere: there is no model to read another text")
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
        states = yield from self._states_of(params.text)
        cells = sum(states.source(params.source, n).shape[1] for n in layers_with(states, params.source))
        window = min(params.window, max(10, SNAPSHOT_BYTES // cells))
        track = track_of(states, params.source, "", params.position, window)
        if self.track.get("meta", {}).get("key") != track.key:
            self.publish(track=encode_text(track))
        picture = TextPicture(track, params.sort_by, notes=states.notes)
        if self._readings is not None:
            given = params.text if self._given is None else self._given
            for event in self._readings.ranked_steps(
                states, given, params.source, params.sort_by, params.measure
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

    def _states_of(self, text: str) -> Any:
        network = self._network
        if network is None:
            if self._states is None:
                raise RuntimeError("the view is closed")
            return self._states[1]
        given = text if self._given is None else self._given
        _refuse_empty(given)
        key = (text, network.version)
        if self._states is None or self._states[0] != key:
            states = yield from result_of(states_steps(network, given))
            self._states = (key, states)
        return self._states[1]

    def encode(self, value: TextPicture) -> Frame:
        return encode_picture(value)

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def states(self) -> States:
        """The states of the whole text."""
        self.latest()
        assert self._states is not None
        return self._states[1]

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
            return f"CellText: {self.status}"
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
        self._network = self._given = self._states = self._readings = None
        self.track = {}
        self.specimen = {}


def _refuse_empty(given: Any) -> None:
    if isinstance(given, str) and not given:
        raise ValueError("the text is empty: there is nothing to show. Type something, or set view.text.")
