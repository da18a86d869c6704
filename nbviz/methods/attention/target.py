"""What an encoder-decoder of transformers is given to write: a text, or what it writes itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.attention.run import visible_attention
from nbviz.methods.attention.text import ids_of, token_names


@dataclass(frozen=True)
class Target:
    """The model's whole input, and the tokens of the target: as given to the decoder, and as written."""

    inputs: Any
    given: tuple[str, ...] | None = None
    written: tuple[str, ...] | None = None
    text: str = ""
    ids: tuple[int, ...] = ()


def read_target(network: Network, prepared: Any, target: Any, *, sample: int, max_steps: int) -> Target:
    """Add what the decoder reads to a prepared batch; other models' inputs are left as they are.

    Raises
    ------
    TypeError
        If there is a target, and the model is no encoder-decoder of transformers.
    """
    config = getattr(network.module, "config", None)
    writes = bool(getattr(config, "is_encoder_decoder", False))
    if not writes or not isinstance(prepared, Mapping):
        if target is not None:
            raise TypeError(
                "target= is for encoder-decoders of transformers, with a tokenizer. "
                "Give other models all they take, in a tuple or a dict: attention(network, (source, target))."
            )
        pair = ids_of(prepared[1]) if isinstance(prepared, tuple) and len(prepared) > 1 else None
        given = None if pair is None else token_names(network.tokenizer, pair[sample].tolist())
        return Target(prepared, given)
    if "decoder_input_ids" in prepared:
        row = prepared["decoder_input_ids"][sample].tolist()
        return Target(prepared, token_names(network.tokenizer, row))
    if target is None:
        ids = _written(network, prepared, max_steps)
        if ids is None:
            return Target(prepared)
    else:
        ids = _shifted(network, _target_ids(network, target))
        ids = ids.expand(len(prepared["input_ids"]), -1)
    # The decoder reads a token and writes the next one, so the last has been written only.
    inputs = {**prepared, "decoder_input_ids": ids[:, :-1].contiguous()}
    row = ids[sample].tolist()
    names = token_names(network.tokenizer, row)
    decode = getattr(network.tokenizer, "decode", None)
    text = "" if decode is None else decode(row, skip_special_tokens=True)
    return Target(inputs, names[:-1], names[1:], text, tuple(row[1:]))


def _written(network: Network, prepared: Any, max_steps: int) -> torch.Tensor | None:
    """What the model writes, greedily, with the start token first; None if it has no head to write with."""
    with network.running() as module, torch.no_grad(), visible_attention(module):
        if not (hasattr(module, "generate") and getattr(module, "can_generate", bool)()):
            return None
        try:
            return module.generate(  # type: ignore[operator]
                **prepared, do_sample=False, num_beams=1, max_new_tokens=max_steps
            )
        except Exception as error:
            raise ModelError(
                f"the model could not write by itself ({type(error).__name__}: {error}). "
                "Say what it writes: target=..."
            ) from error


def _target_ids(network: Network, target: Any) -> torch.Tensor:
    if not isinstance(target, str):
        return torch.as_tensor(target, device=network.device).reshape(1, -1)
    if network.tokenizer is None:
        raise TypeError("the target is text: say how to read it, Network(model, tokenizer=...)")
    if not target.strip():
        raise ValueError("the target is empty: there is nothing to write")
    ids = network.tokenizer(text_target=target, return_tensors="pt")["input_ids"]
    return ids.to(network.device)


def _shifted(network: Network, ids: torch.Tensor) -> torch.Tensor:
    """With the token that starts the decoder put first."""
    config: Any = network.module.config
    first = getattr(config, "decoder_start_token_id", None)
    first = getattr(config, "bos_token_id", None) if first is None else first
    if first is None:
        raise ModelError(
            "the model's config has no decoder_start_token_id, so its target cannot be given. "
            "Pass decoder_input_ids in the batch."
        )
    return torch.cat([ids.new_full((len(ids), 1), first), ids], dim=1)
