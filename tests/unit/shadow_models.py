"""What the tests of shadows and twins share."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

from nbviz.core.samples import Samples


def conv_net() -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(4 * 36, 3),
    )
    net[0].weight.requires_grad_(False)
    net[3].eval()
    net[5].weight.grad = torch.full((3, 144), 0.25)
    return net


def images(n: int = 70) -> Samples:
    return Samples(np.random.default_rng(0).normal(size=(n, 1, 8, 8)).astype(np.float32))


def everything(module: nn.Module) -> dict[str, object]:
    """All that a user could see of a module, and the random states."""
    seen: dict[str, object] = {}
    for name, child in module.named_modules():
        state = child.__dict__
        seen[f"{name}.training"] = child.training
        seen[f"{name}.attributes"] = {
            k: v if isinstance(v, int | float | str | bool) else id(v)
            for k, v in state.items()
            if k not in ("_parameters", "_buffers")
        }
        for key in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            seen[f"{name}.{key}"] = list(state[key].items())
    for name, p in module.named_parameters():
        seen[f"{name}.value"] = (
            id(p),
            p.data_ptr(),
            p._version,
            p.requires_grad,
            p.detach().numpy().tobytes(),
        )
        seen[f"{name}.grad"] = None if p.grad is None else (id(p.grad), p.grad.numpy().tobytes())
    for name, b in module.named_buffers():
        seen[f"{name}.value"] = (id(b), b._version, b.detach().numpy().tobytes())
    seen["torch"] = torch.get_rng_state().numpy().tobytes()
    seen["numpy"] = np.random.get_state()[1].tobytes()
    seen["python"] = random.getstate()
    return seen


class Fails(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x):
        y = self.norm(self.fc(x))
        if x.shape[0] == 5:
            raise ValueError("I dislike fives")
        return y


class Counts(nn.Module):
    """Keeps a counter, a log, a hidden state and a buffer that it writes in evaluation mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(2, 2)
        self.calls = 0
        self.log: list[int] = []
        self.hidden = None
        self.register_buffer("total", torch.zeros(2))
        self.register_buffer("replaced", torch.zeros(2))

    def forward(self, x):
        self.calls += 1
        self.log.append(self.calls)
        self.total += 1
        self.replaced = self.replaced + 1
        self.hidden = self.fc(x) if self.hidden is None else self.fc(x) + self.hidden[: len(x)] * 0
        return self.hidden + self.calls + self.total + self.replaced + len(self.log)
