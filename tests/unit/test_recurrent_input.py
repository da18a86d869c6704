"""What a recurrent model is given to read, how it takes it, and what is said when it cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from recurrent_models import Cells, Lm, difference, every_source
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.events import Progress, Result
from nbviz.core.network import Network
from nbviz.methods.recurrent import (
    next_token,
    states,
    states_chunks,
    states_steps,
)


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
