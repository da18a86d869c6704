"""Models of every geometry, and the incremental sweep beside whole forward passes of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from nbviz.core.network import Network
from nbviz.methods.incremental import Sweep
from nbviz.methods.incremental.plan import Plan
from nbviz.methods.incremental.record import record
from nbviz.methods.incremental.simplify import simplify


def _windows(size, window, stride):
    """All boxes of one size whose corners lie on a grid."""
    axes = [np.arange(0, n - w + 1, s) for n, w, s in zip(size, window, stride, strict=True)]
    corner = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    return corner, corner + np.array(window)


@dataclass
class Compared:
    """The incremental sweep beside whole forward passes of the module as it is."""

    plan: Plan
    apart: dict[int, float]
    """By cut: the largest |a - b| / (1 + |b|) of the outputs."""
    activations_apart: float = 0.0
    """The same of the watched layer's sums, over all cuts."""
    activations: torch.Tensor | None = None
    """What whole passes gave."""

    @property
    def furthest(self):
        return max(self.apart.values(), key=_or_nan)


def compare(module, inputs, window, stride, *, cuts=None, watch=None, dtype=torch.float64):
    """Run every cut, and whole forward passes."""
    module = _settled(module).to(dtype)
    inputs = inputs.to(dtype)
    network = Network(module)
    layer = None if watch is None else network.layer(watch, inputs)
    tape = simplify(record(network, inputs, layer))
    size = (1, inputs.shape[-1]) if inputs.ndim == 3 else tuple(inputs.shape[-2:])
    lo, hi = _windows(size, window, stride)
    plan = Plan(tape, lo, hi)
    box = plan.regions[0]
    noise = torch.randn(len(lo), inputs.shape[1], *box.size, dtype=dtype)
    expected, activations = [], []
    for i in range(len(lo)):
        changed = inputs.clone() if inputs.ndim == 4 else inputs.clone().unsqueeze(2)
        changed[0, :, lo[i, 0] : hi[i, 0], lo[i, 1] : hi[i, 1]] = noise[i]
        output, seen = _whole(module, changed if inputs.ndim == 4 else changed.squeeze(2), watch)
        expected.append(output)
        activations.append(seen)
    found = Compared(plan, {}, activations=None if watch is None else torch.cat(activations))
    order = np.random.default_rng(0).permutation(len(lo))
    for cut in range(plan.first_global + 1) if cuts is None else cuts(plan):
        sweep = Sweep(plan, cut)
        replies = [sweep.run(order[i : i + 7], noise[order[i : i + 7]]) for i in range(0, len(order), 7)]
        found.apart[cut] = _apart(torch.cat([reply.output for reply in replies]), torch.cat(expected)[order])
        if found.activations is not None:
            sums = torch.cat([reply.activation for reply in replies])
            found.activations_apart = max(
                found.activations_apart, _apart(sums, found.activations[order]), key=_or_nan
            )
    return found


def _apart(found, expected):
    assert found.shape == expected.shape
    return float(((found - expected).abs() / (1 + expected.abs())).max())


def _or_nan(value):
    return np.inf if np.isnan(value) else value


def _whole(module, inputs, watch):
    seen = []
    handle = None
    if watch is not None:
        handle = module.get_submodule(watch).register_forward_hook(
            lambda _m, _i, out: seen.append(out.clone())
        )
    with torch.no_grad():
        output = module(inputs)
    if handle is not None:
        handle.remove()
    return output, seen[0].flatten(2).sum(2) if seen and seen[0].ndim > 2 else (seen[0] if seen else None)


def _settled(module):
    """Evaluation mode, with batch-norm statistics that are not the initial ones."""
    for child in module.modules():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(child.running_mean, -1, 1)
            nn.init.uniform_(child.running_var, 0.5, 2)
            nn.init.uniform_(child.weight, 0.5, 2)
            nn.init.uniform_(child.bias, -1, 1)
    return module.eval()


class Head(nn.Module):
    """A trunk, then mean over space and a linear layer, however many channels the trunk gives."""

    def __init__(self, trunk, example, flat=False):
        super().__init__()
        self.trunk, self.flat = trunk, flat
        with torch.no_grad():
            features = trunk.eval()(example)
        n = features[0].numel() if flat else features.shape[1]
        self.fc = nn.Linear(n, 5)

    def forward(self, x):
        x = self.trunk(x)
        return self.fc(x.flatten(1) if self.flat else x.flatten(2).mean(2))


class Residual(nn.Module):
    def __init__(self, channels, kernel, dilation, inplace):
        super().__init__()
        padding = dilation * (kernel - 1) // 2
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(2 * channels)
        self.conv2 = nn.Conv2d(
            2 * channels, 2 * channels, kernel, padding=padding, dilation=dilation, groups=2 * channels
        )
        self.bn2 = nn.BatchNorm2d(2 * channels)
        self.conv3 = nn.Conv2d(2 * channels, channels, 1)
        self.act = nn.ReLU6(inplace=inplace)

    def forward(self, x):
        y = self.act(self.bn1(self.conv1(x)))
        y = self.conv3(self.act(self.bn2(self.conv2(y))))
        y += x
        return y


class SamePadding(nn.Module):
    """Strided convolution with zeros on one side more than on the other, as in TensorFlow."""

    def __init__(self, inp, out, kernel, stride):
        super().__init__()
        self.conv, self.kernel, self.stride = nn.Conv2d(inp, out, kernel, stride), kernel, stride

    def forward(self, x):
        pads = []
        for n in (x.shape[3], x.shape[2]):
            total = max((-(-n // self.stride) - 1) * self.stride + self.kernel - n, 0)
            pads += [total // 2, total - total // 2]
        return self.conv(F.pad(x, pads))


class Dense(nn.Module):
    """Concatenation of the input and of two branches, one of them scaled per channel."""

    def __init__(self, channels):
        super().__init__()
        self.a = nn.Conv2d(channels, 3, 3, padding=1)
        self.b = nn.Conv2d(channels, 4, 5, padding=2, groups=1)
        self.scale = nn.Parameter(torch.rand(1, 4, 1, 1))

    def forward(self, x):
        return torch.cat([x, F.gelu(self.a(x)), F.silu(self.b(x)) * self.scale + 0.5], 1)


def random_trunk(rng, channels, inplace):
    layers = []
    for _ in range(int(rng.integers(2, 6))):
        kernel, stride = int(rng.integers(1, 6)), int(rng.integers(1, 4))
        match rng.integers(0, 8):
            case 0:
                out, dilation = int(rng.integers(2, 6)), int(rng.integers(1, 3))
                padding = (int(rng.integers(0, 4)), int(rng.integers(0, 4)))
                layers += [
                    nn.Conv2d(
                        channels, out, (kernel, 3), (stride, 1), padding, dilation, bias=bool(rng.integers(2))
                    )
                ]
                layers += [nn.BatchNorm2d(out), nn.ReLU(inplace=inplace)]
                channels = out
            case 1:
                layers += [nn.Conv2d(channels, 2 * channels, kernel, stride, kernel // 2, groups=channels)]
                layers += [nn.Hardswish(inplace=inplace)]
                channels *= 2
            case 2:
                pad = int(rng.integers(0, kernel // 2 + 1))
                layers += [nn.MaxPool2d(kernel, stride, pad, ceil_mode=bool(rng.integers(2)))]
            case 3:
                pad = int(rng.integers(0, kernel // 2 + 1))
                layers += [
                    nn.AvgPool2d(kernel, stride, pad, bool(rng.integers(2)), bool(rng.integers(2))),
                    nn.Tanh(),
                ]
            case 4:
                layers += [
                    Residual(channels, 2 * int(rng.integers(0, 3)) + 1, int(rng.integers(1, 3)), inplace)
                ]
            case 5:
                out = int(rng.integers(2, 6))
                layers += [SamePadding(channels, out, kernel, stride), nn.BatchNorm2d(out), nn.SiLU()]
                channels = out
            case 6:
                layers += [Dense(channels), nn.Dropout(0.5)]
                channels += 7
            case 7:
                pads = tuple(int(p) for p in rng.integers(0, 3, 4))
                layers += [nn.ConstantPad2d(pads, 0.7), nn.BatchNorm2d(channels), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)
