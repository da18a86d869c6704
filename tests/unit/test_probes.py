"""Linear probes, against scikit-learn's own pipeline and on the digits the CNN was never shown."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.preprocessing import StandardScaler

import nbviz
from nbviz.core.capture import capture
from nbviz.core.events import Preview, Progress, Result
from nbviz.methods.principal_components import pca
from nbviz.methods.probe_fits import RIDGE_PENALTIES, reduced_steps, ridge_score
from nbviz.methods.probe_folds import probe_column
from nbviz.methods.probes import PENALTY, probe, probe_steps

LAYERS = ["input", "pool2", "relu4", "fc2"]


@pytest.fixture(scope="module")
def recorded():
    """Four layers of the CNN on 400 real digits, trained and at epoch 0; the digits."""
    digits = nbviz.zoo.load_mnist(400)
    trained = capture(nbviz.zoo.load("mnist-cnn"), digits, LAYERS)
    return trained, capture(nbviz.zoo.load("mnist-cnn", trained=False), digits, LAYERS), digits.labels


def reference_features(array):
    standard = StandardScaler().fit_transform(array[:, array.std(0) > 0].astype(float))
    return standard / np.sqrt((standard**2).sum(1).mean())


def test_scores_of_classes_are_those_of_scikit_learn(recorded):
    layers, _, labels = recorded
    found = probe({"relu4": layers["relu4"]}, {"digit": labels}, seed=3)
    expected = cross_val_score(
        LogisticRegression(C=PENALTY, max_iter=1000),
        reference_features(layers["relu4"]),
        labels,
        cv=StratifiedKFold(5, shuffle=True, random_state=3),
    )
    np.testing.assert_allclose(found.scores[0, 0], expected, atol=1e-9)
    assert found.mean[0, 0] == pytest.approx(expected.mean())
    assert found.sd[0, 0] == pytest.approx(np.std(expected, ddof=1))
    assert found.score_names == ("accuracy",)
    assert found.baseline[0] == np.bincount(labels).max() / 400


def test_scores_of_numbers_are_those_of_scikit_learn(recorded):
    layers, _, _ = recorded
    ink = (layers["input"] > 0).mean(1)
    found = probe({"relu4": layers["relu4"], "fc2": layers["fc2"]}, {"ink": ink})
    expected = cross_val_score(
        RidgeCV(alphas=RIDGE_PENALTIES),
        reference_features(layers["relu4"]),
        ink,
        cv=KFold(5, shuffle=True, random_state=0),
    )
    np.testing.assert_allclose(found.scores[0, 0], expected, rtol=1e-4)
    assert found.score_names == ("R²",)
    assert found.baseline[0] == 0
    assert found.mean[0, 0] > 0.5
    assert (found.shuffled_mean < 0.1).all()


def test_digits_can_be_read_better_from_later_layers_and_not_from_an_untrained_output(recorded):
    layers, untrained, labels = recorded
    found = probe(layers, {"digit": labels}, untrained=untrained)
    mean, control = found.mean[:, 0], found.untrained_mean[:, 0]
    print(found.text())
    assert mean[0] < 0.9
    assert mean[0] + 0.05 < mean[1] < mean[2]
    assert mean[-1] > 0.97
    assert control[0] == pytest.approx(mean[0])  # the input is the same before training
    assert (control[1:] < mean[1:] - 0.02).all()
    assert control[-1] < mean[-1] - 0.3
    assert (np.abs(found.shuffled_mean - 0.1) < 0.06).all()


def test_a_column_the_layer_holds_is_read_without_error_and_noise_is_not():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    array = rng.normal(size=(300, 10))
    array[:, 4] = 20 * (labels == 1)
    array[:, 5] = 20 * (labels == 2)
    found = probe({"a": array}, {"held": labels, "noise": rng.permutation(labels), "number": array[:, 0] * 2})
    assert found.mean[0, 0] == 1
    assert abs(found.mean[0, 1] - 1 / 3) < 0.1
    assert found.mean[0, 2] == pytest.approx(1, abs=1e-5)


def test_wide_layers_are_reduced_and_it_is_said(recorded):
    layers, _, labels = recorded
    wide = layers["pool2"]
    found = probe({"pool2": wide, "relu4": layers["relu4"]}, {"digit": labels}, reduce_to=150)
    assert len(found.notes) == 1
    assert "150 principal components" in found.notes[0]
    full = probe({"pool2": wide}, {"digit": labels}, reduce_to=5000)
    assert full.notes == ()
    assert found.mean[0, 0] == pytest.approx(full.mean[0, 0], abs=0.03)


def test_groups_stay_on_one_side():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    labels = np.repeat(rng.integers(0, 2, 40), 10)
    array = np.eye(40)[groups] + 0.01 * rng.normal(size=(400, 40))  # says who the group is, nothing else
    assert probe({"a": array}, {"x": labels}).mean[0, 0] > 0.99
    apart = probe({"a": array}, {"x": labels}, groups=groups)
    assert apart.mean[0, 0] < 0.75
    column = probe_column("x", labels, 400, folds=4, groups=groups, is_numeric=None)
    for fit, held_out in column.splits(4, 0):
        assert not set(groups[fit]) & set(groups[held_out])
    number = probe_column("x", labels + rng.normal(size=400), 400, folds=4, groups=groups, is_numeric=None)
    for fit, held_out in number.splits(4, 0):
        assert not set(groups[fit]) & set(groups[held_out])


def test_rare_classes_and_missing_labels_stay_out(recorded):
    layers, _, labels = recorded
    names = np.array([f"digit {x}" for x in labels], object)
    names[:50] = None
    names[50:53] = "rare"
    found = probe({"fc2": layers["fc2"]}, {"digit": names})
    assert found.n_samples.tolist() == [347]
    assert "50 of 400 samples have no label" in found.notes[0]
    assert "1 classes with fewer than 5 members" in found.notes[1]


def test_kinds_are_told_apart():
    n = 600
    kinds = {
        "text": (np.array(list("abc") * 200), False),
        "truth": (np.arange(n) % 2 == 0, False),
        "whole": (np.arange(n) % 7, False),
        "whole as floats": ((np.arange(n) % 7).astype(float), False),
        "fractions": (np.arange(n) / 7, True),
        "many": (np.arange(n), True),
    }
    for name, (values, is_numeric) in kinds.items():
        column = probe_column(name, values, n, folds=5, groups=None, is_numeric=None)
        assert column.is_numeric == is_numeric, name
    assert probe_column("whole", np.arange(n) % 7, n, folds=5, groups=None, is_numeric=True).is_numeric


def test_curves_grow_while_the_controls_follow(recorded):
    layers, untrained, labels = recorded
    some = {name: layers[name] for name in ("relu4", "fc2")}
    events = list(probe_steps(some, {"digit": labels}, untrained={"fc2": untrained["fc2"]}, folds=3))
    previews = [event.value for event in events if isinstance(event, Preview)]
    assert [int(np.isfinite(p.scores).sum()) for p in previews] == [3, 6, 6, 6]
    assert [int(np.isfinite(p.shuffled).sum()) for p in previews] == [0, 0, 3, 6]
    last = events[-1].value
    assert isinstance(events[-1], Result)
    assert np.isnan(last.untrained[0]).all()
    assert np.isfinite(last.untrained[1]).all()
    counted = [e for e in events if isinstance(e, Progress) and e.what == "linear probes"]
    assert [e.done for e in counted] == list(range(1, 16))
    assert {e.total for e in counted} == {15}
    assert "untrained" in last.text()


def test_layers_are_not_changed(recorded):
    layers, _, labels = recorded
    before = layers["relu4"].copy()
    probe({"relu4": layers["relu4"]}, {"digit": labels}, folds=2)
    np.testing.assert_array_equal(layers["relu4"], before)


RANDOM = np.random.default_rng(0).normal(size=(40, 4))


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ({}, {}, "1 and 0"),
        ({"x": [0, 1] * 19}, {}, "column 'x'.*shape \\(38,\\)"),
        ({"x": [0] * 40}, {}, "1 classes of 5 members"),
        ({"x": np.arange(40)}, {}, "0 classes of 5 members"),
        ({"x": ["a", "b"] * 20}, {"numeric": ["x"]}, "holds text"),
        ({"x": [0, 1] * 20}, {"numeric": ["y"]}, "not there"),
        ({"x": [0, 1] * 20}, {"folds": 1}, "folds=1"),
        ({"x": [0, 1] * 20}, {"penalty": 0}, "penalty=0"),
        ({"x": [0, 1] * 20}, {"groups": [0, 1]}, "2 labels for 40"),
        ({"x": [0, 1] * 20}, {"groups": [0, 1, 2, 3] * 10}, "4 groups cannot be dealt to 5"),
        ({"x": np.repeat(range(5), 8)}, {"groups": np.repeat(range(5), 8)}, "every class lies in one group"),
        ({"x": [0, 1] * 20}, {"untrained": {"b": RANDOM}}, "none of \\['a'\\]"),
        ({"x": [0, 1] * 20}, {"untrained": {"a": RANDOM[:30]}}, "untrained has 30 samples"),
    ],
)
def test_what_cannot_be_probed_is_refused(columns, options, message):
    with pytest.raises(ValueError, match=message):
        probe({"a": RANDOM}, columns, **options)


def test_activations_that_are_no_numbers_name_their_layer():
    with pytest.raises(ValueError, match=r"layer .a.: .*not finite"):
        probe({"a": np.full((40, 3), np.inf)}, {"x": [0, 1] * 20})


@pytest.mark.parametrize(("n", "features"), [(90, 20), (100, 120), (40, 38)])
def test_ridge_regression_is_that_of_scikit_learn(n, features):
    rng = np.random.default_rng(n)
    array = rng.normal(size=(n, features))
    array[:, 5:] *= 0.3
    array /= np.sqrt((array**2).sum(1).mean())
    target = 3 + array[:, 0] + 0.5 * rng.normal(size=n)
    fit, held_out = np.split(rng.permutation(n), [2 * n // 3])
    model = RidgeCV(alphas=RIDGE_PENALTIES).fit(array[fit], target[fit])
    assert RIDGE_PENALTIES[0] < model.alpha_ < RIDGE_PENALTIES[-1]
    expected = model.score(array[held_out], target[held_out])
    assert ridge_score(array, target, fit, held_out) == pytest.approx(expected, abs=1e-8)


def test_more_features_than_samples_are_reduced_exactly():
    rng = np.random.default_rng(0)
    array = rng.normal(size=(50, 400)) * np.linspace(1, 9, 400)
    array -= array.mean(axis=0)
    steps = reduced_steps(array, 20)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            positions, kept = end.value
            break
    expected = pca(array, 20)
    assert kept == pytest.approx(expected.explained_variance_ratio.sum(), abs=1e-6)
    np.testing.assert_allclose(
        positions @ positions.T, expected.positions @ expected.positions.T, rtol=1e-3, atol=1
    )
