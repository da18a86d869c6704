"""The layer explorer at one epoch of a training, and with layers that functions make."""

import gc
import weakref

import numpy as np
import pytest
import torch
import traitlets as t
from explorers import QUICK
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from synthetic_view import from_browser
from torch import nn

import nbviz
from nbviz.core.capture import capture
from nbviz.core.epoch_specimen import EpochSpecimens
from nbviz.core.errors import ModelError
from nbviz.core.function_layers import BATCH, FunctionSpecimen
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.methods.neighbours import neighbourhood_hit


@pytest.fixture(scope="module")
def cnn():
    return nbviz.zoo.load("mnist-cnn")


@pytest.fixture(scope="module")
def some():
    return nbviz.zoo.load_mnist(200)


@pytest.fixture
def show(cnn, some):
    views = []

    def build(*arguments, **options):
        views.append(nbviz.LayerExplorer(*(arguments or (cnn, some)), **{**QUICK, **options}))
        return views[-1]

    yield build
    for view in views:
        view.close()


def test_an_epoch_shows_the_weights_of_its_checkpoint(show, cnn, some):
    first, *_, last = sorted(cnn.checkpoints)
    view = show(layer="fc1", epoch=first)
    then = capture(cnn.at_epoch(first), some, ["fc1"])["fc1"]
    labels = np.asarray(some.labels)
    expected = cnn.at_epoch(first).predict(some).argmax(1)
    np.testing.assert_array_equal(view.predictions, expected)
    assert f"after epoch {first}" in view.summary()
    assert view.neighbourhood_hit_activations == pytest.approx(neighbourhood_hit(then, labels), abs=1e-6)
    before = view.neighbourhood_hit_activations
    view.epoch = last
    assert view.neighbourhood_hit_activations > before
    assert view.accuracy > 0.95
    view.epoch = None
    assert "epoch" not in view.summary()
    np.testing.assert_array_equal(view.predictions, cnn.predict(some).argmax(1))


def test_maps_of_two_epochs_lie_alike(show, cnn):
    *_, before, last = sorted(cnn.checkpoints)
    view = show(layer="fc1", epoch=last)
    reference = view.embedding
    view.epoch = before
    centred = view.embedding - view.embedding.mean(0)
    towards = reference - reference.mean(0)

    def fit(angle):
        c, s = np.cos(angle), np.sin(angle)
        return float((centred @ [[c, -s], [s, c]] * towards).sum())

    assert fit(0) > 0.99 * max(fit(angle) for angle in np.linspace(0, 6.2, 60))


def test_checkpoints_can_be_given_as_a_trainer_saved_them(show, some, cnn):
    module = nn.Sequential(nn.Flatten(), nn.Linear(784, 16), nn.ReLU(), nn.Linear(16, 10))
    inputs = torch.tensor(np.asarray(some.inputs)[:, None] / 255, dtype=torch.float32)
    start = {name: value.clone() for name, value in module.state_dict().items()}
    with torch.no_grad():
        module[1].weight.mul_(2)
    view = show(module, inputs, some.labels, checkpoints={0: {"state_dict": start}}, layer="1", epoch=0)
    with torch.no_grad():
        module.eval()
        expected = nn.functional.linear(inputs.flatten(1), start["1.weight"], start["1.bias"]).numpy()
    found = view._epochs.at(0).network
    np.testing.assert_allclose(capture(found, inputs, ["1"])["1"], expected, atol=1e-5)
    assert torch.equal(module[1].weight, 2 * start["1.weight"])


def test_the_model_may_be_trained_while_a_checkpoint_is_looked_at(show):
    view = show(layer="fc1", epoch=0)
    assert view.shown_network() is None
    view.epoch = None
    assert view.shown_network() is not None


def test_epochs_that_do_not_exist_are_refused(show, cnn, some):
    with pytest.raises(t.TraitError, match="unknown epoch 99"):
        show(epoch=99)
    plain = Network(cnn.module, transform=cnn.transform)
    with pytest.raises(t.TraitError, match="has no checkpoints"):
        show(plain, some, epoch=1)
    view = show(layer="fc1")
    from_browser(view, epoch=99)
    assert "unknown epoch" in view.problem["message"]
    assert view.epoch is None
    arrays = nbviz.LayerExplorer.from_activations({"a": np.eye(20)}, executor="inline", method="pca")
    with pytest.raises(t.TraitError, match="no checkpoints"):
        arrays.epoch = 1
    arrays.close()


LINES = [line for line in nbviz.zoo.load_python_source(6000).text.splitlines() if line.strip()][:90]


class Counts(nn.Module):
    """Letters to logits: a model that reads the same texts."""

    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(128, 8)
        self.fc = nn.Linear(8, 2)

    def forward(self, ids):
        return self.fc(self.letters(ids).mean(1))


def ids(text):
    return [min(ord(letter), 127) for letter in text.ljust(100)[:100]]


def test_a_function_of_the_samples_is_a_layer(show):
    vectors = TfidfVectorizer(analyzer="char", ngram_range=(1, 2)).fit(LINES)
    labels = np.array([line.startswith(" ") for line in LINES]).astype(int)
    network = Network(Counts(), tokenizer=ids)
    seen = []

    def words(batch):
        seen.append(batch)
        return vectors.transform(batch)

    view = show(network, LINES, labels, layers={"tf-idf": words}, layer="tf-idf", perplexity=5.0)
    assert [layer["name"] for layer in view.specimen["layers"]][:2] == ["input", "tf-idf"]
    assert all(isinstance(text, str) for batch in seen for text in batch)
    expected = neighbourhood_hit(vectors.transform(LINES).toarray(), labels)
    assert view.neighbourhood_hit_activations == pytest.approx(expected, abs=0.02)
    assert view.predictions is not None
    assert view.specimen["names"] == LINES
    calls = len(seen)
    view.perplexity = 8.0
    view.layer = "fc"
    view.layer = "tf-idf"
    assert len(seen) == calls, "computed once"


def test_a_function_gets_batches_and_may_return_tensors(some, cnn):
    sizes = []

    def rows(batch):
        sizes.append(len(batch))
        return torch.tensor(batch.reshape(len(batch), -1)[:, ::50].astype(float), requires_grad=True)

    samples = nbviz.zoo.load_mnist(BATCH + 50)
    specimen = FunctionSpecimen(cnn, samples, {"pixels": rows})
    *_, result = specimen.record_steps("pixels", "max", np.arange(len(samples)))
    wanted = np.asarray(samples.inputs).reshape(len(samples), -1)[:, ::50]
    np.testing.assert_allclose(result.value.activations, wanted)
    assert sizes[-2:] == [BATCH, 50]
    assert result.value.predictions is not None
    again = EpochSpecimens(FunctionSpecimen(cnn, samples, {"pixels": rows})).at(0)
    assert again.check("pixels") == "pixels"


@pytest.mark.parametrize(
    ("layers", "error", "words"),
    [
        ([abs], TypeError, "mapping of name to function"),
        ({"a": 3}, TypeError, "mapping of name to function"),
        ({"conv1": np.asarray}, ValueError, "the model has a layer 'conv1'"),
        ({"a": lambda batch: 1 / 0}, ModelError, "'a' raised ZeroDivisionError"),
        ({"a": lambda batch: ["x"] * len(batch)}, ModelError, "must return numbers"),
        ({"a": lambda batch: np.zeros((3, 2))}, ModelError, "one row for each of the 1 samples"),
    ],
)
def test_functions_that_do_not_serve(show, layers, error, words):
    with pytest.raises(error, match=words):
        show(layers=layers)


def test_a_function_whose_width_depends_on_the_batch_is_told_so(cnn):
    samples = Samples.of(np.zeros((BATCH + 5, 28, 28), np.uint8))
    square = {"a": lambda batch: csr_matrix(np.ones((len(batch), len(batch))))}
    specimen = FunctionSpecimen(cnn, samples, square)
    with pytest.raises(ModelError, match="as many for every batch"):
        list(specimen.record_steps("a", "flatten", np.arange(BATCH + 5)))


def test_all_epochs_with_the_paths_of_the_samples():
    net, digits = nbviz.zoo.load("mnist-mlp"), nbviz.zoo.load_mnist(90)
    view = nbviz.LayerExplorer(net, digits, layer="fc1", k=4, iterations=30, executor="inline", selection=[3])
    paths = view.evolution(iterations=40, executor="inline")
    assert paths.evolution.names == tuple(str(epoch) for epoch in sorted(net.checkpoints))
    assert (paths.layer, paths.k, paths.n_samples) == ("fc1", 4, 90)
    assert paths.trails.shape[0] == 90
    assert paths.selection.tolist() == [3]
    paths.selection = [5, 7]
    assert view.selection.tolist() == [5, 7]
    view.selection = [8]
    assert paths.selection.tolist() == [8]
    view.close()
    assert paths.evolution.positions.shape[1] == 90  # it stands by itself
    paths.close()


def test_there_are_no_paths_without_a_model():
    rng = np.random.default_rng(0)
    view = nbviz.LayerExplorer.from_activations(rng.normal(size=(30, 4)), iterations=30, executor="inline")
    with pytest.raises(ValueError, match=r"EvolutionExplorer\.from_activations"):
        view.evolution()
    view.close()
    net, digits = nbviz.zoo.load("mnist-mlp"), nbviz.zoo.load_mnist(30)
    view = nbviz.LayerExplorer(
        net,
        digits,
        layers={"raw": lambda batch: np.reshape(batch, (len(batch), -1))},
        layer="raw",
        iterations=30,
        executor="inline",
    )
    with pytest.raises(ValueError, match="layer of the model"):
        view.evolution()
    assert view.evolution(layer="fc1", over="epochs", executor="inline", iterations=30).layer == "fc1"
    view.close()


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_maps_that_would_lie_the_other_way_round_are_turned(show, method):
    """Weights of the other sign give the same map, upside down."""
    torch.manual_seed(0)
    module, inputs = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)), torch.randn(80, 4)
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    negated = {name: -value if name.startswith("0.") else value for name, value in weights.items()}
    options = {"checkpoints": {0: weights, 1: negated}, "layer": "0", "method": method}
    view = show(module, inputs, **options, epoch=0)
    first = view.embedding - view.embedding.mean(0)
    view.epoch = 1
    second = view.embedding - view.embedding.mean(0)
    alone = show(module, inputs, **options, epoch=1).embedding
    likeness = [(first * other).sum() / (first**2).sum() for other in (second, alone - alone.mean(0))]
    assert likeness[0] > 0.9
    assert likeness[1] < 0


def test_a_view_of_all_epochs_is_not_kept_alive_by_the_one_it_came_from():
    view = nbviz.LayerExplorer(nbviz.zoo.load("mnist-mlp"), nbviz.zoo.load_mnist(40), **QUICK)
    paths = view.evolution(iterations=20, executor="inline", perplexity=5)
    paths.close()
    kept = weakref.ref(paths)
    del paths
    gc.collect()
    assert kept() is None
    view.selection = [1]
    other = view.evolution(iterations=20, executor="inline", perplexity=5)
    view.close()
    other.selection = [2]
    other.close()


def test_a_layer_that_is_a_function_does_not_hinder_the_way_over_all_layers():
    net, digits = nbviz.zoo.load("mnist-mlp"), nbviz.zoo.load_mnist(30)
    flat = {"raw": lambda batch: np.reshape(batch, (len(batch), -1))}
    view = nbviz.LayerExplorer(net, digits, layers=flat, layer="raw", iterations=30, executor="inline")
    paths = view.evolution(over="layers", iterations=20, executor="inline")
    assert paths.evolution.names[0] == "input"
    paths.close()
    view.close()
