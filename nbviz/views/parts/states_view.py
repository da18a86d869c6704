"""What views of recurrent states share: a text that a model reads, or states that were computed elsewhere."""

from __future__ import annotations

from typing import Any, Self

import traitlets as t

from nbviz.core.errors import unknown_name
from nbviz.core.events import result_of, run_to_end
from nbviz.core.network import Network
from nbviz.methods.given_states import given_states
from nbviz.methods.recurrent import states_steps
from nbviz.methods.recurrent.states import States
from nbviz.methods.state_track import source_notes
from nbviz.methods.text_annotations import annotation_names
from nbviz.views.base import View

TANH_CELL = "tanh cell"


class StatesView(View):
    """A view of the states that one text leaves in a recurrent model.

    A subclass draws them; what it sends once is :meth:`describe`.
    """

    text = t.Unicode("").tag(sync=True, parameter=True)
    """The text that is shown; empty if token ids were given."""

    source = t.Unicode("").tag(sync=True, parameter=True)
    """Kind of state: ``"tanh cell"`` (LSTM, the default there), ``"cell"``, ``"hidden"``, or a gate."""

    position = t.Int(0, min=0).tag(sync=True, parameter=True)
    """First step that is drawn, in texts longer than ``window`` steps."""

    track = t.Dict().tag(sync=True, echo_update=False)
    """The states that are drawn, sent when they change. Not to be set."""

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once: kinds of state, annotations and the like. Not to be set."""

    def __init__(self, model: Any, text: Any, *, annotations: Any, **traits: Any) -> None:
        network = None if isinstance(model, States) else Network.of(model)
        if network is not None and text is None:
            raise TypeError(
                f"{type(self).__name__}(model, text): the text is missing (a string, or token ids)"
            )
        self._network: Network | None = network
        self._given: Any = None if isinstance(text, str) else text
        self._states: tuple[Any, States] | None = (None, model) if isinstance(model, States) else None
        self._annotations: Any = annotations
        if isinstance(text, str):
            traits["text"] = text
        first = self.describe(self._first_look(traits.get("text", "")))
        traits.setdefault("source", first["sources"][0]["name"])
        super().__init__(**{**traits, "specimen": first})

    @classmethod
    def from_states(cls, states: Any, tokens: Any = None, **options: Any) -> Self:
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

    def describe(self, states: States) -> dict[str, Any]:
        """What is sent once, for the trait ``specimen``: here the kinds of state and the annotations.

        ``states`` are those of the first few steps, or all that there are.
        """
        names = list(dict.fromkeys(name for layer in states.layers for name in states.names(layer)))
        if TANH_CELL in names:
            names = [TANH_CELL, *(name for name in names if name not in (TANH_CELL, "cell"))]
        return {
            "sources": [{"name": name, **source_notes(name)} for name in names],
            "annotations": annotation_names(self._annotations, "".join(states.tokens or ["a"])),
            "editable": self._network is not None and self._given is None,
        }

    def _first_look(self, text: str) -> States:
        """States of the first few steps: enough to know layers and kinds of state."""
        if self._network is None:
            assert self._states is not None
            return self._states[1]
        given = self.read_text(text)
        short = given[:4] if isinstance(given, str) or getattr(given, "ndim", 1) == 1 else given
        return run_to_end(states_steps(self._network, short))

    # Validation

    @t.validate("source")
    def _check_source(self, proposal: Any) -> str:
        known = [s["name"] for s in self.specimen.get("sources", [])]
        if known and proposal.value not in [*known, "cell"]:
            raise unknown_name("kind of state", proposal.value, known)
        return proposal.value

    @t.validate("text")
    def _check_text(self, proposal: Any) -> str:
        if self._network is None and proposal.value:
            raise t.TraitError("these states were computed elsewhere: there is no model to read another text")
        return proposal.value

    # Computing

    def read_text(self, text: str) -> Any:
        """What the model reads: the ids that were given, or ``text``.

        Raises
        ------
        ValueError
            If that is an empty text.
        """
        given = text if self._given is None else self._given
        if self._network is not None and isinstance(given, str) and not given:
            raise ValueError("the text is empty: there is nothing to show. Type something, or set view.text.")
        return given

    def states_steps(self, text: str) -> Any:
        """The states of the whole text, kept as long as text and model stay: yields Progress."""
        network = self._network
        if network is None:
            if self._states is None:
                raise RuntimeError("the view is closed")
            return self._states[1]
        given = self.read_text(text)
        key = (text, network.version)
        if self._states is None or self._states[0] != key:
            states = yield from result_of(states_steps(network, given))
            self._states = (key, states)
        return self._states[1]

    def publish_track(self, key: str, encode: Any) -> None:
        """Send the states that are drawn, made by ``encode()``, if they are others than before."""
        if self.track.get("meta", {}).get("key") != key:
            self.publish(track=encode())

    @property
    def states(self) -> States:
        """The states of the whole text; waits for the request that was asked for last."""
        self.latest()
        assert self._states is not None
        return self._states[1]

    def release(self) -> None:
        self._network = self._given = self._states = self._annotations = None
        self.track = {}
        self.specimen = {}
