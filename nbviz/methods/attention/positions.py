"""Inputs that a model has no positions for: the model's own error names the wrong culprit, or none."""

from __future__ import annotations

import re
from typing import Any

from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.inputs import describe
from nbviz.methods.attention.text import ids_of

_SIZES = re.compile(r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)")


def about_positions(error: ModelError, module: nn.Module, inputs: Any) -> ModelError:
    """``error``, or a plainer one if it comes from an input of more, or other, positions than the model has.

    Embeddings and parameters with "pos" in their name are taken for positions; where there are two embeddings
    and no such name, the smaller one.
    """
    cause = error.__cause__
    text = ""
    if isinstance(cause, IndexError):
        text = _of_embeddings(module, inputs)
    elif isinstance(cause, RuntimeError) and (sizes := _SIZES.search(str(cause))):
        text = _of_parameters(module, inputs, {int(size) for size in sizes.groups()})
    if not text:
        return error
    own = str(error).partition("\n")[0]
    return ModelError(f"{text}\n({own})")


def _of_embeddings(module: nn.Module, inputs: Any) -> str:
    ids = ids_of(inputs)
    tables = [(name, m) for name, m in module.named_modules() if isinstance(m, nn.Embedding)]
    if ids is None or not tables:
        return ""
    largest_table = max(tables, key=lambda pair: pair[1].num_embeddings)
    named = [pair for pair in tables if _is_position(pair[0])]
    positions = named or [pair for pair in tables if pair is not largest_table]
    name, table = next((pair for pair in tables if pair not in positions), largest_table)
    largest, n = int(ids.max()) if ids.numel() else -1, ids.shape[1]
    if largest >= table.num_embeddings:
        return (
            f"the input holds the token id {largest}, and {name!r} (Embedding) takes ids of 0 to "
            f"{table.num_embeddings - 1}. Was it made with another tokenizer?"
        )
    for name, table in positions:
        # Some models count positions from the padding token on.
        places = table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
        if n > places:
            return (
                f"the input has {n} tokens, and the model has places for {places}: that many positions "
                f"{name!r} (Embedding) knows. Give a shorter text."
            )
    return ""


def _of_parameters(module: nn.Module, inputs: Any, sizes: set[int]) -> str:
    """``sizes`` are the two that do not fit."""
    tensors = [*module.named_parameters(), *module.named_buffers()]
    for name, tensor in tensors:
        if not _is_position(name) or tensor.ndim not in (2, 3) or tensor.shape[-2] not in sizes:
            continue
        places = tensor.shape[-2]
        other = next(size for size in sizes if size != places)
        is_text = ids_of(inputs) is not None
        advice = "Give a shorter text." if is_text else "Bring the picture to the size it was trained on."
        return (
            f"the input has {other} {'tokens' if is_text else 'positions'}, and the model has {places}: "
            f"that many {name!r} holds. {advice} It was given {describe(inputs)}."
        )
    return ""


def _is_position(name: str) -> bool:
    return "pos" in name.lower()
