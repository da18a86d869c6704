"""The text in the colours of one cell: traits, ranking, baselines, bad input."""

import copy

import numpy as np
import pytest
import torch
import traitlets as t
from torch import nn

from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.cell_ranking import AnnotatedText, RankingScorer, cell_ranking
from nbviz.methods.cell_scores import Scorer, cell_scores
from nbviz.methods.recurrent import states as states_of
from nbviz.views.cell_text import CellText
from nbviz.views.hidden_states import HiddenStates

TEXT = "abba(cab)ba(acab)cc(b)aab"
HELD_OUT = "(ab)c(a(b)c)abc(cc)ab" * 3
LETTERS = "abc()"


class Reader(nn.Module):
    """A character model with two layers. Cell 5 of the first is wired to hold what is inside parentheses."""

    def __init__(self, cells=12):
        super().__init__()
        self.embed = nn.Embedding(len(LETTERS), len(LETTERS))
        self.lstm = nn.LSTM(len(LETTERS), cells, 2, batch_first=True)
        self.out = nn.Linear(cells, len(LETTERS))

    def forward(self, ids):
        return self.out(self.lstm(self.embed(ids))[0])

    def wire(self, cell=5, cells=12):
        """c: keep, unless there is a bracket: then write +1 for an opening one, -1 for a closing one."""
        with torch.no_grad():
            self.embed.weight.copy_(torch.eye(len(LETTERS)))
            inputs = torch.tensor([0.0, 0.0, 0.0, 40.0, 40.0])  # any bracket
            signs = torch.tensor([0.0, 0.0, 0.0, 40.0, -40.0])
            for gate, weights, bias in ((0, inputs, -20), (1, -inputs, 20), (2, signs, 0), (3, 0 * signs, 5)):
                row = gate * cells + cell
                self.lstm.weight_ih_l0[row] = weights
                self.lstm.weight_hh_l0[row] = 0
                self.lstm.bias_ih_l0[row] = bias
                self.lstm.bias_hh_l0[row] = 0
        return self


def inside(text):
    return np.cumsum([(c == "(") - (c == ")") for c in text]) > 0


def notes(text):
    letters = np.array(list(text))
    return {"inside": inside(text), "step": np.arange(len(text)), "letter": letters}


def network_of(module, **more):
    return Network(
        module, tokenizer=lambda text: [LETTERS.index(c) for c in text], class_names=list(LETTERS), **more
    )


@pytest.fixture
def network():
    torch.manual_seed(3)
    module = Reader()
    before = copy.deepcopy(module.state_dict())
    return network_of(module.wire(), checkpoints={0: before})


@pytest.fixture
def show(network):
    views = []

    def build(*arguments, **options):
        views.append(CellText(*(arguments or (network, TEXT)), executor="inline", **options))
        return views[-1]

    yield build
    for view in views:
        view.close()


def values_of(network, text):
    states = states_of(network, text)
    return np.concatenate([states.source("tanh cell", layer) for layer in states.layers], axis=1)


def test_the_wired_cell_comes_first_with_an_auc_of_one_and_is_shown(show):
    view = show(annotations=notes, held_out=HELD_OUT, sort_by="inside")
    assert view.cell == 5
    assert view.pinned == [5]
    assert view.order[0] == 5
    best = view.scores.best
    # nested brackets, which the cell does not count, are in the held-out text alone
    assert best.chosen[0] == 1
    assert best.held_out[0] == pytest.approx(
        cell_scores(values_of(view._network, HELD_OUT), inside(HELD_OUT)).auc[5]
    )
    assert best.baseline < best.held_out[0]
    assert len(best.shuffled) == 20


def test_scores_are_those_of_the_method_on_both_texts(show, network):
    view = show(annotations=notes, held_out=HELD_OUT)
    for text, found in ((TEXT, view.scores.text), (HELD_OUT, view.scores.held_out)):
        values = values_of(network, text)
        for name, labels in (("inside", inside(text)), ("step", np.arange(len(text)))):
            expected = cell_scores(values, labels)
            np.testing.assert_allclose(found[name].correlation, expected.correlation, atol=1e-6)
            if name == "inside":
                np.testing.assert_allclose(found[name].auc, expected.auc, atol=1e-6)
    assert set(view.scores.text) == {"inside", "step", *(f"letter = {c}" for c in LETTERS)}


def test_without_sorting_cells_stand_in_their_order(show):
    view = show(annotations=notes)
    assert view.order == list(range(24))
    assert view.cell == 0
    assert view.scores.best is None


def test_sorting_shows_the_best_unless_a_cell_was_asked_for(show):
    view = show(annotations=notes, sort_by="inside", cell=7)
    assert view.cell == 7
    view.sort_by = "step"
    best = np.abs(view.scores.text["step"].correlation).argmax()
    assert view.cell == best == view.order[0]
    view.cell = 3
    view.text = TEXT[:20]
    assert view.cell == 3


def test_a_boolean_sorts_by_auc_or_by_correlation_whatever_the_sign(show):
    view = show(annotations=notes, sort_by="letter = a")
    scores = view.scores.text["letter = a"]
    strength = np.abs(scores.auc - 0.5)[view.order]
    assert (np.diff(strength) <= 1e-12).all()
    view.measure = "r"
    assert (np.diff(np.abs(scores.correlation)[view.order]) <= 1e-12).all()
    assert view.scores.best.metric == "correlation"


def test_the_baseline_is_the_checkpoint_before_training(show, network):
    view = show(annotations=notes, held_out=HELD_OUT, sort_by="inside")
    before = network.at_epoch(0)
    here = cell_scores(values_of(before, TEXT), inside(TEXT))
    there = cell_scores(values_of(before, HELD_OUT), inside(HELD_OUT))
    chosen = np.abs(here.auc - 0.5).argmax()
    expected = there.auc[chosen] if here.auc[chosen] > 0.5 else 1 - there.auc[chosen]
    assert view.scores.best.baseline == pytest.approx(expected)


def test_no_baseline_is_guessed_and_the_view_says_so(show, network):
    module = network.module
    view = show(network_of(module), TEXT, annotations=notes, sort_by="inside")
    assert view.scores.best.baseline is None
    assert any("no checkpoint 0" in note for note in view.latest().notes)
    assert any("held-out" in note for note in view.latest().notes)
    torch.manual_seed(9)
    given = show(network_of(module), TEXT, annotations=notes, sort_by="inside", baseline=Reader())
    assert 0.5 <= given.scores.best.baseline <= 1


@pytest.mark.parametrize(
    ("sort_by", "held_out", "said"),
    [
        ("inside", None, "no held-out text was given"),
        ("inside", "abcabc", "cannot be scored on the held-out text (it is false at every step of it)"),
        ("letter = (", "abcabc", "the held-out text has no step where 'letter' is '('"),
        ("own", "ab(c)", "'own' is not known of the held-out text (an array belongs to the text"),
    ],
)
def test_why_there_is_no_score_on_a_held_out_text(show, network, sort_by, held_out, said):
    known = {name: lambda text, name=name: notes(text)[name] for name in ("inside", "letter")}
    known["own"] = inside(TEXT)
    view = show(network, TEXT, annotations=known, held_out=held_out, sort_by=sort_by)
    assert view.scores.best is not None
    assert sort_by not in view.scores.held_out
    told = [note for note in view.latest().notes if "held-out" in note]
    assert len(told) == 1
    assert said in told[0]
    assert told[0].endswith("the scores are those of the text on which the best cell was chosen")
    assert view.encode(view.latest()).meta["best"]["heldOut"] is False


def test_cell_and_pinned_follow_one_another(show, network):
    view = show()
    view.cell = 4
    assert view.pinned == [4]
    view.pinned = [9, 2]
    assert view.cell == 9
    view.pinned = []
    assert view.cell == 9
    view.cell = 2
    assert view.pinned == [2]
    states = HiddenStates(network, TEXT, executor="inline")
    link = t.link((states, "pinned"), (view, "pinned"))
    states.pinned = [17]
    assert view.cell == 17
    view.cell = 6
    assert states.pinned == [6]
    states.span, states.pinned = [3, 4], []  # a brush is not undone
    assert states.pinned == []
    assert view.cell == 6
    link.unlink()
    states.close()


def test_what_is_sent_is_what_the_cells_do(show, network):
    view = show(annotations=notes, sort_by="inside")
    track = view.track
    levels = np.frombuffer(track["buffers"][0], np.uint8).reshape(24, len(TEXT))
    values = values_of(network, TEXT).T
    assert np.abs((levels.astype(float) - 127.5) / 128 - values).max() <= 0.5 / 128 + 1e-6
    assert track["meta"]["tokens"] == list(TEXT)
    frame = view.encode(view.latest())
    names = frame.meta["names"]
    auc = frame.buffers[1].reshape(len(names), 24)
    np.testing.assert_allclose(auc[names.index("inside")], view.scores.text["inside"].auc, atol=1e-6)
    assert np.isnan(auc[names.index("step")]).all()
    assert np.isnan(frame.buffers[3]).all()  # no held-out text
    assert frame.buffers[4].tolist() == view.order
    np.testing.assert_array_equal(frame.buffers[5], inside(TEXT))
    assert frame.meta["annotation"]["isBoolean"]


def test_a_frame_stays_below_a_megabyte(show, network):
    view = show(network, TEXT * 2000, window=50_000)
    meta = view.track["meta"]
    assert meta["total"] == 50_000
    assert meta["steps"] * 24 <= 1_000_000
    assert meta["steps"] > 40_000
    view.position = 49_000
    assert view.track["meta"]["first"] == 50_000 - meta["steps"]


def test_editing_recomputes_and_says_what_cannot_be_scored(show):
    view = show(annotations=notes, sort_by="inside")
    view.text = "abc"
    assert view.scores.left_out["inside"] == "it is false at every step of this text"
    assert any("sorts nothing" in note for note in view.latest().notes)
    assert view.order == list(range(24))
    assert view.error is None
    view.text = "a(b)c"
    assert view.scores.sort_by == "inside"


def test_arrays_belong_to_the_text_they_were_given_for(show):
    view = show(annotations={"own": inside(TEXT)}, held_out=TEXT, sort_by="own")
    assert view.scores.best is not None
    assert "own" not in view.scores.held_out
    view.text = "ab(c)"
    assert view.scores.best is None
    assert any("not known" in note for note in view.latest().notes)


def test_gates_and_other_kinds_of_state(show, network):
    view = show(annotations=notes, source="f", sort_by="inside")
    assert not view.track["meta"]["signed"]
    expected = np.concatenate(list(states_of(network, TEXT).gates["f"].values()), axis=1)
    scores = cell_scores(expected, inside(TEXT))
    np.testing.assert_allclose(view.scores.text["inside"].auc, scores.auc, atol=1e-6)


def test_states_computed_elsewhere():
    values = np.random.default_rng(0).uniform(-1, 1, (30, 6)).astype(np.float32)
    labels = values[:, 3] < 0
    view = CellText.from_states(values, annotations={"low": labels}, sort_by="low", executor="inline")
    assert view.cell == 3
    assert view.scores.best.chosen[0] == 1
    assert view.scores.best.sign[0] == -1
    with pytest.raises(t.TraitError, match="no model"):
        view.text = "new"
    view.close()


def test_the_model_is_left_as_it_was(show, network):
    network.module.train()
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    show(annotations=notes, held_out=HELD_OUT, sort_by="inside").latest()
    assert network.module.training
    for name, value in network.module.state_dict().items():
        assert torch.equal(value, before[name])


def test_bad_input(network, show):
    with pytest.raises(TypeError, match="text is missing"):
        CellText(network)
    with pytest.raises(ValueError, match="empty"):
        CellText(network, "")
    with pytest.raises(ModelError, match="recurrent"):
        CellText(nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2)), [0, 1])
    view = show(annotations=notes)
    with pytest.raises(ValueError, match="inside"):
        view.sort_by = "insde"
    with pytest.raises(ValueError, match="hidden"):
        view.source = "hiden"
    with pytest.raises(t.TraitError, match="24 recurrent cells"):
        view.cell = 24
    view.sort_by = "letter = z"
    assert view.error is None
    assert any("not known" in note for note in view.latest().notes)
    before = view.frame["generation"]
    view.text = ""
    assert "empty" in view.problem["message"]
    assert view.frame["generation"] == before


def test_annotations_that_cannot_be_scored_are_left_out_with_a_reason():
    rng = np.random.default_rng(0)
    text = AnnotatedText.of(
        rng.normal(size=(40, 3)),
        {
            "constant": np.ones(40),
            "gaps": np.where(np.arange(40) > 3, np.nan, 1.0),
            "names": np.array([f"n{i}" for i in range(40)]),
            "good": np.arange(40) > 20,
            "short": np.zeros(3),
        },
    )
    assert list(text.labels) == ["good"]
    assert text.left_out == {
        "constant": "it is 1 at every step of this text",
        "gaps": "it is NaN or infinite at 36 of 40 steps",
        "names": "it has more than 20 categories",
        "short": "it has 3 values for 40 steps",
    }
    with pytest.raises(ValueError, match="good"):
        cell_ranking(text, "god")
    with pytest.raises(ValueError, match="measure"):
        cell_ranking(text, "good", measure="auc")


def test_correlations_of_many_annotations_are_those_of_each_alone():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(10_000, 5)).astype(np.float32) + 100
    values[:, 2] = 0.1
    scorer = RankingScorer(values)
    for labels in (rng.normal(size=10_000), values[:, 1].astype(float), np.arange(10_000.0)):
        expected = Scorer(values).correlation(labels)
        np.testing.assert_allclose(scorer.correlation(labels), expected, atol=1e-6)
    assert scorer.correlation(np.arange(10_000.0))[2] == 0


def test_summary_in_words(show):
    view = show(annotations=notes, held_out=HELD_OUT, sort_by="inside")
    text = view.summary()
    assert "tanh(c) of lstm.0 · 5" in text
    assert "inside: best lstm.0 · 5, AUC" in text
    assert "untrained" in text
