"""Activations against independent references, batch sizes, memory, and models with habits."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nbviz.core import capture as capture_module
from nbviz.core.batch_sizes import BatchSizes
from nbviz.core.capture import capture, capture_steps, probabilities
from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result
from nbviz.core.network import Network
from nbviz.core.samples import Samples


def data(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.bn = nn.BatchNorm2d(3)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(108, 4)

    def forward(self, x):
        x = self.relu(self.bn(self.conv(x)))
        return self.fc(self.relu(x - 0.5).flatten(1))


def by_hand(m: Net, x: np.ndarray) -> dict[str, np.ndarray]:
    t = torch.from_numpy(x)
    conv = F.conv2d(t, m.conv.weight, m.conv.bias)
    bn = F.batch_norm(conv, m.bn.running_mean, m.bn.running_var, m.bn.weight, m.bn.bias)
    relu = bn.clamp(min=0)
    relu_1 = (relu - 0.5).clamp(min=0)
    out = relu_1.flatten(1) @ m.fc.weight.T + m.fc.bias
    found = {"input": t, "conv": conv, "bn": bn, "relu": relu, "relu_1": relu_1, "fc": out, "output": out}
    return {name: value.detach().flatten(1).numpy() for name, value in found.items()}


def test_every_layer_equals_the_computation_by_hand():
    module = Net()
    with torch.no_grad():
        module.bn.running_mean.normal_()
        module.bn.running_var.uniform_(0.5, 2)
    x = data(75, 1, 8, 8)
    expected = by_hand(module, x)
    found = capture(module, x, list(expected), batch_size=20)
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], values, atol=2e-5, err_msg=name)
    assert found["bn"].min() < 0 == found["relu"].min()  # before the in-place ReLU wrote over it


@pytest.mark.parametrize("layers", [["conv"], ["relu"], ["relu", "conv"], ["fc"], ["input"], "bn"])
def test_leaving_the_forward_pass_early_gives_the_same(layers):
    module, x = Net(), data(10, 1, 8, 8)
    everything = capture(module, x, ["input", "conv", "bn", "relu", "relu_1", "fc", "output"])
    for name, values in capture(module, x, layers).items():
        np.testing.assert_array_equal(values, everything[name])


def test_no_more_of_the_model_is_run_than_is_needed():
    ran = []
    module = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    module[2].register_forward_hook(lambda m, i, o: ran.append(len(o)))
    network = Network(module)
    network.layers(data(1, 2))
    ran.clear()
    capture(network, data(9, 2), ["0", "1"])
    assert ran == []
    capture(network, data(9, 2), ["0", "output"])
    assert ran == [9]


def test_in_place_relu_after_a_residual_view():
    module = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    x = data(6, 5)
    kept = x.copy()
    found = capture(module, x, ["input", "0", "1"])
    np.testing.assert_array_equal(found["0"], kept)
    np.testing.assert_array_equal(found["1"], kept.clip(0))
    np.testing.assert_array_equal(x, kept)  # the user's data too


def test_rows_choose_and_order():
    module, x = Net(), data(12, 1, 8, 8)
    whole = capture(module, x, ["conv"])["conv"]
    np.testing.assert_allclose(
        capture(module, x, ["conv"], rows=[7, 2, 7])["conv"], whole[[7, 2, 7]], atol=1e-6
    )
    mask = np.arange(12) % 5 == 0
    np.testing.assert_allclose(capture(module, x, ["conv"], rows=mask)["conv"], whole[mask], atol=1e-6)
    with pytest.raises(ValueError, match="no samples to run"):
        capture(module, x, ["conv"], rows=[])
    with pytest.raises(IndexError):
        capture(module, x, ["conv"], rows=[12])


def test_reductions_by_hand():
    module, x = Net(), data(9, 1, 8, 8)
    maps = by_hand(module, x)["conv"].reshape(9, 3, 36)
    np.testing.assert_allclose(capture(module, x, ["conv"], reduce="max")["conv"], maps.max(2), atol=1e-5)
    np.testing.assert_allclose(capture(module, x, ["conv"], reduce="mean")["conv"], maps.mean(2), atol=1e-5)
    assert capture(module, x, ["fc"], reduce="max")["fc"].shape == (9, 4)
    with pytest.raises(ValueError, match="flatten, max, mean, got 'median'"):
        capture(module, x, ["conv"], reduce="median")
    audio = nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU())
    assert capture(audio, data(2, 1, 12), ["1"], reduce="max")["1"].shape == (2, 4)


@pytest.mark.parametrize("batch_first", [True, False])
def test_recurrent_layers_where_the_batch_is_as_long_as_the_sequence(batch_first):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.LSTM(3, 4, batch_first=batch_first), nn.Linear(4, 2)

        def forward(self, x):
            out, (h, _) = self.rnn(x if batch_first else x.transpose(0, 1))
            self.head(out)
            return h[-1]

    module, x = Tagger(), data(6, 6, 3)
    with torch.no_grad():
        outs = [module.rnn(torch.from_numpy(x[i : i + 1 if batch_first else None][:1]).transpose(
            0, 0 if batch_first else 1))[0].reshape(6, 4) for i in range(6)]  # fmt: skip
        heads = [module.head(out) for out in outs]
    found = capture(module, x, ["rnn", "head", "output"], batch_size=6)
    for i in range(6):
        np.testing.assert_allclose(found["rnn"][i], outs[i].flatten(), atol=1e-6)
        np.testing.assert_allclose(found["head"][i], heads[i].flatten(), atol=1e-6)
        np.testing.assert_allclose(found["output"][i], outs[i][-1], atol=1e-6)
    np.testing.assert_allclose(
        capture(module, x, ["rnn"], reduce="max")["rnn"], np.stack([o.amax(0) for o in outs]), atol=1e-6
    )


def _weight_norm_by_hooks(layer):
    return nn.utils.weight_norm(layer)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize(
    "wrap",
    [
        _weight_norm_by_hooks,
        nn.utils.parametrizations.weight_norm,
        nn.utils.spectral_norm,
        nn.utils.parametrizations.spectral_norm,
        lambda layer: nn.utils.prune.random_unstructured(layer, "weight", amount=0.5),
    ],
    ids=["weight_norm hook", "weight_norm", "spectral_norm hook", "spectral_norm", "pruned"],
)
def test_reparametrised_weights_follow_the_user(wrap):
    import torch.nn.utils.prune

    module = nn.Sequential(wrap(nn.Linear(4, 5)), nn.ReLU()).train()
    network = Network(module)
    x = data(8, 4)
    for _ in range(2):
        state = {k: v.clone() for k, v in module.state_dict().items()}
        found = capture(network, x, ["0"])["0"]
        assert all(torch.equal(v, state[k]) for k, v in module.state_dict().items())
        module.eval()
        np.testing.assert_allclose(found, module[0](torch.from_numpy(x)).detach(), atol=1e-6)
        module.train()
        optimiser = torch.optim.SGD(module.parameters(), lr=0.5)
        module(torch.from_numpy(x)).square().sum().backward()
        optimiser.step()
    assert network.notes == ()
    assert not np.allclose(capture(network, x, ["0"])["0"], found)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floating_point_types(dtype):
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU()).to(dtype)
    x = data(5, 3)
    for inputs in (x, x.astype(np.float64), torch.from_numpy(x).half()):
        found = capture(module, inputs, ["0", "output"], reduce="mean")
        expected = module(torch.as_tensor(inputs).to(dtype)).detach().float()
        assert found["output"].dtype == np.float32
        np.testing.assert_allclose(found["output"], expected, atol=1e-2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_graph_module_and_a_compiled_one():
    module, x = Net().eval(), data(4, 1, 8, 8)
    expected = by_hand(module, x)["fc"]
    graph = torch.fx.symbolic_trace(module)
    np.testing.assert_allclose(capture(graph, x, ["fc"])["fc"], expected, atol=1e-5)
    compiled = torch.compile(module)
    assert Network(compiled).module is module
    np.testing.assert_allclose(
        capture(compiled, x, ["relu_1"])["relu_1"], by_hand(module, x)["relu_1"], atol=1e-5
    )


# --- what a model may return ----------------------------------------------------------------------------


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


# --- data-dependent and odd forwards --------------------------------------------------------------------


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


# --- batches --------------------------------------------------------------------------------------------


class Sizes(nn.Module):
    """Remembers, outside of the module, how many samples each pass got; runs out of memory above ``most``."""

    def __init__(self, most: int = 10**9, error: type[Exception] = torch.OutOfMemoryError, width: int = 3):
        super().__init__()
        self.fc, self.most, self.error = nn.Linear(3, width), most, error

    def forward(self, x):
        SEEN.append(len(x))
        if len(x) > self.most:
            raise self.error("out of memory. Tried to allocate 2 GiB")
        return self.fc(x)


SEEN: list[int] = []


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, MemoryError, RuntimeError])
def test_a_batch_that_does_not_fit_is_halved(error):
    x = data(50, 3)
    module = Sizes(8, error)
    expected = module.fc(torch.from_numpy(x)).detach()
    network = Network(module)
    network.layers(x)
    SEEN.clear()
    np.testing.assert_allclose(capture(network, x, ["output"])["output"], expected, atol=1e-6)
    assert SEEN[:3] == [32, 16, 8]
    assert set(SEEN[3:]) == {8, 2}
    SEEN.clear()
    capture(network, x, ["output"])
    assert max(SEEN) == 8  # not tried again
    assert max(p.done for p in capture_steps(network, x, ["output"]) if isinstance(p, Progress)) == 48


def test_one_sample_that_does_not_fit_is_an_error():
    module = Sizes(10**9)
    network = Network(module)
    network.layers(data(1, 3))
    module.fc.register_forward_hook(lambda m, i, o: (_ for _ in ()).throw(torch.OutOfMemoryError("none")))
    with pytest.raises(torch.OutOfMemoryError):
        capture(network, data(4, 3), ["output"])


def test_other_errors_are_not_taken_for_memory():
    module = Sizes(8, ValueError)
    with pytest.raises(ModelError, match="ValueError: out of memory"):
        capture(module, data(50, 3), ["output"])
    assert SEEN.count(32) == 1


def test_the_size_of_a_batch_is_capped_by_memory():
    width = 2**20 // 4  # 1 MB per sample: 64 MB are 64 samples
    network = Network(Sizes(width=width))
    capture(network, data(300, 3), ["output"])
    assert 32 <= max(SEEN) <= 64
    assert 32 <= network.batch_size <= 64
    SEEN.clear()
    capture(network, data(100, 3), ["output"], batch_size=100)
    assert max(SEEN) == 100  # the user's choice stands
    assert network.batch_size <= 64


def test_batch_sizes_climb_while_it_pays_and_step_back_once():
    sizes = BatchSizes(None, None, 4)
    assert sizes.current == 32
    sizes.took(32, 1.0)
    assert sizes.current == 64
    sizes.took(20, 9.0)  # the last, smaller batch says nothing
    assert sizes.current == 64
    sizes.took(64, 1.0)  # twice as fast
    assert sizes.current == 128
    sizes.took(128, 2.0)  # no faster
    assert (sizes.current, sizes.settled) == (64, True)
    sizes.took(64, 1e-9)
    assert sizes.current == 64
    assert sizes.halve()
    assert sizes.current == 32
    assert BatchSizes(None, 128, 2**20).current == 64
    assert BatchSizes(None, None, 2**40).current == 1
    assert not BatchSizes(1, None, 4).halve()
    with pytest.raises(ValueError, match="at least 1, got 0"):
        BatchSizes(0, None, 4)


def test_progress_then_result():
    events = list(capture_steps(Network(Sizes()), Samples(data(50, 3)), ["fc"], batch_size=20))
    assert [(e.done, e.total) for e in events[:-1]] == [(20, 50), (40, 50)]
    assert isinstance(events[-1], Result)
    assert events[-1].value["fc"].shape == (50, 3)


def test_too_many_values_are_refused_before_they_are_computed(monkeypatch):
    monkeypatch.setattr(capture_module, "LARGEST", 4 * 50 * 3 - 1)
    with pytest.raises(ValueError, match=r"'output' has 3 values per sample.*reduce='max'"):
        capture(Sizes(), data(50, 3), ["output"], batch_size=5)
    assert SEEN.count(5) == 1


# --- probabilities --------------------------------------------------------------------------------------


def test_probabilities_of_each_usual_ending():
    logits = data(20, 5) * 3
    expected = torch.softmax(torch.from_numpy(logits), 1).numpy()
    np.testing.assert_allclose(probabilities(logits), expected, atol=1e-6)
    np.testing.assert_allclose(probabilities(np.log(expected)), expected, atol=1e-6)
    np.testing.assert_array_equal(probabilities(expected), expected)
    assert probabilities(np.array([[1e4, 0.0]])).tolist() == [[1.0, 0.0]]
    one = np.array([[-800.0], [0.0], [800.0]])
    np.testing.assert_allclose(probabilities(one)[:, 1], [0, 0.5, 1], atol=1e-9)
    np.testing.assert_allclose(probabilities(np.array([[0.2], [0.9]])), [[0.8, 0.2], [0.1, 0.9]], atol=1e-6)
    np.testing.assert_allclose(probabilities(np.array([[0.2]]), sigmoid=False)[0, 1], 1 / (1 + np.exp(-0.2)))


@pytest.mark.parametrize(
    "ending",
    [nn.Identity(), nn.Softmax(1), nn.LogSoftmax(1)],
    ids=["logits", "softmax", "log-softmax"],
)
def test_predict_gives_probabilities_whatever_the_ending(ending):
    module, x = nn.Sequential(nn.Linear(3, 4), ending), data(9, 3)
    expected = torch.softmax(module[0](torch.from_numpy(x)), 1).detach()
    np.testing.assert_allclose(Network(module).predict(x), expected, atol=1e-6)


@pytest.mark.parametrize("squeeze", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_predict_of_two_classes_with_one_output(inside, squeeze):
    class Binary(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(3, 1)
            nn.init.constant_(self.fc.weight, 0.01)
            nn.init.constant_(self.fc.bias, 0.4)  # all logits lie between 0 and 1

        def forward(self, x):
            y = self.fc(x)
            y = torch.sigmoid(y) if inside else y
            return y.squeeze(1) if squeeze else y

    module, x = Binary(), data(9, 3)
    expected = torch.sigmoid(module.fc(torch.from_numpy(x))).detach().numpy()
    np.testing.assert_allclose(Network(module).predict(x), np.hstack([1 - expected, expected]), atol=1e-6)


def test_predict_of_many_sigmoids():
    module, x = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid()), data(9, 3)
    np.testing.assert_allclose(Network(module).predict(x), module(torch.from_numpy(x)).detach(), atol=1e-6)


def test_predict_of_a_model_without_classes():
    for module in (nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(1, 1, 3)):
        with pytest.raises(ModelError, match=r"values per sample, not one for each class.*output="):
            Network(module).predict(data(2, 1, 5, 5))
    assert Network(nn.Conv2d(1, 2, 5)).predict(data(3, 1, 5, 5)).shape == (3, 2)


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
