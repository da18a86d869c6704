"""Attention that is written out, shared, or named by its module; and a model that has none."""

import numpy as np
import pytest
import torch
from attention_models import (
    HEADS,
    SIZE,
    Loop,
    Written,
)
from torch import nn

import nbviz
from nbviz.core.errors import ModelError, UnknownName
from nbviz.methods.attention import attention


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("way", ["matmul", "einsum", "turned", "bmm"])
def test_attention_written_out_is_found_by_its_weighted_sum(way):
    model = Written(way).eval()
    ids = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    with torch.no_grad():
        expected = model(ids)
    found = attention(nbviz.Network(model, tokenizer=None), ids, sample=1)
    assert found.main.layers == ("blocks.0", "blocks.1")
    assert [group.kind for group in found.groups] == ["self"]
    np.testing.assert_allclose(found.weights[1], model.blocks[1].last[1].numpy(), atol=1e-6)
    np.testing.assert_array_equal(found.masked[1, 2], np.triu(np.ones((4, 4), bool), 1))
    np.testing.assert_array_equal(found.logits, expected[1].numpy())
    assert found.input_tokens == ("5", "6", "7", "8")


def test_a_shared_module_stands_once_for_each_call():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = nn.MultiheadAttention(SIZE, HEADS, batch_first=True)

        def forward(self, x):
            x = self.block(x, x, x)[0]
            return self.block(x, x, x)[0]

    assert attention(Twice(), torch.randn(1, 4, SIZE)).main.layers == ("block", "block_1")


def test_a_module_by_its_name_and_the_steps_of_a_loop_as_rows():
    model, memory = Loop().eval(), torch.randn(2, 6, SIZE)
    found = attention(model, memory, layers={"attention": "attention"}, sample=1)
    assert found.weights.shape == (1, 1, 3, 6)
    with torch.no_grad():
        state = memory[:, 0]
        for row in range(3):
            state, weights = model.attention(state, memory)
            np.testing.assert_allclose(found.weights[0, 0, row], weights[1].numpy(), atol=1e-6)
    assert found.main.kind == "cross"


def test_a_function_says_where_the_weights_are():
    model, memory = Loop("dict").eval(), torch.randn(1, 6, SIZE)
    found = attention(
        model, memory, layers=["attention"], weights=lambda module, output: output["maps"].numpy() / 100
    )
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-5)
    with pytest.raises(ModelError, match=r"none has rows that add up to 1.*weights=lambda"):
        attention(model, memory, layers=["attention"])
    with pytest.raises(ValueError, match="needs layers="):
        attention(model, memory, weights=lambda module, output: output)


def test_a_name_that_does_not_exist():
    with pytest.raises(UnknownName, match=r"submodule 'atention'.*'attention'"):
        attention(Loop(), torch.randn(1, 6, SIZE), layers=["atention"])


def test_chosen_layers_only():
    model = nn.Transformer(SIZE, HEADS, 2, 2, 32, batch_first=True)
    found = attention(model, (torch.randn(1, 4, SIZE),) * 2, layers=["encoder.layers.1"])
    assert [group.layers for group in found.groups] == [("encoder.layers.1.self_attn",)]


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_is_left_as_it_was(fails):
    class Stops(nn.Module):
        def __init__(self):
            super().__init__()
            self.attend = nn.MultiheadAttention(SIZE, HEADS, dropout=0.5)
            self.norm = nn.BatchNorm1d(SIZE)

        def forward(self, x):
            y = self.norm(self.attend(x, x, x)[0].transpose(1, 2)).transpose(1, 2)
            if fails:
                raise RuntimeError("stop here")
            return y

    model = Stops()
    seen = []
    model.attend.register_forward_hook(lambda *a: seen.append(1))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    if fails:
        with pytest.raises(ModelError, match="stop here"):
            attention(model, torch.randn(2, 3, SIZE, generator=torch.Generator().manual_seed(0)))
    else:
        attention(model, torch.randn(2, 3, SIZE, generator=torch.Generator().manual_seed(0)))
    network = nbviz.Network(model)
    assert all(m.training for m in model.modules())
    assert hooks == [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(random, torch.get_rng_state())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    with network.running() as twin:
        assert [len(m._forward_pre_hooks) for m in twin.modules()] == [n for _, n in hooks]
    assert not torch.overrides._get_current_function_mode_stack()


def test_a_model_without_attention_says_what_it_has():
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.read = nn.LSTM(4, 4, batch_first=True)
            self.out = nn.Linear(4, 2)

        def forward(self, x):
            return torch.softmax(self.out(self.read(x)[0][:, -1]), -1)

    with pytest.raises(ModelError, match=r"no attention was found.*LSTM, Linear.*HiddenStates"):
        attention(Recurrent(), torch.randn(1, 3, 4))
    with pytest.raises(ModelError, match=r"made of Flatten, Linear.*layers=\{"):
        attention(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), torch.randn(1, 4))
