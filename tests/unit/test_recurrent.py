"""States of recurrent models: against the modules' own outputs, and against loops written by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from recurrent_models import Cells, by_hand, difference, randomised
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import nbviz
from nbviz.core.errors import ModelError
from nbviz.methods.recurrent import (
    states,
)

KINDS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
VARIANTS = list(itertools.product(KINDS, (1, 3), (False, True), (False, True), (True, False)))


@pytest.mark.parametrize(("kind", "layers", "both", "batch_first", "bias"), VARIANTS)
def test_every_variant_equals_a_loop_of_cells(kind, layers, both, batch_first, bias):
    module = randomised(
        KINDS[kind](5, 7, layers, bidirectional=both, batch_first=batch_first, bias=bias, dropout=0.5)
        if layers > 1
        else KINDS[kind](5, 7, bidirectional=both, batch_first=batch_first, bias=bias)
    )
    signal = torch.randn(13, 5)
    found = states(module, signal)
    own = module.eval()(signal)[0].detach().numpy()
    np.testing.assert_allclose(found.output(), own, atol=1e-6)
    expected = by_hand(module, signal)
    assert list(found.layers) == list(expected)
    for layer, named in expected.items():
        assert found.kind[layer] == kind
        assert set(found.names(layer)) == {*named, *(["tanh cell"] if "cell" in named else [])}
        for name, values in named.items():
            assert found.source(name, layer).dtype == np.float32
            np.testing.assert_allclose(
                found.source(name, layer), values, atol=1e-5, err_msg=f"{layer} {name}"
            )


def test_relu_network():
    module = randomised(nn.RNN(4, 6, 2, nonlinearity="relu"))
    signal = torch.randn(9, 4)
    for layer, named in by_hand(module, signal).items():
        np.testing.assert_allclose(states(module, signal).hidden[layer], named["hidden"], atol=1e-5)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("both", [False, True])
def test_projected_lstm(both):
    module = randomised(nn.LSTM(5, 8, 2, proj_size=3, bidirectional=both))
    signal = torch.randn(12, 5)
    found = states(module, signal)
    for layer, named in by_hand(module, signal).items():
        assert found.hidden[layer].shape == (12, 3)
        assert found.cell[layer].shape == found.gates["i"][layer].shape == (12, 8)
        for name, values in named.items():
            np.testing.assert_allclose(found.source(name, layer), values, atol=1e-5)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("batched", [True, False])
def test_cells_in_a_loop_equal_the_sequence_module(kind, batched):
    model = Cells(kind, batched=batched)
    ids = torch.randint(0, 11, (15,))
    found = states(model, ids)
    assert found.layers == ("cells.0", "cells.1")
    twin = KINDS[kind](4, 6, 2)
    with torch.no_grad():
        for layer, cell in enumerate(model.cells):
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(twin, f"{name}_l{layer}").copy_(getattr(cell, name))
    expected = by_hand(twin, model.embedding(ids).detach())
    for mine, its in zip(found.layers, expected, strict=True):
        for name, values in expected[its].items():
            np.testing.assert_allclose(found.source(name, mine), values, atol=1e-5)
    np.testing.assert_allclose(found.logits, model.head(torch.tensor(found.output())).detach(), atol=1e-5)


def test_packed_sequences_with_padding():
    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(11, 4)
            self.rnn = nn.LSTM(4, 6, 2, batch_first=True, bidirectional=True)

        def forward(self, ids, lengths=None):
            lengths = (ids != 0).sum(1) if lengths is None else lengths
            packed = pack_padded_sequence(self.embedding(ids), lengths, batch_first=True)
            return pad_packed_sequence(self.rnn(packed)[0], batch_first=True)[0]

    model = randomised(Packed())
    ids = torch.tensor([3, 1, 4, 1, 5, 0, 0])
    found = states(model, ids)
    expected = by_hand(model.rnn, model.embedding(ids[:5]).detach(), "rnn.")
    assert len(found) == 5
    assert found.ids.tolist() == [3, 1, 4, 1, 5]
    assert found.notes == ("the model reads only the first 5 of the 7 steps it was given",)
    for layer, named in expected.items():
        for name, values in named.items():
            np.testing.assert_allclose(found.source(name, layer), values, atol=1e-5)
    own = states(model, (ids[None], torch.tensor([5])))  # the model's own inputs
    assert difference(own, found) == 0


def test_initial_states_that_the_model_gives():
    class Begun(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(3, 5, 2, batch_first=True)
            self.h, self.c = nn.Parameter(torch.randn(2, 1, 5)), nn.Parameter(torch.randn(2, 1, 5))

        def forward(self, x):
            return self.rnn(x, (self.h, self.c))

    model, signal = Begun(), torch.randn(7, 3)
    found = states(model, signal)
    for layer, named in by_hand(model.rnn, signal, "rnn.", (model.h, model.c)).items():
        for name, values in named.items():
            np.testing.assert_allclose(found.source(name, layer), values, atol=1e-5)
    assert difference(states(model, signal, chunk=3), found) <= 1e-5


def test_a_module_called_twice_and_one_of_another_length():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.pooled = nn.GRU(4, 4, batch_first=True), nn.RNN(4, 2, batch_first=True)

        def forward(self, x):
            first = self.rnn(x)[0]
            self.pooled(first[:, ::2])
            return self.rnn(first)[0]

    model, signal = randomised(Twice()), torch.randn(8, 4)
    found = states(model, signal)
    assert found.layers == ("rnn.0", "rnn_1.0")
    first = by_hand(model.rnn, signal)["gru.0"]["hidden"]
    np.testing.assert_allclose(found.hidden["rnn.0"], first, atol=1e-5)
    second = by_hand(model.rnn, torch.tensor(first))["gru.0"]["hidden"]
    np.testing.assert_allclose(found.hidden["rnn_1.0"], second, atol=1e-5)
    assert found.notes == ("left out: pooled.0 ran 4 steps, not 8",)


def test_an_encoder_and_a_decoder_of_another_length():
    class Translator(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.encoder = nn.Embedding(11, 4), nn.GRU(4, 6, batch_first=True)
            self.decoder, self.head = nn.GRUCell(6, 6), nn.Linear(6, 3)

        def forward(self, ids):
            state = self.encoder(self.embedding(ids))[1][0]
            rows = []
            for _ in range(4):
                state = self.decoder(state, state)
                rows.append(self.head(state))
            return torch.stack(rows, 1)

    model, ids = randomised(Translator()), torch.arange(7)
    found = states(model, ids)
    assert found.layers == ("encoder.0",)
    assert found.notes == ("left out: decoder ran 4 steps, not 7",)
    assert len(found) == 7
    np.testing.assert_array_equal(found.output(), found.hidden["encoder.0"])
    assert found.logits is None


def test_a_module_called_step_by_step():
    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.rnn = nn.Embedding(11, 4), nn.LSTM(4, 6, 2, batch_first=True)

        def forward(self, ids):
            state, outputs = None, []
            for step in range(ids.shape[1]):
                output, state = self.rnn(self.embedding(ids[:, step : step + 1]), state)
                outputs.append(output)
            return torch.cat(outputs, 1)

    model, ids = randomised(Decoder()), torch.randint(0, 11, (9,))
    found = states(model, ids)
    for layer, named in by_hand(model.rnn, model.embedding(ids).detach(), "rnn.").items():
        for name, values in named.items():
            np.testing.assert_allclose(found.source(name, layer), values, atol=1e-5)


def test_one_shared_cell_for_two_layers():
    class Shared(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.GRUCell(4, 4)

        def forward(self, x):
            lower = upper = torch.zeros(1, 4)
            for step in range(x.shape[1]):
                lower = self.cell(x[:, step], lower)
                upper = self.cell(lower, upper)
            return upper

    model, signal = randomised(Shared()), torch.randn(6, 4)
    found = states(model, signal)
    assert found.layers == ("cell", "cell_1")
    np.testing.assert_allclose(found.hidden["cell_1"][-1], model(signal[None])[0].detach(), atol=1e-6)


def test_saturated_forget_gates():
    """A forget gate with a bias of +20 is 1, with -20 it is 0, whatever the input."""
    module = nn.LSTM(3, 2)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(0.1)
        module.bias_ih_l0[2:4] = torch.tensor([20.0, -20.0])
    found = states(module, torch.randn(200, 3))
    forget = found.gates["f"]["lstm.0"]
    assert (forget[:, 0] > 0.999999).all()
    assert (forget[:, 1] < 1e-6).all()
    added = found.gates["i"]["lstm.0"] * found.gates["g"]["lstm.0"]
    np.testing.assert_allclose(found.cell["lstm.0"][:, 0], np.cumsum(added[:, 0]), atol=1e-3)
    np.testing.assert_allclose(found.cell["lstm.0"][:, 1], added[:, 1], atol=1e-5)


def test_a_chaotic_network_of_many_steps_is_told_exactly():
    """Rounding errors double every few steps here: only the module's own path is the right one."""
    module = nn.RNN(2, 64, 2)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.normal_(0, 3 / 8 if "weight_hh" in name else 1)
    signal = torch.randn(3000, 2)
    found = states(module, signal)
    np.testing.assert_array_equal(found.output(), module(signal)[0].detach().numpy())
    shaken = states(module, signal + 1e-6 * torch.randn(3000, 2)).hidden["rnn.0"]
    assert np.abs(found.hidden["rnn.0"] - shaken)[-100:].max() > 1


def test_cells_in_a_loop_with_time_first():
    class First(Cells):
        def forward(self, ids):  # (time, batch)
            return super().forward(ids.T).transpose(0, 1)

    model, ids = First(), np.arange(8)
    plain = Cells()
    assert difference(states(model, ids), states(plain, ids)) == 0
    np.testing.assert_array_equal(states(model, ids).logits, states(plain, ids).logits)


def test_a_state_that_is_changed_between_the_steps():
    class Halved(Cells):
        def forward(self, ids):
            h = torch.zeros(1, 6)
            for x in self.embedding(ids).unbind(1):
                h = self.cells[0](x, h / 2)
            return h

    model, ids = Halved("GRU"), torch.arange(30) % 11
    found = states(model, ids)
    assert found.layers == ("cells.0",)
    np.testing.assert_allclose(found.hidden["cells.0"][-1], model(ids[None])[0].detach(), atol=1e-6)
    with pytest.raises(ModelError, match="a change of the state between steps"):
        states(model, ids, chunk=7)


def test_cells_that_count_for_long_are_told_though_their_rounding_errors_add_up():
    """The trained character model has cells whose c grows to thousands over a long text."""
    network = nbviz.zoo.load("python-char-lstm")
    text = nbviz.zoo.load_python_source(30_000).text
    found = states(network, text)
    assert len(found) == 30_000
    assert max(np.abs(cell).max() for cell in found.cell.values()) > 1000
