"""The comparison of two maps: the method against its parts, and the view from Python."""

import numpy as np
import pytest
import torch
import traitlets as t

import nbviz
from nbviz.core.capture import capture
from nbviz.core.events import Preview, Result
from nbviz.methods.epoch_activations import checkpoint_activations
from nbviz.methods.map_comparison import MapMemory, compared_maps, compared_maps_steps
from nbviz.methods.neighbour_preservation import neighbour_preservation
from nbviz.methods.neighbours import neighbourhood_hit
from nbviz.methods.projection import project
from nbviz.views.map_comparison import MapComparison

QUICK = {"iterations": 40, "executor": "inline"}
N = 150


@pytest.fixture(scope="module")
def net():
    return nbviz.zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def digits():
    return nbviz.zoo.load_mnist(N)


@pytest.fixture(scope="module")
def layers(net, digits):
    found = capture(net, digits, ["pool1", "fc1"])
    return found["pool1"], found["fc1"]


@pytest.fixture
def show(net, digits):
    views = []

    def build(*arguments, **options):
        views.append(MapComparison(*(arguments or (net, digits)), **{**QUICK, **options}))
        return views[-1]

    yield build
    for view in views:
        view.close()


# The method


def test_the_left_map_is_the_usual_one_and_the_numbers_are_those_of_the_parts(layers, digits):
    found = compared_maps(*layers, digits.labels, k=7, n_iter=40)
    alone = project(layers[0], n_iter=40)
    np.testing.assert_array_equal(found.left.positions, alone.positions)
    np.testing.assert_array_equal(found.preservation.local, neighbour_preservation(*layers, k=7).local)
    assert found.left.neighbourhood_hit == pytest.approx(
        neighbourhood_hit(found.left.positions, digits.labels, 7)
    )
    assert found.right.neighbourhood_hit_activations == pytest.approx(
        neighbourhood_hit(layers[1], digits.labels, 7)
    )
    in_maps = compared_maps(*layers, of="maps", k=7, n_iter=40)
    expected = neighbour_preservation(in_maps.left.positions, in_maps.right.positions, k=7)
    np.testing.assert_array_equal(in_maps.preservation.local, expected.local)
    assert in_maps.left.neighbourhood_hit is None


def test_the_right_map_starts_from_the_left_and_stays_nearer_to_it(layers):
    matched = compared_maps(*layers, n_iter=250)
    alone = compared_maps(*layers, n_iter=250, match=False)
    np.testing.assert_array_equal(alone.right.positions, project(layers[1], n_iter=250).positions)

    def correlation(found):
        left, right = (m.positions - m.positions.mean(0) for m in (found.left, found.right))
        return np.mean([np.corrcoef(left[:, i], right[:, i])[0, 1] for i in (0, 1)])

    assert correlation(matched) > correlation(alone) + 0.1
    expected = project(layers[1], n_iter=250, start=matched.left.positions).positions
    np.testing.assert_array_equal(matched.right.positions, expected)


def test_a_turned_pca_keeps_its_distances_and_lies_better(layers):
    matched, alone = (compared_maps(*layers, method="pca", match=match) for match in (True, False))
    own, turned = alone.right.positions, matched.right.positions
    gaps = [np.linalg.norm(m[:20, None] - m[None, :20], axis=2) for m in (own, turned)]
    np.testing.assert_allclose(*gaps, rtol=1e-3, atol=1e-4)
    left = matched.left.positions - matched.left.positions.mean(0)
    assert (left * (turned - turned.mean(0))).sum() >= (left * (own - own.mean(0))).sum()


def test_previews_begin_with_two_pca_pictures_and_a_memory_spares_the_left_map(layers):
    memory = MapMemory()
    events = list(compared_maps_steps(*layers, n_iter=40, memory=memory))
    first, last = events[0].value, events[-1].value
    assert isinstance(events[0], Preview)
    assert isinstance(events[-1], Result)
    assert (first.left.method, first.right.method, first.preservation) == ("pca", "pca", None)
    again = list(compared_maps_steps(layers[0], layers[0][:, ::2].copy(), n_iter=40, memory=memory))
    assert again[0].value.left is last.left or np.array_equal(
        again[0].value.left.positions, last.left.positions
    ), "the left map is there at once"
    other = compared_maps(*layers, n_iter=40, k=3, of="maps", memory=memory)
    np.testing.assert_array_equal(other.left.positions, last.left.positions)
    assert other.preservation.k == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"right": np.ones((5, 3))}, "right: all 5 activations are equal"),
        ({"right": np.arange(12.0).reshape(4, 3)}, f"left has {N} samples and right 4"),
        ({"of": "pixels"}, "unknown of 'pixels'"),
        ({"k": N}, f"from 1 to {N - 1}"),
        ({"left": np.full((N, 3), np.nan)}, "left: activations hold"),
    ],
)
def test_bad_input_to_the_method(layers, change, words):
    options = {"left": layers[0], "right": layers[1], **change}
    with pytest.raises(ValueError, match=words):
        compared_maps(options.pop("left"), options.pop("right"), **options)


def test_a_start_that_does_not_fit_is_refused(layers):
    with pytest.raises(ValueError, match="start must have shape"):
        project(layers[1], start=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="not all of them the same"):
        project(layers[1], start=np.zeros((N, 2)))
    with pytest.raises(ValueError, match="method='tsne'"):
        project(layers[1], start=np.ones((N, 2)), method="pca")


# The view


def test_before_and_after_the_training_is_the_default(show, net, digits):
    view = show()
    assert (view.checkpoint, view.right_checkpoint, view.layer, view.right_layer) == (
        0,
        None,
        "relu4",
        "relu4",
    )
    then = checkpoint_activations(net, digits, "relu4", [0])
    now = capture(net, digits, ["relu4"])["relu4"]
    expected = neighbour_preservation(then.activations[0], now, k=10)
    np.testing.assert_allclose(view.preservation.local, expected.local)
    assert view.accuracy[0] == pytest.approx(then.accuracy[0])
    assert view.accuracy[1] > 0.95
    assert "relu4, epoch 0 and relu4, as it is now, 150 samples" in repr(view)
    assert f"chance {10 / 149:.1%}" in repr(view)


def test_two_layers_share_predictions_and_epochs_do_not(show, net, digits):
    view = show(layer="pool1", right_layer="fc1")
    assert (view.checkpoint, view.right_checkpoint) == (None, None)
    found = capture(net, digits, ["pool1", "fc1"])
    expected = neighbour_preservation(found["pool1"], found["fc1"], k=10)
    np.testing.assert_allclose(view.preservation.local, expected.local)
    assert view.predictions_sent["left"]["codes"] == view.predictions_sent["right"]["codes"]
    view.right_checkpoint = 0
    assert view.predictions_sent["left"]["codes"] != view.predictions_sent["right"]["codes"]
    assert view.latest().titles == ("pool1, as it is now", "fc1, epoch 0")


def test_two_models_have_names_and_their_own_layers(show, net, digits):
    mlp = nbviz.zoo.load("mnist-mlp")
    view = show(net, digits, right=mlp)
    assert view.right_layer in [layer["name"] for layer in view.specimen["right"]["layers"]]
    names = {type(net.module).__name__, type(mlp.module).__name__}
    if len(names) == 2:
        assert view.latest().titles[1].startswith(type(mlp.module).__name__)
    right = capture(mlp, digits, [view.right_layer])[view.right_layer]
    left = capture(net, digits, [view.layer])[view.layer]
    np.testing.assert_allclose(view.preservation.local, neighbour_preservation(left, right, k=10).local)


def test_a_model_without_checkpoints_shows_input_and_last_hidden_layer(show, net, digits):
    view = show(nbviz.Network(net.module, transform=net.transform), digits)
    assert (view.layer, view.right_layer, view.checkpoint) == ("input", "relu4", None)
    view.right_layer = "input"
    assert view.preservation.mean == 1
    assert any("the same" in note for note in view.latest().notes)


def test_who_changed_most_and_their_neighbours_are_rows_of_the_samples(show, digits):
    view = show(n_samples=60, k=5)
    assert len(view.rows) == 60
    row = int(view.most_changed(1)[0])
    at = int(np.flatnonzero(view.rows == row)[0])
    assert view.preservation.local[at] == view.preservation.local.min()
    groups = view.neighbours_of(row)
    assert len(groups["kept"]) + len(groups["lost"]) == 5 == len(groups["kept"]) + len(groups["gained"])
    assert set(groups["lost"]) <= set(view.rows.tolist())
    assert set(groups["lost"]) == {int(view.rows[i]) for i in view.preservation.lost(at)}
    hidden = next(row for row in range(N) if row not in view.rows)
    with pytest.raises(ValueError, match="not among the 60 shown"):
        view.neighbours_of(hidden)


def test_the_frame_holds_positions_shares_and_neighbours(show):
    view = show(k=4)
    frame = view.encode(view.latest())
    left, right, rows, local, before, after = frame.buffers
    assert left.dtype == right.dtype == np.uint16
    assert rows.tolist() == view.rows.tolist()
    np.testing.assert_allclose(local, view.preservation.local)
    np.testing.assert_array_equal(before.reshape(-1, 4), view.preservation.left)
    np.testing.assert_array_equal(after.reshape(-1, 4), view.preservation.right)
    assert frame.meta["mean"] == view.preservation.mean
    extent, xy = frame.meta["sides"][1]["extent"], right.reshape(-1, 2) / 65535
    shown = xy * (np.array(extent[2:]) - extent[:2]) + extent[:2]
    np.testing.assert_allclose(shown, view.maps.right.positions, atol=1e-3 * np.ptp(shown))


def test_the_left_map_stays_when_the_right_changes(show):
    view = show(layer="pool1", right_layer="fc1")
    left = view.maps.left.positions
    view.right_layer = "pool2"
    assert view.maps.left.positions is left
    view.of = "maps"
    assert view.maps.left.positions is left
    view.seed = 3
    assert view.maps.left.positions is not left


def test_of_what_takes_long_some_samples_are_shown_first(net, digits, monkeypatch):
    """The model is not slow here; the patience is short."""
    monkeypatch.setattr("nbviz.core.specimen.PATIENCE", 0.0)
    monkeypatch.setattr("nbviz.core.specimen.FIRST_LOOK", 50)
    fresh = nbviz.Network(net.module, transform=net.transform, checkpoints=net.checkpoints)
    view = MapComparison(fresh, nbviz.zoo.load_mnist(100), iterations=40, executor="inline")
    seen = []
    view.observe(lambda change: seen.append(change.new), "frame")
    view.reduce = "max"
    view.layer = "conv2"
    first = next(frame for frame in seen if frame["meta"]["sides"][0]["title"].startswith("conv2"))
    assert (first["kind"], len(first["buffers"][2]) // 4) == ("preview", 50)
    assert first["meta"]["sides"][1]["title"] == "relu4, as it is now"
    assert len(view.rows) == 100
    assert view.error is None
    view.close()


def test_activations_from_elsewhere(layers, digits):
    view = MapComparison.from_activations({"pool1": layers[0], "fc1": layers[1]}, X=digits, **QUICK)
    assert (view.layer, view.right_layer) == ("pool1", "fc1")
    np.testing.assert_allclose(view.preservation.local, neighbour_preservation(*layers, k=10).local)
    assert view.shown_network() is None
    assert view.thumbnails["png"]
    view.close()
    plain = MapComparison.from_activations(*layers, digits.labels, predictions=digits.labels, **QUICK)
    assert plain.accuracy == (1.0, None)
    assert plain.thumbnails == {}
    plain.close()


def test_why_an_accuracy_is_unknown_is_told_for_each_side(show, net, digits, layers):
    sides = {"X": digits, "predictions": digits.labels + 10, "right_predictions": digits.labels}
    view = MapComparison.from_activations(*layers, **sides, method="pca", executor="inline")
    assert view.accuracy == (None, 1.0)
    assert view.notes == ("left: accuracy unknown: predictions and labels have no class in common",)
    view.close()
    words = np.array([f"no {label}" for label in digits.labels])
    named = nbviz.Samples(digits.inputs, words)
    view = show(net, named, layer="pool1", right_layer="fc1", method="pca")
    assert view.accuracy == (None, None)
    known = [note for note in view.notes if "accuracy unknown" in note]
    assert [note.split(":")[0] for note in known] == ["left", "right"]
    inputs = torch.tensor(np.asarray(digits.inputs), dtype=torch.float32)[:, None] / 255
    pictures = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Conv2d(2, 1, 3))
    view = show(pictures, inputs, digits.labels, layer="0", right_layer="1", method="pca")
    assert "right: accuracy unknown: the model gives no score per class" in view.notes
    view = show(pictures, inputs, layer="0", right_layer="1", method="pca")
    assert not any("accuracy" in note for note in view.notes), "without labels nothing is missed"


def test_predictions_stay_in_the_browser_while_other_samples_are_looked_at_first(net, digits, monkeypatch):
    """The model is not slow here; the patience is short."""
    monkeypatch.setattr("nbviz.core.specimen.PATIENCE", 0.0)
    monkeypatch.setattr("nbviz.core.specimen.FIRST_LOOK", 50)
    fresh = nbviz.Network(net.module, transform=net.transform)
    view = MapComparison(fresh, digits, layer="conv1", method="pca", executor="inline")
    sent, kinds = [], []
    view.observe(lambda change: sent.append(sorted(change.new)), "predictions_sent")
    view.observe(lambda change: kinds.append((change.new["kind"], len(change.new["buffers"][2]))), "frame")
    view.reduce = "max"
    view.layer = "conv2"
    assert ("preview", 4 * 50) in kinds, "there was a first look"
    assert [] not in sent
    assert sorted(view.predictions_sent) == ["left", "right"]
    view.close()


def test_bad_input(show, net, digits, layers):
    with pytest.raises(TypeError, match="samples X are missing"):
        MapComparison(net)
    with pytest.raises(TypeError, match=r"torch\.nn\.Module is wanted"):
        MapComparison(net, digits, right="fc1")
    with pytest.raises(TypeError, match="right_layer"):
        MapComparison(net, digits, rightlayer="fc1")
    with pytest.raises(ValueError, match="at least 2"):
        MapComparison(net, digits.inputs[:1])
    with pytest.raises(ValueError, match="unknown epoch 3"):
        MapComparison(net, digits, checkpoint=3)
    with pytest.raises(ValueError, match="conv2"):
        MapComparison(net, digits, right_layer="conv9")
    with pytest.raises(ValueError, match=f"{N} samples"):
        MapComparison.from_activations(layers[0], layers[1][:9])
    view = show()
    for name, value, words in (
        ("layer", "conv9", "conv2"),
        ("right_checkpoint", 5, "unknown epoch 5"),
        ("selection", [N], f"{N} samples"),
        ("colour_by", "shoe size", "preservation"),
    ):
        with pytest.raises(t.TraitError, match=words):
            setattr(view, name, value)
    view.k = N
    assert f"from 1 to {N - 1}" in str(view.error)
    assert view.status == "error"
    view.k = 5
    assert view.error is None


def test_model_and_checkpoints_stay_and_a_change_of_either_model_is_noticed(show, net, digits):
    own = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(784, 8), torch.nn.ReLU(), torch.nn.Linear(8, 10)
    )
    before = {name: value.clone() for name, value in net.module.state_dict().items()}
    inputs = torch.tensor(np.asarray(digits.inputs), dtype=torch.float32)
    view = show(own, inputs, digits.labels, layer="input", right_layer="2")
    version = view.shown_network().version
    with torch.no_grad():
        own[1].bias += 1
    assert view.shown_network().version != version
    view.compare_model(view.shown_network().version)
    assert view.model_changed
    old = view.preservation
    view.refresh()
    assert view.preservation is not old
    assert not view.model_changed
    show()
    for name, value in net.module.state_dict().items():
        assert torch.equal(value, before[name])


def test_labels_that_are_no_classes_are_told():
    points = np.random.default_rng(0).normal(size=(40, 3))
    labels = np.where(np.arange(40) == 7, np.nan, np.arange(40) % 2)
    view = nbviz.MapComparison.from_activations(
        {"a": points, "b": points**2}, y=labels, iterations=20, executor="inline"
    )
    assert any("no label (NaN) for 1 of 40" in note for note in view.notes)
    view.close()
