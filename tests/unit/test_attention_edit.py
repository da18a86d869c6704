"""Attention changed inside the run: exact in every form, and what it does to the output."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nbviz
from nbviz.core.errors import ModelError, UnknownName
from nbviz.methods.attention import attention
from nbviz.methods.attention.change import Change
from nbviz.methods.attention.edit import AttentionEditor, edit_attention
from nbviz.methods.attention.effect import effect
from nbviz.methods.attention.run import watched_run

SIZE, HEADS, TIME = 16, 4, 6


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(1)


class SelfAttention(nn.Module):
    """One layer of causal self-attention in three ways, all from the same parameters."""

    def __init__(self, way):
        super().__init__()
        self.attend = nn.MultiheadAttention(SIZE, HEADS, batch_first=True)
        self.way = way

    def forward(self, x):
        may_not = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        if self.way == "module":
            return self.attend(x, x, x, attn_mask=may_not, need_weights=False)[0]
        qkv = F.linear(x, self.attend.in_proj_weight, self.attend.in_proj_bias).chunk(3, -1)
        q, k, v = (p.unflatten(-1, (HEADS, -1)).transpose(1, 2) for p in qkv)
        if self.way == "function":
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            energies = q @ k.transpose(-1, -2) / math.sqrt(SIZE // HEADS)
            mixed = torch.softmax(energies.masked_fill(may_not, -math.inf), -1) @ v
        return self.attend.out_proj(mixed.transpose(1, 2).flatten(2))


class Model(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.embed = nn.Embedding(11, SIZE)
        self.layers = nn.ModuleList(SelfAttention(way) for _ in range(2))
        self.out = nn.Linear(SIZE, 11)

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = x + layer(x)
        return self.out(x)


WAYS = ["module", "function", "written out"]
IDS = torch.tensor([[1, 5, 2, 7, 1, 5]])


def by_hand(model, change):
    """The model's output where ``change(layer, logits)`` gives the weights, (heads, time, time)."""
    with torch.no_grad():
        x = model.embed(IDS)
        for number, layer in enumerate(model.layers):
            m = layer.attend
            qkv = F.linear(x, m.in_proj_weight, m.in_proj_bias).chunk(3, -1)
            q, k, v = (p.unflatten(-1, (HEADS, -1)).transpose(1, 2) for p in qkv)
            logits = q @ k.transpose(-1, -2) / math.sqrt(SIZE // HEADS)
            logits = logits.masked_fill(torch.ones(TIME, TIME).triu(1).bool(), -math.inf)
            mixed = change(number, logits[0])[None] @ v
            x = x + m.out_proj(mixed.transpose(1, 2).flatten(2))
        return model.out(x)[0].numpy()


@pytest.mark.parametrize("way", WAYS)
def test_weights_put_in_by_hand_give_the_models_own_output(way):
    model = Model(way)
    network = nbviz.Network(model)
    free = watched_run(network, IDS)
    same = watched_run(network, IDS, edit=lambda site, logits: Change().weights(logits))
    np.testing.assert_allclose(same.output, free.output, atol=1e-5)
    np.testing.assert_allclose(free.output, model.eval()(IDS)[0].detach().numpy(), atol=1e-6)


EDITS = {
    "temperature": {"temperature": 0.4},
    "uniform": {"uniform": True},
    "uniform layer": {"uniform": 1},
    "uniform head": {"uniform": (0, 2)},
    "ablate head": {"ablate": [(1, 3), (0, 0)]},
    "mask": {"mask": [1]},
}


def expected_weights(name, layer, logits):
    heads = torch.arange(HEADS)
    plain = torch.softmax(logits, -1)
    may = logits > -math.inf
    flat = may / may.sum(-1, keepdim=True)
    if name == "temperature":
        return torch.softmax(logits / 0.4, -1)
    if name == "uniform":
        return flat
    if name == "uniform layer":
        return flat if layer == 1 else plain
    if name == "uniform head":
        return torch.where(((heads == 2) & (layer == 0))[:, None, None], flat, plain)
    if name == "ablate head":
        gone = (heads == 3) if layer == 1 else (heads == 0)
        return plain * ~gone[:, None, None]
    kept = plain.clone()
    kept[..., 1] = 0
    return kept / kept.sum(-1, keepdim=True)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", EDITS)
def test_each_change_is_exact_in_each_form(way, name):
    model = Model(way)
    found = edit_attention(model, IDS, **EDITS[name])
    expected = by_hand(model, lambda layer, logits: expected_weights(name, layer, logits))
    np.testing.assert_allclose(found.attention.logits, expected, atol=1e-5)
    np.testing.assert_allclose(found.baseline.logits, model.eval()(IDS)[0].detach().numpy(), atol=1e-6)
    assert (found.attention.weights[found.attention.masked] == 0).all()
    if name != "ablate head":
        np.testing.assert_allclose(found.attention.weights.sum(-1), 1, atol=1e-6)


def test_the_effect_is_the_divergence_of_the_two_distributions():
    found = edit_attention(Model("module"), IDS, uniform=True)
    p, q = (torch.tensor(a.logits).double().softmax(-1) for a in (found.baseline, found.attention))
    expected = (p * (p / q).log2()).sum(-1)
    np.testing.assert_allclose(found.effect.kl, expected, atol=1e-6)
    assert found.effect.kl[0] == pytest.approx(0, abs=1e-6)  # the first token may look at itself only
    assert found.effect.kl[1:].max() > 1e-4
    tops = p.argmax(-1) != q.argmax(-1)
    assert [top.position for top in found.effect.tops] == np.flatnonzero(tops).tolist()
    assert found.effect.relative > 0


def test_top_changes_have_names():
    before, after = np.array([[0.0, 2.0], [1.0, 0.0]]), np.array([[3.0, 0.0], [1.0, 0.5]])
    top = effect(before, after, are_scores=True, names=["cat", "dog"]).tops
    assert [(t.position, t.before, t.after) for t in top] == [(0, "dog", "cat")]
    assert top[0].before_probability == pytest.approx(1 / (1 + math.exp(-2)))


def test_outputs_that_are_probabilities_are_not_softmaxed_again():
    p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    expected = 0.5 * math.log2(0.5 / 0.25) + 0.5 * math.log2(0.5 / 0.75)
    for forms in ((p, q), (np.log(p), np.log(q))):
        assert effect(*forms, are_scores=True).kl[0] == pytest.approx(expected, abs=1e-6)


def test_hidden_states_have_no_divergence():
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(SIZE, HEADS, 32, batch_first=True), 2)
    found = edit_attention(model, torch.randn(1, 5, SIZE), uniform=True)
    assert found.effect.kl is None
    assert found.effect.relative > 0.001


def test_nothing_changed_is_no_effect():
    found = edit_attention(Model("function"), IDS)
    assert found.effect.kl.max() == 0
    assert found.effect.relative == 0
    assert found.effect.tops == ()


def test_a_row_left_with_nothing_becomes_zero_and_stays_a_number():
    found = edit_attention(Model("module"), IDS, mask=0)
    assert (found.attention.weights[:, :, 0] == 0).all()
    assert np.isfinite(found.attention.logits).all()


def test_one_group_of_several():
    model = nn.Transformer(SIZE, HEADS, 2, 2, 32, batch_first=True)
    inputs = (torch.randn(1, 5, SIZE), torch.randn(1, 3, SIZE))
    editor = AttentionEditor(model, inputs)
    found = editor.edit(uniform=True, group="encoder self-attention")
    np.testing.assert_allclose(found.attention.group("encoder self-attention").weights, 0.2)
    assert not np.allclose(found.attention.weights, 0.2, atol=1e-3)
    every = editor.edit(uniform=True, mask=4, group="all")
    assert (every.attention.weights[..., 4] == 0).all()
    np.testing.assert_allclose(every.attention.weights[..., :4], 0.25, atol=1e-6)
    np.testing.assert_allclose(every.attention.group("decoder self-attention").weights, 1 / 3, atol=1e-6)
    assert every.baseline is found.baseline
    with pytest.raises(UnknownName):
        editor.edit(uniform=True, group="cross")


def test_the_baseline_follows_the_weights():
    model = Model("module")
    editor = AttentionEditor(model, IDS)
    before = editor.edit(uniform=True).baseline
    with torch.no_grad():
        model.layers[0].attend.in_proj_weight.mul_(2)
    after = editor.edit(uniform=True).baseline
    np.testing.assert_array_equal(after.weights, attention(model, IDS).weights)
    assert not np.allclose(before.weights, after.weights)


class Named(nn.Module):
    """Additive attention in a loop, found by its name only."""

    def __init__(self, power=False):
        super().__init__()
        self.attention = nn.Module()
        self.attention.score = nn.Linear(SIZE, 1)
        self.attention.forward = self.attend
        self.power = power

    def attend(self, state, memory):
        weights = torch.softmax(self.attention.score(torch.tanh(memory + state[:, None])).squeeze(-1), -1)
        if self.power:
            weights = weights**2 / (weights**2).sum(-1, keepdim=True)
        return (weights.unsqueeze(-1) * memory).sum(1), weights

    def forward(self, memory):
        state = memory[:, 0]
        for _ in range(3):
            state, _ = self.attention(state, memory)
        return state


def test_a_named_module_is_changed_at_each_step_of_its_loop():
    memory = torch.randn(1, TIME, SIZE)
    found = edit_attention(Named(), memory, layers=["attention"], uniform=True)
    np.testing.assert_allclose(found.attention.weights, 1 / TIME, atol=1e-6)
    np.testing.assert_allclose(found.attention.output, memory.mean(1)[0].numpy(), atol=1e-5)
    with pytest.raises(ModelError, match="no softmax"):
        edit_attention(Named(power=True), memory, layers=["attention"], uniform=True)


def test_a_step_decoder_is_measured_along_its_own_tokens():
    from test_seq2seq import Translator, ids

    model = Translator()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    editor = AttentionEditor(nbviz.Network(model, tokenizer=ids), "abcd", max_steps=8)
    found = editor.edit(mask=0, uniform=True)
    assert (found.attention.weights[..., 0] == 0).all()
    assert len(found.effect.kl) == len(found.baseline.output_ids)
    assert found.effect.kl.max() > 0
    for top in found.effect.tops:
        assert top.before == found.baseline.output_tokens[top.position]
    assert editor.edit().effect.kl.max() == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"temperature": 0}, "above 0"),
        ({"temperature": math.nan}, "above 0"),
        ({"mask": 6}, "numbered 0 to 5"),
        ({"uniform": 2}, "layers are 0 to 1"),
        ({"ablate": (0, 4)}, "heads 0 to 3"),
        ({"uniform": "some"}, "say 'all'"),
    ],
)
def test_changes_out_of_range_are_named(change, words):
    with pytest.raises(ValueError, match=words):
        edit_attention(Model("module"), IDS, **change)


def test_the_model_is_left_as_it_was():
    model = Model("module")
    state = {name: value.clone() for name, value in model.state_dict().items()}
    edit_attention(model, IDS, ablate=True)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(m.training and not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())
