"""The hidden-state explorer from Python: traits, results, bad input."""

import numpy as np
import pytest
import torch
import traitlets as t
from torch import nn

import nbviz
from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.methods.recurrent import states as states_of
from nbviz.methods.state_matching import match_states
from nbviz.views.cell_text import CellText
from nbviz.views.hidden_states import HiddenStates
from nbviz.views.time_scales import TimeScales

TEXT = "abba(cab)ba(acab)cc(b)aab"
LETTERS = "abc()"


class Reader(nn.Module):
    """A character model with two layers; large weights, so that its states move."""

    def __init__(self, cells=12):
        super().__init__()
        self.embed = nn.Embedding(len(LETTERS), 6)
        self.lstm = nn.LSTM(6, cells, 2, batch_first=True, dropout=0.5)
        self.out = nn.Linear(cells, len(LETTERS))

    def forward(self, ids):
        return self.out(self.lstm(self.embed(ids))[0])


def ids_of(text):
    return [LETTERS.index(c) for c in text]


@pytest.fixture
def network():
    torch.manual_seed(3)
    reader = Reader()
    with torch.no_grad():
        for parameter in reader.parameters():
            parameter.mul_(4)
    return Network(reader, tokenizer=ids_of, class_names=list(LETTERS))


def inside(text):
    depth = np.cumsum([(c == "(") - (c == ")") for c in text])
    return (depth > 0) & (np.array(list(text)) != "(")


@pytest.fixture
def show(network):
    views = []

    def build(*arguments, **options):
        views.append(HiddenStates(*(arguments or (network, TEXT)), executor="inline", **options))
        return views[-1]

    yield build
    for view in views:
        view.close()


def some_span(view):
    """A step whose cells are on together elsewhere too."""
    for at in range(2, len(TEXT)):
        view.span = [at, at + 1]
        if len(view.selection.cells) and len(view.matches):
            return at
    raise AssertionError("no step has a match: the model's states do not move")


def test_the_selection_is_the_rule_on_the_models_states(show, network):
    view = show(threshold=0.25, zeros=[1, 1])
    at = some_span(view)
    states = states_of(network, TEXT)
    values = np.concatenate([states.source("tanh cell", layer) for layer in states.layers], axis=1)
    theta = view.selection.threshold
    on = values >= theta
    expected = np.flatnonzero(on[at] & ~on[at - 1] & (~on[at + 1] if at + 1 < len(TEXT) else True))
    np.testing.assert_array_equal(view.selection.cells, expected)
    assert view.cells == [(states.layers[c // 12], c % 12) for c in expected]


def test_matches_are_those_of_the_method_and_leave_out_the_brush(show):
    view = show(threshold=0.25)
    at = some_span(view)
    found = view.matches
    store = view.latest().corpus.store
    chosen = view.selection
    expected = match_states(store, chosen.cells, chosen.signs, 0.25, margins=(1, 0), exclude=(at, at + 1))
    np.testing.assert_array_equal(found.starts, expected.starts)
    assert all(
        start + length <= at or start > at for start, length in zip(found.starts, found.lengths, strict=True)
    )


def test_a_corpus_is_searched_instead_of_the_text(show, network):
    view = show(network, "ab(cab)", corpus=TEXT * 20, threshold=0.25, span=[3, 5], zeros=[0, 0])
    picture = view.latest()
    assert len(picture.corpus.tokens) == 20 * len(TEXT)
    assert not picture.in_text
    states = states_of(network, TEXT * 20)
    values = np.concatenate([states.source("tanh cell", layer) for layer in states.layers], axis=1)
    cells = picture.selection.cells
    assert len(cells)
    best = picture.matches
    for start, length in zip(best.starts[:5], best.lengths[:5], strict=True):
        assert (values[start : start + length][:, cells] >= picture.selection.threshold).all()
    assert picture.corpus.next_ids.shape == (500, 3)
    expected = states.probabilities[best.starts[0] + best.lengths[0] - 1]
    row = view.encode(picture).meta["matches"]["rows"][0]
    assert row["next"][0][0] == LETTERS[int(expected.argmax())]
    assert row["next"][0][1] == pytest.approx(float(expected.max()), abs=1e-3)


def test_one_layer_alone(show):
    view = show(layer="lstm.1", threshold=0.2)
    some_span(view)
    assert {name for name, _ in view.cells} == {"lstm.1"}
    assert view.latest().corpus.store.n_cells == 12
    assert view.encode(view.latest()).meta["cells"] == [12 + c for c in view.selection.cells]
    assert view.cell_numbers == [12 + c for c in view.selection.cells]


def test_cells_chosen_by_hand(show):
    view = show(pinned=[3, 20])
    assert view.cells == [("lstm.0", 3), ("lstm.1", 8)]
    assert view.selection.signs.tolist() == [1, 1]
    view.sign = "negative"
    assert view.selection.signs.tolist() == [-1, -1]


def test_gates_and_hidden_states_are_kinds_of_state(show, network):
    view = show()
    assert [source["name"] for source in view.specimen["sources"]] == [
        "tanh cell",
        "hidden",
        "i",
        "f",
        "g",
        "o",
    ]
    states = states_of(network, TEXT)
    view.source = "f"
    track = view.latest().track
    assert not track.signed
    expected = np.concatenate([states.gates["f"][layer] for layer in states.layers], axis=1)
    np.testing.assert_array_equal(track.levels, np.minimum(255, np.floor(256 * expected)).astype(np.uint8))


def test_switching_cells_off_shows_the_loss_of_the_clamped_run(show, network):
    view = show(off=[0, 1, 2, 15], continuation=10)
    change = view.intervention
    states = states_of(network, TEXT, clamp={"lstm.0": {0: 0.0, 1: 0.0, 2: 0.0}, "lstm.1": {3: 0.0}})
    log = torch.log_softmax(torch.tensor(states.logits[:-1]), 1).numpy()
    loss = -log[np.arange(len(TEXT) - 1), ids_of(TEXT)[1:]] / np.log(2)
    assert change.after == pytest.approx(loss.mean(), abs=1e-4)
    assert change.before == pytest.approx(np.nanmean(view.latest().track.loss), abs=1e-5)
    assert abs(change.after - change.before) > 0.01
    assert len(change.plain) == len(change.changed) == 10
    assert change.cells == (("lstm.0", 0), ("lstm.0", 1), ("lstm.0", 2), ("lstm.1", 3))


def test_annotations_in_the_matches(show):
    view = show(annotations={"inside": inside, "position": np.arange(len(TEXT))}, threshold=0.25)
    some_span(view)
    found = view.enrichment["inside"]
    steps = view.matches.steps()
    assert found.inside[1] == pytest.approx(inside(TEXT)[steps].mean())
    assert found.base[1] == pytest.approx(inside(TEXT).mean())
    assert view.enrichment["position"].kind == "scalar"
    view.annotation = "inside"
    meta = view.encode(view.latest())
    assert meta.meta["annotation"]["categories"] == ["False", "True"]
    np.testing.assert_array_equal(meta.buffers[1], inside(TEXT))


def test_a_callable_may_give_all_annotations(show):
    view = show(annotations=lambda text: {"inside": inside(text)}, annotation="inside")
    assert view.specimen["annotations"] == ["inside"]
    np.testing.assert_array_equal(view.latest().annotations["inside"], inside(TEXT))


def test_editing_the_text_recomputes_and_forgets_the_brush(show):
    view = show(span=[2, 4])
    view.text = "c(ab)"
    assert view.span == []
    assert view.latest().track.tokens == list("c(ab)")
    assert view.track["meta"]["tokens"] == list("c(ab)")


def test_a_long_text_is_drawn_in_part_and_brushed_as_a_whole(show, network):
    view = show(network, TEXT * 10, window=50, position=100, threshold=0.25)
    track = view.latest().track
    assert (track.first, len(track.levels), track.total) == (100, 50, 250)
    whole = show(network, TEXT * 10, threshold=0.25)
    for span in ([99, 101], [100, 102], [30, 31]):
        view.span, whole.span = span, span
        np.testing.assert_array_equal(view.selection.cells, whole.selection.cells)
    view.position = 1000
    assert view.latest().track.first == 200


def test_states_computed_elsewhere(show):
    rng = np.random.default_rng(0)
    values = rng.uniform(-1, 1, (60, 8)).astype(np.float32)
    values[:, 3] = -0.5
    values[[10, 30, 50]] = 0.05
    values[[10, 30, 50], 3] = 0.9
    view = HiddenStates.from_states(values, [f"w{i}" for i in range(60)], executor="inline", span=[10, 11])
    assert view.cells == [("states", 3)]
    assert set(view.matches.starts[:2]) == {30, 50}
    assert view.specimen["editable"] is False
    with pytest.raises(t.TraitError, match="no model"):
        view.text = "new"
    view.off = [1]
    assert "no model to switch" in str(view.error)
    view.close()


def test_frames_carry_what_the_browser_draws(show):
    view = show(threshold=0.25)
    some_span(view)
    track = view.track
    levels = np.frombuffer(track["buffers"][0], np.uint8).reshape(24, len(TEXT))
    np.testing.assert_array_equal(levels.T, view.latest().track.levels)
    frame = view.encode(view.latest())
    rows = frame.meta["matches"]["rows"]
    counts = frame.buffers[0].reshape(len(rows), frame.meta["matches"]["width"])
    for row, line in zip(rows, counts, strict=True):
        at = np.arange(len(line)) + row["start"] - row["before"]
        outside = (at < 0) | (at >= len(TEXT))
        assert (line[outside] == 255).all()
        np.testing.assert_array_equal(line[~outside], view.matches.count[at[~outside]])
        assert (
            "".join(row["tokens"][row["before"] :][: row["length"]]) == TEXT[row["start"] :][: row["length"]]
        )


def test_the_model_is_left_as_it_was(show, network):
    network.module.train()
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    view = show(off=[1], continuation=3)
    view.span = [3, 4]
    assert network.module.training
    for name, value in network.module.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", ValueError, "empty"),
        (None, TypeError, "missing"),
        ("xyz", ValueError, "tokenizer"),
        ([7, 8], ModelError, "vocabulary"),
    ],
)
def test_bad_text(network, text, error, message):
    with pytest.raises(error, match=message):
        HiddenStates(network, text)


@pytest.mark.parametrize("view", [HiddenStates, CellText, TimeScales])
def test_a_network_of_pictures_is_refused_whatever_it_is_to_read(view):
    with pytest.raises(ModelError, match=r"no recurrent layer.*Conv2d.*OcclusionPainter"):
        view(nbviz.zoo.load("mnist-cnn"), "some text")


def test_a_model_without_recurrent_layers_is_refused():
    with pytest.raises(ModelError, match="recurrent"):
        HiddenStates(nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2)), [0, 1])


def test_bad_settings_are_refused_and_name_what_there_is(show):
    view = show(annotations={"inside": inside})
    with pytest.raises(ValueError, match=r"lstm\.0"):
        view.layer = "lstm"
    with pytest.raises(ValueError, match="hidden"):
        view.source = "hiden"
    with pytest.raises(ValueError, match="inside"):
        view.annotation = "insde"
    with pytest.raises(t.TraitError, match="begin"):
        view.span = [4, 4]
    view.span = [3, 400]
    assert "25 steps" in str(view.error)
    view.span = [3, 4]
    assert view.error is None
    view.off = [99]
    assert "24 recurrent cells" in str(view.error)


def test_an_emptied_text_says_so_and_keeps_the_picture(show):
    view = show()
    before = view.frame["generation"]
    view.text = ""
    assert "empty" in view.problem["message"]
    assert view.frame["generation"] == before


@pytest.mark.parametrize(
    ("states", "tokens", "message"),
    [
        (np.zeros((3, 2, 1)), None, "time, cells"),
        (np.full((4, 2), np.nan), None, "step 0, cell 0"),
        (np.zeros((0, 4)), None, "no steps"),
        (np.zeros((4, 2)), ["a"], "1 tokens"),
        ({"a": np.zeros((4, 2)), "b": np.zeros((5, 2))}, None, "same number of steps"),
    ],
)
def test_bad_given_states(states, tokens, message):
    with pytest.raises(ValueError, match=message):
        HiddenStates.from_states(states, tokens)


def test_an_annotation_of_wrong_length_is_refused(network):
    view = HiddenStates(network, TEXT, annotations={"x": lambda text: [1, 2]}, executor="inline")
    assert "25 characters" in str(view.error)
    view.close()


def test_a_closed_view_says_so(show):
    view = show()
    view.close()
    assert repr(view) == view.summary() == "HiddenStates: closed"


def test_summary_in_words(show):
    view = show(threshold=0.25)
    at = some_span(view)
    text = view.summary()
    assert f"steps {at} to {at}" in text
    assert f"{len(view.cells)} cells selected" in text


def test_texts_of_a_corpus_are_sequences_of_their_own_and_gates_keep_their_range(show, network):
    texts = [TEXT, TEXT.replace("a", "c"), TEXT[5:]]
    view = show(network, TEXT, corpus=texts, source="f", pinned=[2], threshold=0.5, zeros=[0, 0])
    store = view.latest().corpus.store
    assert store.starts.tolist() == [0, 25, 50]
    expected = np.concatenate([states_of(network, one).gates["f"]["lstm.0"] for one in texts])
    levels = np.minimum(255, np.floor(256 * expected)).astype(np.uint8)
    assert np.abs(store.by_step[:, :12].astype(int) - levels).max() <= 1  # another pass, to rounding
    for start, length in zip(view.matches.starts, view.matches.lengths, strict=True):
        assert start // 25 == (start + length - 1) // 25


@pytest.fixture
def lstmvis(tmp_path):
    """A project as LSTMVis has it: raw cell states, word ids, a dictionary, a description."""
    h5py = pytest.importorskip("h5py")
    raw = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    ids = np.arange(30) % 3
    with h5py.File(tmp_path / "states.h5", "w") as file:
        file["states1"] = raw
    with h5py.File(tmp_path / "words.h5", "w") as file:
        file["words"] = ids
    (tmp_path / "words.dict").write_text("a 0\nnew york 1\nc 2\n", encoding="utf-8")
    (tmp_path / "lstm.yml").write_text(
        "name: test\nfiles:\n  states: states.h5\n  words: words.h5\n  dict: words.dict\n"
        "word_sequence: {file: words, path: words, dict_file: dict}\n"
        "states:\n  file: states\n  types:\n  - {type: state, layer: 1, path: states1}\n",
        encoding="utf-8",
    )
    return tmp_path, raw


def test_files_of_lstmvis(lstmvis):
    folder, raw = lstmvis
    view = HiddenStates.from_states(folder, executor="inline")
    assert view.states.layers == ("state 1",)
    np.testing.assert_allclose(view.states.hidden["state 1"], np.tanh(raw), atol=1e-6)
    assert view.states.tokens[:4] == ["a", "new york", "c", "a"]
    view.close()
    bare = HiddenStates.from_states(folder / "states.h5", executor="inline")
    np.testing.assert_array_equal(bare.states.hidden["states1"], raw)
    assert bare.latest().track.scale == 4
    bare.close()


def test_a_file_that_is_not_there():
    with pytest.raises(FileNotFoundError, match=r"nothing\.h5"):
        HiddenStates.from_states("nothing.h5")


def test_annotations_of_tokens_that_cannot_be_spelled_or_of_another_text(network):
    words = {"the": 0, "cat": 1, "sat": 2}
    spelled = Network(network.module, tokenizer=lambda text: [words[w] for w in text.split()])
    view = HiddenStates(spelled, "the cat sat", annotations={"p": inside}, executor="inline")
    assert "decode" in str(view.error)
    view.close()
    view = HiddenStates(network, TEXT, annotations={"p": [1, 2, 3]}, executor="inline")
    assert "3 values" in str(view.error)
    view.close()
    view = HiddenStates(network, TEXT, annotations={"p": np.arange(len(TEXT))}, executor="inline")
    view.text = "abba"
    assert view.error is None
    assert "25 values" in view.encode(view.latest()).meta["notes"][-1]
    view.close()


def test_negative_numbers_are_refused_in_plain_words(show):
    view = show()
    for name in ("span", "zeros", "pinned", "off"):
        with pytest.raises(t.TraitError, match="0"):
            setattr(view, name, [-1, 2])
    assert view.error is None
