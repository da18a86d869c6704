"""The incremental sweep gives what whole forward passes give, for every geometry."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from incremental_models import Head, Residual, SamePadding, compare, random_trunk
from torch import nn

from nbviz.core.network import Network
from nbviz.methods.incremental import Sweep
from nbviz.methods.incremental.plan import Plan
from nbviz.methods.incremental.record import record
from nbviz.methods.incremental.simplify import simplify
from nbviz.methods.incremental.tape import Untraceable


@pytest.mark.parametrize("seed", range(60))
def test_random_architectures_equal_whole_forwards(seed):
    found = _compare_random(seed, torch.float64)
    assert 0 in found.apart  # the sweep that is incremental from the input on
    assert found.furthest <= 1e-10, found.apart


@pytest.mark.parametrize("seed", range(60, 80))
def test_random_architectures_in_single_precision(seed):
    """Single precision has kernels of its own: packed weights, activations inside the convolution."""
    found = _compare_random(seed, torch.float32)
    assert 0 in found.apart
    assert found.furthest <= 4e-5, found.apart


def _compare_random(seed, dtype):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    size = (int(rng.integers(11, 30)), int(rng.integers(11, 30)))
    inputs = torch.randn(1, int(rng.integers(1, 4)), *size)
    while True:  # a draw whose maps shrink to nothing is no model
        trunk = random_trunk(rng, inputs.shape[1], inplace=seed % 2 == 0)
        try:
            module = Head(trunk, inputs, flat=seed % 3 == 0)
            break
        except RuntimeError:
            continue
    window = (int(rng.integers(1, 7)), int(rng.integers(1, 7)))
    stride = (int(rng.integers(1, 5)), int(rng.integers(1, 5)))

    def some(plan):
        return sorted({0, *plan.cuts(), plan.first_global // 2, plan.first_global})

    return compare(module, inputs, window, stride, cuts=some, dtype=dtype)


def test_every_cut_of_a_residual_net_is_exact():
    torch.manual_seed(0)
    inputs = torch.randn(1, 3, 23, 19)
    trunk = nn.Sequential(
        SamePadding(3, 6, 3, 2), nn.BatchNorm2d(6), Residual(6, 3, 1, True), Residual(6, 5, 1, False)
    )
    found = compare(Head(trunk, inputs), inputs, (4, 5), (2, 3))
    assert list(found.apart) == list(range(found.plan.first_global + 1))
    assert found.furthest <= 1e-10, found.apart
    assert found.plan.first_global > 10
    assert 0 < found.plan.affected_share() < 0.9


@pytest.mark.parametrize("watch", ["trunk.0", "trunk.1", "trunk.2", "trunk.3.act", "trunk.3", "fc"])
def test_activation_sums_of_a_watched_layer(watch):
    torch.manual_seed(1)
    inputs = torch.randn(1, 2, 17, 16)
    trunk = nn.Sequential(
        nn.Conv2d(2, 4, 3, 2, 1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        Residual(4, 3, 1, True),
        nn.MaxPool2d(2),
    )
    found = compare(Head(trunk, inputs, flat=True), inputs, (3, 3), (3, 2), watch=watch)
    assert found.furthest <= 1e-10, found.apart
    assert found.activations_apart <= 1e-9
    assert found.activations.std(0).max() > 1e-3  # the windows do change what is watched


@pytest.mark.parametrize("dilation", [1, 2])
def test_signals(dilation):
    torch.manual_seed(2)
    inputs = torch.randn(1, 2, 61)
    trunk = nn.Sequential(
        nn.Conv1d(2, 4, 5, 2, 3, dilation, bias=False),
        nn.BatchNorm1d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool1d(3, 2, 1),
        nn.Conv1d(4, 6, 3, padding="same"),
        nn.GELU(),
        nn.AvgPool1d(2),
        nn.ConstantPad1d((1, 2), 0.3),
    )
    found = compare(Head(trunk, inputs, flat=True), inputs, (1, 7), (1, 3))
    assert found.furthest <= 1e-10, found.apart
    assert found.plan.first_global > 8


def test_whole_maps_take_over_where_a_gate_looks_at_the_whole_map():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            x = self.conv(x).relu_()
            return x * torch.sigmoid(self.fc(F.adaptive_avg_pool2d(x, 1)))

    inputs = torch.randn(1, 3, 12, 12)
    trunk = nn.Sequential(nn.Conv2d(3, 3, 3), Gate(), nn.Conv2d(4, 4, 3))
    found = compare(Head(trunk, inputs), inputs, (3, 3), (2, 2))
    assert found.furthest <= 1e-10, found.apart
    assert found.plan.first_global == 3


def test_attention_over_patches():
    class Patches(nn.Module):
        def __init__(self):
            super().__init__()
            self.patch = nn.Conv2d(1, 16, 4, 4)
            self.token = nn.Parameter(torch.randn(1, 1, 16))
            self.block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)

        def forward(self, x):
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
            return self.block(x)[:, 0]

    inputs = torch.randn(1, 1, 16, 16)
    found = compare(Patches(), inputs, (4, 4), (2, 2))
    assert found.furthest <= 1e-8, found.apart
    assert found.plan.first_global == 1


def test_a_start_state_follows_the_batch():
    class Columns(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.input, self.state = nn.Conv2d(1, 2, 3), nn.Linear(12, 8), nn.Linear(8, 8)

        def forward(self, x):
            x = self.conv(x).flatten(1, 2)
            state = x.new_zeros(x.shape[0], 8)
            for t in range(x.shape[2]):
                state = torch.tanh(self.input(x[:, :, t]) + self.state(state))
            return state

    found = compare(Columns(), torch.randn(1, 1, 8, 9), (3, 3), (2, 2))
    assert found.furthest <= 1e-10, found.apart
    assert found.plan.first_global >= 1


class Draws(nn.Module):
    def forward(self, x):
        return (x + torch.randn_like(x)).flatten(1)


class ReadsBack(nn.Module):
    def forward(self, x):
        return x.flatten(1) if x.mean().item() > 0 else -x.flatten(1)


class WritesPart(nn.Module):
    def forward(self, x):
        y = x * 2
        y[:, :, 0] = 0
        return y.flatten(1)


class LooksAtBatch(nn.Module):
    def forward(self, x):
        return x.flatten(1) * (1.0 / x.shape[0])


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (Draws(), "random"),
        (ReadsBack(), "read back"),
        (WritesPart(), "changed in place"),
        (LooksAtBatch(), "depend on the batch"),
    ],
)
def test_what_cannot_be_replayed_is_refused(module, message):
    with pytest.raises(Untraceable, match=message):
        record(Network(module), torch.randn(1, 1, 6, 6))


def test_the_module_is_left_as_it_was():
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(32, 2)
    )
    module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    inputs = torch.randn(1, 1, 6, 6)
    kept = inputs.clone()
    tape = simplify(record(Network(module), inputs))
    plan = Plan(tape, np.array([[0, 0]]), np.array([[2, 2]]))
    Sweep(plan, plan.first_global).run(np.array([0]), torch.zeros(1, 1, 2, 2))
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert torch.equal(inputs, kept)
    assert not any(child._forward_hooks for child in module.modules())
