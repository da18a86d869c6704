"""Step-by-step decoders with attention: greedy decoding, forced tokens, attention changed inside the step."""

import numpy as np
import pytest
import torch
from torch import nn

import nbviz
from nbviz.core.errors import ModelError, UnknownName
from nbviz.core.events import Progress
from nbviz.methods.seq2seq import StepDecoder, decode, decode_steps

SOURCE = "abcde"


class Additive(nn.Module):
    """Bahdanau et al. 2014: e = v · tanh(W s + U h)."""

    def __init__(self, size):
        super().__init__()
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, state, annotations):
        energies = self.score(torch.tanh(self.query(state)[:, None] + self.key(annotations))).squeeze(-1)
        weights = torch.softmax(energies, -1)
        return (weights[:, None] @ annotations).squeeze(1), weights


class Translator(nn.Module):
    output_tokens = ("<s>", "</s>", "A", "B", "C", "D")
    start_id = 0
    end_id = 1

    def __init__(self, size=8):
        super().__init__()
        self.source = nn.Embedding(5, size)
        self.target = nn.Embedding(6, size)
        self.read = nn.GRU(size, size, batch_first=True)
        self.cell = nn.GRUCell(2 * size, size)
        self.attention = Additive(size)
        self.out = nn.Linear(2 * size, 6)

    def encode(self, ids):
        return self.read(self.source(ids))[0]

    def start(self, memory):
        return memory.mean(1)

    def step(self, token, state, memory):
        context, weights = self.attention(state, memory)
        state = self.cell(torch.cat([self.target(token), context], -1), state)
        return self.out(torch.cat([state, context], -1)), state, weights


def ids(text):
    return [SOURCE.index(c) for c in text]


@pytest.fixture
def model():
    torch.manual_seed(3)
    model = Translator()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(2.5)
        model.out.bias[1] = -3.0  # no early end
    return model


@pytest.fixture
def network(model):
    return nbviz.Network(model, tokenizer=ids)


def by_hand(model, text, force=None, steps=64):
    """The same loop, written out."""
    rows, written, logits = [], [], []
    with torch.no_grad():
        memory = model.encode(torch.tensor([ids(text)]))
        state, token = model.start(memory), torch.tensor([0])
        for number in range(steps):
            out, state, weights = model.step(token, state, memory)
            rows.append(weights[0].numpy())
            logits.append(out[0].numpy())
            written.append((force or {}).get(number, int(out.argmax())))
            if written[-1] == 1:
                break
            token = torch.tensor([written[-1]])
    return np.stack(rows), written, np.stack(logits)


def test_the_translator_keeps_the_protocol(model):
    assert isinstance(model, StepDecoder)


def test_greedy_decoding_is_that_of_a_loop_by_hand(model, network):
    rows, written, logits = by_hand(model, "abcd", steps=7)
    found = decode(network, "abcd", max_steps=7)
    np.testing.assert_allclose(found.weights[0, 0], rows, atol=1e-6)
    np.testing.assert_allclose(found.logits, logits, atol=1e-6)
    assert found.output_ids == tuple(written)
    assert found.output_tokens == tuple(model.output_tokens[i] for i in written)
    assert found.output_text == "".join(model.output_tokens[i] for i in written if i != 1)
    assert found.main.columns == found.input_tokens == tuple("abcd")
    assert found.main.layers == ("attention",)
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-6)


def test_attention_of_a_step_decoder_is_its_decoding(network):
    from nbviz.methods.attention import attention

    np.testing.assert_array_equal(
        attention(network, "abc", max_steps=5).weights, decode(network, "abc", max_steps=5).weights
    )


def test_a_forced_token_changes_what_follows_and_nothing_before(model, network):
    free = decode(network, "abcd", max_steps=6)
    other = next(t for t in "ABCD" if t != free.output_tokens[2])
    forced = decode(network, "abcd", max_steps=6, force={2: other})
    rows, written, _ = by_hand(model, "abcd", {2: model.output_tokens.index(other)}, steps=6)
    assert forced.output_ids == tuple(written)
    assert forced.output_tokens[2] == other
    np.testing.assert_allclose(forced.weights[0, 0], rows, atol=1e-6)
    np.testing.assert_array_equal(forced.weights[0, 0, :3], free.weights[0, 0, :3])
    assert not np.allclose(forced.weights[0, 0, 3:], free.weights[0, 0, 3:])


def test_a_forced_end_ends_the_text(network):
    found = decode(network, "abcd", force={1: "</s>"}, max_steps=6)
    assert len(found.output_tokens) == 2
    assert found.output_tokens[-1] == "</s>"
    assert not found.notes


def test_a_forced_step_after_the_end_is_said(network):
    found = decode(network, "abcd", force={0: "</s>", 3: "A"})
    assert any("before the forced step 3" in note for note in found.notes)


@pytest.mark.parametrize("temperature", [0.3, 4.0])
def test_temperature_divides_the_attention_logits(network, temperature):
    free = decode(network, "abcd", max_steps=1).weights[0, 0, 0].astype(np.float64)
    expected = free ** (1 / temperature)
    found = decode(network, "abcd", max_steps=1, temperature=temperature)
    np.testing.assert_allclose(found.weights[0, 0, 0], expected / expected.sum(), atol=1e-5)


def test_a_masked_source_token_gets_nothing_and_the_rest_its_share(network):
    free = decode(network, "abcd", max_steps=1).weights[0, 0, 0].astype(np.float64)
    found = decode(network, "abcd", max_steps=4, mask=1)
    assert (found.weights[..., 1] == 0).all()
    free[1] = 0
    np.testing.assert_allclose(found.weights[0, 0, 0], free / free.sum(), atol=1e-6)


def test_uniform_attention_changes_the_context_and_so_the_output(model, network):
    free = decode(network, "abcd", max_steps=1)
    found = decode(network, "abcd", max_steps=1, uniform=True)
    np.testing.assert_allclose(found.weights, 0.25)
    with torch.no_grad():
        memory = model.encode(torch.tensor([ids("abcd")]))
        context, state = memory.mean(1), model.start(memory)
        state = model.cell(torch.cat([model.target(torch.tensor([0])), context], -1), state)
        expected = model.out(torch.cat([state, context], -1))
    np.testing.assert_allclose(found.logits[0], expected[0].numpy(), atol=1e-5)
    assert not np.allclose(found.logits, free.logits)


def test_the_model_is_left_as_it_was(model, network):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    decode(network, "abcd", max_steps=3, mask=[0], temperature=2.0)
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_a_target_is_refused(network):
    from nbviz.methods.attention import attention

    with pytest.raises(TypeError, match="force="):
        attention(network, "abc", target="A")


def test_progress_is_told_after_each_step(network):
    events = list(decode_steps(network, "abcd", max_steps=4))
    assert [e.done for e in events if isinstance(e, Progress)] == list(range(1, len(events)))


def test_one_of_several_inputs(network):
    expected = decode(network, "bcd", max_steps=3)
    for several in (["abc", "bcd"], torch.tensor([ids("abc"), ids("bcd")])):
        found = decode(network, several, sample=1, max_steps=3)
        np.testing.assert_array_equal(found.weights, expected.weights)
    assert decode(network, ["abc", "bcd"], sample=1, max_steps=3).input_tokens == tuple("bcd")
    with pytest.raises(ValueError, match="sample=2 is not in the batch of 2"):
        decode(network, ["abc", "bcd"], sample=2)


def test_a_picture_is_attended_to_on_its_grid():
    from types import SimpleNamespace

    from nbviz.methods.attention import patch_grid

    class Captioner(Translator):
        def encode(self, pictures):
            cells = pictures.unflatten(-1, (3, 2)).mean(-1).unflatten(1, (2, 2)).mean(2)  # (1, 2, 3)
            return SimpleNamespace(cells=cells.flatten(1)[..., None] * torch.ones(8), grid=(2, 3))

        def start(self, memory):
            return memory.cells.mean(1)

        def step(self, token, state, memory):
            return super().step(token, state, memory.cells)

    found = decode(Captioner(), torch.rand(2, 4, 6), sample=1, max_steps=4)
    assert found.main.grid == (2, 3)
    maps = patch_grid(found)
    assert maps.maps.shape == (1, 1, len(found.output_tokens), 2, 3)
    assert maps.rows == found.output_tokens
    np.testing.assert_allclose(maps.maps.sum((-1, -2)), 1, atol=1e-6)


def test_heads_keep_their_axis():
    class Heads(Translator):
        def step(self, token, state, memory):
            logits, state, weights = super().step(token, state, memory)
            both = torch.softmax(torch.stack([weights, -weights], 1) * 9, -1)
            return logits, state, both

    torch.manual_seed(0)
    model = Heads()
    with torch.no_grad():
        model.out.bias[1] = -30.0
    network = nbviz.Network(model, tokenizer=ids)
    assert decode(network, "abc", max_steps=2).weights.shape == (1, 2, 2, 3)
    found = decode(network, "abc", max_steps=2, uniform=[1])
    np.testing.assert_allclose(found.weights[0, 1], 1 / 3, atol=1e-6)
    assert not np.allclose(found.weights[0, 0], 1 / 3, atol=1e-3)


@pytest.mark.parametrize(
    ("text", "options", "error", "words"),
    [
        ("", {}, ValueError, "text is empty"),
        ("ab", {"force": {0: "Z"}}, UnknownName, "output token 'Z'"),
        ("ab", {"force": {0: 17}}, ValueError, "ids are 0 to 5"),
        ("ab", {"force": {99: "A"}}, ValueError, "steps are 0 to 63"),
        ("ab", {"mask": 5}, ValueError, "no column"),
        ("ab", {"temperature": 0.0}, ValueError, "above 0"),
        ("ab", {"uniform": [3]}, ValueError, "heads 0 to 0"),
        ("ab", {"max_steps": 0}, ValueError, "at least 1"),
        ("ab", {"tokens": ["x"]}, ValueError, "names 1 positions"),
    ],
)
def test_bad_input_is_named(network, text, options, error, words):
    with pytest.raises(error, match=words):
        decode(network, text, **options)


def test_a_text_over_the_limit_is_refused_or_cut(model):
    model.max_length = 3
    network = nbviz.Network(model, tokenizer=ids)
    with pytest.raises(ValueError, match=r"5 tokens.*at most 3.*truncate=True"):
        decode(network, "abcde")
    found = decode(network, "abcde", truncate=True, max_steps=2)
    assert found.input_tokens == ("a", "b", "c")
    assert any("first 3" in note for note in found.notes)


def test_a_model_without_the_protocol_is_refused():
    with pytest.raises(TypeError, match="it lacks output_tokens, start_id"):
        decode(nn.Linear(2, 2), torch.zeros(1, 2))


def test_weights_without_a_softmax_are_shown_and_not_edited():
    class Sharp(Translator):
        def step(self, token, state, memory):
            logits, state, weights = super().step(token, state, memory)
            squared = weights**2
            return logits, state, squared / squared.sum(-1, keepdim=True)

    network = nbviz.Network(Sharp(), tokenizer=ids)
    np.testing.assert_allclose(decode(network, "abc", max_steps=2).weights.sum(-1), 1, atol=1e-6)
    with pytest.raises(ModelError, match=r"no softmax.*torch\.softmax"):
        decode(network, "abc", max_steps=2, mask=0)


def test_an_error_of_the_model_is_quoted(model):
    network = nbviz.Network(model, tokenizer=lambda text: [77])
    with pytest.raises(ModelError, match=r"encode\(\.\.\.\) raised IndexError"):
        decode(network, "ab")


def test_without_a_score_all_positions_are_alike(model, network):
    with torch.no_grad():
        model.attention.score.weight.zero_()
    np.testing.assert_allclose(decode(network, "abcd", max_steps=3).weights, 0.25)


def test_a_masked_position_of_the_models_own_is_masked():
    class Hiding(Additive):
        def forward(self, state, annotations):
            energies = self.score(torch.tanh(self.query(state)[:, None] + self.key(annotations))).squeeze(-1)
            weights = torch.softmax(energies.masked_fill(torch.arange(energies.shape[1]) > 1, -torch.inf), -1)
            return (weights[:, None] @ annotations).squeeze(1), weights

    model = Translator()
    model.attention = Hiding(8)
    found = decode(nbviz.Network(model, tokenizer=ids), "abcd", max_steps=2)
    assert found.masked[..., 2:].all()
    assert not found.masked[..., :2].any()
    assert (found.weights[..., 2:] == 0).all()
