"""How often gates are closed and open: the counts, and the view of them."""

import numpy as np
import pytest
import torch
import traitlets as t
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.gate_saturation import gate_saturation, gate_saturation_of, gate_values
from nbviz.methods.recurrent import states as states_of
from nbviz.views.gate_saturation import GateSaturation

TEXT = "abba(cab)ba(acab)cc(b)aab"
LETTERS = "abc()"


class Reader(nn.Module):
    def __init__(self, kind=nn.LSTM, cells=12, layers=2):
        super().__init__()
        self.embed = nn.Embedding(len(LETTERS), 6)
        self.rnn = kind(6, cells, layers, batch_first=True)
        self.out = nn.Linear(cells, len(LETTERS))

    def forward(self, ids):
        return self.out(self.rnn(self.embed(ids))[0])


def network_of(module):
    return Network(module, tokenizer=lambda text: [LETTERS.index(c) for c in text], class_names=list(LETTERS))


@pytest.fixture
def network():
    torch.manual_seed(5)
    module = Reader()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(8)
    return network_of(module)


@pytest.fixture
def show(network):
    views = []

    def build(*arguments, **options):
        views.append(GateSaturation(*(arguments or (network, TEXT)), executor="inline", **options))
        return views[-1]

    yield build
    for view in views:
        view.close()


def test_forget_biases_of_plus_and_minus_20_are_the_two_corners():
    module = Reader(cells=2, layers=1)
    with torch.no_grad():
        for parameter in module.rnn.parameters():
            parameter.zero_()
        module.rnn.bias_ih_l0[2:4] = torch.tensor([20.0, -20.0])  # gates i, f, g, o
    found = gate_saturation_of(network_of(module), TEXT)
    points = np.stack([found.right["f"]["rnn.0"], found.left["f"]["rnn.0"]], axis=1)
    np.testing.assert_array_equal(points, [[1, 0], [0, 1]])
    assert (found.right["i"]["rnn.0"] == 0).all()
    assert (found.left["i"]["rnn.0"] == 0).all()


@pytest.mark.parametrize(("left", "right"), [(0.1, 0.9), (0.02, 0.6), (0.5, 0.5)])
def test_fractions_are_direct_counts(network, left, right):
    states = states_of(network, TEXT)
    found = gate_saturation(states, left, right)
    assert found.gates == ("i", "f", "o")
    for gate in found.gates:
        for layer in states.layers:
            for cell in range(12):
                values = states.gates[gate][layer][:, cell].tolist()
                low, high = sum(v < left for v in values), sum(v > right for v in values)
                assert found.left[gate][layer][cell] == pytest.approx(low / len(TEXT), abs=1e-12)
                assert found.right[gate][layer][cell] == pytest.approx(high / len(TEXT), abs=1e-12)
                assert found.left[gate][layer][cell] + found.right[gate][layer][cell] <= 1 + 1e-12
    assert max(found.right["f"]["rnn.0"].max(), found.left["f"]["rnn.0"].max()) > 0


def test_gates_of_a_gru_and_cells_numbered_over_the_model():
    torch.manual_seed(0)
    found = gate_saturation_of(network_of(Reader(nn.GRU, cells=7)), TEXT)
    assert found.gates == ("r", "z")
    assert found.starts == {"rnn.0": 0, "rnn.1": 7}
    assert found.steps == len(TEXT)


def test_layers_without_gates_keep_their_numbers():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(len(LETTERS), 4)
            self.plain = nn.RNN(4, 5, batch_first=True)
            self.lstm = nn.LSTM(5, 6, batch_first=True, proj_size=3)

        def forward(self, ids):
            return self.lstm(self.plain(self.embed(ids))[0])[0]

    found = gate_saturation_of(network_of(Mixed()), TEXT)
    assert found.starts == {"lstm.0": 5}
    assert found.right["f"]["lstm.0"].shape == (6,)


def test_long_texts_are_read_in_pieces_that_add_up(network):
    text = TEXT * 200
    found = gate_saturation_of(network, text)
    whole = gate_saturation(states_of(network, text))
    assert found.steps == 5000
    for gate in found.gates:
        for layer in found.layers:
            np.testing.assert_allclose(found.right[gate][layer], whole.right[gate][layer], atol=1e-3)


def test_both_directions_are_read_in_one_pass():
    torch.manual_seed(0)
    module = Reader()
    module.rnn = nn.LSTM(6, 4, bidirectional=True, batch_first=True)
    module.out = nn.Linear(8, 5)
    found = gate_saturation_of(network_of(module), TEXT)
    assert found.layers == ("rnn.0", "rnn.0 reverse")


def test_a_plain_rnn_has_no_gates_and_the_error_says_so():
    with pytest.raises(ModelError, match=r"rnn\.0 \(RNN\)"):
        gate_saturation_of(network_of(Reader(nn.RNN)), TEXT)


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        ({"f": {"a": np.zeros(4)}}, "time, cells"),
        ({"f": {"a": np.zeros((0, 4))}}, "time, cells"),
        ({"f": {"a": np.full((3, 2), np.nan)}}, "step 0, cell 0"),
        ({"f": {"a": np.array([[0.5], [1.5]])}}, "step 1, cell 0"),
        ({"f": {"a": np.zeros((3, 2))}, "i": {"a": np.zeros((4, 2))}}, "same number of steps"),
    ],
)
def test_bad_arrays(gates, message):
    with pytest.raises(ValueError, match=message):
        gate_values(gates)


@pytest.mark.parametrize("thresholds", [(0.9, 0.1), (-0.1, 0.9), (0.1, 1.1), (float("nan"), 0.9)])
def test_bad_thresholds(thresholds):
    with pytest.raises(ValueError, match="left"):
        gate_saturation({"f": {"a": np.zeros((3, 2))}}, *thresholds)


def test_unknown_gates_are_named():
    with pytest.raises(ModelError, match="'forget'"):
        gate_saturation({"forget": {"a": np.zeros((3, 2))}})


def test_the_view_shows_what_the_method_counts(show, network):
    view = show(left=0.2, right=0.7)
    expected = gate_saturation_of(network, TEXT, 0.2, 0.7)
    frame = view.encode(view.saturation)
    points = frame.buffers[0].reshape(3, 24, 2)
    for i, gate in enumerate(("i", "f", "o")):
        right = np.concatenate([expected.right[gate][layer] for layer in expected.layers])
        np.testing.assert_allclose(points[i, :, 0], right, atol=1e-6)
    assert [panel["gate"] for panel in frame.meta["panels"]] == ["i", "f", "o"]
    assert frame.meta["layers"][1] == {"name": "rnn.1", "from": 12, "cells": 12}
    rows = frame.meta["panels"][1]["rows"]
    assert rows[0]["open"] == (expected.right["f"]["rnn.0"] >= 0.9).sum()
    assert rows[1]["closed"] == (expected.left["f"]["rnn.1"] >= 0.9).sum()


def test_the_text_is_read_once_while_thresholds_move(show, network):
    view = show()
    view.latest()
    kept = view._values
    view.left = 0.3
    assert view.saturation.thresholds == (0.3, 0.9)
    assert view._values is kept
    with torch.no_grad():
        network.module.rnn.bias_ih_l0.add_(500)
    view.left = 0.1
    assert view._values is not kept
    assert (view.saturation.right["f"]["rnn.0"] == 1).all()


def test_one_threshold_pushes_the_other(show):
    view = show()
    view.left = 0.95
    assert view.right == 0.95
    assert view.error is None
    view.right = 0.5
    assert view.left == 0.5


def test_selections_are_linked(show):
    one, other = show(), show()
    link = t.link((one, "pinned"), (other, "pinned"))
    other.pinned = [3, 15]
    assert one.pinned == [3, 15]
    link.unlink()


def test_given_gates_and_states(network):
    values = {"f": {"a": np.array([[0.95, 0.5], [0.99, 0.05]])}}
    view = GateSaturation.from_gates(values, executor="inline")
    np.testing.assert_array_equal(view.saturation.right["f"]["a"], [1, 0])
    assert "1 of 2 cells open nearly always" in view.summary()
    view.close()
    view = GateSaturation.from_states(states_of(network, TEXT), executor="inline")
    assert view.saturation.steps == len(TEXT)
    view.close()


def test_the_model_is_left_as_it_was(show, network):
    network.module.train()
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    show().latest()
    assert network.module.training
    for name, value in network.module.state_dict().items():
        assert torch.equal(value, before[name])


def test_bad_input(network):
    with pytest.raises(TypeError, match="text is missing"):
        GateSaturation(network)
    with pytest.raises(ValueError, match="empty"):
        GateSaturation(network, "")
    with pytest.raises(TypeError, match="right"):
        GateSaturation(network, TEXT, rigth=0.8)
    view = GateSaturation(network, "xyz", executor="inline")
    assert "tokenizer" in str(view.error)
    view.close()
