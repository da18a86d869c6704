"""Attention by its formula: softmax(Q Kᵀ · scale + mask) V, in the forms in which PyTorch offers it.

Vaswani et al. 2017, "Attention Is All You Need", equation 1. Used where PyTorch keeps the weights to itself
(``F.scaled_dot_product_attention``, ``nn.MultiheadAttention``), and to compute on with edited weights.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

# Models mask by adding -inf, the least number of the type, -1e9 or -1e4; no true logit comes near.
MASKED_BELOW = -5000.0
_MHA = inspect.signature(F.multi_head_attention_forward)


def masked_in(logits: torch.Tensor) -> torch.Tensor:
    """Where the logits say that the model may not look."""
    return logits <= MASKED_BELOW


def to_weights(logits: torch.Tensor) -> torch.Tensor:
    """Softmax over the last axis, in float32 or better.

    Masked columns are exactly 0, and so are rows with nothing to look at.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    hidden = masked_in(logits)
    if not hidden.any():
        return torch.softmax(logits, -1)
    weights = torch.softmax(logits.masked_fill(hidden, -math.inf), -1)
    return torch.where(hidden, torch.zeros_like(weights), weights)


def dot_product_logits(
    query: torch.Tensor,
    key: torch.Tensor,
    mask: Any = None,
    is_causal: bool = False,
    scale: float | None = None,
) -> torch.Tensor:
    """Q Kᵀ · scale + mask, (…, rows, columns), in float32 or better; -inf where masked.

    ``mask`` is boolean (True: may look) or added. With ``is_causal`` row i may look at columns 0 to i.
    """
    wide = torch.promote_types(query.dtype, torch.float32)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    logits = (query.to(wide) * scale) @ key.to(wide).transpose(-2, -1)
    if is_causal:
        may = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
        logits = logits.masked_fill(~may, -math.inf)
    if hasattr(mask, "_materialize"):  # torch.nn.attention.bias.CausalBias
        mask = mask._materialize(logits.device)
    if mask is None:
        return logits
    return logits.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else logits + mask.to(wide)


@dataclass(frozen=True)
class DotProduct:
    """A call of ``F.scaled_dot_product_attention``, taken apart."""

    logits: torch.Tensor
    value: torch.Tensor
    dropout: float

    @classmethod
    def of_call(  # noqa: PLR0917  (the arguments of the function taken apart)
        cls,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attn_mask: Any = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> DotProduct:
        if enable_gqa:  # each head of the keys serves several of the queries
            key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
            value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
        return cls(dot_product_logits(query, key, attn_mask, is_causal, scale), value, dropout_p)

    def output(self, weights: torch.Tensor) -> torch.Tensor:
        """What the call returns if these are the weights."""
        return weights.to(self.value.dtype) @ self.value


@dataclass(frozen=True)
class MultiHead:
    """A call of ``F.multi_head_attention_forward``, which ``nn.MultiheadAttention`` makes, taken apart.

    ``logits`` is (batch, heads, rows, columns); ``extra`` names the columns that ``add_bias_kv`` and
    ``add_zero_attn`` append.
    """

    logits: torch.Tensor
    value: torch.Tensor
    extra: tuple[str, ...]
    is_self: bool
    asked: dict[str, Any]

    @classmethod
    def of_call(cls, *args: Any, **kwargs: Any) -> MultiHead:
        bound = _MHA.bind(*args, **kwargs)
        bound.apply_defaults()
        a = bound.arguments
        query, key, value = a["query"], a["key"], a["value"]
        is_self = query is key or (query.shape == key.shape and torch.equal(query, key))
        if query.ndim == 2:  # no batch axis
            query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        batch, heads = query.shape[1], a["num_heads"]
        q, k, v = _projected(query, key, value, a)
        hidden = a["key_padding_mask"]
        if hidden is not None and hidden.ndim == 1:
            hidden = hidden.unsqueeze(0)
        extra: tuple[str, ...] = ()
        if a["bias_k"] is not None and a["bias_v"] is not None:
            k = torch.cat([k, a["bias_k"].repeat(1, batch, 1)])
            v = torch.cat([v, a["bias_v"].repeat(1, batch, 1)])
            extra += ("[bias]",)
        # (time, batch, heads · size) to (batch, heads, time, size)
        q, k, v = (x.reshape(len(x), batch, heads, -1).permute(1, 2, 0, 3) for x in (q, k, v))
        if a["add_zero_attn"]:
            k, v = F.pad(k, (0, 0, 0, 1)), F.pad(v, (0, 0, 0, 1))
            extra += ("[zero]",)
        logits = dot_product_logits(q, k)
        mask = a["attn_mask"]
        if mask is not None:
            per_head = mask if mask.ndim == 2 else mask.reshape(batch, heads, *mask.shape[1:])
            logits = logits + _added(per_head, logits.dtype, len(extra))
        if hidden is not None:
            logits = logits + _added(hidden[:, None, None, :], logits.dtype, len(extra))
        return cls(logits, v, extra, is_self, a)

    def output(self, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What the call returns if these are the weights: the output, and the weights if asked for."""
        a = self.asked
        mixed = (weights.to(self.value.dtype) @ self.value).permute(2, 0, 1, 3)
        out = F.linear(mixed.flatten(2), a["out_proj_weight"], a["out_proj_bias"])
        given = weights.mean(1) if a["average_attn_weights"] else weights
        if a["query"].ndim == 2:
            out, given = out.squeeze(1), given.squeeze(0)
        return out, (given if a["need_weights"] else None)


def _projected(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, a: dict[str, Any]
) -> list[torch.Tensor]:
    if a["use_separate_proj_weight"]:
        weights = [a["q_proj_weight"], a["k_proj_weight"], a["v_proj_weight"]]
    else:
        weights = list(a["in_proj_weight"].chunk(3))
    bias = a["in_proj_bias"]
    biases = [None] * 3 if bias is None else list(bias.chunk(3))
    return [F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]


def _added(mask: torch.Tensor, dtype: torch.dtype, n_extra: int) -> torch.Tensor:
    """A mask to add; in ``nn.MultiheadAttention`` True means: may not look. The extra columns are free."""
    if mask.dtype == torch.bool:
        mask = torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(mask, -math.inf)
    return F.pad(mask.to(dtype), (0, n_extra))
