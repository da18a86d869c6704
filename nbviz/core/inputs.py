"""From raw samples to the tensor a model takes, and back to words when it does not take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

if TYPE_CHECKING:
    from nbviz.core.network import Network


def prepare(network: Network, raw: Any) -> Any:
    """The model's input for a batch of raw samples.

    Floating-point data are the model's own input already. Everything else goes through the network's
    transform or tokenizer; without one, integers are handed on as they are (to a model with embeddings) or
    as floating-point numbers.
    """
    if isinstance(raw, Mapping):
        return {key: _place(network, torch.as_tensor(value)) for key, value in raw.items()}
    if _is_text(raw):
        return _tokens(network, list(raw))
    is_float = (
        raw.is_floating_point()
        if isinstance(raw, torch.Tensor)
        else getattr(raw, "dtype", np.dtype(object)).kind == "f"
    )
    if network.transform is not None and not is_float:
        return _place(network, _transformed(network.transform, raw))
    if isinstance(raw, list):
        raw = np.stack([np.asarray(x) for x in raw])
    if isinstance(raw, np.ndarray) and raw.dtype == object:
        raise TypeError(
            "samples of different shapes cannot be stacked into a batch. "
            "Give a transform that brings them to one shape: Network(model, transform=...)."
        )
    return _place(
        network, raw if isinstance(raw, torch.Tensor) else torch.from_numpy(np.ascontiguousarray(raw))
    )


def _is_text(raw: Any) -> bool:
    return isinstance(raw, Sequence) and len(raw) > 0 and isinstance(raw[0], str)


def _transformed(transform: Any, raw: Any) -> torch.Tensor:
    if getattr(transform, "batched", False):
        return transform(raw)
    return torch.stack([torch.as_tensor(transform(_picture(sample))) for sample in raw])


def _picture(sample: Any) -> Any:
    """Transforms of torchvision take PIL images; other samples are handed on as they are."""
    if isinstance(sample, torch.Tensor) and sample.dtype == torch.uint8:
        sample = sample.numpy()
        if sample.ndim == 3 and sample.shape[0] in (1, 3):
            sample = np.moveaxis(sample, 0, -1)
    if isinstance(sample, np.ndarray) and sample.dtype == np.uint8 and sample.ndim in (2, 3):
        from PIL import Image

        return Image.fromarray(sample[..., 0] if sample.ndim == 3 and sample.shape[-1] == 1 else sample)
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
    ids = [torch.as_tensor(tokenizer(text)) for text in texts]
    if len({len(x) for x in ids}) > 1:
        raise ValueError(
            "texts of different lengths cannot be stacked: let the tokenizer pad them to one length"
        )
    return _place(network, torch.stack(ids))


def _place(network: Network, tensor: torch.Tensor) -> torch.Tensor:
    if tensor.is_floating_point():
        return tensor.to(network.device, network.dtype)
    if any(isinstance(m, nn.Embedding | nn.EmbeddingBag) for m in network.module.modules()):
        return tensor.to(network.device, torch.int64)
    return tensor.to(network.device, network.dtype)


def describe(inputs: Any) -> str:
    """Shape and type in words: ``a tensor of shape (2, 1, 28, 28), float32``."""
    if isinstance(inputs, torch.Tensor):
        return f"a tensor of shape {tuple(inputs.shape)}, {str(inputs.dtype).removeprefix('torch.')}"
    if isinstance(inputs, Mapping):
        return "; ".join(f"{key}: {describe(value)}" for key, value in inputs.items())
    if isinstance(inputs, tuple | list):
        return f"{len(inputs)} inputs: " + "; ".join(describe(value) for value in inputs)
    return type(inputs).__name__


def wanted_input(module: nn.Module) -> str:
    """What the first layer with weights takes, in words; empty if it is of no known kind."""
    for name, child in module.named_modules():
        where = f"Its first layer with weights, {name or 'the model'!r} ({type(child).__name__}),"
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
