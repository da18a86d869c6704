"""When what was made from a model is out of date: what it is built of, and what its weights are."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# Hooks that may change what a forward or backward pass computes.
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
# What every module has, and what says nothing about what it computes.
_INTERNALS = frozenset(vars(nn.Module())) - {*HOOKS, "_parameters", "_buffers"}
_PLAIN = (int, float, bool, str, complex, type(None))


def structure(module: nn.Module) -> tuple[Any, ...]:
    """What must stay the same for a twin to stay valid: modules, tensors, hooks and settings."""
    parts: list[Any] = []
    for name, child in module.named_modules():
        parts.append((name, id(child)))
        # list(...) takes a snapshot at once: the user's thread may set attributes meanwhile.
        for key, value in list(child.__dict__.items()):
            if key in _INTERNALS:
                continue
            if key in ("_parameters", "_buffers"):
                parts.extend((k, id(t), _address(t)) for k, t in list(value.items()))
            elif key in HOOKS:
                parts.append((key, *value))  # the keys of a hook dict are never used twice
            else:
                parts.append((key, value if type(value) in _PLAIN else id(value)))
    return tuple(parts)


def _address(tensor: torch.Tensor | None) -> int:
    """Where the numbers lie. ``module.half()`` and ``parameter.data = …`` change it, not the identity."""
    strided = tensor is not None and tensor.layout is torch.strided and not nn.parameter.is_lazy(tensor)
    return tensor.data_ptr() if tensor is not None and strided else 0


def changes(tensors: list[torch.Tensor]) -> int:
    """How often they were written to, as far as torch counts it."""
    return sum(t._version for t in tensors if not nn.parameter.is_lazy(t) and not t.is_inference())


def fingerprint(tensors: list[torch.Tensor]) -> int:
    """Hash of up to 16 numbers of each tensor, spread over it."""
    picked: list[torch.Tensor] = []
    for tensor in tensors:
        if not nn.parameter.is_lazy(tensor) and tensor.layout is torch.strided and tensor.numel():
            flat = tensor.detach().reshape(-1)
            picked.append(flat[:: max(1, flat.numel() // 16)].to(torch.float32))
    return hash(torch.cat(picked).cpu().numpy().tobytes()) if picked else 0
