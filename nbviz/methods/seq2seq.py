"""Step-by-step decoders with attention: what such a model must offer to be decoded and edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import torch


@runtime_checkable
class StepDecoder(Protocol):
    """A module that reads a source once and writes one token at a time, attending to the source.

    Any ``nn.Module`` with these methods and attributes will do; it need not inherit from this class. The
    source ids come from the ``tokenizer`` of the :class:`~nbviz.Network`, a callable from one string to a
    list of ids, which may have a method ``convert_ids_to_tokens(ids) -> list of str`` for their names (as
    in transformers); without it a tokenizer that gives one id per character is named by the characters.

    The attention weights must come out of ``softmax`` (``torch.softmax``, ``F.softmax`` or ``nn.Softmax``)
    somewhere inside ``step``, over the source positions, if they are to be edited (temperature, a masked
    source token, uniform attention): the softmax is where the edit is made.

    Attributes
    ----------
    output_tokens : sequence of str
        Name of each output id.
    start_id, end_id : int
        Output ids: what the first step is given, and what ends the output. Both have a name in
        ``output_tokens`` too. An optional attribute ``output_join`` (default ``""``) is put between tokens
        when they are joined to ``output_text``.
    """

    output_tokens: Sequence[str]
    start_id: int
    end_id: int

    def encode(self, ids: torch.Tensor) -> Any:
        """Source ids, (1, source length) int64, to whatever the steps read: annotations, keys, a mask."""
        ...

    def start(self, memory: Any) -> Any:
        """The decoder's first state."""
        ...

    def step(self, token: torch.Tensor, state: Any, memory: Any) -> tuple[torch.Tensor, Any, torch.Tensor]:
        """One step: the last output token, (1,) int64, to ``(logits, state, weights)``.

        ``logits``: (1, output ids), before any softmax. ``weights``: (1, source length), or with heads
        (1, heads, source length); 0 or more, each row adding up to 1. The state given is not changed in
        place: the decoder may be started again from any earlier step.
        """
        ...
