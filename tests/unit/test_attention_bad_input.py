"""What attention refuses, and what it says about weights that are not as usual."""

import math

import numpy as np
import pytest
import torch
from attention_models import (
    HEADS,
    ROWS,
    SIZE,
    DotProduct,
    OneAttention,
    Written,
)
from torch import nn

import nbviz
from nbviz.core.errors import ModelError
from nbviz.methods.attention import attention


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_text_needs_a_tokenizer_and_something_in_it():
    model = Written("matmul")
    with pytest.raises(TypeError, match="tokenizer="):
        attention(model, "abc")
    network = nbviz.Network(model, tokenizer=lambda text: [ord(c) % 9 for c in text])
    for empty in ("", "  ", []):
        with pytest.raises(ValueError, match="empty"):
            attention(network, empty)
    assert attention(network, "abc").input_tokens == ("a", "b", "c")
    with pytest.raises(ValueError, match="names 2 positions, but there are 3"):
        attention(network, "abc", tokens=["x", "y"])


def test_a_text_over_the_limit():
    model = Written("matmul")
    model.max_length = 4
    network = nbviz.Network(model, tokenizer=lambda text: [ord(c) % 9 for c in text])
    with pytest.raises(ValueError, match=r"6 tokens.*at most 4.*truncate=True"):
        attention(network, "abcdef")
    found = attention(network, "abcdef", truncate=True)
    assert found.input_tokens == tuple("abcd")
    assert "first 4" in found.notes[0]
    with pytest.raises(ValueError, match="5 tokens"):
        attention(network, torch.ones(1, 5, dtype=torch.long))


def test_weights_that_are_not_numbers_are_refused_with_their_place():
    model = OneAttention(batch_first=True)
    x = torch.randn(1, 3, SIZE)
    x[0, 1] = math.nan
    with pytest.raises(ModelError, match=r"'attend' holds NaN, first in head 0, row 0"):
        attention(model, (x, x, x))


def test_a_row_that_may_look_at_nothing_is_zero_and_said():
    model = DotProduct(attn_mask=torch.tensor([[False, False], [True, False]]))
    x = torch.randn(1, 1, 2, 8)
    found = attention(model, (x, x, x))
    np.testing.assert_array_equal(found.weights[0, 0], [[0, 0], [1, 0]])
    assert any("every column is masked" in note for note in found.notes)


def test_weights_that_do_not_fit_are_refused_before_they_are_kept(monkeypatch):
    from nbviz.methods.attention import run as attention_run
    from nbviz.methods.attention import watch as attention_watch

    for module in (attention_run, attention_watch):
        monkeypatch.setattr(module, "LARGEST", 4 * HEADS * ROWS * ROWS + 1)
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(SIZE, HEADS, 32, batch_first=True), 2)
    x = torch.randn(1, ROWS, SIZE)
    with pytest.raises(ValueError, match=r"GB\. Choose a few layers"):
        attention(model, x)
    assert attention(model, x, layers=["layers.1"]).main.layers == ("layers.1.self_attn",)
