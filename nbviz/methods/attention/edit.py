"""Attention changed inside the run: what the model does when it looks elsewhere.

The change is made where the weights are computed, so all that follows (later layers, the output) is what the
model computes from the changed weights. A weight is no explanation by itself; whether the output needs it is
seen here (Jain and Wallace 2019; Wiegreffe and Pinter 2019, section 3.2: uniform attention as a baseline).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.errors import ModelError
from nbviz.core.events import Result, Steps, result_of, run_to_end
from nbviz.core.network import Network
from nbviz.methods.attention import read_specimen
from nbviz.methods.attention.change import Change, Heads, check_columns, check_temperature, heads_by_layer
from nbviz.methods.attention.effect import Effect, effect
from nbviz.methods.attention.result import Attention
from nbviz.methods.attention.text import token_names
from nbviz.methods.attention.watch import Site
from nbviz.methods.seq2seq import StepDecoder, decode_steps


@dataclass(frozen=True, eq=False, repr=False)
class EditedAttention(Brief):
    """Attention with a change, without it, and what the change does to the output.

    Attributes
    ----------
    attention, baseline : Attention
        With the change, and without.
    effect : Effect
        Of the change on the output. For a step-by-step decoder, which may go on to write something else,
        it is measured along the baseline's tokens: both are given the same tokens, step by step.
    """

    attention: Attention
    baseline: Attention
    effect: Effect


class AttentionEditor:
    """Changes of the attention of one model on one input; the unchanged run is made once.

    Parameters
    ----------
    network : Network or torch.nn.Module
    inputs
        As for :func:`~nbviz.methods.attention.attention`, and so are the other parameters. For a
        :class:`~nbviz.methods.seq2seq.StepDecoder` they are those of
        :func:`~nbviz.methods.seq2seq.decode`: ``force``, ``max_steps``, ``tokens``, ``truncate``.
    """

    def __init__(self, network: Network | nn.Module, inputs: Any, **parameters: Any) -> None:
        self._network = Network.of(network)
        self._inputs = inputs
        self._parameters = parameters
        self._decodes = isinstance(self._network.module, StepDecoder) and not parameters.get("layers")
        self._specimen = None if self._decodes else read_specimen(self._network, inputs, **parameters)
        self._version: tuple[int, ...] | None = None
        self._baseline: Attention | None = None
        self._sites: list[list[Site]] = []

    def edit_steps(
        self,
        *,
        temperature: float = 1.0,
        mask: Sequence[int] | int = (),
        uniform: Heads = False,
        ablate: Heads = False,
        group: str | None = None,
    ) -> Steps:
        """Run with the attention changed.

        Parameters
        ----------
        temperature : float
            Above 0: divides the attention logits of every head of the group.
        mask : int or sequence of int
            Columns that cannot be looked at: their weight becomes 0, that of the others is scaled to add up
            to 1. A row that could look at nothing else becomes 0.
        uniform, ablate : True, "all", int, (int, int), or a list of these
            Heads that look alike at all they may see, or that add nothing (their weights become 0): all, a
            layer by its number, a head as ``(layer, head)``.
        group : str, optional
            Which group; default the main one. ``"all"``: every one (``mask`` then concerns those that look
            at the same tokens as the main one).

        Yields
        ------
        Progress while a decoder writes; then a Result with an :class:`EditedAttention`.

        Raises
        ------
        ValueError
            A temperature, column, layer or head out of range.
        UnknownName
            A group that does not exist.
        ModelError
            If the model raises, or its weights come from no softmax, so that they cannot be changed.
        """
        check_temperature(temperature)
        if self._decodes:
            if group not in (None, "all", "cross-attention"):
                raise ValueError("a step-by-step decoder has one group, 'cross-attention'")
            yield from self._decode_steps(temperature, mask, uniform, ablate)
            return
        assert self._specimen is not None
        baseline = yield from self.baseline_steps()
        changes = self._changes(
            baseline, group, temperature=temperature, mask=mask, uniform=uniform, ablate=ablate
        )
        made: set[int] = set()

        def edit(site: Site, logits: torch.Tensor) -> torch.Tensor | None:
            path, change = changes.get(site.index, ("", None))
            if change is None or path != site.path:
                return None
            made.add(site.index)
            return change.weights(logits)

        changed = self._specimen.run(edit)[0] if changes else baseline
        if made != set(changes):
            raise ModelError(
                "with its attention changed the model took another way through its layers, so that the "
                "change could not be made everywhere"
            )
        yield Result(EditedAttention(changed, baseline, self._effect(baseline, changed)))

    def edit(self, **parameters: Any) -> EditedAttention:
        """Run with the attention changed: :meth:`edit_steps`, run to the end."""
        return run_to_end(self.edit_steps(**parameters))

    def baseline_steps(self) -> Any:
        """A generator that returns the unchanged attention; run anew when the model has changed."""
        version = self._network.version
        if self._baseline is None or version != self._version:
            if self._specimen is not None:
                self._baseline, self._sites = self._specimen.run()
            else:
                self._baseline = yield from result_of(
                    decode_steps(self._network, self._inputs, **self._parameters)
                )
            self._version = version
        return self._baseline

    def _changes(
        self,
        baseline: Attention,
        group: str | None,
        *,
        temperature: float,
        mask: Sequence[int] | int,
        uniform: Heads,
        ablate: Heads,
    ) -> dict[int, tuple[str, Change]]:
        """What is changed at each site, by its number, with the module it must be in."""
        chosen = list(baseline.groups) if group == "all" else [baseline.group(group)]
        changes: dict[int, tuple[str, Change]] = {}
        for one, layers in zip(baseline.groups, self._sites, strict=True):
            if one not in chosen:
                continue
            n_layers, n_heads, _, n_columns = one.weights.shape
            hides = group != "all" or one.columns == baseline.main.columns
            hidden = check_columns(mask, n_columns) if hides else ()
            flat = heads_by_layer("uniform", uniform, n_layers, n_heads)
            without = heads_by_layer("ablate", ablate, n_layers, n_heads)
            for layer, site in enumerate(layers):
                change = Change(temperature, hidden, flat.get(layer, ()), without.get(layer, ()))
                if change == Change():
                    continue
                if site.index < 0:
                    raise ModelError(
                        f"the weights of {site.path!r} come from no softmax over the last axis that was "
                        "seen, so they cannot be changed. Compute them with torch.softmax(energies, -1)."
                    )
                changes.update((index, (site.path, change)) for index in site.steps or (site.index,))
        return changes

    def _decode_steps(
        self, temperature: float, mask: Sequence[int] | int, uniform: Heads, ablate: Heads
    ) -> Steps:
        baseline = yield from self.baseline_steps()
        n_heads = baseline.weights.shape[1]
        change = {
            "temperature": temperature,
            "mask": mask,
            "uniform": heads_by_layer("uniform", uniform, 1, n_heads).get(0, ()),
            "ablate": heads_by_layer("ablate", ablate, 1, n_heads).get(0, ()),
        }
        run = {**self._parameters, **change}
        changed = yield from result_of(decode_steps(self._network, self._inputs, **run))
        along = changed
        if changed.output_ids != baseline.output_ids:
            run["force"] = dict(enumerate(baseline.output_ids))
            run["max_steps"] = len(baseline.output_ids)
            along = yield from result_of(decode_steps(self._network, self._inputs, **run))
        yield Result(EditedAttention(changed, baseline, self._effect(baseline, along)))

    def _effect(self, before: Attention, after: Attention) -> Effect:
        assert before.output is not None
        assert after.output is not None
        width = before.output.shape[-1] if before.output.ndim else 0
        return effect(before.output, after.output, are_scores=before.has_scores, names=self._names(width))

    def _names(self, n: int) -> tuple[str, ...]:
        """Names of ``n`` classes or output tokens."""
        if self._decodes:
            return tuple(str(token) for token in self._network.module.output_tokens)  # type: ignore[union-attr]
        if self._network.class_names and len(self._network.class_names) == n:
            return tuple(self._network.class_names)
        tokenizer: Any = self._network.tokenizer
        known = hasattr(tokenizer, "convert_ids_to_tokens") and len(tokenizer) == n
        return token_names(tokenizer, range(n)) if known else ()


def edit_attention(
    network: Network | nn.Module,
    inputs: Any,
    *,
    temperature: float = 1.0,
    mask: Sequence[int] | int = (),
    uniform: Heads = False,
    ablate: Heads = False,
    group: str | None = None,
    **parameters: Any,
) -> EditedAttention:
    """Run a model once as it is and once with its attention changed.

    Parameters and errors: :meth:`AttentionEditor.edit_steps` for the change, :class:`AttentionEditor` for
    the rest.
    """
    editor = AttentionEditor(network, inputs, **parameters)
    return editor.edit(temperature=temperature, mask=mask, uniform=uniform, ablate=ablate, group=group)
