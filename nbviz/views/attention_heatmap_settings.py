"""What can be set in the attention view, and what is refused at once."""

from __future__ import annotations

from typing import Any

import traitlets as t

from nbviz.views.base import View
from nbviz.views.parts.traits import Number


class AttentionSettings(View):
    """The traits of :class:`~nbviz.views.attention_heatmap.AttentionHeatmap`, with their checks."""

    text = t.Unicode("").tag(sync=True, parameter=True)
    """The text that is read; empty if the source is no text."""

    sample = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Which of several samples is read."""

    group = t.Unicode("").tag(sync=True, parameter=True)
    """Which attention is drawn, of a model with several kinds; empty for the main one."""

    layer = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Layer that is drawn, from 0."""

    head = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Head that is drawn, from 0; see ``combine``."""

    combine = t.Enum(["head", "mean", "max", "rollout"], "head").tag(sync=True, parameter=True)
    """One head, the mean or the largest weight over the heads of the layer, or the rollout up to it."""

    temperature = Number(1.0, min=0.01, max=100.0).tag(sync=True, parameter=True)
    """Divides the attention logits: below 1 sharper, above 1 flatter."""

    hidden = t.List(t.Int(), default_value=[]).tag(sync=True, parameter=True)
    """Input tokens that cannot be looked at: their weight is 0, the others add up to 1 again."""

    uniform = t.List(t.List(t.Int(min=0)), default_value=[]).tag(sync=True, parameter=True)
    """Heads that look at everything alike: ``[layer, head]``, ``[layer]`` for all of a layer."""

    uniform_all = t.Bool(False).tag(sync=True, parameter=True)
    """Whether every head looks at everything alike."""

    force = t.Dict().tag(sync=True, parameter=True)
    """Of step-by-step decoders: step (as text or number) → token to write there in place of the likeliest.
    Where the text ends before such a step, nothing is forced there, and the view says so."""

    truncate = t.Bool(False).tag(sync=True, parameter=True)
    """Whether a text longer than the model's limit is cut to it."""

    row = t.Int(-1, min=-1).tag(sync=True)
    """Row (output token) that is marked; -1 for none."""

    column = t.Int(-1, min=-1).tag(sync=True)
    """Column (input token) that is marked; -1 for none."""

    overview = t.Dict().tag(sync=True, echo_update=False)
    """All heads as small pictures, with their scores; sent when they change. Not to be set."""

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once. Not to be set."""

    @t.validate("text")
    def _check_text(self, proposal: Any) -> str:
        if proposal.value and not self.specimen.get("editable", True):
            raise t.TraitError("this view shows an input that is no text: make a new view for another one")
        return proposal.value

    @t.validate("sample")
    def _check_sample(self, proposal: Any) -> int:
        count = self.specimen.get("samples", 1)
        if proposal.value >= count:
            raise t.TraitError(f"sample {proposal.value} does not exist: there are {count}, counted from 0")
        return proposal.value

    @t.validate("layer", "head")
    def _check_index(self, proposal: Any) -> int:
        name = proposal.trait.name
        count = self.overview.get(f"{name}s")
        if count is not None and proposal.value >= count:
            raise t.TraitError(f"{name} {proposal.value} does not exist: there are {count}, counted from 0")
        return proposal.value

    @t.validate("hidden")
    def _check_hidden(self, proposal: Any) -> list[int]:
        if any(column < 0 for column in proposal.value):
            raise t.TraitError(f"hidden holds numbers of input tokens, from 0; got {proposal.value}")
        return self._needs_model("hidden", proposal.value, [])

    @t.validate("temperature")
    def _check_temperature(self, proposal: Any) -> float:
        return self._needs_model("temperature", proposal.value, 1.0)

    @t.validate("uniform", "uniform_all")
    def _check_uniform(self, proposal: Any) -> Any:
        return self._needs_model(proposal.trait.name, proposal.value, type(proposal.value)())

    @t.validate("force")
    def _check_force(self, proposal: Any) -> dict[str, Any]:
        if proposal.value and self.specimen and not self.specimen["writes"]:
            raise t.TraitError("only a step-by-step decoder can be made to write another token")
        if not all(str(step).isdecimal() for step in proposal.value):
            raise t.TraitError(
                "force maps steps of writing, counted from 0, to tokens, {'0': '1'}; got "
                f"{proposal.value!r}"
            )
        return proposal.value

    def _needs_model(self, name: str, value: Any, unchanged: Any) -> Any:
        if value != unchanged and self.specimen and not self.specimen["live"]:
            raise t.TraitError(
                f"{name}: these weights were computed elsewhere, so there is no model to run with a change"
            )
        return value

    @t.observe("group")
    def _first_of_group(self, _change: Any) -> None:
        """Another group may have fewer layers and heads."""
        if self._recompute is not None:
            with self.hold_trait_notifications():
                self.overview, self.layer, self.head = {}, 0, 0

    @t.observe("text", "sample")
    def _forget(self, _change: Any) -> None:
        """Changes of one text mean nothing in another."""
        if self._recompute is None:
            return
        with self.hold_trait_notifications():
            self.hidden, self.force, self.row, self.column = [], {}, -1, -1
