"""Names, order, shapes and axes of layers, against torch.fx and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nbviz.core.errors import UnknownName
from nbviz.core.layers import batch_axis_of, channel_axis, first_tensor
from nbviz.core.network import Network


def names(module: nn.Module, x: np.ndarray | dict, **options) -> list[str]:
    return [layer.name for layer in Network(module, **options).layers(x)]


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


class ResidualBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.conv2(self.relu(self.conv1(x))) + x)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = ResidualBlock()
        self.relu = self.block.relu  # shared, under two names
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2, 3)

    def forward(self, x):
        return self.fc(self.pool(self.relu(self.block(x))).flatten(1))


def test_order_names_and_repeated_calls_agree_with_fx():
    module = Residual().eval()
    graph = torch.fx.symbolic_trace(module).graph
    targets = [str(node.target) for node in graph.nodes if node.op == "call_module"]
    calls: dict[str, int] = {}
    expected = ["input"]
    for target in targets:
        count = calls.setdefault(target, 0)
        expected.append(target if count == 0 else f"{target}_{count}")
        calls[target] += 1
    found = names(module, zeros(1, 2, 6, 6))
    assert found == expected
    assert found == [
        "input", "block.conv1", "block.relu", "block.conv2", "block.relu_1", "block.relu_2", "pool", "fc"
    ]  # fmt: skip


def test_type_shape_and_parameter_count():
    layers = {x.name: x for x in Network(Residual()).layers(zeros(1, 2, 6, 6))}
    conv, fc = layers["block.conv1"], layers["fc"]
    assert (conv.type, conv.shape, conv.parameters, conv.module, conv.call) == (
        "Conv2d", (2, 6, 6), 2 * 2 * 9 + 2, "block.conv1", 0
    )  # fmt: skip
    assert (fc.shape, fc.parameters) == ((3,), 9)
    assert layers["input"].shape == (2, 6, 6)
    assert (layers["block.relu_2"].module, layers["block.relu_2"].call) == ("block.relu", 2)


def test_a_shared_module_answers_to_both_names():
    network = Network(Residual())
    x = zeros(1, 2, 6, 6)
    assert network.layer("relu", x) == network.layer("block.relu", x)
    assert network.layer("block", x).shape == (2, 6, 6)  # hands on its last tensor: not offered, yet there
    assert "block" not in names(Residual(), x)


def test_a_call_is_never_named_like_another_module():
    class Clash(nn.Module):
        def __init__(self):
            super().__init__()
            self.relu, self.relu_1 = nn.ReLU(), nn.Tanh()

        def forward(self, x):
            return self.relu_1(self.relu(self.relu(x - 1) + x))

    assert names(Clash(), zeros(1, 3)) == ["input", "relu", "relu_2", "relu_1"]
    network = Network(Clash())
    assert network.layer("relu_1", zeros(1, 3)).type == "Tanh"
    assert network.layer("relu_2", zeros(1, 3)).call == 1


def test_modules_called_input_and_output_do_not_hide_those_of_the_model():
    class Named(nn.Module):
        def __init__(self, softmax):
            super().__init__()
            self.input, self.output, self.softmax = nn.Linear(3, 4), nn.Linear(4, 2), softmax

        def forward(self, x):
            x = self.output(self.input(x))
            return x.softmax(1) if self.softmax else x

    assert names(Named(True), zeros(1, 3)) == ["input", "input_1", "output_1", "output"]
    assert Network(Named(True)).layer("input", zeros(1, 3)).shape == (3,)
    assert Network(Named(True)).layer("input_1", zeros(1, 3)).shape == (4,)
    plain = Network(Named(False))
    assert names(Named(False), zeros(1, 3)) == ["input", "input_1", "output"]
    assert plain.layer("output", zeros(1, 3)) == plain.layers(zeros(1, 3))[-1]
    assert plain.layer("output", zeros(1, 3)).parameters == 10


def test_layers_at_rest_and_containers_are_not_offered_but_can_be_asked_for():
    module = nn.Sequential(
        nn.Sequential(nn.Linear(4, 4), nn.Dropout()), nn.Identity(), nn.ReLU(inplace=True), nn.Flatten()
    )
    assert names(module, zeros(1, 4)) == ["input", "0.0", "2"]
    network = Network(module)
    for name in ("0", "0.1", "1", "3", "output"):
        assert network.layer(name, zeros(1, 4)).shape == (4,)


def test_containers_that_are_never_called():
    class Lists(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
            self.unused = nn.Linear(3, 3)

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    assert names(Lists(), zeros(1, 3)) == ["input", "blocks.0", "blocks.1"]
    for name, kind in (("blocks", "ModuleList"), ("unused", "Linear")):
        with pytest.raises(UnknownName, match=rf"'{name}' \({kind}\) exists.*does not call it.*blocks\.1"):
            Network(Lists()).layer(name, zeros(1, 3))


def test_unknown_layer_names_the_near_ones():
    network = Network(Residual())
    with pytest.raises(UnknownName, match=r"unknown layer 'block.conv3'\. Did you mean 'block.conv[12]'"):
        network.layer("block.conv3", zeros(1, 2, 6, 6))
    with pytest.raises(UnknownName, match=r"There are: input, block\.conv1, .*fc"):
        network.layer("zzz", zeros(1, 2, 6, 6))


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("time", [2, 3, 7])
def test_recurrent_layers_and_the_axis_of_the_samples(batch_first, time):
    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(4, 5, num_layers=2, bidirectional=True, batch_first=batch_first)
            self.head = nn.Linear(10, 6)

        def forward(self, x):
            out, _ = self.rnn(x if batch_first else x.transpose(0, 1))
            return self.head(out)

    layers = {x.name: x for x in Network(Tagger()).layers(zeros(1, time, 4))}
    axis = 0 if batch_first else 1
    for name, shape in (("rnn", (time, 10)), ("head", (time, 6))):
        assert (layers[name].shape, layers[name].batch_axis, layers[name].channel_axis) == (shape, axis, 1)


def test_attention_and_outputs_in_tuples_and_mappings():
    class Attends(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2)  # sequence first
            self.parts = Parts()

        def forward(self, x):
            x = x.transpose(0, 1)
            out, weights = self.attention(x, x, x)
            return {"extra": weights, "logits": self.parts(out.transpose(0, 1))["nested"][0][:, 0]}

    class Parts(nn.Module):
        def forward(self, x):
            return {"nothing": None, "nested": [x, x]}

    layers = {x.name: x for x in Network(Attends()).layers(zeros(1, 5, 8))}
    assert layers["attention"].shape == (5, 8)
    assert layers["attention"].batch_axis == 1
    assert layers["parts"].shape == (5, 8)
    assert layers["output"].shape == (8,)


def test_a_layer_without_a_batch_axis_is_left_out_and_said_so():
    class Table(nn.Module):
        def __init__(self):
            super().__init__()
            self.positions, self.fc = nn.Embedding(2, 3), nn.Linear(3, 2)

        def forward(self, x):
            return self.fc(x + self.positions(torch.arange(2))[0])

    found = names(Table(), zeros(1, 3))
    assert found == ["input", "fc"]
    with pytest.raises(UnknownName, match=r"'positions' \(Embedding\) exists.*no tensor with one row"):
        Network(Table()).layer("positions", zeros(1, 3))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_module_inside_is_run_but_not_looked_into():
    script = torch.jit.trace(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), torch.zeros(1, 3))
    module = nn.Sequential(nn.Linear(3, 3), script, nn.Linear(3, 2))
    assert names(module, zeros(1, 3)) == ["input", "0", "2"]


def test_layers_follow_a_change_of_the_model():
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    network = Network(module)
    assert network.layer("0", zeros(1, 3)).shape == (4,)
    module[0] = nn.Linear(3, 7)
    assert network.layer("0", zeros(1, 3)).shape == (7,)
    module.append(nn.Linear(7, 1))
    assert [x.name for x in network.layers(zeros(1, 3))] == ["input", "0", "1", "2"]


def test_units_lie_where_the_kind_of_layer_says():
    assert channel_axis(nn.Conv2d(1, 1, 1), (3, 4, 4)) == 0
    assert channel_axis(nn.Conv1d(1, 1, 1), (3, 9)) == 0
    assert channel_axis(nn.LayerNorm(3), (4, 4, 3)) == 2
    assert channel_axis(nn.Linear(3, 3), (9, 3)) == 1
    assert channel_axis(None, (9, 3)) == 1
    assert channel_axis(nn.Linear(3, 3), (3,)) == 0
    audio = nn.Sequential(nn.Conv1d(1, 4, 3), nn.ReLU(), nn.MaxPool1d(2), nn.GELU())
    assert [x.channel_axis for x in Network(audio).layers(zeros(1, 1, 12))][1:] == [0, 0, 0, 0]


def test_batch_axis_is_the_one_that_grows():
    assert batch_axis_of((2, 2, 5), (2, 3, 5), (2, 3)) == 1
    assert batch_axis_of((2, 2), (3, 2), (2, 3)) == 0
    assert batch_axis_of((2, 5), (2, 5), (2, 3)) is None
    assert batch_axis_of((10, 5), (15, 5), (2, 3)) is None  # samples × time in one axis
    assert batch_axis_of((), (3,), (2, 3)) is None


def test_first_tensor():
    t = torch.zeros(1)
    assert first_tensor(None) is None
    assert first_tensor("text") is None
    assert first_tensor([None, ("a", {"x": t})]) is t
    assert first_tensor({"loss": torch.ones(1), "logits": t}) is t
    assert first_tensor({"pooler": torch.ones(1), "last_hidden_state": t}) is t
    packed = nn.utils.rnn.pack_sequence([torch.zeros(3, 1)])
    assert first_tensor(packed) is None
    assert first_tensor((packed, t)) is t


def test_hidden_layer_is_what_the_last_weights_read():
    class Head(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(5, 3)

        def forward(self, x):
            return torch.log_softmax(self.fc(x), 1)

    x = zeros(1, 4)
    body = [nn.Linear(4, 5), nn.ReLU()]
    assert Network(nn.Sequential(*body, nn.Dropout(), nn.Linear(5, 3), nn.Softmax(1))).hidden_layer(x) == "1"
    assert Network(nn.Sequential(*body, Head())).hidden_layer(x) == "1"
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(5, 3, bias=False))
    assert Network(nn.Sequential(*body, normed)).hidden_layer(x) == "1"
    assert Network(nn.Sequential(nn.Linear(4, 3))).hidden_layer(x) == "0"
    assert Network(nn.Linear(4, 3)).hidden_layer(x) == "output"
    assert Network(nn.Sequential(nn.ReLU(), nn.Tanh())).hidden_layer(x) == "1"
