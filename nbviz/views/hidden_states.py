"""Hidden states of a recurrent network: brush tokens, see which cells carry them, find where else they do.

The other half is js/src/views/hidden_states.ts.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import traitlets as t

from nbviz.core.errors import ModelError, unknown_name
from nbviz.core.events import Preview, Result, Steps, result_of
from nbviz.core.network import Network
from nbviz.methods.annotation_enrichment import Enrichment
from nbviz.methods.cell_selection import CellSelection
from nbviz.methods.recurrent.states import States
from nbviz.methods.recurrent.tokens import spell
from nbviz.methods.state_corpus import StateCorpus
from nbviz.methods.state_intervention import Intervention, intervention_steps
from nbviz.methods.state_matching import Matches, match_states
from nbviz.methods.state_search import SearchedCorpus, compared_steps
from nbviz.methods.state_track import track_of
from nbviz.methods.text_annotations import annotations_of, gaps
from nbviz.views.hidden_states_frames import StatesPicture, encode_picture, encode_track
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.states_view import StatesView
from nbviz.views.parts.traits import Number


class HiddenStates(StatesView):
    """The states of every cell of a recurrent network over a text, and where else a pattern of them occurs.

    Parameters
    ----------
    model : torch.nn.Module or Network
        Holds ``nn.LSTM``, ``nn.GRU``, ``nn.RNN`` or their Cell classes. It is not changed.
    text : str, or token ids (time,)
        What is shown. A string needs the network's tokenizer, and can be edited in the view.
    corpus : str, ids, or a list of these, optional
        What is searched; by default the text. Of a list each is a sequence of its own.
    annotations : mapping or callable, optional
        What is known about the tokens: names to arrays of one value per step (of the text or of the corpus),
        or callables from a text to such an array, or one callable from a text to a mapping, such as
        :func:`~nbviz.methods.source_annotations.source_annotations`. Text or numbers of few kinds are
        categories.
    **traits
        Any trait below, for example ``span=(10, 14)`` or ``threshold=0.5``.

    Raises
    ------
    ModelError
        If the model has no recurrent layer.
    TypeError, ValueError
        If the text is of no known form.

    Notes
    -----
    Strobelt, Gehrmann, Pfister, Rush, "LSTMVis: A Tool for Visual Analysis of Hidden State Dynamics in
    Recurrent Neural Networks", IEEE TVCG 2018. Differences: every run of the corpus is ranked, runs of one
    step and at the ends count, margins are of any number of steps, and cells below -θ are selected too.
    """

    layer = t.Unicode("").tag(sync=True, parameter=True)
    """Layer whose cells are drawn, selected and searched; empty for all."""

    threshold = Number(0.3, min=0.0).tag(sync=True, parameter=True)
    """θ: a cell is on where its state is θ or more. Snaps to the levels, 1/128 (gates: 1/256)."""

    sign = t.Enum(["positive", "negative", "both"], "positive").tag(sync=True, parameter=True)
    """Whether on means above θ, below -θ, or either."""

    span = t.List(t.Int(), default_value=[]).tag(sync=True, parameter=True)
    """The brushed steps [begin, end); empty for none."""

    zeros = t.List(t.Int(), default_value=[1, 0], minlen=2, maxlen=2).tag(sync=True, parameter=True)
    """Steps just before and just after the span at which a selected cell must be off."""

    missing = t.Int(0, min=0).tag(sync=True, parameter=True)
    """How many of the selected cells may be off in a match."""

    pinned = t.List(t.Int(), default_value=[]).tag(sync=True, parameter=True)
    """Cells chosen by hand, numbered over all layers; empty to select by the rule."""

    annotation = t.Unicode("").tag(sync=True, parameter=True)
    """Annotation drawn under the tokens and beside the matches; empty for none."""

    window = t.Int(1000, min=10, max=4000).tag(sync=True, parameter=True)
    """Most steps that are drawn at once."""

    off = t.List(t.Int(), default_value=[]).tag(sync=True, parameter=True)
    """Cells held at ``held`` in a second run of the model, numbered over all layers; empty for none."""

    held = Number(0.0).tag(sync=True, parameter=True)
    """Value at which they are held: 0 switches them off."""

    continuation = t.Int(80, min=0, max=2000).tag(sync=True, parameter=True)
    """Tokens drawn from the model after the text, with and without the cells in ``off``."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Seed of the drawn continuation."""

    show_next = t.Bool(True).tag(sync=True)
    """Whether the tokens that the model expects are shown under each token."""

    def __init__(
        self, model: Any, text: Any = None, *, corpus: Any = None, annotations: Any = None, **traits: Any
    ) -> None:
        self._first_text = text if isinstance(text, str) else ""
        network = None if isinstance(model, States) else Network.of(model)
        self._search = SearchedCorpus(network, corpus, annotations)
        super().__init__(network or model, text, annotations=annotations, **traits)

    def describe(self, states: States) -> dict[str, Any]:
        return {
            **super().describe(states),
            "symbols": self._symbols(states),
            "layers": list(states.layers),
            "clampable": self._network is not None and states.logits is not None,
        }

    # Validation

    @t.validate("layer")
    def _check_layer(self, proposal: Any) -> str:
        known = self.specimen.get("layers", [])
        if known and proposal.value and proposal.value not in known:
            raise unknown_name("recurrent layer", proposal.value, known)
        return proposal.value

    @t.validate("annotation")
    def _check_annotation(self, proposal: Any) -> str:
        known = self.specimen.get("annotations", [])
        if self.specimen and proposal.value and proposal.value not in known:
            raise unknown_name("annotation", proposal.value, known)
        return proposal.value

    @t.validate("span")
    def _check_span(self, proposal: Any) -> list[int]:
        value = proposal.value
        if len(value) not in (0, 2) or (value and not 0 <= value[0] < value[1]):
            raise t.TraitError(f"span is [begin, end) with 0 <= begin < end, or empty; got {value}")
        return value

    @t.validate("zeros", "pinned", "off")
    def _check_numbers(self, proposal: Any) -> list[int]:
        if any(number < 0 for number in proposal.value):
            raise t.TraitError(f"{proposal.trait.name} holds numbers from 0 on; got {proposal.value}")
        return proposal.value

    @t.observe("text")
    def _forget(self, _change: Any) -> None:
        """A brush on the old text means nothing on a new one."""
        if self._recompute is None:  # the first text, which the brush was given with
            return
        with self.hold_trait_notifications():
            self.span, self.pinned, self.position = [], [], 0

    # Computing

    def compute(self, params: SimpleNamespace) -> Steps:
        states = yield from self.states_steps(params.text)
        track = track_of(states, params.source, params.layer, params.position, params.window)
        self.publish_track(track.key, lambda: encode_track(track))
        selection = track.select(params.span, params.threshold, params.zeros, params.sign, params.pinned)
        known, left_out = annotations_of(self._annotations, states.tokens, len(states))
        if left_out and self._search.is_text and params.text == self._first_text:
            raise ValueError(left_out[0])
        known, told = gaps(known)
        picture = StatesPicture(
            track,
            selection,
            annotation=params.annotation,
            annotations=known,
            notes=(*states.notes, *left_out, *told),
        )
        if len(selection.cells):
            if self._search.must_be_read(params.source, params.layer):
                yield Preview(replace(picture, searching="reading the corpus for the search"))
            steps = self._search.steps(states, params.text, track, params.source, params.layer)
            picture = self._matched(params, picture, (yield from result_of(steps)))
            yield Preview(picture)
            picture = yield from self._compared(picture, params.seed)
        if params.off:
            yield Preview(picture)
            changed = yield from self._intervened(params, states)
            picture = replace(picture, intervention=changed)
        yield Result(picture)

    def _matched(self, params: SimpleNamespace, picture: StatesPicture, corpus: StateCorpus) -> StatesPicture:
        own = self._search.is_text
        matches = match_states(
            corpus.store,
            picture.selection.cells,
            picture.selection.signs,
            params.threshold,
            margins=tuple(params.zeros) if params.span else (0, 0),
            most=min(params.missing, len(picture.selection.cells) - 1),
            exclude=tuple(params.span) if own and params.span else None,
        )
        known = picture.annotations if own else self._search.annotations_of(corpus)
        return replace(picture, matches=matches, corpus=corpus, corpus_annotations=known, in_text=own)

    def _compared(self, picture: StatesPicture, seed: int) -> Any:
        """Annotations inside the matches, beside those of random cells."""
        matches, corpus, known = picture.matches, picture.corpus, picture.corpus_annotations
        if matches is None or corpus is None or not known or not len(matches):
            return picture
        found = yield from result_of(compared_steps(matches, corpus, known, seed))
        return replace(picture, enriched=found)

    def _intervened(self, params: SimpleNamespace, states: States) -> Any:
        network = self._network
        if network is None:
            raise ModelError("these states were computed elsewhere: there is no model to switch cells off in")
        held = {"value": params.held, "length": params.continuation, "seed": params.seed}
        return (yield from result_of(intervention_steps(network, states, params.off, **held)))

    def encode(self, value: StatesPicture) -> Frame:
        return encode_picture(value, self.specimen.get("symbols", []))

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def cells(self) -> list[tuple[str, int]]:
        """Selected cells: layer and number within it."""
        picture: StatesPicture = self.latest()
        return [picture.track.name(int(cell)) for cell in picture.selection.cells]

    @property
    def cell_numbers(self) -> list[int]:
        """Selected cells numbered over all recurrent layers, as ``pinned`` and ``off`` take them."""
        picture: StatesPicture = self.latest()
        return [picture.track.to_model(int(cell)) for cell in picture.selection.cells]

    @property
    def selection(self) -> CellSelection:
        """Selected cells, numbered as drawn, and their signs."""
        return self.latest().selection

    @property
    def matches(self) -> Matches | None:
        """The best matches; None if no cell is selected."""
        return self.latest().matches

    @property
    def enrichment(self) -> dict[str, Enrichment]:
        """Every annotation in the matches, in the whole corpus, and at matches of random cells."""
        return self.latest().enriched

    @property
    def intervention(self) -> Intervention | None:
        """What changes with the cells in ``off`` held; None if there are none."""
        return self.latest().intervention

    def summary(self) -> str:
        """The state in plain words."""
        picture = self._latest
        if not isinstance(picture, StatesPicture):
            return f"HiddenStates: {self.state_in_words()}"
        track = picture.track
        text = f"HiddenStates: {track.cells} cells over {track.total} steps, {track.quantity}"
        if self.span:
            begin, end = self.span
            words = "".join(track.all_tokens[begin:end])
            text += (
                f"; at steps {begin} to {end - 1} ({words!r}) {len(picture.selection.cells)} cells selected"
            )
        if picture.matches is not None:
            text += f"; {len(picture.matches.starts)} best of {picture.matches.n_runs:,} runs"
        if picture.intervention is not None:
            change = picture.intervention
            text += (
                f"; without {len(change.cells)} cells {change.before:.3f} → {change.after:.3f} bits per token"
            )
        return text

    def release(self) -> None:
        self._search.close()
        self._search = SearchedCorpus(None, None, None)
        super().release()

    def _symbols(self, states: States) -> list[str]:
        """What the model's outputs stand for, for the expected tokens."""
        network = self._network
        if network is None or states.logits is None:
            return []
        count = states.logits.shape[1]
        if len(network.class_names) == count:
            return list(network.class_names)
        return spell(network, list(range(count)))
