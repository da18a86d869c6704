"""The attention view from Python: traits, results, bad input."""

import numpy as np
import pytest
import torch
import traitlets as t
from torch import nn

import nbviz
from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.attention import attention
from nbviz.methods.attention.edit import edit_attention
from nbviz.methods.attention.summary import entropy, rollout
from nbviz.views.attention_heatmap import AttentionHeatmap

DATE = "9. März 2021"


@pytest.fixture(scope="module")
def dates():
    return nbviz.zoo.load("date-attention")


class Encoder(nn.Module):
    """Two layers of self-attention, as nn.Transformer has them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(30, 16)
        layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.out = nn.Linear(16, 5)

    def forward(self, ids):
        return self.out(self.encoder(self.embed(ids))[:, 0])


@pytest.fixture
def encoder():
    return Network(Encoder(), tokenizer=lambda text: [ord(c) - 97 for c in text])


@pytest.fixture
def show():
    views = []

    def build(*arguments, **options):
        views.append(AttentionHeatmap(*arguments, executor="inline", **options))
        return views[-1]

    yield build
    for view in views:
        view.close()


def test_the_weights_are_those_of_the_method(show, dates):
    view = show(dates, DATE)
    expected = attention(dates, DATE)
    np.testing.assert_array_equal(view.weights, expected.weights)
    assert view.output_text == "2021-03-09"
    assert view.input_tokens == list(DATE)
    assert view.output_tokens == [*"2021-03-09", "<end>"]
    np.testing.assert_allclose(view.weights.sum(-1), 1, atol=1e-6)
    assert view.effect is None


def test_typing_another_text_decodes_it_and_forgets_the_changes(show, dates):
    view = show(dates, DATE, hidden=[2], force={"0": "1"}, row=3)
    view.text = "3 May 1999"
    assert view.output_text == "1999-05-03"
    assert (view.hidden, view.force, view.row) == ([], {}, -1)


def test_a_hidden_token_gets_no_weight_and_the_rest_add_up_to_one(show, dates):
    view = show(dates, DATE, hidden=[8, 9])
    assert (view.weights[..., [8, 9]] == 0).all()
    np.testing.assert_allclose(view.weights.sum(-1), 1, atol=1e-6)
    expected = edit_attention(dates, DATE, mask=[8, 9])
    np.testing.assert_array_equal(view.weights, expected.attention.weights)
    np.testing.assert_allclose(view.effect.kl, expected.effect.kl)
    assert view.output_text != "2021-03-09"
    assert view.latest().baseline.output_text == "2021-03-09"


def test_a_forced_token_is_written_and_the_model_goes_on(show, dates):
    view = show(dates, DATE, force={"0": "1"})
    assert view.output_text.startswith("1")
    assert len(view.output_text) == 10
    rows = view.encode(view.latest()).meta["likeliest"]
    assert rows[0][0][0] == "2"  # what the model would have written


def test_uniform_heads_look_at_everything_alike(show, encoder):
    view = show(encoder, "hello", uniform=[[0, 1]], layer=0, head=1)
    np.testing.assert_allclose(view.weights[0, 1], 0.2, atol=1e-6)
    assert np.abs(view.weights[0, 0] - 0.2).max() > 1e-3
    view.uniform = [[1]]
    np.testing.assert_allclose(view.weights[1], 0.2, atol=1e-6)
    view.uniform_all = True
    np.testing.assert_allclose(view.weights, 0.2, atol=1e-6)
    assert view.effect.kl[0] > 0
    view.uniform_all = False
    view.uniform = []
    assert view.effect is None


def test_temperature_divides_the_logits(show, encoder):
    view = show(encoder, "hello", temperature=100.0)
    np.testing.assert_allclose(view.weights[0], 0.2, atol=0.01)


def test_the_matrix_that_is_drawn(show, encoder):
    view = show(encoder, "hello", layer=1, head=2)
    group = attention(encoder, "hello").main
    for combine, expected in {
        "head": group.weights[1, 2],
        "mean": group.weights[1].mean(0),
        "max": group.weights[1].max(0),
        "rollout": rollout(group)[1],
    }.items():
        view.combine = combine
        np.testing.assert_allclose(view.latest().weights, expected, atol=1e-6)
        frame = view.encode(view.latest())
        np.testing.assert_allclose(frame.buffers[0].reshape(5, 5), expected, atol=1e-6)
        np.testing.assert_allclose(frame.buffers[2], expected.sum(1), atol=1e-6)


def test_a_large_matrix_travels_as_bytes_and_masked_places_as_bits(show):
    rng = np.random.default_rng(0)
    weights = rng.random((2, 3, 300, 300)).astype(np.float32)
    masked = np.triu(np.ones((300, 300), bool), 1)
    weights[..., masked] = 0
    weights /= weights.sum(-1, keepdims=True)
    view = AttentionHeatmap.from_weights(weights, masked=masked, executor="inline", layer=1, head=2)
    frame = view.encode(view.latest())
    top = frame.meta["top"]
    assert frame.buffers[0].dtype == np.uint8
    assert frame.nbytes < 110_000
    np.testing.assert_allclose(frame.buffers[0].reshape(300, 300) * top / 255, weights[1, 2], atol=top / 509)
    bits = np.unpackbits(frame.buffers[1])[: 300 * 300].reshape(300, 300)
    np.testing.assert_array_equal(bits, masked)
    view.close()


def test_twelve_by_twelve_heads_stay_below_three_megabytes():
    rng = np.random.default_rng(0)
    weights = rng.random((12, 12, 128, 128)).astype(np.float32)
    weights /= weights.sum(-1, keepdims=True)
    view = AttentionHeatmap.from_weights(weights, executor="inline")
    total = view.encode(view.latest()).nbytes + len(view.overview["pictures"])
    assert total < 300_000
    group = view.latest().group
    np.testing.assert_allclose(view.overview["scores"]["entropy"], entropy(group).ravel(), atol=1e-4)
    view.close()


def test_narrow_lines_are_not_lost_in_the_small_pictures():
    weights = np.full((1, 1, 500, 500), 1e-4, np.float32)
    weights[0, 0, :, 250] = 1
    view = AttentionHeatmap.from_weights(weights, executor="inline")
    overview = view.overview
    small = np.frombuffer(overview["pictures"], np.uint8).reshape(overview["height"], overview["width"])
    assert (small.max(0) == 255).sum() == 1
    view.close()


def test_rows_that_do_not_add_up_are_drawn_and_said():
    view = AttentionHeatmap.from_weights([[0.2, 0.2], [0.5, 0.5]], ["a", "b"], ["c", "d"], executor="inline")
    frame = view.encode(view.latest())
    assert "1 of 2 rows do not add up to 1" in frame.meta["notes"][0]
    np.testing.assert_allclose(frame.buffers[2], [0.4, 1.0])
    with pytest.raises(t.TraitError, match="no model"):
        view.temperature = 2.0
    assert view.temperature == 1
    view.close()


class Patches(nn.Module):
    """A picture of 16 × 16 as 4 × 4 patches after some registers, and attention among them."""

    def __init__(self, registers=0):
        super().__init__()
        torch.manual_seed(0)
        self.cut = nn.Conv2d(1, 8, 4, 4)
        self.registers = nn.Parameter(torch.randn(1, registers, 8))
        self.attend = nn.MultiheadAttention(8, 2, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.cut(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.registers.expand(len(x), -1, -1), tokens], 1)
        return self.out(self.attend(tokens, tokens, tokens)[0].mean(1))


PICTURE = np.random.default_rng(0).random((1, 1, 16, 16)).astype(np.float32)


def test_attention_over_a_picture_carries_the_picture(show):
    view = show(Patches(), PICTURE)
    frame = view.encode(view.latest())
    assert frame.meta["grid"] == {"height": 4, "width": 4, "before": 0, "picture": [16, 16]}
    shown = frame.buffers[3].reshape(16, 16, 3)
    assert shown[..., 0].min() == 0
    assert shown[..., 0].max() == 255
    assert view.weights.shape == (1, 2, 16, 16)
    assert frame.meta["notes"] == []


def test_a_grid_that_does_not_fit_is_an_error_and_one_that_leaves_columns_out_says_so(show):
    wrong = show(Patches(), PICTURE, grid=(3, 3))
    assert "3 × 3 does not fit in 16 columns; they make a square of 4 × 4" in str(wrong.error)
    registers = show(Patches(5), PICTURE, grid=(4, 4))
    meta = registers.frame["meta"]
    assert meta["grid"] == {"height": 4, "width": 4, "before": 5, "picture": [16, 16]}
    assert "takes the last 16 of 21 columns; the first 5 count as no patch" in meta["notes"][0]
    nowhere = AttentionHeatmap.from_weights(np.full((4, 4), 0.25), grid=(2, 2), executor="inline")
    assert "no picture: it is not used" in nowhere.frame["meta"]["notes"][0]
    nowhere.close()


def test_a_forced_step_after_the_end_is_told(show, dates):
    view = show(dates, DATE, force={"30": "1"})
    assert view.output_text == "2021-03-09"
    expected = "the text ended after 11 tokens, steps 0 to 10, before the forced step 30"
    assert expected in view.frame["meta"]["notes"][0]
    view.force = {"10": "1"}  # in place of the end
    assert len(view.output_text) > 10
    for bad in ({"first": "1"}, {"-1": "1"}, {"1.5": "1"}):
        with pytest.raises(t.TraitError, match="steps of writing, counted from 0"):
            view.force = bad
    view.force = {}
    assert view.frame["meta"]["notes"] == []


def test_samples_are_leafed_through(show):
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(1)
            self.embed = nn.Embedding(10, 8)
            self.attend = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, ids):
            x = self.embed(ids)
            return self.attend(x, x, x)[0]

    model = Words()
    samples = nbviz.Samples(torch.tensor([[1, 2, 3], [4, 5, 6]]))
    view = show(model, samples)
    first = view.weights.copy()
    view.sample = 1
    assert np.abs(view.weights - first).max() > 1e-4
    np.testing.assert_allclose(view.weights, attention(model, torch.tensor([[4, 5, 6]])).weights, atol=1e-6)
    with pytest.raises(t.TraitError, match="there are 2"):
        view.sample = 2


def test_the_model_is_left_as_it_was(show, encoder):
    encoder.module.train()
    before = {name: value.clone() for name, value in encoder.module.state_dict().items()}
    view = show(encoder, "hello", uniform_all=True, temperature=3.0)
    view.hidden = [1]
    assert encoder.module.training
    for name, value in encoder.module.state_dict().items():
        assert torch.equal(value, before[name])


def test_bad_input(dates, encoder):
    with pytest.raises(ValueError, match="empty"):
        AttentionHeatmap(dates, "")
    with pytest.raises(TypeError, match="missing"):
        AttentionHeatmap(dates)
    with pytest.raises(ValueError, match=r"\(0, 0, 0, 1\)"):
        AttentionHeatmap.from_weights([[0.5, np.nan]])
    with pytest.raises(TypeError, match="tokenizer to the Network"):
        AttentionHeatmap(encoder, "hello", tokenizer=list)
    view = AttentionHeatmap(nn.Linear(3, 2), torch.zeros(1, 3), executor="inline")
    assert isinstance(view.error, ModelError)
    assert "no attention" in str(view.error)
    view.close()


def test_settings_out_of_range_are_refused_and_the_picture_stays(show, encoder):
    view = show(encoder, "hello")
    before = view.frame["generation"]
    for name, value, message in (
        ("hidden", [7], "7"),
        ("group", "cross", "self-attention"),
    ):
        old = getattr(view, name)
        setattr(view, name, value)
        assert message in str(view.error), name
        assert view.frame["generation"] == before
        setattr(view, name, old)
        assert view.error is None
        before = view.frame["generation"]


def test_an_emptied_text_says_so(show, dates):
    view = show(dates, DATE)
    view.text = ""
    assert "empty" in view.problem["message"]


def test_summary_in_words(show, dates):
    view = show(dates, DATE)
    assert "'2021-03-09'" in view.summary()
    view.uniform_all = True
    assert "bits" in view.summary()


def test_labels_with_markup_are_plain_text():
    view = AttentionHeatmap.from_weights([[1.0]], ["<b>x</b>"], ["<script>"], executor="inline")
    meta = view.encode(view.latest()).meta
    assert (meta["rows"], meta["columns"]) == (["<b>x</b>"], ["<script>"])
    view.close()


def test_settings_that_can_be_judged_at_once_are_refused_and_rolled_back(show, encoder):
    view = show(encoder, "hello")
    for name, value, message in (
        ("layer", 2, "there are 2"),
        ("head", 9, "there are 4"),
        ("force", {"0": "a"}, "step-by-step"),
        ("hidden", [-1], "from 0"),
    ):
        old = getattr(view, name)
        with pytest.raises(t.TraitError, match=message):
            setattr(view, name, value)
        assert getattr(view, name) == old
    assert view.error is None
    with pytest.raises(TypeError, match="once"):
        AttentionHeatmap(encoder, "hello", text="hello")
