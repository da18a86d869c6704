"""One sequence or picture as a batch of one: people leave the axis of the samples out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from nbviz.core.network import Network


def as_batch(network: Network, inputs: Any) -> Any:
    """``inputs`` with the samples along the first axis; what has them there already is handed back.

    Token ids of one sequence, (tokens,), also under their names as a tokenizer gives them, a PIL image, one
    picture of 8-bit pixels, (H, W) or (H, W, 3 or 4), and one (C, H, W) input of a model whose first
    convolution takes C channels become a batch of one.

    Raises
    ------
    ValueError
        If the input is a single number, or one row of numbers that are no token ids.
    """
    if isinstance(inputs, str | tuple):
        return inputs
    if isinstance(inputs, Mapping):
        return _named(inputs)
    if hasattr(inputs, "getbands"):  # a PIL image
        mode = "L" if inputs.mode in ("1", "L") else "RGB"
        return np.asarray(inputs.convert(mode))[None]
    if isinstance(inputs, list) and inputs and all(isinstance(x, int) for x in inputs):
        inputs = np.asarray(inputs)
    shape: tuple[int, ...] | None = getattr(inputs, "shape", None)
    if shape is None:
        return inputs
    shape = tuple(shape)
    if len(shape) == 0:
        raise ValueError("the input is a single number: there is nothing to attend to")
    if len(shape) == 1:
        if _kind(inputs) == "f":
            raise ValueError(
                f"the input has shape {shape}: a model reads a batch, with the samples along the first axis. "
                "Of one sample: x[None]."
            )
        return inputs[None]
    return inputs[None] if _is_one_picture(network, inputs, shape) else inputs


def _named(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """A tokenizer's batch; of one sequence, all parts that are as long as the ids get the axis."""
    ids = inputs.get("input_ids")
    is_list = isinstance(ids, list) and bool(ids) and isinstance(ids[0], int)
    if not is_list and len(getattr(ids, "shape", (0, 0))) != 1:
        return inputs
    n = len(ids)  # type: ignore[arg-type]
    parts = {key: torch.as_tensor(part) for key, part in inputs.items()}
    return {key: part[None] if tuple(part.shape) == (n,) else part for key, part in parts.items()}


def _kind(inputs: Any) -> str:
    """``"f"`` for floating-point values, ``"u1"`` for 8-bit pixels, ``"i"`` for other integers."""
    name = str(getattr(inputs, "dtype", "")).removeprefix("torch.")
    return "u1" if name == "uint8" else "f" if "float" in name else "i"


def _is_one_picture(network: Network, inputs: Any, shape: tuple[int, ...]) -> bool:
    if _kind(inputs) == "u1" and network.transform is not None:
        return len(shape) == 2 or (len(shape) == 3 and shape[-1] in (3, 4) and shape[0] > 4)
    first = next((m for m in network.module.modules() if isinstance(m, nn.Conv2d)), None)
    return (
        len(shape) == 3
        and first is not None
        and shape[0] == first.in_channels
        and _kind(inputs) == "f"
        and network._call is None  # else it may be what adds the axis
    )
