"""Where activations come from: a first look, everything in its place, nothing run twice."""

import numpy as np
import pytest
import torch
from torch import nn

from nbviz.core import specimen
from nbviz.core.events import Preview, Progress, Result
from nbviz.core.network import Network
from nbviz.core.recording import Predictions, spread
from nbviz.core.samples import Samples
from nbviz.core.specimen import ArraySpecimen, ModelSpecimen


class Small(nn.Module):
    """256 activations in its first layer, three classes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.head = nn.Linear(4 * 64, 3)

    def forward(self, x):
        return self.head(torch.relu(self.conv(x)).flatten(1))


@pytest.fixture
def model():
    return Small()


@pytest.fixture
def images():
    return torch.randn(1100, 1, 8, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def ran(monkeypatch):
    """What was run: (layers, number of samples) of each pass over samples."""
    calls = []
    original = specimen.capture_steps

    def counted(network, samples, layers, **options):
        calls.append((tuple(layers), len(options["rows"])))
        return original(network, samples, layers, **options)

    monkeypatch.setattr(specimen, "capture_steps", counted)
    return calls


def events(specimen, layer, rows, reduce="flatten"):
    found = list(specimen.record_steps(layer, reduce, rows))
    return found[-1].value, [e.value for e in found if isinstance(e, Preview)], found


@pytest.mark.parametrize("n", [1, 2, 499, 500, 501, 999, 1100])
def test_every_row_gets_its_own_activations_and_prediction(model, images, n):
    rows = np.sort(np.random.default_rng(n).permutation(1100)[:n])
    result, _, _ = events(ModelSpecimen(Network(model), Samples(images)), "conv", rows)
    with torch.no_grad():
        expected = model.conv(images[rows]).flatten(1).numpy()
        shares = model(images[rows]).softmax(1).numpy()
    np.testing.assert_array_equal(result.rows, rows)
    np.testing.assert_allclose(result.activations, expected, atol=1e-5)
    np.testing.assert_array_equal(result.predictions.classes, shares.argmax(1))
    np.testing.assert_allclose(result.predictions.confidence, shares.max(1), atol=1e-5)


def test_a_slow_model_shows_some_samples_first(model, images, monkeypatch):
    monkeypatch.setattr(specimen, "PATIENCE", 0.0)
    result, looks, found = events(ModelSpecimen(Network(model), Samples(images)), "conv", np.arange(1100))
    assert len(looks) == 1
    look = looks[0]
    assert 250 <= len(look.rows) <= specimen.FIRST_LOOK
    assert np.diff(look.rows).max() <= 3, "spread evenly"
    np.testing.assert_array_equal(look.activations, result.activations[look.rows])
    done = [e.done for e in found if isinstance(e, Progress)]
    assert done == sorted(done)
    assert all(e.total == 1100 for e in found if isinstance(e, Progress))
    assert isinstance(found[-1], Result)


def test_a_quick_model_shows_all_at_once(model, images, monkeypatch):
    monkeypatch.setattr(specimen, "PATIENCE", 60.0)
    _, looks, _ = events(ModelSpecimen(Network(model), Samples(images)), "conv", np.arange(1100))
    assert looks == []


def test_of_a_large_map_fewer_samples_are_shown_first_also_from_the_cache(model, images, monkeypatch):
    monkeypatch.setattr(specimen, "PATIENCE", 60.0)
    monkeypatch.setattr(specimen, "LOOK_VALUES", 200 * 256)
    source = ModelSpecimen(Network(model), Samples(images))
    for _ in range(2):
        _, looks, _ = events(source, "conv", np.arange(1100))
        assert [len(look.rows) for look in looks] == [184]


def test_nothing_is_run_twice(model, images, ran):
    source = ModelSpecimen(Network(model), Samples(images[:300]))
    rows = np.arange(300)
    first, _, _ = events(source, "conv", rows)
    again, _, _ = events(source, "conv", rows)
    assert ran == [(("conv", "output"), 300)]
    assert again.activations is first.activations
    events(source, "head", rows)
    assert ran[1:] == [(("head",), 300)], "the predictions are known"


def test_other_rows_and_changed_weights_are_run_anew(model, images, ran):
    source = ModelSpecimen(Network(model), Samples(images[:300]))
    rows = np.arange(300)
    before, _, _ = events(source, "conv", rows)
    events(source, "conv", rows[::2])
    with torch.no_grad():
        model.conv.weight.mul_(-1)
    after, _, _ = events(source, "conv", rows)
    assert [count for _, count in ran] == [300, 150, 300]
    assert np.abs(after.activations - before.activations).max() > 0.1


def test_what_is_recorded_while_weights_change_is_not_taken_for_up_to_date(model, images, ran):
    source = ModelSpecimen(Network(model), Samples(images[:300]))
    for event in source.record_steps("conv", "flatten", np.arange(300)):
        if isinstance(event, Progress):
            with torch.no_grad():
                model.conv.weight.add_(0.1)
    events(source, "conv", np.arange(300))
    assert [layers for layers, _ in ran] == [("conv", "output")] * 2


def test_two_samples_objects_do_not_share_what_is_kept(model, images, ran):
    network = Network(model)
    rows = np.arange(100)
    one, _, _ = events(ModelSpecimen(network, Samples(images[:100])), "conv", rows)
    two, _, _ = events(ModelSpecimen(network, Samples(images[100:200])), "conv", rows)
    assert len(ran) == 2
    assert np.abs(one.activations - two.activations).max() > 0.1


def test_a_layer_that_is_too_large_says_what_to_do(model, images, monkeypatch):
    monkeypatch.setattr(specimen, "LARGEST", 4 * 256 * 100)
    source = ModelSpecimen(Network(model), Samples(images))
    with pytest.raises(ValueError, match=r"layer 'conv' has 256 values per sample.*1,100 samples.*'max'"):
        events(source, "conv", np.arange(1100))
    result, _, _ = events(source, "conv", np.arange(1100), "max")
    assert result.activations.shape == (1100, 4)


def test_a_model_that_predicts_no_classes_has_no_predictions(images, ran):
    blur = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU())
    result, _, _ = events(ModelSpecimen(Network(blur), Samples(images[:40])), "0", np.arange(40))
    assert result.predictions is None
    assert ran == [(("0",), 40)]


def test_labels_that_are_numbers_mean_regression(model, images):
    samples = Samples(images[:40], np.linspace(0, 1, 40))
    result, _, _ = events(ModelSpecimen(Network(model), samples), "conv", np.arange(40))
    assert result.predictions is None


def test_predictions_from_scores_shares_and_classes():
    scores = np.array([[1.0, 3.0], [2.0, 0.0]])
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    for values in (scores, shares, torch.tensor(scores)):
        found = Predictions.of(values)
        assert found.classes.tolist() == [1, 0]
        np.testing.assert_allclose(found.confidence, shares.max(1), rtol=1e-5)
    found = Predictions.of([1, 0])
    assert found.classes.tolist() == [1, 0]
    assert np.isnan(found.confidence).all()
    with pytest.raises(ValueError, match=r"\(n,\) classes or \(n, classes\) outputs, got \(2, 2, 2\)"):
        Predictions.of(np.zeros((2, 2, 2)))


def test_a_column_of_classes_is_no_score():
    """As scikit-learn and pandas give them: one column, whole numbers or words."""
    inputs = np.zeros((3, 2))
    for column, expected in [([[7], [1], [0]], [7, 1, 0]), ([["cat"], ["dog"], ["cat"]], [0, 1, 0])]:
        samples = Samples(inputs, None if expected[0] == 7 else ["cat", "dog", "dog"])
        source = ArraySpecimen({"fc": inputs}, samples, np.array(column))
        assert events(source, "fc", np.arange(3))[0].predictions.classes.tolist() == expected
        assert source.n_classes is None
    scores = ArraySpecimen({"fc": inputs}, Samples(inputs), np.array([[2.0], [-3.0], [0.1]]))
    assert events(scores, "fc", np.arange(3))[0].predictions.classes.tolist() == [1, 0, 1]
    assert scores.n_classes == 2


def test_arrays_computed_elsewhere():
    maps = np.random.default_rng(0).normal(size=(20, 3, 4, 4))
    source = ArraySpecimen({"conv": maps, "fc": torch.tensor(maps[:, 0, 0])}, Samples(maps), [1] * 20)
    rows = np.arange(0, 20, 2)
    result, _, _ = events(source, "conv", rows, "max")
    np.testing.assert_allclose(result.activations, maps[rows].max((2, 3)), rtol=1e-6)
    again, _, _ = events(source, "conv", rows, "max")
    assert again.activations is result.activations, "an array that is the same object keeps its neighbours"
    assert events(source, "conv", rows, "mean")[0].activations.shape == (10, 3)
    assert events(source, "conv", rows)[0].activations.shape == (10, 48)
    assert result.predictions.classes.tolist() == [1] * 10
    assert source.default_layer() == "fc"
    assert [layer.shape for layer in source.layers()] == [(3, 4, 4), (4,)]


@pytest.mark.parametrize(
    ("arrays", "predictions", "error", "message"),
    [
        ({"fc": np.zeros((4, 2))}, None, ValueError, r"layer 'fc' have shape \(4, 2\).*with 5 samples"),
        ({"fc": np.zeros(5)}, None, ValueError, r"layer 'fc' have shape \(5,\): \(samples, features\)"),
        ({"fc": np.array([["a"]] * 5)}, None, TypeError, "layer 'fc' are <U1, not real numbers"),
        ({"fc": np.zeros((5, 2))}, [0, 1], ValueError, "predictions has 2 entries, but there are 5 samples"),
    ],
)
def test_arrays_that_do_not_fit(arrays, predictions, error, message):
    with pytest.raises(error, match=message):
        ArraySpecimen(arrays, Samples(np.zeros((5, 2))), predictions)


@pytest.mark.parametrize(("n", "count"), [(10, 3), (10, 10), (10, 99), (1000, 7), (5, 1)])
def test_spread_rows_are_distinct_and_reach_both_ends(n, count):
    rows = spread(n, count)
    assert len(rows) == len(set(rows.tolist())) == min(n, count)
    assert rows[0] == 0
    assert count == 1 or rows[-1] == n - 1


def test_arrays_are_kept_and_a_mean_of_half_precision_is_taken_in_single():
    values = np.random.default_rng(0).normal(size=(50, 3, 40, 40)).astype(np.float16) + np.float16(8)
    samples = Samples(np.zeros((50, 2)))
    given = ArraySpecimen({"a": values, "b": values[:, :1]}, samples)

    def vectors(layer):
        return list(given.record_steps(layer, "mean", np.arange(50)))[-1].value.activations

    first = vectors("a")
    np.testing.assert_allclose(first, values.astype(np.float64).mean((2, 3)), rtol=1e-6)
    vectors("b")
    assert vectors("a") is first
