"""What a model may return, and odd forwards."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from capture_models import Net, data
from torch import nn

from nbviz.core.capture import capture
from nbviz.core.errors import ModelError
from nbviz.core.network import Network


def test_the_output_to_take_is_chosen_by_position_name_or_function():
    class Several(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.fc, self.kind = nn.Linear(2, 3), kind

        def forward(self, x):
            y = self.fc(x)
            return {"aux": x, "main": y} if self.kind is dict else (x, y)

    x = data(4, 2)
    for kind, output in ((tuple, 1), (dict, "main"), (dict, lambda out: out["main"])):
        module = Several(kind)
        found = capture(Network(module, output=output), x, ["output"])["output"]
        np.testing.assert_allclose(found, module.fc(torch.from_numpy(x)).detach(), atol=1e-6)
    np.testing.assert_array_equal(capture(Network(Several(tuple)), x, ["output"])["output"], x)
    for kind, output in ((tuple, 5), (dict, "mian")):
        with pytest.raises(ModelError, match=rf"output={output!r} is not in what the model returned"):
            Network(Several(kind), output=output).layers(x)


def test_no_tensor_in_the_output():
    class Nothing(nn.Module):
        def forward(self, x):
            return "nothing"

    with pytest.raises(ModelError, match=r"returned str, which holds no tensor.*output="):
        Network(Nothing()).layers(data(1, 2))


def test_token_ids_and_a_mapping_as_transformers_take_them():
    class Output(dict):
        __getattr__ = dict.__getitem__

    class Encoder(nn.Module):
        config = types.SimpleNamespace(id2label={1: "good", 0: "bad"})

        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(9, 4), nn.Linear(4, 2)

        def forward(self, input_ids, attention_mask=None, keep=None):
            assert keep is None or keep.dtype == torch.bool
            h = self.embed(input_ids)
            mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            pooled = (h * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
            return Output(hidden=h, logits=self.head(pooled))

    module = Encoder()
    ids = np.array([[1, 2, 0], [3, 8, 4]], dtype=np.int32)
    mask = np.array([[1, 1, 0], [1, 1, 1]])
    h = module.embed.weight.detach().numpy()[ids]
    pooled = (h * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    expected = pooled @ module.head.weight.detach().numpy().T + module.head.bias.detach().numpy()
    batch = {"input_ids": ids, "attention_mask": mask, "keep": mask.astype(bool)}
    found = capture(module, batch, ["embed", "output"])
    np.testing.assert_allclose(found["output"], expected, atol=1e-6)
    np.testing.assert_allclose(found["embed"], h.reshape(2, -1), atol=1e-6)
    assert capture(module, ids, ["embed"])["embed"].shape == (2, 12)
    assert Network(module).class_names == ("bad", "good")


def test_an_unusual_call():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(2, 3), nn.Linear(4, 3)

        def forward(self, a, b):
            return self.left(a) + self.right(b)

    module = Two()
    parts = {"x": data(7, 2), "table": data(7, 4)}
    network = Network(module, forward=lambda m, x: m(x["x"], b=x["table"]))
    expected = module(*map(torch.from_numpy, parts.values())).detach()
    np.testing.assert_allclose(capture(network, parts, ["output"])["output"], expected, atol=1e-6)
    other = Network(module, forward=lambda m, x: module(x["x"], b=x["table"]))
    with pytest.raises(ModelError, match=r"forward= ran no layer .* Use its first argument"):
        other.layers(parts)


def test_data_parallel_is_unwrapped():
    module = Net()
    network = Network(nn.DataParallel(module))
    assert network.module is module
    assert [x.name for x in network.layers(data(1, 1, 8, 8))][:3] == ["input", "conv", "bn"]


def test_a_forward_that_depends_on_the_data():
    class Skips(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x):
            x = self.a(x)
            return self.b(x) if x.shape[0] < 5 else x

    x = data(9, 2)
    network = Network(Skips())
    with pytest.raises(ModelError, match=r"'b' was reached when the model was traced, but not on this batch"):
        capture(network, x, ["b"])
    assert capture(network, x, ["a"])["a"].shape == (9, 2)
    assert capture(network, x, ["b"], batch_size=3)["b"].shape == (9, 2)


def test_a_batch_axis_that_moves_is_an_error_that_names_the_layer():
    class Turns(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.turn = nn.Linear(4, 4), Turn()

        def forward(self, x):
            self.turn(self.fc(x))
            return x

    class Turn(nn.Module):
        def forward(self, x):
            return x.T if len(x) > 3 else x

    with pytest.raises(ModelError, match=r"'turn' returned shape \(4, 6\) for a batch of 6"):
        capture(Turns(), data(6, 4), ["turn"])


@pytest.mark.parametrize("n", [1, 2, 33])
def test_models_that_squeeze_a_batch_of_one(n):
    class Squeezes(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 1)

        def forward(self, x):
            return self.fc(x).squeeze()

    module, x = Squeezes(), data(n, 3)
    expected = module.fc(torch.from_numpy(x)).detach()
    found = capture(module, x, ["output"], batch_size=32)["output"]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert capture(module, torch.from_numpy(x), ["output"])["output"].shape == (n, 1)


def test_a_model_that_takes_gradients_inside_forward():
    class Force(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 1)

        def forward(self, x):
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                return torch.autograd.grad(self.fc(x).square().sum(), x)[0]

    module, x = Force(), data(4, 3)
    np.testing.assert_allclose(
        capture(module, x, ["output"])["output"], module(torch.from_numpy(x)).detach(), atol=1e-6
    )
    assert module.fc.weight.grad is None


def test_nan_in_one_sample_stays_in_that_sample():
    x = data(8, 1, 8, 8)
    x[3, 0, 2, 2] = np.nan
    found = capture(Net(), x, ["fc"])["fc"]
    assert np.isnan(found[3]).all()
    assert np.isfinite(np.delete(found, 3, axis=0)).all()


def test_inputs_of_different_length_name_the_layer():
    module = nn.Sequential(nn.Embedding(9, 2))
    network = Network(module, tokenizer=lambda text: [ord(c) - 96 for c in text])
    assert capture(network, ["ab", "cd"], ["0"])["0"].shape == (2, 4)
    with pytest.raises(ModelError, match=r"'0' has 4 values for some samples and 6 for others"):
        capture(network, ["ab", "cd", "abc"], ["0"], batch_size=2)
    assert capture(network, ["ab", "cd", "abc"], ["0"], batch_size=2, reduce="mean")["0"].shape == (3, 2)
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\), cannot be stacked"):
        capture(network, ["ab", "abc"], ["0"])


class Mixed(nn.Module):
    """Reads padded texts step by step; the padding is not left out by the model itself."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.letters = nn.Embedding(30, 6)
        self.steps = nn.Linear(6, 4)

    def forward(self, input_ids, attention_mask):
        return self.steps(self.letters(input_ids)).mean(1) + 0 * attention_mask.sum()


@pytest.mark.parametrize("reduce", ["mean", "max"])
def test_of_padded_texts_only_the_real_steps_count(reduce):
    model = Mixed()
    ids = torch.tensor([[3, 4, 5, 0, 0], [6, 7, 8, 9, 10]])
    batch = {"input_ids": ids, "attention_mask": (ids > 0).long()}
    alone = {key: value[:1, :3] for key, value in batch.items()}
    together = capture(model, batch, ["steps"], reduce=reduce)["steps"]
    np.testing.assert_allclose(
        together[:1], capture(model, alone, ["steps"], reduce=reduce)["steps"], atol=1e-6
    )
    with torch.no_grad():
        whole = model.steps(model.letters(ids))[1]
    expected = whole.mean(0) if reduce == "mean" else whole.amax(0)
    np.testing.assert_allclose(together[1], expected.numpy(), atol=1e-6)


def test_of_several_vectors_per_sample_the_first_is_taken_and_said():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.head = nn.Linear(4, 32), nn.Linear(32, 10)

        def forward(self, x):
            hidden = self.hidden(x)
            return hidden, self.head(hidden)

    network = Network(Both())
    assert network.predict(torch.randn(5, 4)).shape == (5, 32)
    [note] = network.notes
    assert "returns 2 vectors per sample, of 32, 10 values: the first is taken" in note
    meant = Network(Both(), output=1)
    assert meant.predict(torch.randn(5, 4)).shape == (5, 10)
    assert meant.notes == ()
