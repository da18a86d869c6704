"""Layers against labels: every number of the table against scikit-learn, brute force and known cases."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsRegressor

import nbviz
from nbviz.core.capture import capture
from nbviz.core.events import Preview, Progress, Result
from nbviz.core.samples import Samples
from nbviz.core.specimen import ArraySpecimen, ModelSpecimen
from nbviz.methods.label_table import label_table
from nbviz.methods.layer_probes import ProbeStore, layer_probes, layer_probes_steps
from nbviz.methods.neighbours import nearest_neighbours
from nbviz.methods.probe_columns import neighbour_chance, neighbour_score, probe_columns
from nbviz.methods.probe_folds import probe_column
from nbviz.methods.probes import probe

LAYERS = ["input", "pool2", "fc2"]


@pytest.fixture(scope="module")
def net():
    return nbviz.zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def digits():
    return nbviz.zoo.load_mnist(200)


@pytest.fixture(scope="module")
def columns(digits):
    return {"digit": digits.labels, "ink": digits.inputs.mean((1, 2)) / 255.0, "even": digits.labels % 2}


@pytest.fixture(scope="module")
def recorded(net, digits):
    first = nbviz.zoo.load("mnist-cnn", trained=False)
    return capture(net, digits, LAYERS), capture(first, digits, LAYERS)


@pytest.fixture(scope="module")
def table(net, digits, columns):
    baseline = ModelSpecimen(nbviz.zoo.load("mnist-cnn", trained=False), digits)
    return layer_probes(
        ModelSpecimen(net, digits), columns, layers=LAYERS, baseline=baseline, folds=3, seed=4
    )


def test_hits_are_those_of_the_label_table(table, recorded, columns):
    classes = {name: columns[name] for name in ("digit", "even")}
    for found, layers in ((table.hits, recorded[0]), (table.untrained_hits, recorded[1])):
        expected = label_table(layers, classes, shuffles=0)
        np.testing.assert_allclose(found[:, [0, 2]], expected.hits)
    np.testing.assert_allclose(table.hit_chance[[0, 2]], expected.chance)
    np.testing.assert_allclose(table.hit_ceiling[[0, 2]], expected.ceiling)


def test_scores_are_those_of_the_probes(table, recorded, columns):
    expected = probe(recorded[0], columns, untrained=recorded[1], folds=3, seed=4)
    assert table.columns == expected.columns
    np.testing.assert_allclose(table.scores, expected.scores, atol=1e-9)
    np.testing.assert_allclose(table.shuffled, expected.shuffled, atol=1e-9)
    np.testing.assert_allclose(table.untrained, expected.untrained, atol=1e-9)
    np.testing.assert_allclose(table.baseline, expected.baseline)
    np.testing.assert_allclose(table.selectivity, expected.mean - expected.shuffled_mean)
    assert table.is_numeric.tolist() == [False, True, False]
    assert table.n_classes.tolist() == [10, 0, 2]


def test_numbers_are_compared_with_the_mean_of_their_neighbours(table, recorded, columns):
    ink = columns["ink"]
    for i, layer in enumerate(LAYERS):
        array = recorded[0][layer].astype(np.float64)
        means = [
            KNeighborsRegressor(6).fit(np.delete(array, row, 0), np.delete(ink, row)).predict(array[[row]])
            for row in range(len(ink))
        ]
        assert table.hits[i, 1] == pytest.approx(r2_score(ink, np.ravel(means)), abs=1e-3)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_chance_of_numbers_is_the_mean_over_all_shufflings(k):
    points = np.random.default_rng(0).normal(size=(6, 2))
    values = np.array([0.5, 0.7, 1.9, 4.2, 4.25, 9.0])
    graph = nearest_neighbours(points, k)
    scores = []
    for order in permutations(values):
        column = probe_column("x", order, 6, folds=2, groups=None, is_numeric=True)
        scores.append(neighbour_score(graph, column))
    assert neighbour_chance(column, k) == pytest.approx(np.mean(scores))


def test_a_layer_that_holds_the_labels_and_one_that_does_not():
    rng = np.random.default_rng(0)
    labels, number = np.arange(300) % 5, rng.normal(size=300)
    layers = {
        "holds": np.column_stack([9 * np.eye(5)[labels], number]),
        "noise": rng.normal(size=(300, 6)),
    }
    samples = Samples(layers["noise"])
    found = layer_probes(ArraySpecimen(layers, samples), {"label": labels, "number": number})
    assert found.hits[0, 0] == found.accuracy[0, 0] == 1
    assert found.accuracy[0, 1] > 0.999
    assert found.hits[0, 1] > 0.9
    standard_error = np.sqrt(0.2 * 0.8 / 300)
    assert abs(found.accuracy[1, 0] - 0.2) < 4 * standard_error
    assert abs(found.hits[1, 0] - found.hit_chance[0]) < 4 * standard_error
    assert found.accuracy[1, 1] < 0.05
    assert found.best_layer("number", "probe accuracy") == "holds"
    assert np.isnan(found.untrained).all()
    with pytest.raises(ValueError, match=r"unknown measure .hit."):
        found.values("hit")


def test_the_control_task_is_won_by_telling_the_types_apart():
    """Two labels for eight words: a layer that holds the word has them, and any other labels of the words."""
    rng = np.random.default_rng(1)
    word = np.arange(480) % 8
    kind = word // 4
    layers = {"words": 5 * np.eye(8)[word] + 0.1 * rng.normal(size=(480, 8)), "kinds": 5 * np.eye(2)[kind]}
    layers["kinds"] = layers["kinds"] + 0.1 * rng.normal(size=(480, 2))
    specimen, labels = ArraySpecimen(layers, Samples(layers["words"])), {"kind": kind, "word": word}
    loose = layer_probes(specimen, labels, column="kind")
    assert (loose.selectivity[:, 0] > 0.35).all()
    strict = layer_probes(specimen, labels, shuffle_by="word")
    assert strict.selectivity[0, 0] == 0  # any labels of the words can be read
    assert strict.selectivity[1, 0] > 0.2
    assert strict.shuffled_accuracy[0, 1] < 0.3  # a column is not shuffled by itself
    assert [note for note in strict.notes if note.startswith("word: its own control is shuffled sample by")]
    np.testing.assert_array_equal(strict.scores, loose.scores)


def test_labels_dealt_to_types_keep_their_shares_and_go_together():
    types = np.repeat(np.arange(40), 25)
    labels = (np.arange(1000) >= 400).astype(int)
    column = probe_column("x", labels, 1000, folds=5, groups=None, is_numeric=None)
    seen = set()
    for seed in range(5):
        dealt = column.shuffled(seed, types).target
        assert all(len(np.unique(dealt[types == t])) == 1 for t in range(40))
        assert np.bincount(dealt).tolist() == [400, 600]
        seen.add(dealt.tobytes())
    assert len(seen) == 5


def test_groups_are_kept_whole_but_for_columns_that_lie_inside_them():
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(20), 15)
    phone, sex = np.tile(np.arange(5), 60), speaker % 2
    layer = np.eye(20)[speaker] + 0.01 * rng.normal(size=(300, 20))  # who speaks, nothing else
    specimen = ArraySpecimen({"a": layer}, Samples(layer))
    labels = {"phone": phone, "sex": sex, "speaker": speaker, "recording": speaker}
    free = layer_probes(specimen, labels)
    assert free.accuracy[0, 1] == 1
    kept = layer_probes(specimen, labels, groups="speaker")
    assert kept.grouped.tolist() == [True, True, False, False]
    assert kept.accuracy[0, 1] < 0.75  # of an unheard speaker nothing is known
    assert kept.accuracy[0, 2] == 1
    assert any(note.startswith("recording: each class lies in one speaker") for note in kept.notes)
    ready = probe_columns(labels, ["sex"], groups="speaker")
    for fit, held_out in ready.columns[0].splits(5, 0):
        assert len(held_out)
        assert not set(speaker[fit]) & set(speaker[held_out])


def test_few_groups_leave_no_fold_empty():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        groups = rng.integers(0, 6, 120)
        labels = rng.integers(0, 2, 120)
        column = probe_column("x", labels, 120, folds=5, groups=groups, is_numeric=None)
        parts = [held_out for _, held_out in column.splits(5, seed)]
        assert all(len(part) for part in parts)
        assert sorted(np.concatenate(parts).tolist()) == list(range(120))


def test_rows_come_one_by_one_and_what_is_known_stays(net, digits, columns):
    store, specimen = ProbeStore(), ModelSpecimen(net, digits)
    options = {"layers": LAYERS, "folds": 2, "measure": "neighbourhood hit", "every_control": False}
    events = list(layer_probes_steps(specimen, columns, column="even", store=store, **options))
    shown = [event.value for event in events if isinstance(event, Preview)]
    assert [int(np.isfinite(p.hits[:, 0]).sum()) for p in shown[:3]] == [1, 2, 3]
    assert [int(np.isfinite(p.accuracy[:, 2]).sum()) for p in shown[3:]] == [1, 2]
    last = events[-1].value
    assert isinstance(events[-1], Result)
    assert np.isfinite(last.selectivity[:, 2]).all()
    assert np.isnan(last.accuracy[:, :2]).all()
    words = {e.what for e in events if isinstance(e, Progress)}
    assert {"neighbours in pool2", "linear probes, fc2", "linear probes, shuffled labels in fc2"} <= words
    again = list(layer_probes_steps(specimen, columns, column="even", store=store, **options))
    assert not [e for e in again if isinstance(e, Preview)]
    np.testing.assert_array_equal(again[-1].value.scores, last.scores)
    options["measure"] = "selectivity"
    everything = list(layer_probes_steps(specimen, columns, column="even", store=store, k=3, **options))
    first = next(e.value for e in everything if isinstance(e, Preview))
    assert np.isfinite(first.accuracy[:, 2]).all()  # another k takes no probe away
    assert np.isfinite(first.hits).any(axis=1).tolist() == [True, False, False]
    assert np.isfinite(everything[-1].value.selectivity).all()
    fresh = layer_probes(specimen, columns, column="even", k=3, **options)
    np.testing.assert_array_equal(fresh.scores, everything[-1].value.scores)
    np.testing.assert_array_equal(fresh.hits, everything[-1].value.hits)


def test_a_layer_that_answers_nothing_says_why_and_the_others_stay():
    labels = np.arange(40) % 2
    good = np.random.default_rng(0).normal(size=(40, 3))
    bad = good.copy()
    bad[3] = np.nan
    layers = {"good": good, "dead": np.zeros((40, 3)), "nan": bad}
    found = layer_probes(ArraySpecimen(layers, Samples(good)), {"x": labels})
    assert np.isfinite(found.hits[:, 0]).tolist() == [True, False, False]
    assert np.isfinite(found.accuracy[:, 0]).tolist() == [True, False, False]
    assert "equal" in found.layer_notes[1]
    assert "not finite" in found.layer_notes[2]
    assert found.layer_notes[0] == ""


def test_a_layer_missing_from_the_baseline_is_noted():
    layers = {name: np.random.default_rng(0).normal(size=(40, 3)) for name in "ab"}
    samples = Samples(layers["a"])
    baseline = ArraySpecimen({"b": layers["b"] + 1}, samples)
    found = layer_probes(ArraySpecimen(layers, samples), {"x": np.arange(40) % 2}, baseline=baseline)
    assert np.isnan(found.untrained[0]).all()
    assert np.isfinite(found.untrained[1]).all()
    assert "untrained" in found.layer_notes[0]
    assert "unknown layer 'a'" in found.layer_notes[0]


def test_columns_that_cannot_be_probed_are_left_out_with_the_reason():
    layer = np.random.default_rng(0).normal(size=(40, 3))
    specimen = ArraySpecimen({"a": layer}, Samples(layer))
    labels = {"one": np.zeros(40, int), "id": [f"s{i}" for i in range(40)], "x": np.arange(40) % 2}
    found = layer_probes(specimen, labels)
    assert found.columns == ("x",)
    assert [note for note in found.notes if note.startswith("left out: column 'one' has 1 classes")]
    with pytest.raises(ValueError, match="column 'one' has 1 classes"):
        layer_probes(specimen, labels, column="one")
    with pytest.raises(ValueError, match=r"no column can be probed: column 'one'.*column 'id'"):
        layer_probes(specimen, {name: labels[name] for name in ("one", "id")})
    with pytest.raises(ValueError, match="there are no labels"):
        layer_probes(specimen, {})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column": "y"}, "unknown column 'y'"),
        ({"shown": ["z"]}, "unknown column 'z'"),
        ({"groups": "g"}, "unknown column 'g'"),
        ({"groups": "holes"}, "column 'holes': 1 of 40 samples have no value"),
        ({"layers": ["c"]}, "unknown layer 'c'"),
        ({"measure": "accuracy"}, "unknown measure 'accuracy'"),
        ({"folds": 1}, "folds=1"),
        ({"k": 40}, "k=40 nearest neighbours of 40"),
        ({"groups": "few"}, "2 groups cannot be dealt to 5"),
    ],
)
def test_what_cannot_be_asked_for(options, message):
    layer = np.random.default_rng(0).normal(size=(40, 3))
    holes = [None, *("ab" * 20)[:39]]
    few = np.random.default_rng(1).integers(0, 2, 40)
    labels = {"x": np.arange(40) % 2, "holes": holes, "few": few}
    with pytest.raises(ValueError, match=message):
        layer_probes(ArraySpecimen({"a": layer}, Samples(layer)), labels, **{"shown": ["x"], **options})


def test_missing_values_of_pandas_are_missing():
    class NAType:
        def __eq__(self, other):
            return self

        def __bool__(self):
            raise TypeError("boolean value of NA is ambiguous")

        __hash__ = None

    layer = np.random.default_rng(0).normal(size=(41, 3))
    labels = np.array([*("ab" * 20), NAType()], object)
    found = layer_probes(ArraySpecimen({"a": layer}, Samples(layer)), {"x": labels})
    assert found.n_samples.tolist() == [40]


def test_the_text_has_every_layer_and_its_units(table):
    lines = table.text("probe accuracy").splitlines()
    assert [line.split()[0] for line in lines[1:7]] == [*LAYERS, "without", "classes", "samples"]
    assert f"{100 * table.accuracy[2, 0]:.1f}" in lines[3]
    assert f"{table.accuracy[2, 1]:.3f}" in lines[3]
    assert "ink (R²)" in lines[0]
    assert "percentage points" in table.text("selectivity")
