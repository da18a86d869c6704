"""The twin of a model: what it shares, and what is done where no copy can be made."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
import torch
from shadow_models import Counts, Fails, conv_net, everything, images
from torch import nn

from nbviz.core.capture import capture
from nbviz.core.errors import ModelError
from nbviz.core.network import Network


def test_parameters_and_modules_in_plain_lists_are_shared_too():
    class Loose(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = [nn.Parameter(torch.ones(2))]
            self.parts = [nn.Linear(2, 2)]

        def forward(self, x):
            return self.parts[0](x) * self.weights[0]

    module = Loose()
    network = Network(module)
    x = np.ones((2, 2), np.float32)
    capture(network, x, ["output"])
    with torch.no_grad():
        module.weights[0].fill_(3.0)
        module.parts[0].weight.fill_(1.0)
        module.parts[0].bias.zero_()
    assert (capture(network, x, ["output"])["output"] == 6).all()


def test_tensors_keep_their_class_and_attributes():
    from torch.nn.attention.bias import causal_lower_right

    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.project = nn.Linear(4, 4)
            self.project.weight.scale = 2.0
            self.bias = causal_lower_right(3, 3)

        def forward(self, x):
            q = self.project(x) * self.project.weight.scale
            return torch.nn.functional.scaled_dot_product_attention(q, q, q, attn_mask=self.bias)

    module, x = Attends(), torch.randn(2, 3, 4)
    network = Network(module)
    with network.running() as twin, torch.no_grad():
        assert type(twin.bias) is type(module.bias)
        assert twin.bias is not module.bias
        torch.testing.assert_close(twin(x), module(x))
    assert network.notes == ()


def test_an_eval_method_that_merges_weights_is_not_run():
    class Merging(nn.Linear):  # as adapters (LoRA) do
        merged = False

        def train(self, mode=True):
            if not mode and not self.merged:
                self.weight.data += 1
                self.merged = True
            return super().train(mode)

    module = nn.Sequential(Merging(2, 2)).train()
    before = module[0].weight.detach().clone()
    capture(module, np.zeros((2, 2), np.float32), ["output"])
    assert torch.equal(module[0].weight, before)


@pytest.mark.parametrize("what", ["lock", "generator", "deepcopy"])
def test_a_module_that_cannot_be_copied_is_used_in_place_and_put_back(what):
    module = conv_net().train()
    module[3].train()
    if what == "lock":
        module.guard = threading.Lock()
    elif what == "generator":
        module.source = (i for i in range(3))
    else:

        class Own(type(module)):
            def __deepcopy__(self, memo):
                new = nn.Sequential(*[copy.deepcopy(child) for child in self])
                return new

        module.__class__ = Own
    module.register_buffer("seen", torch.zeros(1))
    module[5].register_forward_hook(lambda m, i, o: module.seen.add_(1) and None)
    network = Network(module)
    reference = conv_net().eval()
    before = everything(module)
    out = capture(network, images(), ["2", "output"])["output"]
    after = everything(module)
    for state in (before, after):
        identity, _version, value = state.pop("seen.value")
        assert (identity, value) == (id(module.seen), torch.zeros(1).numpy().tobytes())
    assert after == before
    np.testing.assert_allclose(out, reference(torch.from_numpy(images().inputs)).detach(), atol=1e-5)
    assert "cannot be copied" in network.notes[0]
    assert "in place" in network.notes[0]


def test_in_place_use_is_undone_after_an_error_and_ends_when_the_reason_goes():
    module = Fails()
    module.guard = threading.Lock()
    before = everything(module)
    network = Network(module)
    with pytest.raises(ModelError):
        capture(network, np.zeros((5, 4), np.float32), ["output"])
    assert everything(module) == before
    del module.guard
    capture(network, np.zeros((4, 4), np.float32), ["output"])
    assert network.notes == ()


def test_a_lazy_module_is_refused_with_advice():
    module = nn.Sequential(nn.LazyLinear(3))
    with pytest.raises(ModelError, match=r"0\.weight.*Run the model once"):
        capture(module, np.zeros((2, 4), np.float32), ["output"])
    assert isinstance(module[0], nn.LazyLinear)
    module(torch.zeros(1, 4))
    assert capture(module, np.zeros((2, 4), np.float32), ["output"])["output"].shape == (2, 3)


def test_running_may_be_entered_again_and_keeps_state_until_the_end():
    network = Network(Counts())
    with network.running() as outer:
        outer(torch.zeros(1, 2))
        with network.running() as inner:
            assert inner is outer
        assert outer.calls == 1
    with network.running() as later:
        assert later.calls == 0


def test_work_in_inference_mode_does_not_spoil_later_gradients():
    module = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    network = Network(module)
    with torch.inference_mode(), network.running() as twin:
        twin(torch.zeros(3, 2))
    x = torch.randn(3, 2, requires_grad=True)
    with network.running() as twin:
        (gradient,) = torch.autograd.grad(twin(x).square().sum(), x)
    assert gradient.abs().sum() > 0
