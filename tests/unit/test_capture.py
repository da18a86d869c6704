"""Activations against independent references, batch sizes, memory, and models with habits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from capture_models import Net, by_hand, data
from torch import nn

from nbviz.core.capture import capture
from nbviz.core.network import Network


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
