"""Inputs of attention models as people give them: without the axis of the samples, too long, too large."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import nbviz
from nbviz.core.errors import ModelError
from nbviz.methods.attention import attention

SIZE, LONGEST, WORDS = 8, 6, 30


class Positions(nn.Module):
    """Token ids, with as many positions as there are places in a table."""

    def __init__(self, name="position", first=False):
        super().__init__()
        torch.manual_seed(0)
        tables = {"words": nn.Embedding(WORDS, SIZE), name: nn.Embedding(LONGEST, SIZE)}
        for key in sorted(tables, reverse=first):
            setattr(self, key, tables[key])
        self.positions = name
        self.attend = nn.MultiheadAttention(SIZE, 2, batch_first=True)

    def forward(self, input_ids, attention_mask=None):
        x = self.words(input_ids) + getattr(self, self.positions)(torch.arange(input_ids.shape[1]))
        return self.attend(x, x, x)[0]


class Patches(nn.Module):
    """A picture of 16 × 16 as 4 × 4 patches with positions, and attention among them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.cut = nn.Conv2d(1, SIZE, 4, 4)
        self.pos_embed = nn.Parameter(torch.randn(1, 16, SIZE))
        self.attend = nn.MultiheadAttention(SIZE, 2, batch_first=True)

    def forward(self, x):
        tokens = self.cut(x).flatten(2).transpose(1, 2) + self.pos_embed
        return self.attend(tokens, tokens, tokens)[0].mean(1)


IDS = [3, 1, 4, 1, 5]


@pytest.mark.parametrize(
    "ids",
    [
        IDS,
        np.array(IDS),
        torch.tensor(IDS),
        torch.tensor(IDS, dtype=torch.int32),
        {"input_ids": IDS, "attention_mask": [1] * 5},
        {"input_ids": torch.tensor(IDS), "attention_mask": torch.ones(5)},
    ],
)
def test_the_ids_of_one_sequence_are_a_batch_of_one(ids):
    model = Positions()
    expected = attention(model, torch.tensor([IDS]))
    found = attention(model, ids)
    np.testing.assert_array_equal(found.weights, expected.weights)
    assert found.input_tokens == ("3", "1", "4", "1", "5")
    view = nbviz.AttentionHeatmap(model, ids, executor="inline")
    np.testing.assert_array_equal(view.weights, expected.weights)
    view.close()


def test_the_ids_of_one_sequence_are_decoded():
    net = nbviz.zoo.load("date-attention")
    ids = net.tokenizer("9. März 2021")
    view = nbviz.AttentionHeatmap(net, np.asarray(ids), executor="inline")
    assert view.output_text == "2021-03-09"
    view.close()


def test_one_row_of_numbers_is_no_sequence_of_ids():
    with pytest.raises(ValueError, match=r"shape \(7,\).*x\[None\]"):
        attention(Positions(), torch.zeros(7))
    with pytest.raises(ValueError, match="a single number"):
        attention(Positions(), torch.tensor(3))


def test_one_picture_is_a_batch_of_one():
    model = Patches()
    picture = np.random.default_rng(0).integers(0, 256, (16, 16), dtype=np.uint8)
    own = torch.from_numpy(picture / 255).float()[None]
    expected = attention(model, own[None])
    np.testing.assert_array_equal(attention(model, own).weights, expected.weights)
    network = nbviz.Network(model, transform=lambda p: torch.from_numpy(np.array(p) / 255).float()[None])
    for one in (picture, Image.fromarray(picture)):
        view = nbviz.AttentionHeatmap(network, one, executor="inline")
        np.testing.assert_array_equal(view.weights, expected.weights)
        assert view.frame["meta"]["grid"] == {"height": 4, "width": 4, "before": 0, "picture": [16, 16]}
        shown = np.frombuffer(view.frame["buffers"][3], np.uint8).reshape(16, 16, 3)
        np.testing.assert_array_equal(shown[..., 1], picture)
        view.close()


def test_a_colour_picture_is_a_batch_of_one():
    torch.manual_seed(0)
    model = Patches()
    model.cut = nn.Conv2d(3, SIZE, 4, 4)
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    network = nbviz.Network(
        model, transform=lambda p: torch.from_numpy(np.array(p) / 255).float().permute(2, 0, 1)
    )
    expected = attention(network, picture[None])
    np.testing.assert_array_equal(attention(network, picture).weights, expected.weights)
    np.testing.assert_array_equal(attention(network, Image.fromarray(picture)).weights, expected.weights)


def test_a_picture_of_another_size_is_told_by_the_positions():
    with pytest.raises(
        ModelError, match=r"has 64 positions, and the model has 16: that many 'pos_embed' holds.*size it was"
    ):
        attention(Patches(), torch.zeros(1, 1, 32, 32))


@pytest.mark.parametrize("model", [Positions(), Positions("place"), Positions(first=True)])
def test_too_many_tokens_are_not_blamed_on_the_ids(model):
    with pytest.raises(ModelError, match=r"the input has 9 tokens, and the model has places for 6") as caught:
        attention(model, torch.ones(1, 9, dtype=torch.long))
    assert "raised IndexError" in str(caught.value)
    assert "below 30" not in str(caught.value)


def test_ids_that_the_model_does_not_know_are_blamed():
    with pytest.raises(ModelError, match=r"token id 30, and 'words' \(Embedding\) takes ids of 0 to 29"):
        attention(Positions(), torch.tensor([[1, 30]]))


def test_positions_in_a_parameter():
    class Learned(Positions):
        def __init__(self):
            super().__init__()
            self.pos = nn.Parameter(torch.zeros(1, LONGEST, SIZE))

        def forward(self, input_ids):
            x = self.words(input_ids) + self.pos
            return self.attend(x, x, x)[0]

    with pytest.raises(ModelError, match=r"has 9 tokens, and the model has 6.*Give a shorter text"):
        attention(Learned(), torch.ones(1, 9, dtype=torch.long))


def test_other_errors_of_the_model_stay_as_they_are():
    class Broken(Positions):
        def forward(self, input_ids):
            raise IndexError("my own")

    with pytest.raises(ModelError, match=r"^the model raised IndexError: my own"):
        attention(Broken(), torch.tensor([[1, 2]]))
