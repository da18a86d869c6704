"""The evolution explorer from Python: traits, results, bad input."""

import copy
import json

import numpy as np
import pytest
import torch
import traitlets as t
from torch import nn

import nbviz
from nbviz.core.capture import capture
from nbviz.methods.epoch_activations import checkpoint_activations
from nbviz.methods.evolution import evolution
from nbviz.methods.neighbours import neighbourhood_hit
from nbviz.methods.trails import trails
from nbviz.views.evolution_explorer import EvolutionExplorer

QUICK = {"iterations": 40, "n_samples": 60, "executor": "inline", "seed": 0}


@pytest.fixture(scope="module")
def mlp():
    return nbviz.zoo.load("mnist-mlp")


@pytest.fixture(scope="module")
def some():
    return nbviz.zoo.load_mnist(120)


@pytest.fixture
def show(mlp, some):
    views = []

    def build(*arguments, **options):
        views.append(EvolutionExplorer(*(arguments or (mlp, some)), **{**QUICK, **options}))
        return views[-1]

    yield build
    for view in views:
        view.close()


def test_the_maps_are_those_of_the_method(show, mlp, some):
    view = show(strength=0.01)
    frames = checkpoint_activations(mlp, some, view.layer, n_samples=60)
    labels = np.asarray(some.labels)[frames.rows]
    expected = evolution(
        frames.activations,
        labels,
        names=frames.names,
        strength=0.01,
        perplexity=view.perplexity,
        n_iter=40,
        k=6,
        n_jobs=1,
    )
    assert view.evolution.names == expected.names
    np.testing.assert_array_equal(view.accuracy, frames.accuracy)
    np.testing.assert_allclose(
        view.evolution.neighbourhood_hit_activations, expected.neighbourhood_hit_activations
    )
    np.testing.assert_allclose(
        view.evolution.positions, expected.positions, atol=0.05 * expected.positions.std()
    )


def test_training_raises_accuracy_and_the_hit_among_activations(show):
    view = show()
    assert view.accuracy[0] < 0.3
    assert view.accuracy[-1] > 0.9
    hits = view.evolution.neighbourhood_hit_activations
    assert hits[-1] > hits[0]


def test_lambda_refines_the_maps_at_hand_and_holds_them_together(show):
    view = show(strength=0.0001)
    free = view.evolution.relative_displacement.mean()
    for strength in (0.001, 0.01, 0.1, 1.0, 10.0):  # as a slider moves
        view.strength = strength
        assert view.evolution.positions.std() < 50
    view.strength = 0.1
    assert view.evolution.strength == 0.1
    assert view.evolution.relative_displacement.mean() < 0.7 * free


def test_only_the_bundling_leaves_the_maps_alone(show):
    view = show()
    maps = view.evolution
    view.bundling = 0.0
    assert view.evolution is maps
    n = maps.positions.shape[1]
    assert view.trails.shape == (n, 8 * (len(maps.names) - 1) + 1, 2)
    np.testing.assert_allclose(view.trails[:, ::8], maps.positions.transpose(1, 0, 2), atol=1e-4)


def test_from_layer_to_layer(show, mlp):
    view = show(over="layers", mode="follow")
    assert view.evolution.names[0] == "input"
    assert list(view.evolution.names) == view.specimen["layers"]
    hits = view.evolution.neighbourhood_hit_activations
    assert hits[-1] > hits[0]


def test_frames_carry_what_the_browser_draws(show):
    view = show()
    frame = view.encode(view.latest())
    x0, y0, x1, y1 = frame.meta["extent"]
    shape = view.evolution.positions.shape
    packed = frame.buffers[0].reshape(shape).astype(float) / 65535
    positions = packed * [x1 - x0, y1 - y0] + [x0, y0]
    np.testing.assert_allclose(positions, view.evolution.positions, atol=1e-3 * (x1 - x0))
    trails = frame.buffers[2].reshape(view.trails.shape).astype(float) / 65535
    np.testing.assert_allclose(trails * [x1 - x0, y1 - y0] + [x0, y0], view.trails, atol=1e-3 * (x1 - x0))
    np.testing.assert_array_equal(frame.buffers[1], view.latest().frames.rows)
    assert frame.nbytes < 1_000_000
    assert frame.meta["accuracy"] == pytest.approx(view.accuracy.tolist())


def test_checkpoints_may_be_models_of_ones_own(show, some):
    def model(seed):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 20), nn.ReLU(), nn.Linear(20, 10))

    inputs = torch.as_tensor(np.asarray(some.inputs), dtype=torch.float32)[:90] / 255
    labels = np.asarray(some.labels)[:90]
    last = model(2)
    view = show(last, inputs, labels, checkpoints={1: model(1).state_dict(), 5: last})
    assert view.evolution.names == ("1", "5")
    assert view.layer == "2"
    view.layer = "1"
    assert view.evolution.positions.shape == (2, 60, 2)


def test_without_checkpoints_it_goes_from_layer_to_layer(show, some):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
    inputs = torch.as_tensor(np.asarray(some.inputs), dtype=torch.float32)[:60] / 255
    view = show(model, inputs)
    assert view.over == "layers"
    with pytest.raises(t.TraitError, match="no checkpoints"):
        view.over = "epochs"
    with pytest.raises(ValueError, match="no checkpoints"):
        EvolutionExplorer(model, inputs, over="epochs")


def test_bad_input(show, mlp):
    with pytest.raises(TypeError, match="samples X are missing"):
        EvolutionExplorer(mlp)
    view = show()
    with pytest.raises(t.TraitError, match="relu2"):
        view.layer = "relu9"
    before = view.frame["generation"]
    view.perplexity = 50
    assert "perplexity" in str(view.error)
    assert view.frame["generation"] == before
    view.perplexity = 10
    assert view.error is None
    view.over = "layers"
    view.mode = "joint"
    assert "follow" in str(view.error)


def test_no_more_samples_are_asked_for_than_there_are(mlp, some):
    view = EvolutionExplorer(mlp, some, iterations=40, executor="inline")
    assert view.n_samples == len(some) == 120
    assert view.evolution.positions.shape[1] == 120
    view.close()


def test_only_frames_that_there_are_can_be_shown(show, mlp):
    view = show()
    frames = len(mlp.checkpoints)
    view.frame_shown = frames - 1
    with pytest.raises(t.TraitError, match=f"there are {frames} frames"):
        view.frame_shown = 77
    with pytest.raises(t.TraitError):
        view.frame_shown = -3
    assert view.frame_shown == frames - 1
    view.over = "layers"
    layers = len(view.evolution.names)
    assert layers != frames
    view.frame_shown = layers - 1
    with pytest.raises(t.TraitError, match=f"there are {layers} frames"):
        view.frame_shown = layers
    view.over = "epochs"
    assert view.frame_shown == min(layers, frames) - 1
    with pytest.raises(t.TraitError, match="frames"):
        show(frame_shown=77)


def test_activations_computed_elsewhere(show, mlp, some):
    view = show(k=6)
    frames = checkpoint_activations(mlp, some, view.layer, n_samples=0)
    outputs = {e: capture(mlp.at_epoch(e), some, ["output"])["output"] for e in mlp.checkpoints}
    arrays = dict(zip(frames.names, frames.activations, strict=True))
    shuffled = {epoch: arrays[epoch] for epoch in reversed(frames.names)}
    given = EvolutionExplorer.from_activations(
        shuffled, some.labels, X=some.inputs, predictions=outputs, **QUICK, k=6
    )
    np.testing.assert_array_equal(given.evolution.positions, view.evolution.positions)
    np.testing.assert_array_equal(given.accuracy, view.accuracy)
    assert given.evolution.names == view.evolution.names
    assert given.thumbnails
    assert f"{len(arrays)} epochs, 60 samples" in given.summary()
    with pytest.raises(t.TraitError, match="one layer"):
        given.over = "layers"
    given.close()


def test_activations_by_layer_without_labels_or_predictions():
    rng = np.random.default_rng(0)
    layers = {"conv": rng.normal(size=(40, 3, 5, 5)), "fc": rng.normal(size=(40, 7))}
    view = EvolutionExplorer.from_activations(layers, iterations=30, executor="inline", reduce="mean")
    assert view.over == "layers"
    assert view.evolution.names == ("conv", "fc")
    assert view.latest().frames.activations[0].shape == (40, 3)
    assert view.accuracy is None
    assert view.neighbourhood_hit is None
    assert not any("accuracy" in note for note in view.notes)
    view.close()


@pytest.mark.parametrize(
    ("activations", "options", "message"),
    [
        ({0: np.ones((9, 2))}, {}, "two epochs or more"),
        (np.ones((2, 9, 2)), {}, "mapping of epoch"),
        ({0: np.ones((9, 2)), 1: np.ones((8, 2))}, {}, "9 samples"),
        ({0: np.ones((9, 2)), 1: np.ones((9, 2))}, {"predictions": {0: np.zeros(9)}}, "same keys"),
    ],
)
def test_bad_activations(activations, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        EvolutionExplorer.from_activations(activations, **options)


def test_predictions_of_other_classes_have_no_accuracy():
    rng = np.random.default_rng(0)
    arrays = {0: rng.normal(size=(30, 4)), 1: rng.normal(size=(30, 4))}
    view = EvolutionExplorer.from_activations(
        arrays, np.arange(30) % 2, predictions=np.full(30, 7), iterations=20, executor="inline"
    )
    assert view.accuracy is None
    assert any("no class in common" in note for note in view.notes)
    view.close()


def test_trails_of_the_same_class_of_the_chosen_column_are_drawn_together(mlp):
    some = nbviz.zoo.load_mnist(60)
    halves = nbviz.Samples(some.inputs, some.labels, metadata={"half": ["left", "right"] * 30})
    view = EvolutionExplorer(mlp, halves, **QUICK)
    assert view.colour_by == "label"
    maps, by_digit = view.evolution, view.trails
    np.testing.assert_array_equal(by_digit, trails(maps.positions, some.labels, strength=1.0))
    view.colour_by = "half"
    assert view.evolution is maps
    np.testing.assert_array_equal(view.trails, trails(maps.positions, np.arange(60) % 2, strength=1.0))
    view.colour_by = ""
    np.testing.assert_array_equal(view.trails, trails(maps.positions, None, strength=1.0))
    with pytest.raises(t.TraitError, match="half"):
        view.colour_by = "halve"
    with pytest.raises(t.TraitError, match="60 samples"):
        view.selection = [60]
    view.close()


def sent_answers(view, frame):
    """Columns of one frame as the browser gets them: codes of prediction and correct, and the names."""
    columns = view.answers_sent["frames"][frame]
    codes = [np.frombuffer(columns[name]["codes"], np.uint16) for name in ("prediction", "correct")]
    return *codes, columns["prediction"]["names"]


def test_the_answers_are_those_of_the_network_at_each_frame(show, mlp, some):
    view = show()
    rows = np.frombuffer(view.answers_sent["rows"], np.int32)
    np.testing.assert_array_equal(rows, view.rows)
    for frame, epoch in enumerate(sorted(mlp.checkpoints)):
        expected = capture(mlp.at_epoch(epoch), some, ["output"])["output"].argmax(1)[rows]
        np.testing.assert_array_equal(view.predictions[frame], expected)
        predicted, right, names = sent_answers(view, frame)
        assert [names[code] for code in predicted] == [str(digit) for digit in expected]
        np.testing.assert_array_equal(right, expected == np.asarray(some.labels)[rows])
        assert right.mean() == pytest.approx(view.accuracy[frame])
    sent = view.answers_sent
    view.strength = 0.5
    assert view.answers_sent is sent  # they travel once
    view.n_samples = 30
    assert len(view.answers_sent["rows"]) == 4 * 30
    view.over = "layers"
    assert {tuple(sent_answers(view, frame)[0]) for frame in range(2)} == {tuple(view.predictions[0])}
    view.colour_by = "correct"
    labels = np.asarray(some.labels)[view.rows]
    np.testing.assert_array_equal(view.trails, trails(view.evolution.positions, labels, strength=1.0))


def test_answers_of_activations_computed_elsewhere():
    rng = np.random.default_rng(0)
    arrays = {0: rng.normal(size=(30, 4)), 1: rng.normal(size=(30, 4))}
    words = np.array(["cat", "dog"])[np.arange(30) % 2]
    options = {"iterations": 20, "executor": "inline"}
    said = {0: np.array(["cat"] + ["cow"] * 29), 1: words}
    view = EvolutionExplorer.from_activations(arrays, words, predictions=said, **options)
    assert [sent_answers(view, frame)[2] for frame in (0, 1)] == [["cat", "dog", "cow"]] * 2
    np.testing.assert_array_equal(sent_answers(view, 1)[1], np.ones(30))
    view.close()
    without = EvolutionExplorer.from_activations(arrays, words, predictions={0: words, 1: None}, **options)
    assert without.predictions is None
    assert without.answers_sent == {}
    without.close()
    others = EvolutionExplorer.from_activations(
        arrays, np.arange(30) % 2, predictions=np.full(30, 7), **options
    )
    assert "correct" not in others.answers_sent["frames"][0]
    others.close()


def test_summary_in_words(show):
    text = show().summary()
    assert "over" in text
    assert "accuracy" in text
    assert "%" in text


@pytest.mark.parametrize(
    ("checkpoints", "error", "message"),
    [
        ([1, 2], TypeError, "mapping of epoch"),
        ({"start": {}}, TypeError, "whole number"),
        ({0: "weights.pt"}, TypeError, "torch.load"),
    ],
)
def test_checkpoints_of_no_known_form(mlp, some, checkpoints, error, message):
    with pytest.raises(error, match=message):
        EvolutionExplorer(mlp, some, checkpoints=checkpoints)


def test_arguments_are_among_the_keywords_that_may_have_been_meant(mlp, some):
    with pytest.raises(TypeError, match=r"'checkpoint'\. Did you mean 'checkpoints'\?"):
        EvolutionExplorer(mlp, some, checkpoint=mlp.checkpoints)


def test_of_one_epoch_it_is_said_where_more_come_from(show, mlp, some):
    view = show(mlp.module, some, checkpoints={3: mlp.checkpoints[40]}, over="epochs")
    assert "checkpoints={0: ..., 5: ...}" in str(view.error)


def test_training_on_changes_no_picture_of_checkpoints(mlp, some):
    network = nbviz.Network(copy.deepcopy(mlp.module), checkpoints=mlp.checkpoints, transform=mlp.transform)
    view = EvolutionExplorer(network, some, **QUICK)
    assert view.shown_network() is None
    view.over = "layers"
    assert view.shown_network() is network
    view.close()


def test_checkpoints_that_are_one_and_the_same_are_refused(mlp, some):
    weights = mlp.module.state_dict()
    with pytest.raises(ValueError, match="deepcopy"):
        EvolutionExplorer(mlp, some, checkpoints={1: weights, 2: mlp.module.state_dict()})


def test_a_weaker_lambda_begins_anew(show):
    view = show(strength=0.0001)
    free = view.evolution.positions
    view.strength = 10.0
    view.strength = 0.0001
    np.testing.assert_allclose(view.evolution.positions, free, atol=0.05 * free.std())


def test_labels_that_do_not_match_the_classes_are_told(show, some):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
    inputs = torch.as_tensor(np.asarray(some.inputs), dtype=torch.float32)[:60] / 255
    labels = np.asarray(some.labels)[:60]
    weights = {e: {k: v + e for k, v in model.state_dict().items()} for e in (0, 1)}
    high = show(model, inputs, labels + 20, checkpoints=weights)
    assert high.accuracy is None
    expected = f"accuracy unknown: the labels run from {labels.min() + 20} to {labels.max() + 20}"
    assert expected in high.frame["meta"]["notes"][-1]
    high.over = "layers"
    assert high.accuracy is None
    assert expected in high.frame["meta"]["notes"][-1]
    words = show(model, inputs, [f"no. {k}" for k in labels], checkpoints=weights)
    assert "outputs have no names" in words.frame["meta"]["notes"][-1]
    for view in (show(model, inputs, labels, checkpoints=weights), show(model, inputs, checkpoints=weights)):
        assert not any("accuracy" in note for note in view.frame["meta"]["notes"])


def test_seed_and_neighbours_reach_the_maps(show, some):
    view = show()
    first, labels = view.evolution, np.asarray(some.labels)[view.latest().frames.rows]
    view.k = 3
    expected = [neighbourhood_hit(positions, labels, 3) for positions in view.evolution.positions]
    np.testing.assert_allclose(view.neighbourhood_hit, expected)
    view.k, view.seed = 6, 1
    assert not np.array_equal(view.evolution.positions, first.positions)
    view.seed = 0
    np.testing.assert_array_equal(view.evolution.positions, first.positions)


def test_what_the_frame_says_is_that_of_the_maps(show):
    view = show()
    meta = view.encode(view.latest()).meta
    assert meta["displacement"] == pytest.approx(view.evolution.relative_displacement.mean())
    assert meta["displacement"] > 0.01


def test_trails_are_bundled_by_the_classes_of_the_samples_shown(show, some):
    view = show(n_samples=40)
    rows = view.latest().frames.rows
    assert rows[-1] == len(some) - 1
    expected = trails(view.evolution.positions, np.asarray(some.labels)[rows], strength=1.0)
    np.testing.assert_array_equal(view.trails, expected)


def test_bundling_leaves_maps_under_way_where_they_stand(mlp, some):
    view = EvolutionExplorer(mlp, some, **{**QUICK, "executor": "manual", "iterations": 120})
    while view._latest is None or view._latest.evolution.iteration < 30:
        view._recompute.step()
    before = view._latest
    view.bundling = 0.5
    while view._latest is before:
        view._recompute.step()
    assert view._latest.evolution.iteration >= before.evolution.iteration
    while view._recompute.step():
        pass
    undisturbed = EvolutionExplorer(mlp, some, **{**QUICK, "iterations": 120, "bundling": 0.5})
    np.testing.assert_array_equal(view.trails, undisturbed.trails)
    view.close()
    undisturbed.close()


def test_a_picture_says_what_it_is_of_not_what_was_asked_for_since(mlp, some):
    view = EvolutionExplorer(mlp, some, **{**QUICK, "executor": "manual", "over": "layers"})
    while view._recompute.step():
        pass
    names = view.evolution.names
    view.over = "epochs"
    view.stop()
    while view._recompute.step():
        pass
    assert f"{len(names)} layers" in view.summary()
    assert view.encode(view._latest).meta["over"] == "layers"
    view.close()


def test_epochs_may_be_numbers_of_numpy_and_layers_are_not_asked_of_them():
    arrays = {epoch: np.random.default_rng(0).normal(size=(20, 3)) for epoch in np.array([5, 0])}
    view = EvolutionExplorer.from_activations(arrays, iterations=20, executor="inline")
    assert json.dumps(view.specimen["epochs"]) == "[0, 5]"
    view.close()
    with pytest.raises(t.TraitError, match="no layers to compare"):
        EvolutionExplorer.from_activations(arrays, over="layers")
    with pytest.raises(t.TraitError, match="no epochs to compare"):
        EvolutionExplorer.from_activations({"a": np.eye(20, 3), "b": np.eye(20, 4)}, over="epochs")


def test_activations_of_one_layer_have_no_layer_to_choose():
    arrays = {0: np.random.default_rng(0).normal(size=(20, 3)), 1: np.eye(20, 3)}
    with pytest.raises(t.TraitError, match="leave layer out"):
        EvolutionExplorer.from_activations(arrays, layer="fc1")


def test_rows_shown_notes_and_numbers_of_numpy(show, mlp, some):
    view = show(n_samples=40)
    np.testing.assert_array_equal(view.rows, view.latest().frames.rows)
    for perplexity in np.arange(5, 12, 5):
        view.perplexity = perplexity
    assert view.perplexity == 10
    view.strength = np.float32(0.5)
    assert view.evolution.strength == 0.5
    labels = np.where(np.arange(120) == 7, np.nan, np.asarray(some.labels))
    partly = show(mlp, nbviz.Samples(some.inputs, labels))
    assert any("no label (NaN) for 1 of 120" in note for note in partly.notes)
    with pytest.raises(TypeError, match=r"dict\(enumerate\(arrays\)\)"):
        EvolutionExplorer.from_activations([np.ones((9, 2))] * 2)
