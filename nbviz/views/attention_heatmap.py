"""Attention as a matrix: who looks at what, in every head, and what changes when the look is changed.

The other half is js/src/views/attention_heatmap.ts.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from nbviz.core.errors import ModelError
from nbviz.core.events import Result, Steps
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.methods.attention import from_weights
from nbviz.methods.attention.edit import AttentionEditor
from nbviz.methods.attention.effect import Effect
from nbviz.methods.attention.result import Attention, AttentionGroup
from nbviz.methods.seq2seq import StepDecoder
from nbviz.views.attention_heatmap_frames import encode_overview, encode_picture, picture_grid
from nbviz.views.attention_heatmap_picture import AttentionPicture, changes_of, matrix_of
from nbviz.views.attention_heatmap_settings import AttentionSettings
from nbviz.views.parts.frames import Frame


class AttentionHeatmap(AttentionSettings):
    """The attention of a model on one input, as a matrix, as arcs, and for all heads at a glance.

    Parameters
    ----------
    model : torch.nn.Module or Network
        Any model with attention: ``nn.MultiheadAttention``, ``nn.Transformer`` and its layers,
        ``F.scaled_dot_product_attention``, models of transformers as they are loaded, step-by-step decoders
        (:class:`~nbviz.methods.seq2seq.StepDecoder`), and modules named in ``layers``. It is not changed.
    source : str, array, tensor, mapping, or Samples to leaf through
        What the model reads. A string needs a tokenizer, and can be edited in the view.
    tokenizer : callable, optional
        For models that are no Network yet.
    text : str, optional
        The same as a string ``source``.
    target : str, optional
        Of an encoder-decoder of transformers: what is to be written.
    layers, weights : optional
        Submodules that compute or return attention, as in :func:`~nbviz.methods.attention.attention`.
    tokens : sequence of str, optional
        Names of the input's positions, where it is no text.
    grid : (height, width), optional
        Of attention over a picture: patches down and across; by default a square. Columns before the patches
        (class token, registers) are left out of the picture, and the view says how many.
    **traits
        Any trait below, for example ``layer=2, head=5`` or ``temperature=0.5``.

    Raises
    ------
    ModelError
        If the model has no attention.
    TypeError, ValueError
        If the source is of no known form, empty, or longer than the model's limit.

    Notes
    -----
    Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate", ICLR
    2015, figure 3 (the matrix); Xu et al., "Show, Attend and Tell", ICML 2015 (over a picture); Abnar and
    Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020 (rollout).
    """

    def __init__(
        self,
        model: Any,
        source: Any = None,
        *,
        tokenizer: Any = None,
        text: str | None = None,
        target: Any = None,
        layers: Any = None,
        weights: Any = None,
        tokens: Any = None,
        grid: tuple[int, int] | None = None,
        **traits: Any,
    ) -> None:
        given = isinstance(model, Attention)
        self._network: Network | None = None if given else _network(model, tokenizer)
        self._given: Attention | None = model if given else None
        if source is not None and text is not None:
            raise TypeError("AttentionHeatmap: give what the model reads once, as source or as text=")
        source = text if source is None else source
        if source is None and not given:
            raise TypeError(
                "AttentionHeatmap(model, source): what the model reads is missing (text, or an input)"
            )
        self._source: Any = None if isinstance(source, str) else source
        options = {"target": target, "layers": layers, "weights": weights, "tokens": tokens}
        self._options = {name: value for name, value in options.items() if value is not None}
        self._grid = grid
        self._editor: tuple[Any, AttentionEditor] | None = None
        self._shown: AttentionGroup | None = None  # in the overview
        if isinstance(source, str):
            if not source:
                raise ValueError(
                    "the text is empty: there is nothing to attend to. Give a text of one token or more."
                )
            traits["text"] = source
        module = None if self._network is None else self._network.module
        self._writes = isinstance(module, StepDecoder) and layers is None
        specimen = {
            "editable": isinstance(source, str),
            "samples": len(source) if isinstance(source, Samples) else 1,
            "writes": self._writes,
            "live": not given,
            "vocabulary": [str(x) for x in module.output_tokens] if self._writes else [],  # type: ignore[union-attr]
        }
        super().__init__(**{**traits, "specimen": specimen})

    @classmethod
    def from_weights(
        cls, weights: Any, rows: Any = None, columns: Any = None, **options: Any
    ) -> AttentionHeatmap:
        """Show weights that were computed elsewhere.

        Parameters
        ----------
        weights : array_like, (layers, heads, rows, columns), (heads, rows, columns) or (rows, columns)
            Finite, 0 or more. Rows that do not add up to 1 are drawn, and the view says so.
        rows, columns : sequence of str, optional
            Tokens that look, and that are looked at.
        **options
            ``masked`` (bool array, where the model may not look) and any trait.

        Raises
        ------
        TypeError, ValueError
            As :func:`~nbviz.methods.attention.from_weights`.
        """
        masked = options.pop("masked", None)
        return cls(from_weights(weights, rows, columns, masked=masked), **options)

    # Computing

    def compute(self, params: SimpleNamespace) -> Steps:
        source, attention, baseline, effect = yield from self._attention(params)
        group = attention.group(params.group or None)
        weights, masked, drawn = matrix_of(group, params.layer, params.head, params.combine)
        pixels, grid, notes = picture_grid(attention, group, source, self._grid)
        yield Result(
            AttentionPicture(attention, baseline, effect, group, weights, masked, drawn, pixels, grid, notes)
        )

    def _attention(self, params: SimpleNamespace) -> Any:
        network = self._network
        changed = changes_of(params)
        if network is None:
            if self._given is None:
                raise RuntimeError("the view is closed")
            if changed:
                raise ModelError(
                    "these weights were computed elsewhere: there is no model to run with a change"
                )
            self._publish_overview(self._given, params.group)
            return None, self._given, self._given, None
        source = self._read(params)
        editor = self._editor_for(network, source, params)
        baseline = yield from editor.baseline_steps()
        if not changed:
            self._publish_overview(baseline, params.group)
            return source, baseline, baseline, None
        found = None
        for event in editor.edit_steps(**changed, group=params.group or None):
            if isinstance(event, Result):
                found = event.value
            else:
                yield event
        assert found is not None
        self._publish_overview(found.attention, params.group)
        return source, found.attention, found.baseline, found.effect

    def _read(self, params: SimpleNamespace) -> Any:
        if self.specimen["editable"]:
            if not params.text:
                raise ValueError("the text is empty: there is nothing to attend to. Type something.")
            return params.text
        if isinstance(self._source, Samples):
            return self._source.batch(np.array([params.sample]))
        return self._source

    def _editor_for(self, network: Network, source: Any, params: SimpleNamespace) -> AttentionEditor:
        key = (
            params.text,
            params.sample,
            params.truncate,
            tuple(sorted(params.force.items())),
            network.version,
        )
        if self._editor is None or self._editor[0] != key:
            options = {**self._options, "truncate": params.truncate}
            if self._writes:
                options["force"] = {int(step): token for step, token in params.force.items()}
            elif params.force:
                raise ModelError("only a step-by-step decoder can be made to write another token")
            self._editor = (key, AttentionEditor(network, source, **options))
        return self._editor[1]

    def _publish_overview(self, attention: Attention, name: str) -> None:
        group = attention.group(name or None)
        if self._shown is group:
            return
        overview = encode_overview(group)
        if overview["key"] != self.overview.get("key"):
            self.publish(overview=overview)
        self._shown = group

    def encode(self, value: AttentionPicture) -> Frame:
        return encode_picture(value, self.specimen.get("vocabulary", []))

    # What a script reads. Each waits for the request that was asked for last.

    @property
    def attention(self) -> Attention:
        """What the model attended to, with the changes that are asked for."""
        return self.latest().attention

    @property
    def weights(self) -> np.ndarray:
        """Weights of the group that is drawn, (layers, heads, rows, columns) float32."""
        return self.latest().group.weights

    @property
    def input_tokens(self) -> list[str]:
        """Tokens that are looked at."""
        return list(self.attention.input_tokens)

    @property
    def output_tokens(self) -> list[str]:
        """Tokens that were written, or that look."""
        return list(self.attention.output_tokens)

    @property
    def output_text(self) -> str:
        """What the model wrote; empty for a model that writes nothing."""
        return self.attention.output_text

    @property
    def effect(self) -> Effect | None:
        """What the changes do to the output; None without changes."""
        return self.latest().effect

    def summary(self) -> str:
        """The state in plain words."""
        picture = self._latest
        if not isinstance(picture, AttentionPicture):
            return f"AttentionHeatmap: {self.state_in_words()}"
        group = picture.group
        layers, heads, rows, columns = group.weights.shape
        text = (
            f"AttentionHeatmap: {group.name}, {layers} layers × {heads} heads, {rows} × {columns} tokens; "
            f"drawn: {picture.drawn}"
        )
        if picture.attention.output_text:
            text += f"; written: {picture.attention.output_text!r}"
        if picture.effect is not None and picture.effect.kl is not None:
            text += f"; the change moves the output by {float(picture.effect.kl.mean()):.3g} bits"
            if picture.attention.output_text != picture.baseline.output_text:
                text += f" (unchanged it is {picture.baseline.output_text!r})"
        return text

    def release(self) -> None:
        self._network = self._given = self._source = self._editor = self._shown = None
        self._options = {}
        self.overview = {}
        self.specimen = {}


def _network(model: Any, tokenizer: Any) -> Network:
    if isinstance(model, Network):
        if tokenizer is not None:
            raise TypeError("give the tokenizer to the Network: Network(module, tokenizer=...)")
        return model
    return Network(model, tokenizer=tokenizer)
