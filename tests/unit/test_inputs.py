"""From raw samples to the model's input: transforms, tokenizers, types, and memory of its own."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from nbviz.core.advice import wanted_input
from nbviz.core.capture import capture
from nbviz.core.errors import ModelError
from nbviz.core.inputs import copies, describe, first_of
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.core.transforms import PixelTransform


def test_floats_are_the_models_own_and_are_not_transformed():
    network = Network(nn.Linear(2, 2), transform=lambda x: 1 / 0)
    x = np.array([[0.1, 0.2]])
    out = network.prepare(x)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, torch.tensor([[0.1, 0.2]]))


@pytest.mark.parametrize("kind", ["numpy", "tensor"])
def test_the_models_input_never_shares_memory_with_the_users_data(kind):
    x = np.ones((2, 3), np.float32)
    raw = x if kind == "numpy" else torch.from_numpy(x)
    network = Network(nn.ReLU(inplace=True))
    network.prepare(raw).fill_(7)
    assert (x == 1).all()
    part = network.prepare({"a": raw})["a"]
    part.fill_(7)
    assert (x == 1).all()


def test_a_model_that_works_in_place_leaves_the_users_data_alone():
    class Centres(nn.Module):
        def forward(self, x):
            return x.sub_(x.mean())

    x = np.arange(4, dtype=np.float32).reshape(1, 4)
    Network(Centres()).layers(x)
    assert x.tolist() == [[0, 1, 2, 3]]


def test_integers_become_what_the_model_takes():
    pixels = np.arange(8, dtype=np.uint8).reshape(1, 2, 2, 2)
    assert Network(nn.Linear(2, 2)).prepare(pixels).dtype == torch.float32
    assert Network(nn.Linear(2, 2).half()).prepare(pixels).dtype == torch.float16
    words = Network(nn.Sequential(nn.Embedding(9, 2)))
    assert words.prepare(np.array([[1, 2]], dtype=np.int32)).dtype == torch.int64
    assert words.prepare(pixels).dtype == torch.float32  # pixels beside an embedding of positions
    assert words.prepare({"mask": np.array([[True]])})["mask"].dtype == torch.bool


def test_foreign_byte_order_negative_strides_and_read_only_memory():
    network = Network(nn.Linear(3, 1))
    x = np.arange(6, dtype=">f4").reshape(2, 3)[::-1]
    x.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert network.prepare(x).tolist() == [[3, 4, 5], [0, 1, 2]]


def test_a_transform_of_single_pictures_gets_pil_images():
    seen = []

    def transform(picture):
        seen.append(picture)
        return torch.from_numpy(np.asarray(picture).copy()).float() / 255

    colour = np.random.default_rng(0).integers(0, 256, (3, 8, 9, 3), dtype=np.uint8)
    network = Network(nn.Linear(9, 1), transform=transform)
    forms = [
        colour,
        torch.from_numpy(colour),
        np.moveaxis(colour, -1, 1),
        torch.from_numpy(colour).permute(0, 3, 1, 2),
        [Image.fromarray(c) for c in colour],
    ]
    for form in forms:
        torch.testing.assert_close(network.prepare(form), torch.from_numpy(colour) / 255)
    assert all(isinstance(picture, Image.Image) and picture.mode == "RGB" for picture in seen)
    seen.clear()
    grey = colour[..., :1]
    assert network.prepare(grey).shape == (3, 8, 9)
    assert seen[0].mode == "L"


def test_a_batched_transform_gets_the_batch():
    network = Network(nn.Conv2d(1, 1, 3), transform=PixelTransform(0.5, 0.5))
    pixels = np.full((2, 4, 4), 255, np.uint8)
    assert torch.equal(network.prepare(pixels), torch.ones(2, 1, 4, 4))


def test_a_transform_may_give_several_inputs():
    def transform(batch):
        return torch.as_tensor(batch).float(), torch.zeros(len(batch), 2)

    transform.batched = True

    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 2)

        def forward(self, a, b):
            return self.fc(a) + b

    network = Network(Two(), transform=transform)
    rows = np.array([[1, 2, 3], [4, 5, 6]])
    expected = torch.softmax(network.module.fc(torch.tensor(rows).float()), 1).detach()
    np.testing.assert_allclose(network.predict(rows), expected, atol=1e-6)


def test_pictures_of_different_sizes_say_what_to_do():
    pictures = [Image.new("RGB", (8, 8)), Image.new("RGB", (9, 8))]
    with pytest.raises(ValueError, match=r"\(8, 8, 3\) and \(8, 9, 3\), cannot be stacked.*transform="):
        Network(nn.Conv2d(3, 1, 3)).prepare(pictures)
    keep = Network(nn.Conv2d(3, 1, 3), transform=lambda p: torch.from_numpy(np.array(p)).float())
    with pytest.raises(ValueError, match="cannot be stacked"):
        keep.prepare(pictures)


def test_text_needs_a_tokenizer():
    with pytest.raises(TypeError, match=r"samples are text.*tokenizer="):
        Network(nn.Embedding(9, 1)).prepare(["a"])


def test_a_plain_tokenizer_and_one_of_transformers():
    class Tokenizer:
        pad_token_id = 0

        def __call__(self, texts, return_tensors, padding, truncation):
            assert (return_tensors, padding, truncation) == ("pt", True, True)
            longest = max(map(len, texts))
            ids = [[ord(c) - 96 for c in t] + [0] * (longest - len(t)) for t in texts]
            return {"input_ids": torch.tensor(ids)}

    network = Network(nn.Embedding(30, 1), tokenizer=Tokenizer())
    assert network.prepare(["ab", "c"])["input_ids"].tolist() == [[1, 2], [3, 0]]
    plain = Network(nn.Embedding(30, 1), tokenizer=lambda t: [ord(c) - 96 for c in t])
    assert plain.prepare(["ab", "cd"]).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match="tokenizer that pads"):
        plain.prepare(["ab", "c"])
    assert Network(nn.Linear(1, 1), transform=lambda t: [len(t)]).prepare(["ab", "c"]).tolist() == [[2], [1]]


def test_a_transform_that_fails_is_named_with_the_sample_and_what_it_was_given():
    def transform(picture):
        value = np.asarray(picture)[0, 0]
        if value == 2:
            raise ValueError("no such thing")
        return "words" if value == 3 else torch.zeros(1, 8, 8)

    pixels = np.zeros((5, 8, 8), np.uint8)
    network = Network(nn.Conv2d(1, 1, 3), transform=transform)
    pixels[3] = 2
    text = (
        "the transform raised ValueError: no such thing\nIt was given a PIL picture of 8 x 8 pixels, mode L "
        "for sample 3. "
    )
    with pytest.raises(ModelError, match=re.escape(text)) as caught:
        capture(network, pixels, ["output"], batch_size=2)
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(ModelError, match=re.escape(text)):
        capture(network, pixels, ["output"], rows=np.array([4, 3]))
    pixels[0] = 3
    with pytest.raises(ModelError, match=r"gave the text 'words', which is no tensor[\s\S]*sample 0"):
        network.layers(pixels)
    network.transform = PixelTransform((0.5, 0.5), (1, 1))
    colour = np.zeros((2, 8, 8, 3), np.uint8)
    given = r"the pixels have 3 channels.*given an array of shape \(2, 8, 8, 3\), uint8"
    with pytest.raises(ModelError, match=re.compile(given, re.DOTALL)):
        network.prepare(colour)
    halved = Network(nn.Conv2d(3, 1, 3), transform=lambda batch: torch.zeros(1, 3, 8, 8))
    halved.transform.batched = True
    with pytest.raises(ModelError, match=r"gave a tensor of shape \(1, 3, 8, 8\), float32 for 2 samples"):
        halved.prepare(colour)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pictures_with_their_channels_in_the_wrong_place(dtype):
    with pytest.raises(ModelError, match=r"permute\(0, 3, 1, 2\), or np.moveaxis.*transform=PixelTransform"):
        Network(nn.Conv2d(3, 1, 3)).layers(np.zeros((2, 9, 8, 3), dtype))
    with pytest.raises(ModelError, match=r"axis of the channels is missing: X\[:, None\]"):
        Network(nn.Conv2d(1, 1, 3)).layers(np.zeros((4, 9, 8), dtype))


def test_a_mask_among_named_inputs_stays_a_mask_also_without_embeddings():
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 1, batch_first=True)

        def forward(self, x, mask):
            return self.attention(x, x, x, key_padding_mask=mask)[0]

    network = Network(Masked())
    raw = {"x": np.ones((2, 3, 4), np.float32), "mask": np.array([[False, False, True]] * 2)}
    inputs = network.prepare(raw)
    assert (inputs["x"].dtype, inputs["mask"].dtype) == (torch.float32, torch.bool)
    inputs["mask"][:] = False
    assert raw["mask"].any(), "in memory of its own"
    assert network.layer("attention", raw).shape == (3, 4)
    assert Network(nn.Linear(3, 1)).prepare(raw["mask"]).dtype == torch.float32  # a black-and-white picture


def test_objects_are_no_numbers():
    with pytest.raises(TypeError, match=r"Python objects, not numbers.*transform="):
        Network(nn.Linear(1, 1)).prepare([object()])


def test_first_of_and_copies():
    x = np.arange(6).reshape(3, 2)
    assert first_of(x).tolist() == [[0, 1]]
    assert first_of(Samples(x)).tolist() == [[0, 1]]
    assert first_of({"a": x})["a"].tolist() == [[0, 1]]
    assert first_of(["p", "q"]) == ["p"]
    three = copies({"a": torch.ones(1, 2), "b": (torch.zeros(1),)}, 3)
    assert three["a"].shape == (3, 2)
    assert three["b"][0].shape == (3,)


def test_words():
    assert describe(torch.zeros(2, 3, dtype=torch.float16)) == "a tensor of shape (2, 3), float16"
    text = describe({"a": torch.zeros(1), "b": (torch.zeros(1),)})
    assert text.startswith("a: a tensor of shape (1,)")
    assert "b: 1 inputs" in text
    assert wanted_input(nn.GRU(4, 2)).endswith("(GRU) takes (time, samples, 4 features).")
    assert "3 channels, length" in wanted_input(nn.Conv1d(3, 1, 1))
    assert "depth, height" in wanted_input(nn.Conv3d(3, 1, 1))
    assert wanted_input(nn.ReLU()) == ""
