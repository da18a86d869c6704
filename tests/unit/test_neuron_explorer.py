"""The neuron explorer from Python: traits, results, bad input."""

import numpy as np
import pytest
import torch
import traitlets as t
from torch import nn

import nbviz
from nbviz.core.capture import capture
from nbviz.methods.neuron_projection import neuron_projection
from nbviz.methods.unit_activity import discriminative, sample_activity, unit_activity
from nbviz.views.neuron_explorer import NeuronExplorer

QUICK = {"iterations": 30, "executor": "inline"}


@pytest.fixture(scope="module")
def cnn():
    return nbviz.zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def some():
    return nbviz.zoo.load_mnist(100)


@pytest.fixture
def show(cnn, some):
    views = []

    def build(*arguments, **options):
        views.append(NeuronExplorer(*(arguments or (cnn, some)), **{**QUICK, **options}))
        return views[-1]

    yield build
    for view in views:
        view.close()


def test_units_lie_as_the_method_lays_them_out(show, cnn, some):
    view = show(layer="conv2")
    activations = capture(cnn, some, ["conv2"], reduce="max")["conv2"]
    np.testing.assert_allclose(view.activations, activations, atol=1e-6)
    expected = neuron_projection(activations)
    np.testing.assert_allclose(view.projection.positions, expected.positions, atol=1e-5)
    view.reduce = "mean"
    assert np.abs(view.activations - activations).max() > 0.01


def test_selected_samples_colour_the_units(show, some):
    view = show(layer="fc1")
    np.testing.assert_allclose(view.unit_values, view.activations.mean(0), atol=1e-5)
    ones = np.flatnonzero(np.asarray(some.labels) == 1)
    view.selection = ones
    np.testing.assert_allclose(view.unit_values, unit_activity(view.activations, ones).z)
    assert f"{len(ones)} selected samples" in view.summary()
    frame = view.encode(view.latest())
    assert frame.meta["isSigned"]
    np.testing.assert_allclose(frame.buffers[4], view.unit_values[view.projection.units], atol=1e-5)


def test_selected_units_colour_the_samples_and_another_layer_forgets_them(show):
    view = show(layer="fc1", units=[2, 7])
    expected = sample_activity(view.activations, [2, 7], standardise=True)
    np.testing.assert_allclose(view.latest().sample_values, expected)
    view.layer = "conv1"
    assert view.units.tolist() == []
    assert view.latest().sample_values is None


def test_the_discriminative_map(show, some):
    view = show(layer="fc1", colour_units="class")
    expected = discriminative(view.activations, np.asarray(some.labels), seed=0)
    np.testing.assert_array_equal(view.discriminative.best, expected.best)
    frame = view.encode(view.latest())
    assert frame.meta["classes"] == [str(i) for i in range(10)]
    shown = view.projection.units
    np.testing.assert_array_equal(frame.buffers[6], expected.best[shown])


def test_maps_are_kept_when_only_colours_change(show):
    view = show(layer="fc1")
    samples, units = view.latest().samples, view.projection
    view.selection = [1, 2, 3]
    assert view.latest().samples is samples
    assert view.projection is units
    view.method = "tsne"
    assert view.projection.method == "tsne"
    assert view.latest().samples is samples


def test_dead_units_are_counted_and_left_out(show):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        model[0].weight[3] = 0
        model[0].bias[3] = -1
    view = show(model, torch.randn(60, 5), layer="1")
    assert view.projection.dead.tolist() == [3]
    assert "7 units (1 dead left out)" in view.summary()


def test_the_model_is_left_as_it_was(show, cnn):
    before = {name: value.clone() for name, value in cnn.module.state_dict().items()}
    show(selection=[1, 2], units=[1])
    for name, value in cnn.module.state_dict().items():
        assert torch.equal(value, before[name])


def test_no_more_samples_are_asked_for_than_there_are(show, some):
    assert show().n_samples == len(some) == 100
    assert show(n_samples=40).n_samples == 40


def test_activations_computed_elsewhere(show, cnn, some):
    view = show(layer="conv2")
    maps = capture(cnn, some, ["conv2", "fc1"])
    arrays = {"conv2": maps["conv2"].reshape(100, 48, 14, 14), "fc1": maps["fc1"]}
    given = NeuronExplorer.from_activations(arrays, some.labels, X=some.inputs, layer="conv2", **QUICK)
    np.testing.assert_allclose(given.activations, view.activations, atol=1e-6)
    np.testing.assert_allclose(given.projection.positions, view.projection.positions, atol=1e-5)
    assert given.thumbnails
    given.layer = "fc1"
    assert given.activations.shape == maps["fc1"].shape
    given.close()
    alone = NeuronExplorer.from_activations(maps["fc1"], **QUICK)
    assert alone.layer == "activations"
    assert not alone.thumbnails
    alone.close()
    with pytest.raises(ValueError, match="100 samples"):
        NeuronExplorer.from_activations(maps["fc1"][:90], some.labels, X=some.inputs)


def test_the_column_that_colours_the_samples(cnn, some):
    column = {"half": ["left", "right"] * 50}
    view = NeuronExplorer(cnn, nbviz.Samples(some.inputs, some.labels, metadata=column), **QUICK)
    assert view.colour_by == "label"
    view.colour_by = "half"
    with pytest.raises(t.TraitError, match="half"):
        view.colour_by = "halve"
    view.close()


def test_bad_input(show, cnn, some):
    with pytest.raises(TypeError, match="samples X are missing"):
        NeuronExplorer(cnn)
    with pytest.raises(ValueError, match="conv2"):
        NeuronExplorer(cnn, some, layer="conv9")
    view = show()
    with pytest.raises(t.TraitError, match="fc1"):
        view.layer = "fc9"
    with pytest.raises(t.TraitError, match="100 samples"):
        view.selection = [100]
    view.units = [500]
    assert "counted from 0" in str(view.error)
    view.units = []
    assert view.error is None
    unlabelled = show(cnn, some.inputs)
    unlabelled.colour_units = "class"
    assert "labels" in str(unlabelled.error)


def test_rows_are_not_taken_for_points_where_not_all_samples_are_shown(show, some):
    view = show(layer="fc1", n_samples=30)
    rows = view.latest().rows
    view.selection = [rows[3], rows[20], rows[29]]
    np.testing.assert_allclose(view.unit_values, unit_activity(view.activations, [3, 20, 29]).z)
    hidden = np.setdiff1d(np.arange(100), rows)[:4]
    view.selection = hidden
    np.testing.assert_allclose(view.unit_values, view.activations.mean(0), atol=1e-5)
    assert "stand out" not in view.summary()


def test_the_saturation_is_that_of_the_living_units(show):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))
    with torch.no_grad():
        model[0].weight[3] = 0
        model[0].bias[3] = -1
    inputs = torch.randn(60, 5)
    view = show(model, inputs, (inputs[:, 0] > 0).long(), layer="1", colour_units="class")
    living = [0, 1, 2, 4, 5, 6, 7]
    frame = view.encode(view.latest())
    np.testing.assert_allclose(frame.buffers[7], view.discriminative.saturation[living], rtol=1e-6)


def finish(view):
    while view._recompute.step():
        pass


def test_a_picture_bears_the_name_of_its_own_layer(cnn, some):
    view = NeuronExplorer(cnn, some, layer="fc1", executor="manual", iterations=30)
    view._recompute.step()
    view.layer = "conv1"  # the first picture of fc1 still comes
    while view._latest is None:
        view._recompute.step()
    assert view._latest.layer == view.frame["meta"]["layer"] == "fc1"
    assert "fc1" in view.summary()
    finish(view)
    assert view.frame["meta"]["layer"] == "conv1"
    view.close()


def test_units_that_are_set_together_with_the_layer_stay(show):
    view = show(layer="fc1", units=[5])
    for names in (("layer", "units"), ("units", "layer")):
        layer = "conv1" if view.layer == "fc1" else "fc1"
        values = {"layer": layer, "units": [1, 2] if layer == "conv1" else [3]}
        with view.hold_trait_notifications():
            for name in names:
                setattr(view, name, values[name])
        assert view.units.tolist() == values["units"]
    view.layer = "conv2"
    assert view.units.tolist() == []


def test_a_selection_leaves_the_map_of_the_samples_where_it_stands(cnn, some):
    view = NeuronExplorer(cnn, some, layer="fc1", executor="manual", iterations=300)
    while view._latest is None or view._latest.samples.iteration < 100:
        view._recompute.step()
    before = view._latest
    view.selection = [1, 2, 3]
    while view._latest.unit_title == before.unit_title:
        view._recompute.step()
    assert view._latest.samples.iteration >= before.samples.iteration
    finish(view)
    assert view._latest.samples.iteration == 300
    undisturbed = NeuronExplorer(cnn, some, layer="fc1", executor="inline", iterations=300)
    np.testing.assert_array_equal(view.embedding, undisturbed.embedding)
    view.close()
    undisturbed.close()


def test_the_rows_shown_and_what_is_said_of_them(show, cnn, some):
    view = show(n_samples=40, layer="fc1")
    np.testing.assert_allclose(
        view.activations, capture(cnn, some, ["fc1"])["fc1"][view.rows], rtol=1e-4, atol=1e-5
    )
    assert any("30 iterations are few" in note for note in view.notes)
    labels = np.where(np.arange(100) == 7, np.nan, np.asarray(some.labels))
    partly = show(cnn, nbviz.Samples(some.inputs, labels))
    assert any("no label (NaN) for 1 of 100" in note for note in partly.notes)


def test_too_few_units_for_tsne_are_told_as_units():
    points = np.random.default_rng(0).normal(size=(80, 3))
    view = NeuronExplorer.from_activations(points, method="tsne", **QUICK)
    assert "t-SNE needs at least 4 units, got 3; method='mds' works with 2" in str(view.error)
    view.method = "mds"
    assert view.error is None
    view.close()


def test_classes_that_units_tell_bear_their_names():
    points, codes = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3
    words = ["ape", "bee", "cat"]
    view = NeuronExplorer.from_activations(points, codes, class_names=words, colour_units="class", **QUICK)
    assert view.frame["meta"]["classes"] == words
    view.close()
