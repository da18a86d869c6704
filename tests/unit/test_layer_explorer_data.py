"""What the layer explorer takes: a Dataset, a DataLoader, arrays, or activations computed elsewhere."""

import numpy as np
import pytest
import torch
from explorers import QUICK, pixels
from torch import nn
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


def test_words_as_predictions_and_further_columns(show):
    rng = np.random.default_rng(0)
    truth = np.array(["cat", "dog"] * 20)
    answers = truth.copy()
    answers[:5] = "fox"
    view = show(rng.normal(size=(40, 6)), truth, predictions=answers, metadata={"age": np.arange(40) / 2})
    assert view.accuracy == pytest.approx(35 / 40)
    assert view.predictions_sent["prediction"]["names"] == ["cat", "dog", "fox"]
    assert view.predictions[:6].tolist() == [2, 2, 2, 2, 2, 1]
    assert list(view.specimen["columns"]) == ["label", "age"]
    named = show(rng.normal(size=(40, 6)), [0, 1] * 20, predictions=answers, class_names=["cat", "dog"])
    assert named.accuracy == view.accuracy
    bare = show(rng.normal(size=(40, 6)), predictions=answers)
    assert (bare.accuracy, bare.predictions_sent["prediction"]["names"]) == (None, ["cat", "dog", "fox"])
    beside = show(rng.normal(size=(40, 6)), truth, X=nbviz.Samples(np.zeros((40, 8, 8), np.uint8)))
    assert beside.neighbourhood_hit is not None


def test_labels_that_are_no_class_of_the_model_make_the_accuracy_unknown(explore, net, digits):
    view = explore(net, digits.inputs, digits.labels + 1)
    assert view.accuracy is None
    assert "correct" not in view.predictions_sent
    note = "accuracy unknown: the labels run from 1 to 10, the model's classes from 0 to 9"
    assert note in view.frame["meta"]["notes"]
    words = explore(net.module, pixels(net, digits)[0], [f"digit {label}" for label in digits.labels])
    assert words.accuracy is None
    assert any(
        "the labels are words, and the outputs have no names" in n for n in words.frame["meta"]["notes"]
    )


def test_outputs_of_another_length_than_the_labels_in_plain_arrays(show):
    outputs = np.eye(3)[[0, 1, 2] * 10]
    view = show(
        np.random.default_rng(0).normal(size=(30, 4)), [0, 1, 3] * 10, predictions=outputs, method="pca"
    )
    assert view.accuracy is None
    assert "the labels run from 0 to 3, the model's classes from 0 to 2" in view.frame["meta"]["notes"][-1]


def test_the_input_is_never_reduced(explore, digits):
    model = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 24 * 24, 10))
    view = explore(model, digits.inputs[:, None], digits.labels, layer="1", reduce="mean")
    assert view.frame["meta"]["features"] == 4
    view.layer = "input"
    assert view.frame["meta"]["features"] == 784
    assert "input is shown with all its values" in view.frame["meta"]["notes"][-1]
    view.reduce = "flatten"
    assert not any("all its values" in note for note in view.frame["meta"]["notes"])


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"y": [0, 1] * 5, "predictions": ["cat", "dog"] * 5},
            r"labels are numbers without names.*class_names=",
        ),
        (
            {"predictions": np.linspace(0, 1, 10)},
            r"must be classes \(whole numbers\).*\(n, 1\) for one of two",
        ),
        ({"predictions": [0] * 9}, "predictions has 9 entries, but there are 10 samples"),
        ({"metadata": {"age": [1]}}, "metadata column 'age' has 1 entries, but X has 10"),
    ],
)
def test_predictions_and_columns_that_do_not_fit(show, options, message):
    with pytest.raises(ValueError, match=message):
        show(np.ones((10, 3)), **options)


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


def test_columns_of_predictions_are_by_row_where_not_all_are_shown(net, digits):
    view = LayerExplorer(net, digits, **QUICK, n_samples=40)
    rows = view.rows
    assert rows[-1] == len(digits) - 1
    shares = torch.softmax(pixels(net, digits)[1], 1).max(1).values.numpy()
    packed = view.predictions_sent["confidence"]["values"]
    confidence = np.frombuffer(packed, np.float32)
    np.testing.assert_allclose(confidence[rows], shares[rows], rtol=1e-4)
    assert np.isnan(np.delete(confidence, rows)).all()
    view.close()


def test_many_words_are_classes_with_their_names(show):
    names = [f"species {i % 300}" for i in range(600)]
    view = show(np.random.default_rng(0).normal(size=(600, 4)), names)
    column = view.specimen["columns"]["label"]
    assert column["kind"] == "classes"
    assert column["names"][np.frombuffer(column["codes"], np.uint16)[74]] == "species 74"
    assert view.neighbourhood_hit is not None
    numbers = show(np.random.default_rng(0).normal(size=(600, 4)), np.arange(600) % 300)
    assert numbers.specimen["columns"]["label"]["kind"] == "numbers"
    assert any("300 whole numbers, more than 200" in note for note in numbers.notes)


def test_a_regression_with_whole_numbers_predicts_no_classes():
    model, inputs = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1), nn.Flatten(0)), torch.randn(60, 4)
    view = LayerExplorer(model, inputs, torch.arange(60) % 7, **QUICK)
    assert view.predictions is None
    assert view.accuracy is None
    assert any("returns one number, and y has more than two classes" in note for note in view.notes)
    view.close()
    binary = LayerExplorer(model, inputs, torch.arange(60) % 2, **QUICK)
    assert set(binary.predictions) <= {0, 1}
    assert binary.accuracy is not None
    binary.close()
