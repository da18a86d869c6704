"""What the tests of capturing share."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def data(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.bn = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(108, 4)

    def forward(self, x):
        x = self.relu(self.bn(self.conv(x)))
        return self.fc(self.relu(x - 0.5).flatten(1))


def by_hand(m: Net, x: np.ndarray) -> dict[str, np.ndarray]:
    t = torch.from_numpy(x)
    conv = F.conv2d(t, m.conv.weight, m.conv.bias)
    bn = F.batch_norm(conv, m.bn.running_mean, m.bn.running_var, m.bn.weight, m.bn.bias)
    relu = bn.clamp(min=0)
    relu_1 = (relu - 0.5).clamp(min=0)
    out = relu_1.flatten(1) @ m.fc.weight.T + m.fc.bias
    found = {"input": t, "conv": conv, "bn": bn, "relu": relu, "relu_1": relu_1, "fc": out, "output": out}
    return {name: value.detach().flatten(1).numpy() for name, value in found.items()}
