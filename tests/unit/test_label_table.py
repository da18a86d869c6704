"""The table of layers and labels, against brute force, theory and the trained CNN on digits."""

from itertools import permutations

import numpy as np
import pytest

import nbviz
from nbviz.core.capture import capture
from nbviz.core.errors import UnknownName
from nbviz.core.events import Preview, Progress, Result
from nbviz.methods.label_table import expected_hit, label_table, label_table_steps
from nbviz.methods.neighbours import neighbourhood_hit

LAYERS = ["input", "pool2", "relu4", "fc2"]


@pytest.fixture(scope="module")
def recorded():
    """Activations of 300 real digits in four layers of the CNN, by layer; the digits."""
    digits = nbviz.zoo.load_mnist(300)
    return capture(nbviz.zoo.load("mnist-cnn"), digits, LAYERS), digits.labels


def test_every_cell_is_the_neighbourhood_hit(recorded):
    layers, labels = recorded
    columns = {"digit": labels, "is even": labels % 2 == 0, "group": np.array(list("aabbbccccc"))[labels]}
    table = label_table(layers, columns, shuffles=3)
    assert table.layers == tuple(LAYERS)
    assert table.columns == ("digit", "is even", "group")
    for i, layer in enumerate(LAYERS):
        for j, column in enumerate(columns.values()):
            assert table.hits[i, j] == pytest.approx(neighbourhood_hit(layers[layer], column, 6))
    np.testing.assert_array_equal(table.n_classes, [10, 2, 3])


def test_digits_lie_apart_more_in_later_layers(recorded):
    layers, labels = recorded
    table = label_table(layers, {"digit": labels})
    first, *_, last = table.hits[:, 0]
    assert last > 0.97
    assert last > first + 0.15
    assert table.best_layer("digit") in ("relu4", "fc2")
    assert (table.p_values == 0.01).all()
    print(table.text())


def test_shuffled_labels_are_at_chance(recorded):
    layers, labels = recorded
    rng = np.random.default_rng(3)
    shuffled = {f"shuffled {i}": rng.permutation(labels) for i in range(40)}
    table = label_table({"fc2": layers["fc2"]}, shuffled)
    assert table.shuffled.mean() == pytest.approx(table.chance[0], abs=0.002)
    assert table.hits.mean() == pytest.approx(table.chance[0], abs=0.01)
    assert table.p_values.mean() == pytest.approx(0.5, abs=0.15)  # even from 0 to 1
    assert abs(table.above_chance.mean()) < 0.01


def test_chance_is_the_mean_over_all_shufflings():
    points = np.random.default_rng(0).normal(size=(6, 2))
    labels = [0, 0, 0, 1, 1, 2]  # classes of different sizes, one of a single sample
    every = [neighbourhood_hit(points, order, 2) for order in permutations(labels)]
    assert expected_hit(np.bincount(labels)) == pytest.approx(np.mean(every))
    assert label_table({"a": points}, {"x": labels}, k=2).chance[0] == pytest.approx(np.mean(every))


def test_small_classes_cannot_hit_always():
    points = np.repeat(np.arange(4)[:, None] * 100.0, 4, axis=0)[:14] + np.random.default_rng(0).normal(
        size=(14, 2)
    )
    labels = np.repeat(range(4), 4)[:14]  # three classes of four, one of two: all apart
    table = label_table({"a": points}, {"x": labels}, k=3)
    assert table.hits[0, 0] == pytest.approx((12 * 1 + 2 / 3) / 14)
    assert table.ceiling[0] == pytest.approx(table.hits[0, 0])
    assert table.above_chance[0, 0] == pytest.approx(1)
    assert "highest" in table.text()


def test_equal_and_unequal_classes_have_their_own_chance():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 5))
    table = label_table({"noise": points}, {"even": np.arange(400) % 4, "uneven": np.arange(400) < 360})
    assert table.chance[0] == pytest.approx(0.25, abs=0.003)
    assert table.chance[1] == pytest.approx(0.82, abs=0.003)
    np.testing.assert_allclose(table.hits[0], table.chance, atol=0.04)


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_samples_without_a_label_are_left_out_as_neighbours_too(recorded, missing):
    layers, labels = recorded
    column = [missing if i % 3 == 0 else f"digit {x}" for i, x in enumerate(labels)]
    kept = np.arange(300) % 3 != 0
    table = label_table({"fc2": layers["fc2"]}, {"some": np.array(column, object), "all": labels})
    assert table.hits[0, 0] == pytest.approx(neighbourhood_hit(layers["fc2"][kept], labels[kept], 6))
    assert table.hits[0, 1] == pytest.approx(neighbourhood_hit(layers["fc2"], labels, 6))
    assert table.n_samples.tolist() == [200, 300]
    assert "100 of 300 samples have no label" in table.notes[0]


def test_the_text_names_every_row_and_column(recorded):
    layers, labels = recorded
    table = label_table(layers, {"digit": labels, "is even": labels % 2}, shuffles=0)
    lines = table.text().splitlines()
    assert [line.split()[0] for line in lines[1:8]] == [*LAYERS, "chance", "classes", "samples"]
    assert lines[0].split() == ["digit", "is", "even"]
    assert lines[1].split()[1] == f"{100 * table.hits[0, 0]:.1f}"
    assert "k = 6" in lines[-1]


def test_layers_come_one_by_one(recorded):
    layers, labels = recorded
    events = list(label_table_steps(layers, {"digit": labels}))
    previews = [event.value for event in events if isinstance(event, Preview)]
    assert [int(np.isfinite(p.hits).sum()) for p in previews] == [1, 2, 3]
    assert np.isnan(previews[0].p_values[1:]).all()
    assert isinstance(events[-1], Result)
    assert "neighbours in pool2" in {e.what for e in events if isinstance(e, Progress)}


def test_cosine_neighbours_do_not_depend_on_length(recorded):
    layers, labels = recorded
    longer = layers["relu4"] * np.random.default_rng(0).uniform(1, 9, (300, 1)).astype(np.float32)
    tables = [label_table({"a": a}, {"d": labels}, metric="cosine") for a in (layers["relu4"], longer)]
    assert tables[0].hits[0, 0] == pytest.approx(tables[1].hits[0, 0], abs=2e-3)


@pytest.mark.parametrize(
    ("layers", "columns", "options", "message"),
    [
        ({}, {"x": [0, 1]}, {}, "0 and 1"),
        ({"a": np.eye(9)}, {}, {}, "1 and 0"),
        ({"a": np.full((9, 2), np.nan)}, {"x": [0] * 9}, {}, "layer 'a'.*not finite"),
        ({"a": np.eye(9), "b": np.eye(8)}, {"x": [0] * 9}, {}, "numbers differ"),
        ({"a": np.eye(9)}, {"x": [0] * 8}, {}, "column 'x'.*shape \\(8,\\)"),
        ({"a": np.eye(9)}, {"x": [0] * 9}, {}, "column 'x' has 1 class"),
        ({"a": np.eye(9)}, {"x": np.arange(9) / 2}, {}, "9 different values.*bins"),
        ({"a": np.eye(9)}, {"x": [0, 1, None] * 3}, {}, "column 'x': k=6"),
        ({"a": np.eye(9)}, {"x": [0, 1, 1] * 3}, {"shuffles": -1}, "shuffles"),
    ],
)
def test_what_has_no_table_is_refused(layers, columns, options, message):
    with pytest.raises(ValueError, match=message):
        label_table(layers, columns, **options)


def test_an_unknown_metric_is_named():
    with pytest.raises(UnknownName, match="manhattan"):
        label_table({"a": np.eye(9)}, {"x": [0, 1, 1] * 3}, metric="manhattan")
