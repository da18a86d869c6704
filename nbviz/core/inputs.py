"""From raw samples to the tensor a model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from nbviz.core.errors import TransformError
from nbviz.core.pictures import picture_of
from nbviz.core.tokenizers import token_ids

if TYPE_CHECKING:
    from nbviz.core.network import Network


def prepare(network: Network, raw: Any) -> Any:
    """The model's input for a batch of raw samples, in memory of its own.

    Floating-point data are the model's own input already. Everything else goes through the network's
    transform or tokenizer; without one, integers are handed on as they are (to a model with embeddings) or
    as floating-point numbers.

    Raises
    ------
    TypeError
        If the samples are text and there is neither a tokenizer nor a transform.
    ValueError
        If the samples are of different shapes and cannot be stacked.
    TransformError
        If the transform raises.
    """
    if isinstance(raw, Mapping):
        return _place(network, raw)
    if _is_text(raw):
        return _tokens(network, list(raw))
    if network.transform is not None and not _is_float(raw):
        return _place(network, _transformed(network.transform, raw))
    return _place(network, _tensor(raw))


def _is_text(raw: Any) -> bool:
    return isinstance(raw, Sequence) and len(raw) > 0 and isinstance(raw[0], str)


def _is_float(raw: Any) -> bool:
    if isinstance(raw, torch.Tensor):
        return raw.is_floating_point()
    return getattr(raw, "dtype", np.dtype(object)).kind == "f"


def _tensor(raw: Any) -> torch.Tensor:
    if isinstance(raw, torch.Tensor):
        return raw
    if isinstance(raw, list):
        return _stacked([_tensor(np.asarray(x) if not isinstance(x, torch.Tensor) else x) for x in raw])
    array = np.array(raw)  # copied: torch warns about read-only memory
    if array.dtype == object:
        raise TypeError("the samples are Python objects, not numbers. Say how to read them: transform=...")
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))


def _stacked(tensors: list[torch.Tensor]) -> torch.Tensor:
    shapes = sorted({tuple(t.shape) for t in tensors})
    if len(shapes) > 1:
        raise ValueError(
            f"samples of different shapes, {shapes[0]} and {shapes[-1]}, cannot be stacked into a batch. "
            "Give a transform (or a tokenizer that pads) that brings them to one shape: "
            "Network(model, transform=...)."
        )
    return torch.stack(tensors)


def _transformed(transform: Any, raw: Any) -> Any:
    """What the transform makes of a batch, stacked.

    Raises
    ------
    TransformError
        If the transform raises, gives no tensor, or another number of samples.
    """
    if getattr(transform, "batched", False):
        return _whole_batch(transform, raw)
    made = []
    for position, sample in enumerate(raw):
        picture = _picture(sample)
        try:
            found = transform(picture)
        except Exception as error:
            what = f"raised {type(error).__name__}: {error}"
            raise TransformError(what, describe(picture), position) from error
        try:
            made.append(torch.as_tensor(found))
        except (TypeError, ValueError, RuntimeError) as error:
            what = f"gave {describe(found)}, which is no tensor"
            raise TransformError(what, describe(picture), position) from error
    return _stacked(made)


def _whole_batch(transform: Any, raw: Any) -> Any:
    try:
        found = transform(raw)
    except Exception as error:
        raise TransformError(f"raised {type(error).__name__}: {error}", describe(raw), None) from error
    count = len(found) if isinstance(found, torch.Tensor) and found.ndim else len(raw)
    if count != len(raw):
        what = f"(batched) gave {describe(found)} for {len(raw)} sample{'s' * (len(raw) != 1)}"
        raise TransformError(what, describe(raw), None)
    return found


def _picture(sample: Any) -> Any:
    """Transforms of torchvision take PIL images; other samples are handed on as they are."""
    if str(getattr(sample, "dtype", "")).removeprefix("torch.") == "uint8":
        picture = picture_of(sample)
        return sample if picture is None else picture
    return sample


def _tokens(network: Network, texts: list[str]) -> Any:
    tokenizer = network.tokenizer
    if tokenizer is None and network.transform is not None:
        return _place(network, _transformed(network.transform, texts))
    if tokenizer is None:
        raise TypeError("the samples are text: say how to read it, Network(model, tokenizer=...)")
    if hasattr(tokenizer, "pad_token_id"):
        batch = tokenizer(texts, return_tensors="pt", padding=True, truncation=True)
        return {key: value.to(network.device) for key, value in batch.items()}
    return _place(network, _stacked([torch.as_tensor(token_ids(tokenizer, text)) for text in texts]))


def _place(network: Network, value: Any) -> Any:
    """Copies on the model's device: a model that works in place must not change the user's data."""
    if isinstance(value, Mapping):
        return {key: _place_part(network, part) for key, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_place(network, part) for part in value)
    tensor = torch.as_tensor(value)
    return tensor.detach().to(network.device, _wanted_type(network, tensor), copy=True)


def _place_part(network: Network, value: Any) -> Any:
    """A named input: one of yes and no is a mask, and stays so; as the only input, it is a black-and-white
    picture."""
    if not isinstance(value, Mapping | tuple):
        value = torch.as_tensor(value)
        if value.dtype == torch.bool:
            return value.to(network.device, copy=True)
    return _place(network, value)


def _wanted_type(network: Network, tensor: torch.Tensor) -> torch.dtype:
    if tensor.is_floating_point():
        return network.dtype
    embeds = any(isinstance(m, nn.Embedding | nn.EmbeddingBag) for m in network.module.modules())
    if embeds and tensor.dtype == torch.bool:
        return torch.bool  # a mask
    # Token ids are (samples, time); integers with more axes are pixels.
    return torch.int64 if embeds and tensor.ndim <= 2 else network.dtype


def first_of(sample: Any) -> Any:
    """A batch of one raw sample, from Samples or from a batch."""
    if hasattr(sample, "batch"):
        return sample.batch(np.array([0]))
    one = {key: value[:1] for key, value in sample.items()} if isinstance(sample, Mapping) else sample[:1]
    if len(next(iter(one.values())) if isinstance(one, dict) else one) == 0:
        raise ValueError("there are no samples: at least one is needed to trace the model")
    return one


def copies(inputs: Any, n: int) -> Any:
    """``n`` copies of a prepared batch of one, in memory of their own."""
    if isinstance(inputs, Mapping):
        return {key: copies(value, n) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(copies(value, n) for value in inputs)
    return torch.cat([inputs] * n)


def describe(inputs: Any) -> str:
    """Shape and type in words: ``a tensor of shape (2, 1, 28, 28), float32``."""
    if isinstance(inputs, torch.Tensor):
        return f"a tensor of shape {tuple(inputs.shape)}, {str(inputs.dtype).removeprefix('torch.')}"
    if isinstance(inputs, Mapping):
        return "; ".join(f"{key}: {describe(value)}" for key, value in inputs.items())
    if isinstance(inputs, tuple | list):
        return f"{len(inputs)} inputs: " + "; ".join(describe(value) for value in inputs)
    if isinstance(inputs, np.ndarray):
        return f"an array of shape {inputs.shape}, {inputs.dtype}"
    if isinstance(inputs, str):
        return f"the text {inputs[:40]!r}{' …' * (len(inputs) > 40)}"
    if hasattr(inputs, "getbands"):
        return f"a PIL picture of {inputs.height} x {inputs.width} pixels, mode {inputs.mode}"
    return type(inputs).__name__
