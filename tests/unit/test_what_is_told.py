"""What people meet when labels, outputs or checkpoints are not what a view needs."""

import numpy as np
import pytest
import torch
from explorers import QUICK
from torch import nn
from torch.utils.data import TensorDataset

import nbviz
from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.core.samples import Samples


@pytest.fixture(scope="module")
def some():
    return nbviz.zoo.load_mnist(80)


def test_words_that_are_missing_are_no_class():
    words = ["cat", None, "dog", float("nan")]
    with pytest.raises(ValueError, match=r"no label for 2 of 4 samples.*first for sample\s+1"):
        Samples(np.zeros((4, 2)), words)
    assert Samples(np.zeros((3, 2)), [0.5, np.nan, 1.5]).labels.dtype == np.float64


def test_outputs_of_nan_predict_nothing_and_that_is_said(some):
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(784, 10)

        def forward(self, x):
            return self.fc(x.flatten(1)) * torch.nan

    inputs = np.asarray(some.inputs, np.float32) / 255
    view = nbviz.LayerExplorer(Broken(), inputs, some.labels, layer="fc", **QUICK)
    assert view.accuracy is None
    assert view.predictions is None
    assert "output is NaN for 80 samples" in " ".join(view.latest().notes)
    view.close()
    with pytest.raises(ValueError, match="outputs hold NaN"):
        nbviz.LayerExplorer.from_activations(
            inputs, some.labels, predictions=np.full((80, 10), np.nan), **QUICK
        )


def test_predictions_of_other_classes_give_no_accuracy(some):
    inputs = np.asarray(some.inputs, np.float32).reshape(80, -1)
    view = nbviz.LayerExplorer.from_activations(inputs, some.labels, predictions=np.full(80, 77), **QUICK)
    assert view.accuracy is None
    assert "no class in common" in " ".join(view.notes)
    assert "\n  accuracy unknown: predictions and labels have no class in common" in str(view)
    view.close()
    with pytest.raises(RuntimeError, match="closed"):
        print(view.notes)


def test_checkpoints_of_the_network_are_compared_with_the_model(some):
    inputs = torch.tensor(np.asarray(some.inputs), dtype=torch.float32)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
    other = nn.Sequential(nn.Flatten(), nn.Linear(784, 9), nn.ReLU(), nn.Linear(9, 10))
    for view in (nbviz.MapComparison, nbviz.LayerExplorer):
        with pytest.raises(ValueError, match="checkpoint 0 does not fit the model"):
            view(Network(model, checkpoints={0: other.state_dict()}), inputs, some.labels)
        aliased = Network(model, checkpoints={0: model.state_dict(), 9: model.state_dict()})
        with pytest.raises(ValueError, match="all checkpoints are the same tensors"):
            view(aliased, inputs, some.labels)
    with pytest.raises(ValueError, match=r"there are no checkpoints.*or Network\(model, checkpoints="):
        nbviz.MapComparison(model, inputs, some.labels, checkpoint=0)


def test_a_drawing_of_zeros_and_ones_is_one_of_full_strength(some):
    view = nbviz.LivePlacement(nbviz.zoo.load("mnist-cnn"), some, method="pca", executor="inline")
    strokes = (np.asarray(some.inputs[3]) > 128).astype(float)
    view.drawing = strokes
    np.testing.assert_array_equal(view.drawing.reshape(28, 28), 255 * strokes)
    view.close()


def test_samples_that_are_not_finite_are_named(some):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 8), nn.ReLU(), nn.Linear(8, 10))
    inputs = np.asarray(some.inputs, np.float32)
    inputs[7, 0, 0] = np.nan
    inputs[9] = np.inf
    options = {"executor": "inline", "layer": "1"}
    here = r"in 2 of 80 samples \(rows 7, 9\); the inputs of these samples hold such values already"
    views = [
        view(model, inputs, some.labels, **options) for view in (nbviz.LayerExplorer, nbviz.NeuronExplorer)
    ]
    views.append(nbviz.MapComparison(model, inputs, some.labels, right_layer="input", **options))
    views.append(nbviz.EvolutionExplorer(model, inputs, some.labels, over="layers", executor="inline"))
    for view in views:
        with pytest.raises(ValueError, match=here):
            view.latest()
        view.close()
    probes = nbviz.LayerProbes(model, inputs, some.labels, executor="inline")
    assert "label: neighbourhood hit not measured" in str(probes)
    assert any("layer '3': activations hold" in note and "rows 7, 9" in note for note in probes.notes)
    assert not any(note == "" for note in probes.notes)
    probes.close()
    # Of a part of the samples they are told by their numbers among all; here the model is to blame.
    with torch.no_grad():
        model[1].weight[:] = 0
        model[1].bias[:] = np.nan
    fine = np.asarray(some.inputs, np.float32)
    view = nbviz.LayerExplorer(model, fine, some.labels, n_samples=40, **options)
    with pytest.raises(ValueError, match=r"rows 0, 2, 4, 6, 8, …\); look for a division by zero"):
        view.latest()
    view.close()


def test_classes_that_are_too_small_to_be_anything_but_outliers(some):
    labels = np.where(np.arange(80) < 3, "rare", np.where(np.arange(80) < 7, "four", "many"))
    view = nbviz.OutlierExplorer.from_activations(
        np.asarray(some.inputs, np.float32), labels, **QUICK, most_hit=2
    )
    told = [note for note in view.notes if "too few samples" in note]
    assert told == ["too few samples (3 or fewer) to be anything but outliers: class rare"]
    assert {0, 1, 2} <= set(view.outliers)
    view.most_hit = 3
    assert any("classes four, rare" in note for note in view.notes)
    view.close()


def test_one_map_cannot_be_compared(some):
    array = np.asarray(some.inputs, np.float32)
    with pytest.raises(ValueError, match="nothing to compare it with: give right="):
        nbviz.MapComparison.from_activations(array)
    with pytest.raises(ValueError, match="nothing to compare it with"):
        nbviz.MapComparison.from_activations({"fc1": array}, y=some.labels)


def test_a_lazy_model_is_refused_with_advice_in_every_map(some):
    model = nn.Sequential(nn.Flatten(), nn.LazyLinear(10))
    inputs = np.asarray(some.inputs, np.float32)
    for view in (nbviz.LayerExplorer, nbviz.OutlierExplorer, nbviz.MapComparison, nbviz.LivePlacement):
        with pytest.raises(ModelError, match=r"no shape yet.*Run the model once"):
            view(model, inputs, some.labels, executor="inline").latest()


def test_how_many_are_read_from_a_dataset(some):
    source = TensorDataset(torch.tensor(some.inputs, dtype=torch.float32), torch.tensor(some.labels))
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.ReLU(), nn.Linear(10, 10))
    views = (nbviz.MapComparison, nbviz.LivePlacement, nbviz.NeuronExplorer, nbviz.EvolutionExplorer)
    for view in views:
        options = {"over": "layers"} if view is nbviz.EvolutionExplorer else {}
        shown = view(net, source, max_samples=30, executor="manual", **options)
        assert shown.specimen["n"] == 30, view
        shown.close()


def test_a_transformer_is_no_function(some):
    class Scaler:
        def transform(self, batch):
            return batch

    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    with pytest.raises(TypeError, match=r"layers=\{'scaled': Scaler.transform\}, fitted"):
        nbviz.LayerExplorer(model, some, layers={"scaled": Scaler()})


def test_truth_values_are_no_class_numbers_of_ten(some):
    even = np.asarray(some.labels) % 2 == 0
    net = nbviz.zoo.load("mnist-mlp")
    for labels in (even, torch.tensor(even)):
        view = nbviz.LayerExplorer(net, some.inputs, labels, **QUICK)
        assert view.accuracy is None
        assert view.neighbourhood_hit > 0.7  # they are classes
        told = "accuracy unknown: the labels are true or false, and the model tells 10 classes apart"
        assert told in view.notes
        view.close()
    outliers = nbviz.OutlierExplorer(net, Samples(some.inputs, even)[10:], **QUICK)
    assert outliers.errors is None
    assert outliers.losses is None
    outliers.close()
    # A model that tells two apart answers them.
    torch.manual_seed(0)
    inputs = torch.tensor(np.asarray(some.inputs), dtype=torch.float32)
    two = nn.Sequential(nn.Flatten(), nn.Linear(784, 2))
    view = nbviz.LayerExplorer(two, inputs, even, **QUICK)
    with torch.no_grad():
        assert view.accuracy == (two(inputs).argmax(1).numpy() == even).mean()
    view.close()


def test_class_numbers_of_which_one_is_missing(some):
    labels = np.asarray(some.labels, float)
    labels[3] = np.nan
    view = nbviz.LayerExplorer(nbviz.zoo.load("mnist-mlp"), some.inputs, labels, **QUICK)
    assert view.neighbourhood_hit is None
    assert any(note.startswith("y has no label (NaN) for 1 of 80 samples") for note in view.notes)
    view.close()
    with pytest.raises(ValueError, match=r"no label \(NaN\) for 1 of 80 samples.*of classes"):
        nbviz.OutlierExplorer(nbviz.zoo.load("mnist-mlp"), some.inputs, labels)
    for values in (labels + 0.5, some.labels):  # a scale; classes
        view = nbviz.LayerExplorer(nbviz.zoo.load("mnist-mlp"), some.inputs, values, **QUICK)
        assert not any("y has no label" in note for note in view.notes)
        view.close()
    many = nbviz.LayerExplorer.from_activations(
        np.random.default_rng(0).random((300, 4)), np.arange(300), **QUICK
    )
    assert "y holds 300 whole numbers, more than 200 classes: they are taken for values" in many.notes
    many.close()


def test_units_of_layers_with_steps():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.lstm = nn.Embedding(30, 8), nn.LSTM(8, 16, batch_first=True)
            self.out = nn.Linear(16, 2)

        def forward(self, ids):
            return self.out(self.lstm(self.embed(ids))[0][:, -1])

    torch.manual_seed(0)
    model = Reader()
    ids = torch.randint(0, 30, (40, 12))
    view = nbviz.NeuronExplorer(model, ids, np.arange(40) % 2, executor="inline")
    assert (view.layer, view.reduce) == ("lstm", "mean")
    assert view.specimen["maps"] == ["embed", "lstm"]
    with torch.no_grad():
        states = model.lstm(model.embed(ids))[0]
    np.testing.assert_allclose(view.latest().activations, states.mean(1), atol=1e-6)
    view.reduce = "max"
    np.testing.assert_allclose(view.latest().activations, states.amax(1), atol=1e-6)
    view.close()


def test_what_is_asked_of_folds_and_of_one_sample(some):
    net = nbviz.zoo.load("mnist-mlp")
    with pytest.raises(ValueError, match="folds=1 must be 2 or more"):
        nbviz.LayerProbes(net, some, folds=1)
    with pytest.raises(ValueError, match="one sample has no neighbours"):
        nbviz.OutlierExplorer(net, some.inputs[:1], some.labels[:1])


def test_a_column_that_repeats_the_groups_is_told(some):
    samples = Samples(some.inputs, some.labels, metadata={"again": np.asarray(some.labels)})
    net = nbviz.zoo.load("mnist-mlp")
    probes = nbviz.LayerProbes(net, samples, groups="again", folds=2, executor="manual")
    assert probes.columns == ["again"]
    assert probes._left_out == ("left out: column 'label' holds the same classes as 'again'",)
    probes.close()


def test_checkpoints_given_to_a_comparison(some):
    net = nbviz.zoo.load("mnist-mlp")
    model, weights = net.module, net.checkpoints
    inputs = net.transform(some.inputs)
    view = nbviz.MapComparison(model, inputs, some.labels, checkpoints={0: weights[0]}, **QUICK)
    assert (view.checkpoint, view.right_checkpoint) == (0, None)
    assert view.preservation.local.mean() < 0.6
    view.close()
