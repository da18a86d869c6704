"""Brackets that stay open, on a network built by hand to remember them; ablation of layers."""

import numpy as np
import pytest
import torch
from recurrent_models import Cells, Lm
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.events import Preview, Progress, Result
from nbviz.core.network import Network
from nbviz.methods.bracket_memory import bracket_memory, bracket_memory_steps, open_brackets
from nbviz.methods.layer_ablation import layer_ablation, layer_ablation_steps
from nbviz.methods.recurrent import next_token, states
from nbviz.methods.state_corpus import token_loss

LETTERS = "() ab"
OPEN_SHARE, CLOSED_SHARE = 0.12, 0.001


class BracketReader(nn.Module):
    """An LSTM of two cells: cell 0 counts open brackets, cell 1 counts nothing.

    The probability of ")" is OPEN_SHARE while a bracket is open and CLOSED_SHARE else, by its output layer.
    """

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(torch.eye(len(LETTERS)))
        self.lstm = nn.LSTM(len(LETTERS), 2, batch_first=True)
        self.register_buffer("shares", torch.tensor([CLOSED_SHARE, OPEN_SHARE]))
        big = 30.0
        with torch.no_grad():
            for parameter in self.lstm.parameters():
                parameter.zero_()
            rows = self.lstm.weight_ih_l0  # i, f, g, o of two cells each
            bias = self.lstm.bias_ih_l0
            bias[0:2] = -big  # nothing comes in
            rows[0, 0] = rows[0, 1] = 2 * big  # but at brackets
            bias[2:4] = big  # everything is kept
            rows[4, 0], rows[4, 1] = big, -big  # +1 and -1
            bias[6:8] = big  # and shown

    def forward(self, ids):
        hidden = self.lstm(self.embedding(ids))[0]
        share = self.shares[(hidden[..., 0] > 0.5).long()]
        rest = (1 - share) / (len(LETTERS) - 1)
        scores = rest[..., None].repeat(1, 1, len(LETTERS))
        scores[..., 1] = share
        return scores.log()


def network():
    return Network(
        BracketReader(), tokenizer=lambda text: [LETTERS.index(c) for c in text], class_names=list(LETTERS)
    )


TEXT = "ab" + "ab a(bbbbbbbbbb)ab" * 8 + "abab a(b(a)bbbbbbbbb)" * 4 + "(a)ab ab"


def test_the_network_that_counts_remembers_until_its_cell_is_off():
    found = bracket_memory(network(), TEXT, length=8, context=6, clamp={"lstm.0": {0: 0.0}})
    np.testing.assert_allclose(found.curves["bracket open"].mean, OPEN_SHARE, atol=1e-5)
    np.testing.assert_allclose(found.curves["bracket replaced"].mean, CLOSED_SHARE, atol=1e-5)
    np.testing.assert_allclose(found.curves["cells off"].mean, CLOSED_SHARE, atol=1e-5)
    assert found.memory() == pytest.approx(OPEN_SHARE - CLOSED_SHARE, abs=1e-5)
    assert found.memory("cells off") == pytest.approx(0, abs=1e-5)
    curve = found.curves["bracket open"]
    np.testing.assert_allclose(curve.upper - curve.lower, 0, atol=1e-5)


def test_another_cell_off_changes_nothing():
    found = bracket_memory(network(), TEXT, length=8, context=6, clamp={"lstm.0": {1: 0.0}})
    np.testing.assert_allclose(found.curves["cells off"].mean, OPEN_SHARE, atol=1e-5)


def test_brackets_that_stay_open_and_steps_inside_others():
    ids = np.array([LETTERS.index(c) for c in TEXT])
    starts, inside = open_brackets(ids, 0, 1, 8, 6)
    for start, row in zip(starts, inside, strict=True):
        assert TEXT[start] == "("
        depth = 0
        for d, character in enumerate(TEXT[start : start + 8]):
            depth += (character == "(") - (character == ")")
            assert depth >= 1
            assert row[d] == (depth == 1)
    assert len(starts) == 12
    assert not inside.all()
    assert len(open_brackets(ids, 0, 1, 11, 0)[0]) == 4
    assert len(open_brackets(np.array([1, 1, 0, 0]), 0, 1, 1, 0)[0]) == 0


def test_only_steps_that_are_there_count():
    found = bracket_memory(network(), TEXT, length=8, context=6)
    each = found.curves["bracket open"].each
    np.testing.assert_array_equal(np.isfinite(each).sum(0), found.count)
    assert found.count.min() < found.count.max() == 12
    assert set(found.curves) == {"bracket open", "bracket replaced"}
    assert all(example.startswith("(") and len(example) == 8 for example in found.examples)


def test_it_is_the_models_own_probability():
    model = Lm()
    ids = np.random.default_rng(0).integers(2, 11, 300)
    ids[[40, 90, 200]], ids[[60, 110, 230]] = 0, 1
    net = Network(model, tokenizer=lambda text: [int(text)])
    found = bracket_memory(net, ids, opening="0", closing="1", instead="5", length=15, context=20)
    for row, start in enumerate(found.starts):
        passage = ids[start - 20 : start + 15]
        expected = next_token(model, passage)[20:, 1]
        np.testing.assert_allclose(found.curves["bracket open"].each[row], expected, atol=1e-5)
        passage[20] = 5
        expected = next_token(model, passage)[20:, 1]
        np.testing.assert_allclose(found.curves["bracket replaced"].each[row], expected, atol=1e-5)


def test_previews():
    events = list(bracket_memory_steps(network(), TEXT, length=8, context=6, clamp={"lstm.0": {0: 0.0}}))
    values = [event for event in events if isinstance(event, Preview | Result)]
    assert [len(event.value.curves) for event in values] == [1, 2, 3]
    assert [e.done for e in events if isinstance(e, Progress)] == [12, 24, 36]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 40}, "0 '\\(' of the text stays open for more than 40"),
        ({"length": 0}, "length of 1"),
        ({"opening": "ab"}, "not one token"),
        ({"closing": "x"}, "does not know"),
        ({"clamp": {"lstm.0": {7: 0.0}}}, "there is no cell 7"),
        ({"clamp": {"lstm.9": {0: 0.0}}}, "lstm.9"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        bracket_memory(network(), TEXT, **{"length": 8, "context": 6, **options})


def test_a_model_without_predictions():
    ids = np.array([2, 0, 2, 2, 2, 2, 1] * 6)
    model = nn.Sequential(nn.Embedding(3, 4), nn.LSTM(4, 3, batch_first=True))
    net = Network(model, tokenizer=lambda text: [int(text)])
    with pytest.raises(ModelError, match="predicts no next token"):
        bracket_memory(net, ids, opening="0", closing="1", instead="2", length=3)
    with pytest.raises(ModelError, match="predicts no next token"):
        layer_ablation(net, ids)


# Layers taken away


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("removed", ["state", "memory"])
def test_ablation_is_the_loss_of_the_changed_network(kind, removed):
    model = Lm(kind)
    ids = np.random.default_rng(3).integers(0, 11, 60)
    found = layer_ablation(model, ids, removed=removed, n_passages=2, length=29, context=30)
    # With 60 tokens there is one place for a passage of 30 + 29 and the next token.
    assert found.layers == ("rnn.0", "rnn.1")
    plain = token_loss(states(model, ids))[31:].mean()
    assert found.bits == pytest.approx(plain, abs=1e-4)
    for row, layer in enumerate(found.layers):
        if removed == "state":
            changed = states(model, ids, clamp={layer: dict.fromkeys(range(6), 0.0)})
            expected = token_loss(changed)[31:].mean()
        else:
            expected = _without_memory(model, ids, row)[30:].mean()
        assert found.without[row] == pytest.approx(expected, abs=1e-4)


def _without_memory(model, ids, row):
    """Loss of each token but the first, with one layer run from zero at every step: by hand."""
    with torch.no_grad():
        x = model.embedding(torch.as_tensor(ids))[None]
        for layer in range(2):
            rnn = type(model.rnn)(x.shape[2], 6, batch_first=True)
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(rnn, f"{name}_l0").copy_(getattr(model.rnn, f"{name}_l{layer}"))
            x = rnn(x.transpose(0, 1))[0].transpose(0, 1) if layer == row else rnn(x)[0]
        scores = model.head(x)[0].log_softmax(-1)
        return -scores[:-1].gather(1, torch.as_tensor(ids)[1:, None])[:, 0].numpy() / np.log(2)


def test_ablation_of_the_layer_that_remembers():
    found = layer_ablation(network(), TEXT, n_passages=30, length=40, context=10)
    assert found.without[0] > found.bits
    assert found.lower[0] <= found.without[0] - found.bits <= found.upper[0]
    assert [type(e) for e in layer_ablation_steps(network(), TEXT)] == [Progress, Progress, Result]


def test_bad_ablations():
    with pytest.raises(ValueError, match="'state' or 'memory'"):
        layer_ablation(network(), TEXT, removed="all")
    with pytest.raises(ValueError, match="n_passages of 2"):
        layer_ablation(network(), TEXT, n_passages=1)
    with pytest.raises(ValueError, match=r"unknown layer 'lstm\.7'"):
        layer_ablation(network(), TEXT, layers=["lstm.7"], removed="memory")
    with pytest.raises(ModelError, match="cannot be taken away"):
        layer_ablation(Cells(), np.arange(11).repeat(3), removed="memory")
