"""States of recurrent models: against the modules' own outputs, and against loops written by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from recurrent_models import Cells, Lm, by_hand, randomised
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import nbviz
from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result
from nbviz.core.network import Network
from nbviz.methods.recurrent import (
    LayerStates,
    States,
    next_token,
    register_extractor,
    states,
    states_chunks,
    states_steps,
)
from nbviz.methods.recurrent_extract import _registered

KINDS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}
VARIANTS = list(itertools.product(KINDS, (1, 3), (False, True), (False, True), (True, False)))


def every_source(found: States):
    return [(name, layer) for layer in found.layers for name in found.names(layer)]


def difference(one: States, other: States) -> float:
    """The largest difference of any state of any layer."""
    assert every_source(one) == every_source(other)
    return max(float(np.abs(one.source(*at) - other.source(*at)).max()) for at in every_source(one))


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


@pytest.mark.parametrize("batch_first", [True, False])
def test_time_axis_is_found(batch_first):
    model = Lm(batch_first=batch_first).eval()
    ids = np.arange(9) % 11
    own = model(torch.as_tensor(ids)[None] if batch_first else torch.as_tensor(ids)[:, None])[0]
    for given in (ids, ids.tolist(), ids[None], ids[:, None], torch.as_tensor(ids), ids.astype(np.uint8)):
        found = states(model, given)
        np.testing.assert_allclose(found.logits, own.detach().numpy().reshape(9, -1), atol=1e-5)
        assert found.ids.tolist() == ids.tolist()
        assert found.tokens is None


def test_a_model_that_turns_its_input_is_found_out():
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.rnn = nn.Embedding(11, 4), nn.GRU(4, 6)

        def forward(self, ids):  # (batch, time), but a module that wants time first
            return self.rnn(self.embedding(ids).transpose(0, 1))[0].transpose(0, 1)

    model = Turned()
    found = states(model, np.arange(8))
    np.testing.assert_allclose(found.output(), model(torch.arange(8)[None])[0].detach(), atol=1e-6)
    assert len(found) == 8
    assert found.logits is None  # hidden states are not scores of tokens


def test_signals():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    model, signal = Reader(), torch.randn(10, 3)
    found = states(model, signal)
    assert found.ids is None
    assert found.logits is None  # one answer for the whole, not one for each step
    for given in (signal[None], signal[:, None], signal.numpy(), signal.double()):
        assert difference(states(model, given), found) == 0
    with pytest.raises(ModelError, match=r"\(1, 2\).* one row of scores for each of the 10 steps"):
        next_token(model, signal)
    single = states(nn.GRU(1, 4), np.sin(np.arange(6.0)))
    assert single.hidden["gru.0"].shape == (6, 4)


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


def test_text_tokens_and_lists():
    class Tokenizer:
        def __call__(self, text):
            return [min(ord(c) - 97, 10) if c.isalpha() else 10 for c in text]

    network = Network(Lm(), tokenizer=Tokenizer())
    found = states(network, "ab?é")
    assert found.tokens == ["a", "b", "?", "é"]  # shown as typed
    assert found.ids.tolist() == [0, 1, 10, 10]  # replaced by the tokenizer's rule
    assert difference(states(network, ["a", "b", "?", "é"]), found) == 0
    several = states(network, ["ab", "cab", [1, 2], np.array([3])])
    assert several.boundaries == (0, 2, 5, 7)
    assert len(several) == 8
    assert several.tokens is None
    single = states(network, "cab")
    for name, layer in every_source(single):
        np.testing.assert_array_equal(several.source(name, layer)[2:5], single.source(name, layer))
    both = states(network, ["ab", "cab"])
    assert both.tokens == list("abcab")
    assert both.boundaries == (0, 2)


def test_steps_report_progress_and_end_in_a_result():
    events = list(states_steps(Lm(), np.arange(10), chunk=4))
    assert [(e.done, e.total, e.what) for e in events[:-1]] == [
        (4, 10, "steps"),
        (8, 10, "steps"),
        (10, 10, "steps"),
    ]
    assert isinstance(events[-1], Result)
    assert any(isinstance(e, Progress) for e in states_steps(Lm(), np.arange(10)))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("make", [Lm, Cells])
def test_chunks_are_a_single_pass(kind, make):
    model = make(kind)
    ids = np.random.default_rng(0).integers(0, 11, 57)
    whole = states(model, ids)
    assert difference(states(model, ids, chunk=10), whole) <= 1e-5
    parts = list(states_chunks(model, [ids[:30], ids[30:]], 20))
    assert [(p.start, len(p), p.boundaries) for p in parts] == [
        (0, 20, (0,)),
        (20, 10, ()),
        (30, 20, (0,)),
        (50, 7, ()),
    ]
    second = states(model, ids[30:])
    name, layer = "hidden", second.layers[1]
    np.testing.assert_allclose(parts[2].source(name, layer), second.source(name, layer)[:20], atol=1e-5)
    np.testing.assert_allclose(parts[3].logits, second.logits[20:], atol=1e-5)


def test_what_cannot_be_carried_is_refused():
    with pytest.raises(ModelError, match=r"bidirectional: its backward half reads from the end"):
        next(states_chunks(nn.LSTM(3, 4, bidirectional=True), torch.randn(9, 3)))

    class Looks(nn.Module):
        def __init__(self):
            super().__init__()
            self.look, self.rnn = nn.Conv1d(3, 3, 3, padding=1), nn.GRU(3, 4, batch_first=True)

        def forward(self, x):
            return self.rnn(self.look(x.mT).mT)

    with pytest.raises(ModelError, match="looks at other steps in another way too"):
        states(Looks(), torch.randn(9, 3), chunk=4)
    with pytest.raises(ValueError, match="chunk=0"):
        states(Lm(), [1, 2], chunk=0)
    with pytest.raises(TypeError, match="cannot be cut into chunks"):
        states(Lm(), (torch.tensor([[1, 2]]),), chunk=1)


def test_next_token_is_the_softmax_of_the_logits():
    model = Lm()
    found = states(model, np.arange(9))
    np.testing.assert_allclose(next_token(model, np.arange(9)), found.probabilities, atol=1e-6)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-5)
    expected = torch.tensor(found.logits).softmax(1).numpy()
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)


def test_the_model_stays_as_it_was():
    model = Lm(dropout=0.5).train()
    seen = []
    model.rnn.register_forward_hook(lambda *_: seen.append("after"))
    model.rnn.register_forward_pre_hook(lambda *_: seen.append("before"))
    hooks = dict(model.rnn._forward_hooks), dict(model.rnn._forward_pre_hooks)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.random.get_rng_state()
    found = states(model, np.arange(9))
    assert difference(states(model, np.arange(9)), found) == 0  # no dropout
    assert all(child.training for child in model.modules())
    assert (dict(model.rnn._forward_hooks), dict(model.rnn._forward_pre_hooks)) == hooks
    assert seen == ["before", "after"] * 2
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in weights.items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_hook_of_the_users_that_changes_the_output_is_obeyed_and_not_compared():
    model = Lm()
    model.rnn.register_forward_hook(lambda module, inputs, output: (output[0] * 0, output[1]))
    found = states(model, np.arange(5))
    np.testing.assert_allclose(found.logits, np.tile(model.head.bias.detach(), (5, 1)), atol=1e-6)
    assert np.abs(found.output()).max() > 0.01


def test_one_step_and_nothing():
    found = states(Lm(), [3])
    assert len(found) == 1
    assert found.logits.shape == (1, 11)
    network = Network(Lm(), tokenizer=lambda text: [ord(c) - 97 for c in text])
    for nothing in ("", [], np.array([], np.int64), torch.empty(0, 3), [[]]):
        with pytest.raises(ValueError, match=r"there are no tokens|there is no sequence"):
            states(network, nothing)
    with pytest.raises(ValueError, match=r"no tokens \(sequence 1 of the list\)"):
        states(network, ["ab", ""])


def test_wrong_input_says_what_is_wrong():
    with pytest.raises(TypeError, match=r"Network\(model, tokenizer=\.\.\.\)"):
        states(Lm(), "text")
    with pytest.raises(ModelError, match=r"token id 11 at step 1 is outside .* ids from 0 to 10"):
        states(Lm(), [0, 11])
    with pytest.raises(ModelError, match=r"token id -1 at step 0"):
        states(Lm(), [-1])
    with pytest.raises(ValueError, match=r"token ids of shape \(2, 3\)"):
        states(Lm(), np.zeros((2, 3), int))
    with pytest.raises(ValueError, match=r"a signal of shape \(2, 3, 4\)"):
        states(nn.LSTM(4, 2), torch.zeros(2, 3, 4))
    with pytest.raises(TypeError, match="text, token ids"):
        states(Lm(), object())
    with pytest.raises(ValueError, match="the tokenizer raised KeyError"):
        states(Network(Lm(), tokenizer=lambda text: [{"a": 0}[c] for c in text]), "ab")
    with pytest.raises(ModelError, match="the model raised RuntimeError"):
        states(nn.LSTM(4, 2), torch.zeros(5, 3))
    with pytest.raises(ValueError, match="one sequence, got a list of 2"):
        next_token(Lm(), [[1, 2], [3]])


def test_a_model_without_recurrent_layers_says_what_it_has():
    with pytest.raises(
        ModelError, match=r"no recurrent layer.*It has 0 \(Linear\), 1 \(ReLU\).*LayerExplorer"
    ):
        states(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.randn(5, 3))
    with pytest.raises(ModelError, match="AttentionHeatmap"):
        states(nn.TransformerEncoderLayer(4, 2), torch.randn(5, 4))
    pictures = Network(nn.Sequential(nn.Conv2d(1, 2, 3)), transform=lambda picture: 1 / 0)
    for given in ("text", np.zeros((9, 9), np.uint8), [1, 2]):  # before it is read
        with pytest.raises(ModelError, match=r"It has 0 \(Conv2d\).*LayerExplorer, OcclusionPainter and"):
            states(pictures, given)


def test_unknown_names_of_states():
    found = states(nn.GRU(3, 4), torch.randn(5, 3))
    with pytest.raises(ValueError, match=r"unknown layer 'gru\.1'.*'gru\.0'"):
        found.source("hidden", "gru.1")
    with pytest.raises(ValueError, match=r"unknown state of 'gru\.0' \(GRU\) 'cell'.*hidden, r, z, n"):
        found.source("cell", "gru.0")


def test_sequences_of_different_layers_do_not_join():
    class Sometimes(Lm):
        def forward(self, ids):
            first = self.rnn(self.embedding(ids))[0]
            return self.rnn(torch.zeros(1, ids.shape[1], 4))[0] if ids.shape[1] > 3 else first

    with pytest.raises(
        ModelError, match=r"rnn\.0, rnn\.1 for one sequence and rnn\.0, rnn\.1, rnn_1\.0, rnn_1\.1"
    ):
        states(Sometimes(), [[1, 2], [1, 2, 3, 4]])


def test_a_batch_is_not_one_sequence():
    class Batches(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.LSTM(3, 4, batch_first=True)

        def forward(self, x):
            return self.rnn(x.reshape(5, 2, 3))

    with pytest.raises(ModelError, match=r"ran a batch, not one sequence \(rnn: 5 sequences of 2 steps\)"):
        states(Batches(), torch.randn(10, 3))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_types(dtype):
    model = Lm().to(dtype)
    found = states(model, np.arange(9))
    reference = states(Lm(seed=0), np.arange(9))
    assert found.hidden["rnn.0"].dtype == np.float32
    assert (
        difference(found, reference) < {torch.float16: 5e-3, torch.bfloat16: 4e-2, torch.float64: 1e-5}[dtype]
    )
    assert ("computed in float32" in " ".join(found.notes)) == (dtype != torch.float64)


def test_states_that_are_not_numbers_are_reported_where_they_begin():
    network = Network(Lm(), tokenizer=lambda text: [ord(c) - 97 for c in text])
    with torch.no_grad():
        network.module.embedding.weight[3] = torch.nan
    found = states(network, "abcdab")
    assert np.isfinite(found.hidden["rnn.0"][:3]).all()
    assert np.isnan(found.hidden["rnn.1"][3:]).all()
    assert any("not finite numbers from step 3 ('d') on, first in layer 'rnn.0'" in n for n in found.notes)


def test_a_module_that_does_not_compute_what_its_class_says():
    class Scaled(nn.LSTM):
        def forward(self, x, hx=None):
            output, state = super().forward(x, hx)
            return 0.9 * output, state

    with pytest.raises(
        ModelError, match=r"hidden states of layer 'scaled\.0' \(LSTM\).*see register_extractor"
    ):
        states(Scaled(3, 4), torch.randn(5, 3))


def test_parametrised_weights():
    module = nn.LSTMCell(3, 4)
    nn.utils.parametrizations.weight_norm(module, "weight_hh")

    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = module

        def forward(self, x):
            state = None
            for step in x.unbind(1):
                state = self.cell(step, state)
            return state[0]

    signal = torch.randn(6, 3)
    found = states(Loop(), signal)
    np.testing.assert_allclose(found.hidden["cell"][-1], Loop()(signal[None])[0].detach(), atol=1e-6)


def test_weights_trained_on_during_a_pass_are_run_again():
    """The cells' weights change once, in the middle of a pass: no layer computes what its class says then."""
    model, ids = Cells(), np.arange(9)
    calls = []

    def train(*_):
        calls.append(1)
        if len(calls) == 4:
            with torch.no_grad():
                model.cells[0].weight_hh.mul_(1.5)

    handle = model.head.register_forward_hook(train)
    found = states(model, ids)
    handle.remove()
    assert len(calls) == 18
    assert difference(states(model, ids), found) == 0


def test_weights_that_change_in_every_pass_are_an_error():
    model = Cells()

    def train(*_):
        with torch.no_grad():
            model.cells[0].weight_hh.mul_(1.1)

    model.head.register_forward_hook(train)
    with pytest.raises(ModelError, match=r"states of layer 'cells\.0' \(LSTM\)"):
        states(model, np.arange(9))


@pytest.mark.parametrize("change", ["weight_norm", "prune"])
def test_changed_weights_of_a_sequence_module(change):
    module = randomised(nn.LSTM(3, 4, 2))
    if change == "prune":
        prune.random_unstructured(module, "weight_hh_l0", 0.5)
    else:
        nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
        with torch.no_grad():
            module.parametrizations.weight_hh_l0.original0.mul_(2)
    signal = torch.randn(6, 3)
    found = states(module, signal)
    np.testing.assert_allclose(found.output(), module(signal)[0].detach(), atol=1e-6)


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


def test_threads_are_as_many_as_before():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        states(Lm(), np.arange(9))
        assert torch.get_num_threads() == 2
        with pytest.raises(ModelError):
            states(nn.LSTM(4, 2), torch.zeros(5, 3))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


class MinimalGatedUnit(nn.Module):
    """Zhou et al. 2016, "Minimal Gated Unit for Recurrent Neural Networks", equations 13 to 15."""

    def __init__(self, inputs, cells):
        super().__init__()
        self.forget, self.candidate = nn.Linear(inputs + cells, cells), nn.Linear(inputs + cells, cells)

    def forward(self, x, h):
        f = self.forget(torch.cat([x, h], -1)).sigmoid()
        return (1 - f) * h + f * self.candidate(torch.cat([x, f * h], -1)).tanh()


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.unit, self.head = MinimalGatedUnit(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        h = torch.zeros(1, 4)
        outputs = []
        for step in x.unbind(1):
            h = self.unit(step, h)
            outputs.append(self.head(h))
        return torch.stack(outputs, 1)


def unit_states(call, wrong=0.0):
    (x, h), weights = call.args, call.weights
    f = nn.functional.linear(
        torch.cat([x, h], -1), weights["forget.weight"], weights["forget.bias"]
    ).sigmoid()
    inside = torch.cat([x, f * h], -1)
    g = nn.functional.linear(inside, weights["candidate.weight"], weights["candidate.bias"]).tanh()
    again = (1 - f) * h + f * g + wrong
    return [
        LayerStates("", "MGU", call.output, gates={"f": f, "g": g}, checks=[("states", again, call.output)])
    ]


@pytest.fixture
def registered():
    yield register_extractor
    _registered.pop(MinimalGatedUnit, None)


def test_a_recurrent_module_of_ones_own(registered):
    model, signal = randomised(Gated()), torch.randn(6, 3)
    with pytest.raises(ModelError, match=r"no recurrent layer.*register_extractor"):
        states(model, signal)
    registered(MinimalGatedUnit, unit_states)
    found = states(model, signal)
    assert found.layers == ("unit",)
    assert found.kind == {"unit": "MGU"}
    assert found.names("unit") == ("hidden", "f", "g")
    h = torch.zeros(4)
    for step, x in enumerate(signal):
        h = model.unit(x, h)
        np.testing.assert_allclose(found.hidden["unit"][step], h.detach(), atol=1e-6)
    np.testing.assert_allclose(found.logits, model(signal[None])[0].detach(), atol=1e-6)
    with pytest.raises(ModelError, match="a custom module, cannot be handed from chunk to chunk"):
        states(model, signal, chunk=2)


def test_a_wrong_extractor_is_an_error_not_a_wrong_picture(registered):
    model, signal = randomised(Gated()), torch.randn(6, 3)
    registered(MinimalGatedUnit, lambda call: unit_states(call, wrong=1e-3))
    with pytest.raises(ModelError, match=r"states of layer 'unit' \(MGU\).*a difference of 0\.001"):
        states(model, signal)
    registered(MinimalGatedUnit, lambda call: [LayerStates("", "MGU", call.output[0])])
    with pytest.raises(ModelError, match=r"extractor of MinimalGatedUnit gave shapes \(4,\)"):
        states(model, signal)
    with pytest.raises(TypeError, match="subclass of"):
        registered(model, unit_states)
    with pytest.raises(TypeError, match="a function of one call"):
        registered(MinimalGatedUnit, None)


def test_cells_that_count_for_long_are_told_though_their_rounding_errors_add_up():
    """The trained character model has cells whose c grows to thousands over a long text."""
    network = nbviz.zoo.load("python-char-lstm")
    text = nbviz.zoo.load_python_source(30_000).text
    found = states(network, text)
    assert len(found) == 30_000
    assert max(np.abs(cell).max() for cell in found.cell.values()) > 1000
