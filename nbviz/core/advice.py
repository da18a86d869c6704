"""What to say when a model does not take its input: what it was given, what it wants, what to do."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from nbviz.core.inputs import describe

_MISSING = re.compile(r"missing \d+ required (?:positional|keyword-only) arguments?: (.+)$")


def advice(module: nn.Module, inputs: Any, error: Exception, forward: Callable[..., Any] | None) -> str:
    """In words: the input, what the model wants, and what to do about this error, as far as that is known.

    ``forward`` is the one that the Network was given, if any.
    """
    words = (
        f"It was given {describe(inputs)}.",
        wanted_input(module),
        advice_on_pictures(module, inputs),
        advice_on_ids(module, inputs),
        "" if forward is not None else advice_on_call(module, error),
    )
    return " ".join(filter(None, words))


def wanted_input(module: nn.Module) -> str:
    """What the first layer with weights takes, in words; empty if it is of no known kind."""
    for name, child in module.named_modules():
        where = f"Its first layer with weights{f', {name!r}' if name else ''} ({type(child).__name__})"
        if isinstance(child, nn.Conv1d | nn.Conv2d | nn.Conv3d):
            space = {nn.Conv1d: "length", nn.Conv2d: "height, width", nn.Conv3d: "depth, height, width"}
            axes = next(text for kind, text in space.items() if isinstance(child, kind))
            return f"{where} takes (samples, {child.in_channels} channels, {axes})."
        if isinstance(child, nn.Linear):
            return f"{where} takes (samples, …, {child.in_features} features)."
        if isinstance(child, nn.Embedding):
            return f"{where} takes integer token ids below {child.num_embeddings}."
        if isinstance(child, nn.RNNBase):
            order = "samples, time" if child.batch_first else "time, samples"
            return f"{where} takes ({order}, {child.input_size} features)."
    return ""


def advice_on_pictures(module: nn.Module, inputs: Any) -> str:
    """What to do about pictures whose channels are not where the model looks for them; else empty."""
    first = next((m for m in module.modules() if isinstance(m, nn.Conv2d)), None)
    if first is None or not isinstance(inputs, torch.Tensor):
        return ""
    wanted, shape = first.in_channels, tuple(inputs.shape)
    pixels = " Pixels of 0 to 255 stay best as uint8 beside a transform that makes of them what the model "
    pixels += "wants: Network(model, transform=PixelTransform(mean, std))."
    if len(shape) == 4 and shape[1] != wanted and shape[-1] == wanted:
        return (
            "The channels stand last. A model takes them first: X.permute(0, 3, 1, 2), or "
            f"np.moveaxis(X, -1, 1) for an array.{pixels}"
        )
    if len(shape) == 3 and wanted == 1:
        return f"The axis of the channels is missing: X[:, None].{pixels}"
    return ""


def advice_on_ids(module: nn.Module, inputs: Any) -> str:
    """Which token id no embedding of the model has; empty if there is none, or no embedding."""
    embeddings = {n: m for n, m in module.named_modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)}
    if not embeddings:
        return ""
    name, largest = max(embeddings.items(), key=lambda pair: pair[1].num_embeddings)
    for ids in _whole_numbers(inputs):
        wrong = (ids < 0) | (ids >= largest.num_embeddings)
        if wrong.any():
            place = tuple(wrong.nonzero()[0].tolist())
            return (
                f"Token id {int(ids[place])} at {place} is outside the vocabulary: the embedding "
                f"{name or 'itself'!r} takes {largest.num_embeddings} ids, 0 to {largest.num_embeddings - 1}."
            )
    return ""


def advice_on_call(module: nn.Module, error: Exception) -> str:
    """How to call a model whose ``forward`` wants more than one input; else empty."""
    found = _MISSING.search(str(error)) if isinstance(error, TypeError) else None
    is_packed = any(name == "pack_padded_sequence" for name in _functions(error))
    if found is None and not is_packed:
        return ""
    wants = f"Its forward takes {_parameters(module)}, and" if found else "It packs its input, and"
    if is_packed or (found and "len" in found[1]):
        return (
            f"{wants} it was given no lengths. Say how to call it: Network(model, forward=lambda module, "
            "inputs: module(inputs, torch.full((len(inputs),), inputs.shape[1])))."
        )
    return (
        f"{wants} it was given one input. Say how to call it: "
        "Network(model, forward=lambda module, inputs: module(inputs, ...))."
    )


def _whole_numbers(inputs: Any) -> Iterator[torch.Tensor]:
    if isinstance(inputs, torch.Tensor):
        if not inputs.is_floating_point() and inputs.dtype != torch.bool:
            yield inputs
    elif isinstance(inputs, Mapping):
        # Masks, positions and types of tokens have vocabularies of their own.
        yield from _whole_numbers(inputs.get("input_ids"))
    elif isinstance(inputs, tuple) and inputs:
        yield from _whole_numbers(inputs[0])


def _functions(error: Exception) -> Iterator[str]:
    """Names of the functions that the error came through."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame.f_code.co_name
        trace = trace.tb_next


def _parameters(module: nn.Module) -> str:
    try:
        return f"({', '.join(inspect.signature(module.forward).parameters)})"
    except (TypeError, ValueError):
        return "several inputs"
