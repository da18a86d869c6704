"""Hidden states of a recurrent network: brush tokens, see which cells carry them, find where else they do.

The other half is js/src/views/hidden_states.ts.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.errors import ModelError, unknown_name
from nbviz.core.events import Preview, Result, Steps, result_of, run_to_end
from nbviz.core.network import Network
from nbviz.methods.annotation_enrichment import Enrichment, enrichment_steps
from nbviz.methods.cell_selection import CellSelection
from nbviz.methods.given_states import given_states
from nbviz.methods.recurrent import states_steps
from nbviz.methods.recurrent_states import States
from nbviz.methods.state_corpus import StateCorpus, annotations_of, corpus_of, corpus_steps
from nbviz.methods.state_intervention import Intervention, intervention_steps
from nbviz.methods.state_matching import Matches, match_states
from nbviz.methods.state_track import StateTrack, source_notes, track_of
from nbviz.views.base import View
from nbviz.views.frames import Frame
from nbviz.views.hidden_states_frames import encode_picture, encode_track

RANDOM_SETS = (40, 200)
"""Sets of random cells that the annotations in the matches are compared with, least and most."""

RANDOM_SECONDS = 2.0
"""How long that may take, if more than the least are to be drawn; each takes as long as the query did."""


@dataclass(frozen=True, eq=False)
class StatesPicture:
    """One picture of the view.

    Attributes
    ----------
    track : StateTrack
        The states that are drawn.
    selection : CellSelection
        Cells selected, numbered as drawn.
    matches : Matches or None
    corpus : StateCorpus or None
        What was searched.
    annotations, corpus_annotations : dict of str to array
        Of the text and of the corpus.
    enriched : dict of str to Enrichment
    intervention : Intervention or None
    searching : str
        What is still to come, in words.
    """

    track: StateTrack
    selection: CellSelection
    matches: Matches | None = None
    corpus: StateCorpus | None = None
    annotation: str = ""
    annotations: dict[str, np.ndarray] | None = None
    corpus_annotations: dict[str, np.ndarray] | None = None
    enriched: dict[str, Enrichment] = field(default_factory=dict)
    intervention: Intervention | None = None
    in_text: bool = True
    searching: str = ""
    notes: tuple[str, ...] = ()


class HiddenStates(View):
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

    text = t.Unicode("").tag(sync=True, parameter=True)
    """The text that is shown; empty if token ids were given."""

    source = t.Unicode("").tag(sync=True, parameter=True)
    """Kind of state: ``"tanh cell"`` (LSTM, the default there), ``"cell"``, ``"hidden"``, or a gate."""

    layer = t.Unicode("").tag(sync=True, parameter=True)
    """Layer whose cells are drawn, selected and searched; empty for all."""

    threshold = t.Float(0.3, min=0.0).tag(sync=True, parameter=True)
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

    position = t.Int(0, min=0).tag(sync=True, parameter=True)
    """First step that is drawn, in texts longer than ``window`` steps."""

    window = t.Int(1000, min=10, max=4000).tag(sync=True, parameter=True)
    """Most steps that are drawn at once."""

    off = t.List(t.Int(), default_value=[]).tag(sync=True, parameter=True)
    """Cells held at ``held`` in a second run of the model, numbered over all layers; empty for none."""

    held = t.Float(0.0).tag(sync=True, parameter=True)
    """Value at which they are held: 0 switches them off."""

    continuation = t.Int(80, min=0, max=2000).tag(sync=True, parameter=True)
    """Tokens drawn from the model after the text, with and without the cells in ``off``."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Seed of the drawn continuation."""

    show_next = t.Bool(True).tag(sync=True)
    """Whether the tokens that the model expects are shown under each token."""

    track = t.Dict().tag(sync=True, echo_update=False)
    """The states that are drawn, sent when they change. Not to be set."""

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once: kinds of state, layers, annotations. Not to be set."""

    def __init__(
        self, model: Any, text: Any = None, *, corpus: Any = None, annotations: Any = None, **traits: Any
    ) -> None:
        network = None if isinstance(model, States) else Network.of(model)
        if network is not None and text is None:
            raise TypeError("HiddenStates(model, text): the text is missing (a string, or token ids)")
        self._network: Network | None = network
        self._given: Any = None if isinstance(text, str) else text
        self._states: tuple[Any, States] | None = (None, model) if isinstance(model, States) else None
        self._corpus_given = corpus
        self._corpus: tuple[Any, StateCorpus] | None = None
        self._notes: Any = annotations
        self._corpus_notes: tuple[StateCorpus, dict[str, np.ndarray]] | None = None
        if isinstance(text, str):
            traits["text"] = text
        self._first_text = traits.get("text", "")
        first = self._first_look(traits.get("text", ""))
        traits.setdefault("source", first["sources"][0]["name"])
        super().__init__(**{**traits, "specimen": first})

    @classmethod
    def from_states(cls, states: Any, tokens: Any = None, **options: Any) -> HiddenStates:
        """Show states that were computed elsewhere.

        Parameters
        ----------
        states : (time, cells) array, mapping of layer names to such arrays, or path
            Values in [-1, 1], or of any range (then scaled to the largest). A path names an ``.h5`` file, or
            a directory with LSTMVis' ``lstm.yml``.
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
            if isinstance(given, str) and not given:
                raise ValueError(
                    "the text is empty: there is nothing to show. Give a text of one token or more."
                )
            short = given[:4] if isinstance(given, str) or getattr(given, "ndim", 1) == 1 else given
            states = run_to_end(states_steps(self._network, short))
        names = list(dict.fromkeys(name for layer in states.layers for name in states.names(layer)))
        if "tanh cell" in names:
            names = ["tanh cell", *(name for name in names if name not in ("tanh cell", "cell"))]
        notes = self._annotation_names(states)
        network = self._network
        return {
            "symbols": _symbols(network, states),
            "sources": [{"name": name, **source_notes(name)} for name in names],
            "layers": list(states.layers),
            "annotations": notes,
            "editable": network is not None and self._given is None,
            "clampable": network is not None and states.logits is not None,
        }

    def _annotation_names(self, states: States) -> list[str]:
        if self._notes is None:
            return []
        if callable(self._notes):
            return list(self._notes("".join(states.tokens or ["a"])))
        return [str(name) for name in self._notes]

    # Validation

    @t.validate("source")
    def _check_source(self, proposal: Any) -> str:
        known = [s["name"] for s in self.specimen.get("sources", [])]
        if known and proposal.value not in [*known, "cell"]:
            raise unknown_name("kind of state", proposal.value, known)
        return proposal.value

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

    @t.validate("text")
    def _check_text(self, proposal: Any) -> str:
        if self._network is None and proposal.value:
            raise t.TraitError("these states were computed elsewhere: there is no model to read another text")
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
        states = yield from self._states_of(params.text)
        track = track_of(states, params.source, params.layer, params.position, params.window)
        self._publish_track(track)
        selection = track.select(params.span, params.threshold, params.zeros, params.sign, params.pinned)
        notes, left_out = annotations_of(self._notes, states.tokens, len(states))
        if left_out and self._corpus_given is None and params.text == self._first_text:
            raise ValueError(left_out[0])
        picture = StatesPicture(
            track,
            selection,
            annotation=params.annotation,
            annotations=notes,
            notes=(*states.notes, *left_out),
        )
        if len(selection.cells):
            corpus = yield from self._corpus_for(params, states, picture)
            picture = self._matched(params, picture, corpus)
            yield Preview(picture)
            picture = yield from self._compared(picture, params.seed)
        if params.off:
            yield Preview(picture)
            changed = yield from self._intervened(params, states)
            picture = replace(picture, intervention=changed)
        yield Result(picture)

    def _states_of(self, text: str) -> Any:
        network = self._network
        if network is None:
            if self._states is None:
                raise RuntimeError("the view is closed")
            return self._states[1]
        given = text if self._given is None else self._given
        if isinstance(given, str) and not given:
            raise ValueError("the text is empty: there is nothing to show. Type something, or set view.text.")
        key = (text, network.version)
        if self._states is None or self._states[0] != key:
            states = yield from result_of(states_steps(network, given))
            self._states = (key, states)
        return self._states[1]

    def _publish_track(self, track: StateTrack) -> None:
        if self.track.get("meta", {}).get("key") != track.key:
            self.publish(track=encode_track(track))

    def _corpus_for(self, params: SimpleNamespace, states: States, picture: StatesPicture) -> Any:
        network, track = self._network, picture.track
        version = None if network is None else network.version
        own = self._corpus_given is None
        key = (params.source, params.layer, version, params.text if own else None)
        if self._corpus is not None and self._corpus[0] == key:
            return self._corpus[1]
        if own or network is None:
            corpus = corpus_of(states, params.source, params.layer, signed=track.signed, scale=track.scale)
        else:
            yield Preview(replace(picture, searching="reading the corpus for the search"))
            steps = corpus_steps(
                network,
                self._corpus_given,
                params.source,
                params.layer,
                signed=track.signed,
                scale=track.scale,
            )
            corpus = yield from result_of(steps)
        old, self._corpus = self._corpus, (key, corpus)
        if old is not None:
            old[1].close()
        return corpus

    def _matched(self, params: SimpleNamespace, picture: StatesPicture, corpus: StateCorpus) -> StatesPicture:
        own = self._corpus_given is None
        matches = match_states(
            corpus.store,
            picture.selection.cells,
            picture.selection.signs,
            params.threshold,
            margins=tuple(params.zeros) if params.span else (0, 0),
            most=min(params.missing, len(picture.selection.cells) - 1),
            exclude=tuple(params.span) if own and params.span else None,
        )
        notes = picture.annotations if own else self._annotations_of(corpus)
        return replace(picture, matches=matches, corpus=corpus, corpus_annotations=notes, in_text=own)

    def _annotations_of(self, corpus: StateCorpus) -> dict[str, np.ndarray]:
        """Annotations of the corpus; kept, since a callable may take its time."""
        if self._corpus_notes is None or self._corpus_notes[0] is not corpus:
            tokens = corpus.tokens
            self._corpus_notes = (corpus, annotations_of(self._notes, tokens, len(tokens))[0])
        return self._corpus_notes[1]

    def _compared(self, picture: StatesPicture, seed: int) -> Any:
        """Annotations inside the matches, beside those of random cells."""
        matches, corpus, notes = picture.matches, picture.corpus, picture.corpus_annotations
        if matches is None or corpus is None or not notes or not len(matches):
            return picture
        kinds = {name: "scalar" for name, values in notes.items() if values.dtype.kind in "iuf"}
        sets = int(np.clip(RANDOM_SECONDS / max(matches.seconds, 1e-4), *RANDOM_SETS))
        steps = enrichment_steps(matches, notes, corpus.store, sets, seed, kinds=kinds)
        return replace(picture, enriched=(yield from result_of(steps)))

    def _intervened(self, params: SimpleNamespace, states: States) -> Any:
        network = self._network
        if network is None:
            raise ModelError("these states were computed elsewhere: there is no model to switch cells off in")
        return (
            yield from result_of(
                intervention_steps(
                    network,
                    states,
                    params.off,
                    value=params.held,
                    length=params.continuation,
                    seed=params.seed,
                )
            )
        )

    def encode(self, value: StatesPicture) -> Frame:
        return encode_picture(value, self.specimen.get("symbols", []))

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def states(self) -> States:
        """The states of the whole text."""
        self.latest()
        assert self._states is not None
        return self._states[1]

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
            return f"HiddenStates: {self.status}"
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
        if self._corpus is not None:
            self._corpus[1].close()
        self._network = self._given = self._states = self._corpus_given = self._corpus = self._notes = None
        self._corpus_notes = None
        self.track = {}
        self.specimen = {}


def _symbols(network: Network | None, states: States) -> list[str]:
    """What the model's outputs stand for, for the expected tokens."""
    if network is None or states.logits is None:
        return []
    count = states.logits.shape[1]
    if len(network.class_names) == count:
        return list(network.class_names)
    from nbviz.methods.recurrent_tokens import spell

    return spell(network, list(range(count)))
