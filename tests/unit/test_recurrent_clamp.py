"""Cells held at a value, against loops written by hand; what a language model writes on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recurrent_models import Cells, Lm, by_hand, randomised
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result
from nbviz.core.network import Network
from nbviz.methods.recurrent import LayerStates, next_token, register_extractor, states
from nbviz.methods.recurrent.clamp import sample, sample_steps
from nbviz.methods.recurrent.extract import _registered

KINDS = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN": nn.RNN}


def holding(clamp, kind="LSTM"):
    """The same clamp for the loops written by hand."""

    def of_layer(name):
        def held(what, vector):
            vector = vector.copy()
            for key, cells in clamp.items():
                layer, state = (
                    key if isinstance(key, tuple) else (key, "cell" if kind == "LSTM" else "hidden")
                )
                if (layer, state) == (name, what):
                    for cell, value in cells.items():
                        vector[cell] = value
            return vector

        return held

    return of_layer


def agrees(found, expected):
    for layer, named in expected.items():
        for name, values in named.items():
            np.testing.assert_allclose(
                found.source(name, layer), values, atol=1e-5, err_msg=f"{layer} {name}"
            )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("layer", ["0", "1"])
def test_held_cells_equal_a_loop_by_hand(kind, both, layer):
    module = randomised(KINDS[kind](3, 5, 2, bidirectional=both))
    signal = torch.randn(11, 3)
    name = kind.lower()
    clamp = {f"{name}.{layer}": {1: 0.0, 4: 0.7}}
    if both:
        clamp[f"{name}.0 reverse"] = {0: -0.5}
    found = states(module, signal, clamp=clamp)
    expected = by_hand(module, signal, held=holding(clamp, kind))
    agrees(found, expected)
    top = [expected[key]["hidden"] for key in expected if key.startswith(f"{name}.1")]
    np.testing.assert_allclose(found.output(), np.concatenate(top, 1), atol=1e-5)
    assert f"held: {name}.{layer} cell 1 at 0" in found.notes[-1]


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_the_hidden_state_of_an_lstm_is_held_too():
    module, signal = randomised(nn.LSTM(3, 5, 2, proj_size=2)), torch.randn(9, 3)
    clamp = {("lstm.0", "hidden"): {1: 0.3}, ("lstm.0", "cell"): {4: 0.0}}
    found = states(module, signal, clamp=clamp)
    agrees(found, by_hand(module, signal, held=holding(clamp)))
    assert (found.hidden["lstm.0"][:, 1] == np.float32(0.3)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [Lm, Cells])
def test_the_rest_of_the_model_sees_the_held_cells(kind, make):
    model, ids = make(kind), torch.randint(0, 11, (12,))
    lower, upper = states(model, ids).layers
    clamp = {lower: {2: 0.9}, upper: {0: 0.0}}
    found = states(model, ids, clamp=clamp)
    with torch.no_grad():
        expected = model.head(torch.tensor(found.hidden[upper]))
    np.testing.assert_allclose(found.logits, expected, atol=1e-5)
    assert np.abs(found.logits - states(model, ids).logits).max() > 0.01
    parts = states(model, ids, clamp=clamp, chunk=5)
    np.testing.assert_allclose(parts.logits, found.logits, atol=1e-5)
    if make is Lm:
        named = {key.replace("rnn", kind.lower()): cells for key, cells in clamp.items()}
        by = by_hand(model.rnn, model.embedding(ids).detach(), held=holding(named, kind))
        agrees(found, {key.replace(kind.lower(), "rnn"): values for key, values in by.items()})


@pytest.mark.parametrize("kind", KINDS)
def test_cells_and_sequence_modules_agree_when_held(kind):
    loop, ids = Cells(kind, batched=False), torch.randint(0, 11, (8,))
    model = Lm(kind)
    with torch.no_grad():
        for layer, cell in enumerate(loop.cells):
            for name, parameter in cell.named_parameters():
                getattr(model.rnn, f"{name}_l{layer}").copy_(parameter)
        model.embedding.weight.copy_(loop.embedding.weight)
    one = states(loop, ids, clamp={"cells.0": {3: 0.5}})
    other = states(model, ids, clamp={"rnn.0": {3: 0.5}})
    for mine, its in zip(one.layers, other.layers, strict=True):
        for name in one.names(mine):
            np.testing.assert_allclose(one.source(name, mine), other.source(name, its), atol=1e-5)


@pytest.mark.parametrize("form", ["batch first", "time first", "unbatched", "packed"])
def test_every_form_of_the_output_is_replaced(form):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(3, 4, batch_first=form != "time first")
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            if form == "packed":
                x = pack_padded_sequence(x, torch.tensor([x.shape[1]]), batch_first=True)
            if form == "unbatched":
                x = x.reshape(-1, 3)
            output, state = self.rnn(x)
            if form == "packed":
                output = pad_packed_sequence(output, batch_first=True)[0]
            assert torch.equal(output.reshape(-1, 4)[-1:], state.reshape(1, 4))
            return self.head(output)

    model, signal = randomised(Reader()), torch.randn(6, 3)
    found = states(model, signal, clamp={"rnn.0": {2: 0.0}})
    expected = by_hand(model.rnn, signal, "rnn.", held=holding({"rnn.0": {2: 0.0}}, "GRU"))
    agrees(found, expected)
    with torch.no_grad():
        logits = model.head(torch.tensor(expected["rnn.0"]["hidden"]).float())
    np.testing.assert_allclose(found.logits, logits, atol=1e-5)


def test_holding_nothing_changes_nothing():
    model, ids = Lm(), np.arange(9)
    plain = states(model, ids)
    for nothing in (None, {}, {"rnn.0": {}}):
        np.testing.assert_array_equal(states(model, ids, clamp=nothing).logits, plain.logits)
    own = plain.cell["rnn.0"][:1, 2]  # a cell held where it is at its first and only step
    held = states(model, ids[:1], clamp={"rnn.0": {2: float(own[0])}})
    np.testing.assert_allclose(held.logits, plain.logits[:1], atol=1e-6)


def test_a_clamp_that_cannot_be():
    model, ids = Lm(), np.arange(5)
    with pytest.raises(ValueError, match=r"unknown layer 'rnn\.2'.*'rnn\.0'"):
        states(model, ids, clamp={"rnn.2": {0: 0.0}})
    with pytest.raises(ValueError, match=r"layer 'rnn\.0' has 6 cells, there is no cell 6"):
        states(model, ids, clamp={"rnn.0": {6: 0.0}})
    with pytest.raises(ValueError, match="not a cell number with a finite value"):
        states(model, ids, clamp={"rnn.0": {1: float("nan")}})
    with pytest.raises(ValueError, match="not a cell number"):
        states(model, ids, clamp={"rnn.0": {-1: 0.0}})
    with pytest.raises(TypeError, match=r"\{cell: value\} is wanted, got list"):
        states(model, ids, clamp={"rnn.0": [1, 2]})
    with pytest.raises(ValueError, match="unknown state to clamp 'gate'"):
        states(model, ids, clamp={("rnn.0", "gate"): {0: 0.0}})
    with pytest.raises(ValueError, match=r"unknown state of 'rnn\.0' \(GRU\) 'cell'"):
        states(Lm("GRU"), ids, clamp={("rnn.0", "cell"): {0: 0.0}})


def test_a_module_that_cannot_be_held():
    class Own(nn.Module):
        def forward(self, x):
            return x.cumsum(-2)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.own = Own()

        def forward(self, x):
            return self.own(x)

    register_extractor(Own, lambda call: [LayerStates("", "sum", call.output[0])])
    try:
        with pytest.raises(ModelError, match="cannot be held: it is a custom module"):
            states(Model(), torch.ones(4, 3), clamp={"own": {0: 0.0}})
    finally:
        del _registered[Own]

    class Halved(Cells):
        def forward(self, ids):
            h = torch.zeros(1, 6)
            for x in self.embedding(ids).unbind(1):
                h = self.cells[0](x, h / 2)
            return h

    model, ids = Halved("GRU"), np.arange(6)
    assert states(model, ids).layers == ("cells.0",)  # all steps of it, though the state is changed between
    with pytest.raises(ModelError, match="or the model changes its state between the steps"):
        states(model, ids, clamp={"cells.0": {0: 0.9}})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [Lm, Cells])
@pytest.mark.parametrize("held", [False, True])
def test_sampling_step_by_step_equals_reading_all_again(kind, make, held):
    """Each token is drawn from what a whole pass over everything before it expects."""
    model, prefix = make(kind), [3, 1, 4]
    clamp = {states(model, prefix).layers[0]: {1: 0.8}} if held else None
    drawn = sample(model, prefix, 12, seed=3, clamp=clamp)
    assert drawn.shape == (12,)
    numbers = np.random.default_rng(3).random(12)
    text = list(prefix)
    for token, number in zip(drawn, numbers, strict=True):
        expected = states(model, text, clamp=clamp).probabilities[-1].astype(float)
        cumulative = np.cumsum(expected) / expected.sum()
        below = cumulative[token - 1] if token else 0.0
        assert below - 1e-5 <= number <= cumulative[token] + 1e-5
        text.append(int(token))


def test_temperature():
    model, prefix = Lm(), [3, 1, 4]
    greedy = sample(model, prefix, 8, temperature=0)
    text = list(prefix)
    for token in greedy:
        assert token == next_token(model, text)[-1].argmax()
        text.append(int(token))
    np.testing.assert_array_equal(sample(model, prefix, 8, temperature=1e-3, seed=5), greedy)
    assert len(set(sample(model, prefix, 120, temperature=1e6))) == 11
    np.testing.assert_array_equal(sample(model, prefix, 9, seed=1), sample(model, prefix, 9, seed=1))
    assert (sample(model, prefix, 9, seed=1) != sample(model, prefix, 9, seed=2)).any()


def test_draws_have_the_frequencies_that_the_model_expects():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.rnn, self.head = nn.Embedding(3, 2), nn.RNN(2, 2), nn.Linear(2, 3)
            nn.init.zeros_(self.head.weight)
            with torch.no_grad():
                self.head.bias.copy_(torch.tensor([0.5, 0.3, 0.2]).log())

        def forward(self, ids):
            return self.head(self.rnn(self.embedding(ids))[0]).log_softmax(-1)

    counts = np.bincount(sample(Fixed(), [0, 1], 1000), minlength=3) / 1000
    np.testing.assert_allclose(counts, [0.5, 0.3, 0.2], atol=0.06)


def test_sampling_reports_progress_and_refuses_what_is_wrong():
    model = Lm()
    events = list(sample_steps(model, [1, 2], 3))
    assert [event.done for event in events if isinstance(event, Progress)] == [1, 2, 3]
    assert isinstance(events[-1], Result)
    assert len(sample(model, [1], 0)) == 0
    with pytest.raises(ValueError, match="temperature=-1"):
        sample(model, [1], 2, temperature=-1)
    with pytest.raises(ValueError, match="length=-1"):
        sample(model, [1], -1)
    with pytest.raises(ValueError, match="there are no tokens"):
        sample(Network(model, tokenizer=list), "", 2)
    with pytest.raises(TypeError, match="a prefix of one text"):
        sample(nn.LSTM(3, 4), torch.randn(5, 3), 2)
    with pytest.raises(ModelError, match="it predicts no next token"):
        sample(nn.Sequential(nn.Embedding(5, 3), nn.LSTM(3, 4)), [1, 2, 3], 2)
    with torch.no_grad():
        model.head.bias[0] = torch.nan
    with pytest.raises(ModelError, match="scores of the next token are not finite"):
        sample(model, [1, 2], 2)
    with pytest.raises(ModelError, match="is bidirectional"):
        sample(nn.LSTM(3, 4, bidirectional=True), [1, 2], 2)


def test_the_model_stays_as_it_was():
    model = Lm(dropout=0.5).train()
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    random, numpy_state = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    states(model, [1, 2, 3], clamp={"rnn.0": {0: 0.0}})
    sample(model, [1, 2, 3], 4, clamp={"rnn.0": {0: 0.0}})
    assert model.training
    assert model.rnn.training
    assert not model.rnn._forward_hooks
    assert not model.rnn._forward_pre_hooks
    assert torch.equal(random, torch.random.get_rng_state())
    assert (numpy_state == np.random.get_state()[1]).all()
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in weights.items())
