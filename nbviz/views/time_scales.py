"""Time scales of a recurrent network: replace one token, see how long each layer keeps the difference.

The other half is js/src/views/time_scales.ts.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import traitlets as t

from nbviz.core.events import Preview, Progress, Result, Steps, result_of, run_to_end
from nbviz.core.network import Network
from nbviz.methods.bracket_memory import BracketMemory, bracket_memory_steps
from nbviz.methods.recurrent import states_steps
from nbviz.methods.recurrent.states import States
from nbviz.methods.recurrent.tokens import Given
from nbviz.methods.state_intervention import held
from nbviz.methods.time_scales import TimeScales as Mean
from nbviz.methods.time_scales import time_scales_steps
from nbviz.methods.typo import Typo, one_sequence, other_token, retyped, shown_tokens, typo_of
from nbviz.views.base import View
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.traits import Number
from nbviz.views.time_scales_frames import TimeScalesPicture, encode_picture

MOST_TOKENS = 20_000


class TimeScales(View):
    """How long a recurrent network remembers: one token is replaced, and every layer's states are compared.

    Click a token and type another. The strips under the text show how far the states of each layer are from
    those of the text as it was, the curves show the same against time, and the time constant τ says after how
    many tokens the difference has fallen to 1/e. The second experiment is about one thing to remember: that a
    bracket is open.

    Parameters
    ----------
    model : torch.nn.Module or Network
        Holds ``nn.LSTM``, ``nn.GRU``, ``nn.RNN`` or their Cell classes. It is not changed.
    text : str, or token ids (time,)
        What is shown, 2 to 20,000 tokens. A string needs the network's tokenizer, and can be edited.
    corpus : str or ids, optional
        Longer text of the same kind, from which the averages and the brackets are drawn; default: the text.
    **traits
        Any trait below, for example ``position=40`` or ``source="cell"``.

    Raises
    ------
    ModelError
        If the model has no recurrent layer.
    TypeError, ValueError
        If the text is of no known form.

    Notes
    -----
    Hermans and Schrauwen, "Training and Analysing Deep Recurrent Neural Networks", NIPS 2013, section 3.3.
    """

    text = t.Unicode("").tag(sync=True, parameter=True)
    """The text that is shown; empty if token ids were given."""

    experiment = t.Enum(["typo", "bracket"], "typo").tag(sync=True, parameter=True)
    """What is shown: the effect of one replaced token, or the probability of a closing bracket."""

    position = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Step of the token that is replaced."""

    replacement = t.Unicode("").tag(sync=True, parameter=True)
    """The token in its place (an id, if there is no tokenizer); empty for the most frequent other one."""

    source = t.Enum(["hidden", "cell"], "hidden").tag(sync=True, parameter=True)
    """Which states are compared: h, or c of LSTM layers."""

    normalise = t.Enum(["start", "maximum"], "start").tag(sync=True, parameter=True)
    """What distances are divided by: their value at the replaced token, or their largest."""

    horizon = t.Int(300, min=1, max=5000).tag(sync=True, parameter=True)
    """Steps after the replaced token that are shown."""

    average = t.Bool(False).tag(sync=True, parameter=True)
    """Whether the mean over many random typos is computed too."""

    trials = t.Int(200, min=2, max=10_000).tag(sync=True, parameter=True)
    """Typos in that mean."""

    opening = t.Unicode("(").tag(sync=True, parameter=True)
    """The opening bracket: one token."""

    closing = t.Unicode(")").tag(sync=True, parameter=True)
    """The closing bracket: one token."""

    length = t.Int(50, min=1, max=2000).tag(sync=True, parameter=True)
    """Distances from the opening bracket that are looked at, tokens."""

    contexts = t.Int(200, min=2, max=10_000).tag(sync=True, parameter=True)
    """Most brackets of the corpus that are followed."""

    off = t.List(t.Int(min=0), default_value=[]).tag(sync=True, parameter=True)
    """Cells held at ``held`` in a second curve, numbered over all recurrent layers; empty for none."""

    held = Number(0.0).tag(sync=True, parameter=True)
    """Value at which they are held: 0 switches them off. Of an LSTM it is c that is held."""

    pinned = t.List(t.Int(min=0), default_value=[]).tag(sync=True)
    """Cells to switch off with one click; link it to ``HiddenStates.pinned``."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Seed of the random typos and brackets."""

    height = t.Int(300, min=200, max=2000).tag(sync=True)
    """Height of the text with its strips, pixels."""

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once: layers, their cells. Not to be set."""

    def __init__(self, model: Any, text: Any = None, *, corpus: Any = None, **traits: Any) -> None:
        if text is None and not traits.get("text"):
            raise TypeError("TimeScales(model, text): the text is missing (a string, or token ids)")
        self._network: Network | None = Network.of(model)
        self._given: Any = None if text is None or isinstance(text, str) else text
        self._corpus = corpus
        self._plain: tuple[Any, States] | None = None
        self._kept: dict[str, tuple[Any, Any]] = {}
        if isinstance(text, str):
            traits["text"] = text
        given = self._sequence(traits.get("text", ""))
        first: States = run_to_end(states_steps(self._network, given.part(0, 4).values))
        traits.setdefault("position", min(20, (given.steps or 2) // 4))
        specimen = {
            "layers": [{"name": name, "cells": first.hidden[name].shape[1]} for name in first.layers],
            "has_cell": bool(first.cell),
            "predicts": first.logits is not None,
            "editable": self._given is None,
        }
        super().__init__(**{**traits, "specimen": specimen})

    @t.observe("text")
    def _keep_inside(self, change: Any) -> None:
        """A typo stays where it is while there is text there."""
        if self._recompute is not None and self.position >= len(change.new):
            self.position = 0

    # Computing

    def compute(self, params: SimpleNamespace) -> Steps:
        network = self._model()
        given = self._sequence(params.text)
        plain = yield from self._plain_states(given, params.text)
        token = params.replacement or other_token(given, params.position)
        changed = yield from result_of(
            states_steps(network, retyped(network, given, params.position, token).values)
        )
        typo = typo_of(
            plain,
            changed,
            params.position,
            source=params.source,
            normalise=params.normalise,
            horizon=params.horizon,
        )
        tokens = shown_tokens(given)
        # As they are displayed, also where the model has no way to spell them.
        typo = replace(typo, original=tokens[params.position], replacement=token)
        picture = TimeScalesPicture(tokens, typo, notes=plain.notes)
        if params.experiment == "typo" and params.average:
            key: tuple[Any, ...] = (params.source, params.normalise, params.horizon, params.trials)
            steps = time_scales_steps(
                network,
                self._long_text(params.text),
                params.trials,
                params.horizon,
                source=params.source,
                normalise=params.normalise,
                seed=params.seed,
            )
            yield from self._remembered("mean", (*key, *self._state(params)), steps, picture)
        elif params.experiment == "bracket":
            clamp = held(plain, params.off, params.held)
            off = tuple((name, cell) for name, cells in clamp.items() for cell in cells)
            picture = replace(picture, off=off)
            key = (params.opening, params.closing, params.length, params.contexts, off, params.held)
            steps = bracket_memory_steps(
                network,
                self._long_text(params.text),
                opening=params.opening,
                closing=params.closing,
                length=params.length,
                n_contexts=params.contexts,
                clamp=clamp,
                seed=params.seed,
            )
            yield from self._remembered("bracket", (*key, *self._state(params)), steps, picture)
        else:
            yield Result(picture)

    def _remembered(self, name: str, key: Any, steps: Steps, picture: TimeScalesPicture) -> Steps:
        """Pictures with what ``steps`` find; kept, as long as nothing that it depends on changes."""
        kept = self._kept.get(name)
        if kept is not None and kept[0] == key:
            yield Result(_with(picture, name, kept[1]))
            return
        if name == "mean":
            yield Preview(picture)
        for event in self._about_corpus(steps):
            if isinstance(event, Progress):
                yield event
                continue
            if isinstance(event, Result):
                self._kept[name] = (key, event.value)
            yield type(event)(_with(picture, name, event.value))

    def _about_corpus(self, steps: Steps) -> Steps:
        """``steps``; an error says that it is the corpus, not the text on show, that does not do."""
        try:
            yield from steps
        except ValueError as error:
            if self._corpus is None:
                raise
            raise ValueError(f"corpus: {error}") from error

    def _state(self, params: SimpleNamespace) -> tuple[Any, ...]:
        text = params.text if self._corpus is None else None
        return (params.seed, text, self._model().version)

    def _plain_states(self, given: Given, text: str) -> Any:
        network = self._model()
        key = (text, network.version)
        if self._plain is None or self._plain[0] != key:
            self._plain = (key, (yield from result_of(states_steps(network, given.values))))
        return self._plain[1]

    def _model(self) -> Network:
        if self._network is None:
            raise RuntimeError("the view is closed: its model and data are gone")
        return self._network

    def _long_text(self, text: str) -> Any:
        if self._corpus is not None:
            return self._corpus
        return text if self._given is None else self._given

    def _sequence(self, text: str) -> Given:
        given = one_sequence(self._model(), text if self._given is None else self._given)
        if given.values is None or given.values.is_floating_point():
            raise TypeError(
                "TimeScales shows text or token ids; for a signal, see nbviz.methods.time_scales.typo"
            )
        if len(given.values) > MOST_TOKENS:
            raise ValueError(
                f"the text has {len(given.values):,} tokens, at most {MOST_TOKENS:,} are shown: "
                "give a shorter text, and the long one as corpus="
            )
        return given

    def encode(self, value: TimeScalesPicture) -> Frame:
        return encode_picture(value)

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def result(self) -> Typo | BracketMemory:
        """What the experiment on show found."""
        picture: TimeScalesPicture = self.latest()
        return picture.typo if picture.bracket is None else picture.bracket

    @property
    def mean(self) -> Mean | None:
        """The mean over many typos; None if ``average`` is off."""
        return self.latest().mean

    @property
    def tau(self) -> dict[str, float]:
        """Time constant of each layer, in tokens: of the mean where there is one, else of this typo."""
        picture: TimeScalesPicture = self.latest()
        found: Typo | Mean = picture.typo if picture.mean is None else picture.mean
        return dict(zip(found.layers, found.tau.tolist(), strict=True))

    def summary(self) -> str:
        """The state in plain words."""
        picture = self._latest
        if not isinstance(picture, TimeScalesPicture):
            return f"TimeScales: {self.state_in_words()}"
        if picture.bracket is not None:
            found = picture.bracket
            text = (
                f"TimeScales: {len(found.starts)} open {found.opening!r} followed for {len(found.distance)} "
                f"tokens; they raise the probability of {found.closing!r} by {found.memory():.4f} on average"
            )
            return text + (
                f", by {found.memory('cells off'):.4f} without {len(picture.off)} cells"
                if picture.off
                else ""
            )
        what: Typo | Mean = picture.typo if picture.mean is None else picture.mean
        which = (
            f"{picture.typo.original!r} → {picture.typo.replacement!r} at step {picture.typo.position}"
            if picture.mean is None
            else f"mean of {picture.mean.trials} typos at {picture.mean.n_positions} positions"
        )
        each = ", ".join(f"{name} {tau:.1f}" for name, tau in zip(what.layers, what.tau, strict=True))
        return f"TimeScales: {which}; τ of {what.source} states in tokens: {each}"

    def release(self) -> None:
        self._network = self._given = self._corpus = self._plain = None
        self._kept = {}
        self.specimen = {}


def _with(picture: TimeScalesPicture, name: str, found: Mean | BracketMemory) -> TimeScalesPicture:
    """The picture with the mean or the bracket, and what is to be told about it."""
    return replace(picture, **{name: found}, notes=(*picture.notes, *found.notes))  # type: ignore[arg-type]
