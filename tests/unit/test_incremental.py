"""The incremental sweep gives what whole forward passes give, for every geometry."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nbviz.core.network import Network
from nbviz.methods.incremental import Sweep
from nbviz.methods.incremental_plan import Plan
from nbviz.methods.incremental_record import record
from nbviz.methods.incremental_simplify import simplify
from nbviz.methods.incremental_tape import Untraceable


def _windows(size, window, stride):
    """All boxes of one size whose corners lie on a grid."""
    axes = [np.arange(0, n - w + 1, s) for n, w, s in zip(size, window, stride, strict=True)]
    corner = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    return corner, corner + np.array(window)


def _check(module, inputs, window, stride, *, cuts=None, tolerance=1e-10, watch=None, dtype=torch.float64):
    """Compare every cut with whole forward passes of the module as it is."""
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
    expected = torch.cat(expected)
    order = np.random.default_rng(0).permutation(len(lo))
    for cut in range(plan.first_global + 1) if cuts is None else cuts(plan):
        sweep = Sweep(plan, cut)
        replies = [sweep.run(order[i : i + 7], noise[order[i : i + 7]]) for i in range(0, len(order), 7)]
        found = torch.cat([reply.output for reply in replies])
        torch.testing.assert_close(
            found, expected[order], atol=tolerance, rtol=tolerance, msg=lambda m, cut=cut: f"cut {cut}: {m}"
        )
        if watch is not None:
            sums = torch.cat([reply.activation for reply in replies])
            torch.testing.assert_close(sums, torch.cat(activations)[order], atol=1e-9, rtol=1e-9)
    return plan


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


def _random_trunk(rng, channels, inplace):
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


@pytest.mark.parametrize("seed", range(60))
def test_random_architectures_equal_whole_forwards(seed):
    _check_random(seed, torch.float64, 1e-10)


@pytest.mark.parametrize("seed", range(60, 80))
def test_random_architectures_in_single_precision(seed):
    """Single precision has kernels of its own: packed weights, activations inside the convolution."""
    _check_random(seed, torch.float32, 2e-5)


def _check_random(seed, dtype, tolerance):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    size = (int(rng.integers(11, 30)), int(rng.integers(11, 30)))
    inputs = torch.randn(1, int(rng.integers(1, 4)), *size)
    while True:  # a draw whose maps shrink to nothing is no model
        trunk = _random_trunk(rng, inputs.shape[1], inplace=seed % 2 == 0)
        try:
            module = Head(trunk, inputs, flat=seed % 3 == 0)
            break
        except RuntimeError:
            continue
    window = (int(rng.integers(1, 7)), int(rng.integers(1, 7)))
    stride = (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    _check(
        module,
        inputs,
        window,
        stride,
        cuts=lambda p: sorted({0, *p.cuts(), p.first_global // 2, p.first_global}),
        tolerance=tolerance,
        dtype=dtype,
    )


def test_every_cut_of_a_residual_net_is_exact():
    torch.manual_seed(0)
    inputs = torch.randn(1, 3, 23, 19)
    trunk = nn.Sequential(
        SamePadding(3, 6, 3, 2), nn.BatchNorm2d(6), Residual(6, 3, 1, True), Residual(6, 5, 1, False)
    )
    plan = _check(Head(trunk, inputs), inputs, (4, 5), (2, 3))
    assert plan.first_global > 10
    assert 0 < plan.affected_share() < 0.9


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
    _check(Head(trunk, inputs, flat=True), inputs, (3, 3), (3, 2), watch=watch)


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
    plan = _check(Head(trunk, inputs, flat=True), inputs, (1, 7), (1, 3))
    assert plan.first_global > 8


def test_whole_maps_take_over_where_a_gate_looks_at_the_whole_map():
    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

        def forward(self, x):
            x = self.conv(x).relu_()
            return x * torch.sigmoid(self.fc(F.adaptive_avg_pool2d(x, 1)))

    inputs = torch.randn(1, 3, 12, 12)
    plan = _check(
        Head(nn.Sequential(nn.Conv2d(3, 3, 3), Gate(), nn.Conv2d(4, 4, 3)), inputs), inputs, (3, 3), (2, 2)
    )
    assert plan.first_global == 3


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
    plan = _check(Patches(), inputs, (4, 4), (2, 2), tolerance=1e-8)
    assert plan.first_global == 1


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

    _check(Columns(), torch.randn(1, 1, 8, 9), (3, 3), (2, 2))


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
