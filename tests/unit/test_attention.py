"""Attention weights in every form in which PyTorch computes them, against the formula by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from attention_models import (
    COLUMNS,
    HEADS,
    ROWS,
    SIZE,
    DotProduct,
    N,
    OneAttention,
    Written,
)
from torch import nn

from nbviz.core.errors import UnknownName
from nbviz.methods.attention import attention


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def own_weights(module, inputs, sample, **masks):
    """What the module itself says: its weights by head, where it is asked for them."""
    with torch.no_grad():
        _, weights = module.eval()(*inputs, need_weights=True, average_attn_weights=False, **masks)
    return weights[sample].numpy()


def by_hand(module, query, key):
    """softmax(Q Kᵀ / √d) from the parameters, in float64; inputs (batch, time, size)."""
    w, b = module.in_proj_weight.double(), module.in_proj_bias.double()
    q = query.double() @ w[:SIZE].T + b[:SIZE]
    k = key.double() @ w[SIZE : 2 * SIZE].T + b[SIZE : 2 * SIZE]
    q, k = (x.unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in (q, k))
    return torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(SIZE // HEADS), -1).detach()


@pytest.mark.parametrize("call", [{}, {"need_weights": False}, {"average_attn_weights": False}])
def test_weights_are_those_of_the_parameters(call):
    model = OneAttention(call, batch_first=True)
    query, key = torch.randn(N, ROWS, SIZE), torch.randn(N, COLUMNS, SIZE)
    found = attention(model, (query, key, key), sample=1)
    assert found.weights.shape == (1, HEADS, ROWS, COLUMNS)
    assert found.weights.dtype == np.float32
    np.testing.assert_allclose(found.weights[0], by_hand(model.attend, query, key)[1], atol=1e-6)
    assert found.main.layers == ("attend",)
    assert found.main.kind == "cross"
    assert not found.masked.any()


SETTINGS = {
    "batch first": {"batch_first": True},
    "time first": {},
    "bias_kv": {"batch_first": True, "add_bias_kv": True},
    "zero_attn": {"batch_first": True, "add_zero_attn": True},
    "both": {"add_bias_kv": True, "add_zero_attn": True},
    "no bias": {"batch_first": True, "bias": False},
    "kdim and vdim": {"batch_first": True, "kdim": 6, "vdim": 9},
}


@pytest.mark.parametrize("masks", ["none", "padding", "attn_mask", "attn_mask by head", "added"])
@pytest.mark.parametrize("name", SETTINGS)
def test_every_form_of_multihead_attention(name, masks):
    settings = SETTINGS[name]
    model = OneAttention({"need_weights": False}, dropout=0.3, **settings)
    inputs = [
        torch.randn(N, ROWS, SIZE),
        torch.randn(N, COLUMNS, settings.get("kdim", SIZE)),
        torch.randn(N, COLUMNS, settings.get("vdim", SIZE)),
    ]
    if not settings.get("batch_first"):
        inputs = [x.transpose(0, 1) for x in inputs]
    padding = torch.zeros(N, COLUMNS, dtype=torch.bool)
    padding[1, 4:] = True
    hidden = torch.rand(ROWS, COLUMNS) > 0.7
    hidden[:, 0] = False
    given = {
        "none": {},
        "padding": {"key_padding_mask": padding},
        "attn_mask": {"attn_mask": hidden, "key_padding_mask": padding},
        "attn_mask by head": {"attn_mask": hidden.repeat(N * HEADS, 1, 1)},
        "added": {"attn_mask": torch.randn(ROWS, COLUMNS)},
    }[masks]
    # nn.Module.__call__ takes what forward takes: a dict of all, since the masks have names.
    named = dict(zip(("query", "key", "value"), inputs, strict=True)) | given
    sample = 1 if settings.get("batch_first") else 0
    found = attention(model, named, sample=sample)
    np.testing.assert_allclose(
        found.weights[0], own_weights(model.attend, inputs, sample, **given), atol=1e-6
    )
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-6)
    if masks == "padding" and sample == 1:
        assert (found.weights[..., 4:COLUMNS] == 0).all()
        assert found.masked[..., 4:COLUMNS].all()
        assert not found.masked[..., :4].any()
    extra = ("[bias]",) * bool(settings.get("add_bias_kv")) + ("[zero]",) * bool(
        settings.get("add_zero_attn")
    )
    assert found.main.columns[COLUMNS:] == extra
    assert not found.masked[..., COLUMNS:].any()


def test_unbatched_and_causal_self_attention():
    model = nn.MultiheadAttention(SIZE, HEADS).eval()
    x = torch.randn(ROWS, SIZE)
    mask = nn.Transformer.generate_square_subsequent_mask(ROWS)
    inputs = {"query": x, "key": x, "value": x, "attn_mask": mask, "is_causal": True, "need_weights": False}
    found = attention(model, inputs)
    with torch.no_grad():
        weights = model(x, x, x, attn_mask=mask, average_attn_weights=False)[1]
    np.testing.assert_allclose(found.weights[0], weights.numpy(), atol=1e-6)
    np.testing.assert_array_equal(found.masked[0, 0], np.triu(np.ones((ROWS, ROWS), bool), 1))
    assert (found.weights[found.masked] == 0).all()


def test_the_stacks_of_a_transformer_are_groups():
    model = nn.Transformer(SIZE, HEADS, 2, 3, 32, batch_first=True)
    source, target = torch.randn(1, COLUMNS, SIZE), torch.randn(1, ROWS, SIZE)
    found = attention(model, (source, target), tokens=list("abcdefg"), target_tokens=list("VWXYZ"))
    shapes = {group.name: group.weights.shape for group in found.groups}
    assert shapes == {
        "cross-attention": (3, HEADS, ROWS, COLUMNS),
        "decoder self-attention": (3, HEADS, ROWS, ROWS),
        "encoder self-attention": (2, HEADS, COLUMNS, COLUMNS),
    }
    assert found.main.name == "cross-attention"
    assert found.group("encoder self-attention").rows == tuple("abcdefg")
    assert found.group("decoder self-attention").columns == tuple("VWXYZ")
    assert found.main.layers[2] == "decoder.layers.2.multihead_attn"
    with pytest.raises(UnknownName, match="cross-attention"):
        found.group("cross")
    with pytest.raises(ValueError, match="sample=3"):
        attention(model, (source, target), sample=3)


def test_stacks_of_equal_length_keep_their_own_tokens():
    model = nn.Transformer(SIZE, HEADS, 1, 1, 32, batch_first=True)
    x = torch.randn(1, 3, SIZE)
    found = attention(model, (x, torch.randn(1, 3, SIZE)), tokens=list("abc"), target_tokens=list("XYZ"))
    assert found.main.rows == tuple("XYZ")
    assert found.main.columns == tuple("abc")
    assert found.group("decoder self-attention").columns == tuple("XYZ")
    assert found.group("encoder self-attention").columns == tuple("abc")


@pytest.mark.parametrize("padded", [False, True])
def test_the_fast_path_of_an_encoder_is_seen_and_gives_what_it_gives(padded):
    layer = nn.TransformerEncoderLayer(SIZE, HEADS, 32, batch_first=True)
    model = nn.TransformerEncoder(layer, 2).eval()
    x = torch.randn(N, ROWS, SIZE)
    padding = torch.zeros(N, ROWS, dtype=torch.bool)
    padding[1, 3:] = padded
    with torch.no_grad():
        expected = model(x, src_key_padding_mask=padding)[1]
    found = attention(model, {"src": x, "src_key_padding_mask": padding}, sample=1)
    kept = 3 if padded else ROWS
    np.testing.assert_allclose(found.output[:kept], expected[:kept].numpy(), atol=1e-5)
    assert found.weights.shape == (2, HEADS, ROWS, ROWS)
    assert (found.weights[..., kept:] == 0).all()
    assert found.logits is None  # hidden states are no scores
    first = own_weights(layer.self_attn.eval(), (x, x, x), 1, key_padding_mask=padding)
    assert first.shape == (HEADS, ROWS, ROWS)
    own = own_weights(model.layers[0].self_attn, (x, x, x), 1, key_padding_mask=padding)
    np.testing.assert_allclose(found.weights[0], own, atol=1e-6)


BIAS = torch.linspace(-1, 1, ROWS * COLUMNS).reshape(COLUMNS, ROWS).T
CALLS = {
    "plain": {},
    "causal": {"is_causal": True},
    "bool": {"attn_mask": BIAS > -0.5},
    "added": {"attn_mask": BIAS},
    "scale": {"scale": 0.7},
    "grouped": {"enable_gqa": True},
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", CALLS)
def test_the_dot_product_function(name, dtype):
    call = {k: v.to(dtype) if v is BIAS else v for k, v in CALLS[name].items()}
    model = DotProduct(**call).to(dtype)
    model.register_buffer("kind", torch.zeros(1, dtype=dtype))
    fewer = HEADS // 2 if name == "grouped" else HEADS
    query = torch.randn(N, HEADS, ROWS, 8, dtype=dtype)
    key, value = (torch.randn(N, fewer, COLUMNS, 8, dtype=dtype) for _ in range(2))
    before = model(query, key, value)
    # Weights that mix identity matrices come out as they are: the function's own weights.
    eye = torch.eye(COLUMNS, dtype=dtype).expand(N, fewer, -1, -1)
    own = F.scaled_dot_product_attention(query, key, eye, **call)
    parameter = nn.Linear(1, 1).to(dtype)  # tells the model's type
    model.parameter = parameter
    found = attention(model, (query, key, value), sample=2)
    np.testing.assert_allclose(found.weights[0], own[2].numpy(), atol=1e-6)
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-6)
    np.testing.assert_array_equal(found.output, before[2].float().numpy())
    if name == "causal":
        np.testing.assert_array_equal(found.masked[0, 0], np.triu(np.ones((ROWS, COLUMNS), bool), 1))
    if name == "bool":
        np.testing.assert_array_equal(found.masked[0, 0], ~(BIAS > -0.5).numpy())


def test_causal_bias_objects_are_understood():
    from torch.nn.attention.bias import causal_lower_right

    class LowerRight(nn.Module):
        def forward(self, query, key, value):
            return F.scaled_dot_product_attention(query, key, value, causal_lower_right(ROWS, COLUMNS))

    model = LowerRight()
    x = [torch.randn(1, HEADS, n, 8) for n in (ROWS, COLUMNS, COLUMNS)]
    found = attention(model, tuple(x))
    expected = np.triu(np.ones((ROWS, COLUMNS), bool), 1 + COLUMNS - ROWS)
    np.testing.assert_array_equal(found.masked[0, 0], expected)
    np.testing.assert_allclose(found.output, model(*x)[0].numpy(), atol=1e-6)


def test_random_dropout_in_evaluation_mode_is_left_out_and_said():
    model = DotProduct(dropout_p=0.5)
    x = torch.randn(1, 1, ROWS, 8)
    state = torch.get_rng_state()
    found = attention(model, (x, x, x))
    assert any("at random" in note for note in found.notes)
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_allclose(found.output, F.scaled_dot_product_attention(x, x, x)[0].numpy(), atol=1e-6)


def test_windows_stand_as_heads():
    model = DotProduct()
    x = torch.randn(6, HEADS, 4, 8)  # three windows of each of two samples
    inputs = {"query": x, "key": x, "value": x, "first": torch.zeros(2, 1)}

    class Windows(nn.Module):
        def forward(self, first, query, key, value):
            return model(query, key, value)

    order = {"first": inputs["first"], **inputs}
    found = attention(Windows(), order, sample=1)
    assert found.weights.shape == (1, 3 * HEADS, 4, 4)
    own = F.scaled_dot_product_attention(x, x, torch.eye(4).expand(6, HEADS, 4, 4))
    np.testing.assert_allclose(found.weights[0], own[3:].flatten(0, 1).numpy(), atol=1e-6)
    assert any("3 windows" in note for note in found.notes)


@pytest.mark.parametrize("way", ["matmul", "module"])
def test_half_precision(way):
    model = Written(way) if way == "matmul" else nn.TransformerEncoderLayer(SIZE, HEADS, batch_first=True)
    model = model.to(torch.bfloat16)
    inputs = torch.tensor([[1, 2, 3]]) if way == "matmul" else torch.randn(1, 3, SIZE)
    found = attention(model, inputs)
    assert found.weights.dtype == np.float32
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-6)
