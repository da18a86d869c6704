"""The table of layers and label columns from Python: traits, results, bad input."""

import numpy as np
import pytest
import torch
import traitlets as t
from explorers import Guarded, pixels
from torch import nn

import nbviz
from nbviz.core.specimen import ModelSpecimen
from nbviz.methods.layer_probes import layer_probes

QUICK = {"executor": "inline", "folds": 2, "layers": ["input", "sigmoid4"], "n_samples": 300}


@pytest.fixture(scope="module")
def speech():
    return nbviz.zoo.load_speech(600)


@pytest.fixture(scope="module")
def hearing():
    return nbviz.zoo.load("speech-mlp")


@pytest.fixture
def probes():
    views = []

    def build(*arguments, **traits):
        views.append(nbviz.LayerProbes(*arguments, **{**QUICK, **traits}))
        return views[-1]

    yield build
    for view in views:
        view.close()


def given(**traits):
    """A view of arrays: two layers, three kinds of columns."""
    rng = np.random.default_rng(0)
    kind = np.arange(60) % 3
    layers = {"noise": rng.normal(size=(60, 4)), "kinds": np.eye(3)[kind] + 0.01 * rng.normal(size=(60, 3))}
    columns = {"kind": kind, "number": rng.normal(size=60), "half": np.arange(60) < 30}
    return nbviz.LayerProbes.from_activations(
        layers, **{"columns": columns, "executor": "inline", "folds": 3, **traits}
    )


def test_the_table_is_that_of_the_method(probes, hearing, speech):
    view = probes(hearing, speech, columns=["kind", "speaker"], measure="selectivity", k=4, seed=2)
    expected = layer_probes(
        ModelSpecimen(hearing, speech),
        {name: speech.metadata[name] for name in ("kind", "speaker")},
        layers=["input", "sigmoid4"],
        rows=np.unique(np.linspace(0, 599, 300).round().astype(int)),
        baseline=ModelSpecimen(nbviz.zoo.load("speech-mlp", trained=False), speech),
        folds=2,
        k=4,
        seed=2,
        column="kind",
        every_control=False,
    )
    np.testing.assert_array_equal(view.table.hits, expected.hits)
    np.testing.assert_array_equal(view.table.scores, expected.scores)
    np.testing.assert_array_equal(view.table.shuffled, expected.shuffled)
    np.testing.assert_array_equal(view.table.untrained, expected.untrained)
    assert np.isfinite(view.table.untrained[:, 0]).all()
    assert "checkpoint 0" in view.table.notes[0]


def test_without_columns_all_that_can_be_probed_are_there(probes, hearing, speech):
    view = probes(hearing, speech)
    assert view.columns == ["phone", "kind", "speaker", "speaker was", "sentence"]  # the label is the phone
    assert view.column == "phone"
    assert any(note.startswith("left out: column 'word'") for note in view.table.notes)
    plain = probes(hearing, speech.inputs, speech.labels)
    assert plain.columns == ["label"]
    named = probes(hearing, speech, columns={"late": np.arange(600) > 300})
    assert named.columns == ["late"]
    assert "speaker" in named.specimen["columns"]


def test_a_column_is_probed_when_it_is_chosen(probes, hearing, speech):
    view = probes(hearing, speech, columns=["kind", "speaker was", "speaker"])
    assert np.isfinite(view.table.hits).all()
    assert np.isfinite(view.table.accuracy).all(axis=0).tolist() == [True, False, False]
    first = view.table.scores[:, 0]
    view.column = "speaker was"
    assert np.isfinite(view.table.accuracy).all(axis=0).tolist() == [True, True, False]
    assert np.isfinite(view.table.untrained[:, 1]).all()
    np.testing.assert_array_equal(view.table.scores[:, 0], first)
    view.measure = "probe accuracy"
    assert np.isfinite(view.table.accuracy).all()
    assert np.isnan(view.table.selectivity[:, 2]).all()
    view.measure = "selectivity"
    assert np.isfinite(view.table.selectivity).all()


def test_taking_the_chosen_column_away_chooses_another(probes, hearing, speech):
    view = probes(hearing, speech, columns=["kind", "speaker was"], column="speaker was")
    view.columns = ["kind"]
    assert view.column == "kind"
    assert view.table.columns == ("kind",)
    view.columns = ["speaker was", "kind"]
    view.column = "speaker was"
    assert view.table.columns == ("speaker was", "kind")


def test_without_the_untrained_network(probes, hearing, speech):
    view = probes(hearing, speech, columns=["kind"], untrained=False)
    assert np.isnan(view.table.untrained).all()
    assert np.isnan(view.table.untrained_hits).all()
    view.untrained = True
    assert np.isfinite(view.table.untrained).all()


def test_a_model_without_checkpoints_is_drawn_anew(probes, net, digits):
    inputs, _ = pixels(net, digits)
    view = probes(net.module, inputs, digits.labels, layers=["input", "fc4"], n_samples=0)
    assert "drawn anew" in view.table.notes[0]
    assert view.table.untrained[0].mean() == view.table.scores[0].mean()  # the same input
    before = view.table.untrained[1].copy()
    assert before.mean() < view.table.scores[1].mean()
    view.seed = 1
    assert not np.array_equal(view.table.untrained[1], before)


def test_a_baseline_of_ones_own(probes, hearing, speech):
    view = probes(hearing, speech, columns=["kind"], baseline=hearing)
    np.testing.assert_array_equal(view.table.untrained, view.table.scores)
    np.testing.assert_array_equal(view.table.untrained_hits, view.table.hits)


class Alone(nn.Module):
    def __init__(self):
        super().__init__()
        self.own = nn.Parameter(torch.eye(4))
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(x @ self.own)


def test_a_model_that_cannot_be_drawn_anew(probes):
    X, y = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32), np.arange(60) % 2
    view = probes(Alone(), X, y, layers=[], n_samples=0)
    assert view.untrained is False
    assert view.status == "done"
    with pytest.raises(t.TraitError, match="no untrained network"):
        view.untrained = True
    with pytest.raises(ValueError, match=r"no untrained network.*baseline="):
        probes(Alone(), X, y, layers=[], untrained=True)


class Stubborn(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)

    def __deepcopy__(self, memo):
        raise RuntimeError("not me")


def test_a_model_that_cannot_be_copied_has_a_table_all_the_same(probes):
    X, y = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32), np.arange(60) % 2
    view = probes(Stubborn(), X, y, layers=[], n_samples=0)
    assert view.status == "done"
    assert "no untrained network: RuntimeError: not me" in view.table.notes[0]


def test_groups_and_whole_values(probes, hearing, speech):
    view = probes(hearing, speech, columns=["kind", "speaker"], groups="speaker")
    assert view.table.grouped.tolist() == [True, False]
    free = view.table.shuffled.copy()
    view.shuffle_by = "phone"
    assert (
        view.table.shuffled[1, 0].mean() > free[1, 0].mean() + 0.15
    )  # phones can be told, so any labels of them
    assert view.table.shuffle_by == "phone"
    with pytest.raises(t.TraitError, match=r"unknown column 'voice'.*speaker"):
        view.groups = "voice"
    with pytest.raises(t.TraitError, match="unknown column"):
        view.shuffle_by = "voice"


def test_from_activations():
    view = given(measure="selectivity")
    table = view.table
    assert table.layers == ("noise", "kinds")
    assert table.columns == ("kind", "number", "half")
    assert table.hits[1, 0] == 1
    assert table.is_numeric.tolist() == [False, True, False]
    assert view.untrained is False
    assert "kind: selectivity at most" in view.summary()
    assert "R²" in view.summary()
    view.close()
    one = nbviz.LayerProbes.from_activations(np.eye(40), np.arange(40) % 2, executor="inline")
    assert one.table.layers == ("activations",)
    assert one.columns == ["label"]
    one.close()
    first = {"kinds": np.random.default_rng(1).normal(size=(60, 3))}
    held = given(baseline=first)
    assert held.untrained is True
    assert np.isnan(held.table.untrained[0, 0]).all()
    assert held.table.untrained[1, 0].mean() < 0.6
    held.close()


def test_the_frame_holds_the_table():
    view = given(measure="selectivity")
    meta, buffers = view.frame["meta"], view.frame["buffers"]
    assert meta["layers"] == ["noise", "kinds"]
    assert [column["numeric"] for column in meta["columns"]] == [False, True, False]
    hits = np.frombuffer(buffers[0], np.float32).reshape(2, 3)
    np.testing.assert_allclose(hits, view.table.hits, rtol=1e-6)
    scores = np.frombuffer(buffers[2], np.float32).reshape(2, 3, 3)
    np.testing.assert_allclose(scores, view.table.scores, rtol=1e-6)
    assert meta["columns"][0]["hitChance"] == pytest.approx(view.table.hit_chance[0])
    view.close()


def test_rows_fill_one_by_one_and_a_stop_keeps_them(hearing, speech):
    view = nbviz.LayerProbes(hearing, speech, columns=["kind"], **{**QUICK, "executor": "manual"})
    filled = []
    view.observe(
        lambda change: filled.append(
            int(np.isfinite(np.frombuffer(change.new["buffers"][0], np.float32)).sum())
        ),
        "frame",
    )
    while len(filled) < 1:
        view._recompute.step()
    assert filled == [1]
    view.stop()
    while view.status in ("pending", "running"):
        view._recompute.step()
    assert view.status == "cancelled"
    assert np.isfinite(view._latest.hits[0]).all()
    assert np.isnan(view._latest.hits[1]).all()
    view.refresh()
    while view.status in ("pending", "running"):
        view._recompute.step()
    assert filled[-1] == 2
    view.close()


def test_the_model_is_left_as_it_was(probes, digits):
    model = Guarded()
    inputs = torch.tensor(digits.inputs[:, None], dtype=torch.float32)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    probes(model, inputs, digits.labels, layers=["conv", "head"], n_samples=0)
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert model.norm.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_after_training_the_numbers_are_new(probes, digits):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 20), nn.ReLU(), nn.Linear(20, 10))
    inputs = torch.tensor(digits.inputs[:, None], dtype=torch.float32) / 255
    view = probes(model, inputs, digits.labels, layers=["1", "3"], n_samples=0)
    before = view.table.scores.copy()
    with torch.no_grad():
        model[1].weight.zero_()
        model[1].weight[:, 300] = 1.0
    view.refresh()
    assert view.table.scores[0].mean() < before[0].mean() - 0.2


def test_a_layer_can_be_marked(probes, hearing, speech):
    view = probes(hearing, speech, columns=["kind"])
    view.layer = "sigmoid4"
    view.layer = ""
    with pytest.raises(t.TraitError, match=r"unknown layer 'sigmoid9'.*Did you mean 'sigmoid"):
        view.layer = "sigmoid9"
    view.layers = ["sigmoid4", "input", "input"]
    assert view.layers == ["input", "sigmoid4"]
    assert view.table.layers == ("input", "sigmoid4")
    view.layers = []
    assert len(view.table.layers) == len(view.specimen["layers"])


def test_deep_networks_show_some_layers_at_first(probes):
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(40)))
    X, y = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32), np.arange(60) % 2
    view = probes(model, X, y, layers=[], n_samples=0, untrained=False)
    assert len(view.table.layers) == 14
    assert view.table.layers[0] == "input"
    assert view.table.layers[-1] == "39"


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (["voice"], ValueError, "unknown column 'voice'"),
        ("speaker", TypeError, r"columns=\['speaker'\]"),
        (["word"], ValueError, "column 'word'"),
        ({"short": [1, 2]}, ValueError, "has 2 entries, but X has 600 samples"),
        ({"one": np.zeros(600)}, ValueError, "column 'one' has 1 classes"),
        ({"holes": [None] * 600}, ValueError, "column 'holes'"),
        ({"huge": np.r_[np.inf, np.arange(599) / 7]}, ValueError, "infinite values"),
        ([], ValueError, "no column can be probed"),
    ],
)
def test_columns_that_cannot_be(hearing, speech, columns, error, message):
    with pytest.raises(error, match=message):
        nbviz.LayerProbes(hearing, speech, columns=columns, **QUICK)


def test_bad_input(probes, hearing, speech):
    with pytest.raises(TypeError, match="X are missing"):
        nbviz.LayerProbes(hearing)
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        nbviz.LayerProbes("net", speech)
    with pytest.raises(TypeError, match=r"unexpected keyword 'colum'.*'column'"):
        probes(hearing, speech, colum="x")
    with pytest.raises(ValueError, match="no column can be probed: there are no labels"):
        probes(hearing, speech.inputs)
    with pytest.raises(ValueError, match="there are no activations"):
        nbviz.LayerProbes.from_activations({}, [0, 1])
    with pytest.raises(ValueError, match="no column can be probed"):
        nbviz.LayerProbes.from_activations({"a": np.eye(1)}, [0])
    with pytest.raises(ValueError, match="no samples"):
        nbviz.LayerProbes.from_activations({"a": np.zeros((0, 3))}, [])
    with pytest.raises((ValueError, t.TraitError), match="unknown layer 'fc9'"):
        probes(hearing, speech, layers=["fc9"])
    with pytest.raises((ValueError, t.TraitError), match="unknown column"):
        probes(hearing, speech, column="voice")
    with pytest.raises(t.TraitError):
        probes(hearing, speech, measure="accuracy")
    view = probes(hearing, speech, columns=["kind"])
    with pytest.raises(t.TraitError, match="one column or more"):
        view.columns = []
    with pytest.raises(t.TraitError, match=r"unknown column of the table 'speaker'.*kind"):
        view.column = "speaker"


def test_an_error_of_later_settings_keeps_the_table(probes, hearing, speech):
    view = probes(hearing, speech, columns=["kind"])
    view.n_samples = 3
    assert view.status == "error"
    assert "no column can be probed" in view.problem["message"]
    assert view._latest.columns == ("kind",)
    with pytest.raises(ValueError, match="no column"):
        view.wait()
    view.n_samples = 200
    assert view.table.n_samples.tolist() == [200]


def test_a_closed_view_lets_go(hearing, speech):
    view = nbviz.LayerProbes(hearing, speech, columns=["kind"], **QUICK)
    assert "kind: neighbourhood hit at most" in repr(view)
    view.close()
    with pytest.raises(RuntimeError, match="closed"):
        view.column = "kind"
    with pytest.raises(RuntimeError, match="closed"):
        view.table  # noqa: B018


def test_the_seed_draws_the_untrained_network(probes, speech):
    model = nn.Sequential(nn.Flatten(), nn.Linear(24 * 11, 8), nn.ReLU(), nn.Linear(8, 2))
    view = probes(model, speech, columns=["kind"], layers=["input", "1"])
    first = view.table.untrained_hits.copy()
    view.seed = 1
    assert view.table.untrained_hits[1] != first[1]
    assert view.table.untrained_hits[0] == first[0]
    view.seed = 0
    np.testing.assert_array_equal(view.table.untrained_hits, first)


def test_the_control_of_numbers_whose_groups_are_shuffled_and_held_out_is_not_known(probes):
    rng = np.random.default_rng(0)
    view = given(
        columns={"age": rng.normal(size=60), "who": np.arange(60) % 5},
        column="age",
        groups="who",
        shuffle_by="who",
        measure="selectivity",
        folds=5,
    )
    assert np.isfinite(view.table.scores[:, 0]).all()
    assert np.isnan(view.table.shuffled[:, 0]).all()
    assert "inf" not in str(view)
    assert any("age: its control is not known" in note for note in view.notes)
    view.close()


def test_many_words_are_not_taken_for_numbers():
    words = [f"w{i % 250:03d}" for i in range(1500)]
    points = np.random.default_rng(0).normal(size=(1500, 4))
    with pytest.raises(ValueError, match="'label' has 250 classes, more than 200"):
        nbviz.LayerProbes.from_activations(points, words, n_samples=0)
