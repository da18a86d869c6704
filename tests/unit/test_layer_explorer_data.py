"""What the layer explorer takes: a Dataset, a DataLoader, arrays, or activations computed elsewhere."""

import numpy as np
import pytest
import torch
from explorers import QUICK, pixels
from torch.utils.data import DataLoader, TensorDataset

import nbviz
from nbviz.views.layer_explorer import LayerExplorer


@pytest.fixture(scope="module")
def activations(net, digits):
    return nbviz.core.capture.capture(net, digits, ["fc1", "fc3"])


@pytest.fixture
def show():
    views = []

    def build(*arguments, **traits):
        views.append(LayerExplorer.from_activations(*arguments, **{**QUICK, **traits}))
        return views[-1]

    yield build
    for view in views:
        view.close()


def test_a_dict_of_layers(show, activations, digits):
    view = show(activations, digits.labels)
    assert [layer["name"] for layer in view.specimen["layers"]] == ["fc1", "fc3"]
    assert view.layer == "fc3"
    view.layer = "fc1"
    assert view.frame["meta"]["features"] == activations["fc1"].shape[1]
    assert view.neighbourhood_hit is not None
    assert view.accuracy is None
    assert view.predictions is None
    assert view.thumbnails == {}


def test_a_single_array_or_tensor(show, activations):
    view = show(torch.tensor(activations["fc1"]))
    assert view.layer == "activations"
    assert view.embedding.shape == (150, 2)
    assert view.neighbourhood_hit is None


def test_with_pictures_and_predictions(show, activations, digits, net):
    view = show(activations, X=digits, predictions=net.predict(digits))
    _, outputs = pixels(net, digits)
    assert view.accuracy == pytest.approx((outputs.argmax(1).numpy() == digits.labels).mean())
    assert view.thumbnails["width"] == 28
    view.layer = "fc1"
    assert view.accuracy is not None


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (({},), ValueError, "there are no activations: pass a mapping of layer name to array"),
        (({"a": np.ones((5, 2)), "b": np.ones((4, 2))},), ValueError, r"layer 'b' have shape \(4, 2\)"),
        ((np.ones((5, 2)), [0, 1]), ValueError, "y has 2 entries, but X has 5 samples"),
        ((np.zeros((0, 2)),), ValueError, "there are no samples: X is empty"),
    ],
)
def test_what_does_not_fit(show, arguments, error, message):
    with pytest.raises(error, match=message):
        show(*arguments)


def test_a_dataset_a_loader_and_arrays_give_the_same_map(explore, net, digits):
    inputs, _ = pixels(net, digits)
    data = TensorDataset(inputs, torch.tensor(digits.labels))
    views = [
        explore(net, data),
        explore(net, DataLoader(data, batch_size=32)),
        explore(net, inputs.numpy(), digits.labels),
        explore(net, inputs, torch.tensor(digits.labels)),
        explore(net.module, inputs, list(digits.labels)),
    ]
    for view in views[1:]:
        np.testing.assert_allclose(view.embedding, views[0].embedding, atol=1e-4)
        assert view.accuracy == views[0].accuracy
    assert len(explore(net, DataLoader(data, batch_size=32), max_samples=40).embedding) == 40


def test_text_labels_are_matched_with_the_outputs_by_name(explore, net, digits):
    inputs, outputs = pixels(net, digits)
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    named = nbviz.Network(net.module, class_names=words)
    view = explore(named, inputs, [words[label] for label in digits.labels])
    assert view.accuracy == pytest.approx((outputs.argmax(1).numpy() == digits.labels).mean())
    assert view.specimen["columns"]["label"]["names"] == sorted(words)


def test_the_users_samples_are_not_changed(explore, net, digits):
    samples = nbviz.Samples(digits.inputs, digits.labels)
    view = explore(net, samples)
    assert samples.class_names == ()
    assert view.specimen["columns"]["label"]["names"] == [str(i) for i in range(10)]
