"""The outlier explorer from Python: traits, results, bad input."""

import numpy as np
import pytest
import torch
import traitlets as t
from torch import nn

import nbviz
from nbviz.core.capture import capture
from nbviz.methods.neighbours import local_neighbourhood_hit
from nbviz.views.outlier_explorer import OutlierExplorer

QUICK = {"iterations": 60, "executor": "inline"}


@pytest.fixture(scope="module")
def net():
    network = nbviz.zoo.load("mnist-mlp")
    network.module.load_state_dict(network.checkpoints[2])
    return network


@pytest.fixture(scope="module")
def some():
    return nbviz.zoo.load_mnist(200)


@pytest.fixture
def show(net, some):
    views = []

    def build(*arguments, **options):
        views.append(OutlierExplorer(*(arguments or (net, some)), **{**QUICK, **options}))
        return views[-1]

    def adopt(view):
        views.append(view)
        return view

    build.adopt = adopt
    yield build
    for view in views:
        view.close()


def test_outliers_errors_and_losses_are_those_of_the_map_shown(show, net, some):
    view = show()
    outputs = capture(net, some, ["output"])["output"]
    hits = local_neighbourhood_hit(view.embedding, some.labels, 6)
    np.testing.assert_allclose(view.local_hits, hits)
    assert set(view.outliers) == set(np.flatnonzero(np.round(6 * hits) <= 2))
    assert set(view.errors) == set(np.flatnonzero(outputs.argmax(1) != some.labels))
    losses = nn.functional.cross_entropy(torch.tensor(outputs), torch.tensor(some.labels), reduction="none")
    np.testing.assert_allclose(view.losses, losses, rtol=1e-4, atol=1e-6)
    table = view.overlap.table
    assert table[0, 0] == len(set(view.outliers) & set(view.errors))
    assert table.sum() == 200
    assert view.overlap.words() in view.summary()
    assert f"{len(view.outliers)} outliers (at most 2 of 6" in view.summary()


def test_what_is_listed_follows_sort_show_and_selection(show):
    view = show()
    assert (np.diff(view.losses[view.listed]) <= 0).all()
    view.sort_by = "hit"
    assert (np.diff(view.local_hits[view.listed]) >= 0).all()
    view.show = "wrong outliers"
    assert set(view.listed) == set(view.outliers) & set(view.errors)
    view.show = "all"
    view.selection = [3, 5, 8]
    assert sorted(view.listed) == [3, 5, 8]


def test_thresholds_and_spaces_do_not_start_the_map_anew(show):
    view = show()
    shown, outliers = view.latest().map, set(view.outliers)
    view.most_hit = 4
    assert view.latest().map is shown
    assert set(view.outliers) > outliers
    view.k = 10
    assert view.neighbours.shape == (200, 10)
    view.of = "activations"
    assert view.latest().map is shown
    view.seed = 1
    assert view.latest().map is not shown


def test_a_map_goes_on_where_another_request_left_it(net, some):
    view = OutlierExplorer(net, some, iterations=400, executor="manual")
    recompute = view._recompute
    while view._latest is None or view._latest.map.embedding.iteration == 0:
        recompute.step()
    reached = view._latest.map.embedding.iteration
    view.most_hit = 3
    seen = []
    while recompute.step():
        if view._latest is not None:
            seen.append(view._latest.map.embedding.iteration)
    assert min(seen) >= reached
    assert seen[-1] == 400
    assert view.report.most_hit == 3
    view.close()


def test_while_a_slider_is_dragged_every_picture_is_measured(net, some):
    view = OutlierExplorer(net, some, iterations=30, executor="manual")
    recompute = view._recompute
    while recompute.step():
        pass
    for k in (7, 8, 9):  # each request comes before the one before has finished
        view.k = k
        while view._latest.report.k != k:  # never None: no picture comes without its measurement
            assert recompute.step()
    view.close()


def test_a_model_that_raises_is_said_to(show):
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("no such thing")

    view = show(Broken(), torch.randn(20, 3), [0, 1] * 10)
    assert "no such thing" in str(view.error)


def test_part_of_the_samples_has_row_numbers_of_all(show, some):
    view = show(n_samples=80)
    assert len(view.rows) == 80
    assert view.rows[-1] == 199
    assert set(view.outliers) <= set(view.rows)
    assert set(view.neighbours.ravel()) <= set(view.rows)
    np.testing.assert_array_equal(view.losses.shape, (80,))
    frame = view.encode(view.latest())
    np.testing.assert_array_equal(frame.buffers[frame.meta["arrays"].index("rows")], view.rows)


def test_the_frame_says_what_python_says(show):
    view = show(regions=True)
    frame = view.encode(view.latest())
    arrays = dict(zip(frame.meta["arrays"], frame.buffers, strict=True))
    flags = arrays["flags"]
    assert set(np.flatnonzero(flags & 1)) == set(view.outliers)
    assert set(np.flatnonzero(flags & 2)) == set(view.errors)
    np.testing.assert_array_equal(arrays["neighbours"].reshape(200, 6), view.neighbours)
    np.testing.assert_array_equal(arrays["order loss"], view.listed)
    np.testing.assert_array_equal(arrays["same"], np.round(6 * view.local_hits))
    told = frame.meta["report"]["overlap"]
    assert told["table"] == view.overlap.table.tolist()
    assert frame.meta["lossUnit"] == "nats"
    regions, columns = view.decision_regions, view.columns_sent
    names = np.array(columns["prediction"]["names"])
    shape = regions.classes.shape
    assert (frame.meta["regions"]["height"], frame.meta["regions"]["width"]) == shape
    np.testing.assert_array_equal(
        names[arrays["regionClasses"]].reshape(shape), regions.names.astype(str)[regions.classes]
    )
    assert arrays["regionOpacity"].max() == 255
    assert "approximate" in frame.meta["regions"]["note"]
    sent = np.frombuffer(columns["prediction"]["codes"], np.uint16)
    np.testing.assert_array_equal(names[sent], view.predictions.astype(str))


def test_many_classes_keep_one_list_of_those_that_are_seen(show):
    torch.manual_seed(0)
    inputs, labels = torch.randn(60, 4), np.repeat([3, 500, 977], 20)
    view = show(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1000)), inputs, labels)
    names = view.columns_sent["label"]["names"]
    assert {"3", "500", "977"} < set(names)
    assert set(names) == {str(c) for c in {3, 500, 977} | set(view.predictions.tolist())}
    assert names == view.columns_sent["prediction"]["names"]
    assert len(view.errors) > 50


def test_from_activations_with_more_and_less(show, net, some):
    found = capture(net, some, ["relu4", "output"])
    hidden, outputs = found["relu4"], found["output"]
    whole = show.adopt(
        OutlierExplorer.from_activations({"relu4": hidden}, some.labels, predictions=outputs, **QUICK)
    )
    np.testing.assert_allclose(whole.losses, show(layer="relu4").losses, rtol=1e-4, atol=1e-6)
    assert whole.encode(whole.latest()).meta["lossUnit"] == "nats"
    words = np.array([f"digit {i}" for i in range(10)])
    given = OutlierExplorer.from_activations(
        hidden,
        words[some.labels],
        predictions=words[outputs.argmax(1)],
        losses=np.arange(200.0),
        **QUICK,
    )
    show.adopt(given)
    assert given.listed[0] == 199
    assert given.encode(given.latest()).meta["lossUnit"] == ""
    assert set(given.errors) == set(whole.errors)
    bare = show.adopt(OutlierExplorer.from_activations(hidden, some.labels, **QUICK))
    assert bare.overlap is None
    assert bare.errors is None
    assert bare.losses is None
    assert (np.diff(bare.local_hits[bare.listed]) >= 0).all()
    assert bare.encode(bare.latest()).meta["report"]["keys"] == ["hit"]
    bare.show = "errors"
    with pytest.raises(ValueError, match="predictions"):
        _ = bare.listed


def test_labels_below_zero_are_classes_too(show):
    rng = np.random.default_rng(0)
    signs = np.where(rng.random(80) < 0.5, -1, 1)
    points = rng.normal(size=(80, 5)) + signs[:, None]
    view = show.adopt(
        OutlierExplorer.from_activations(
            points, signs, predictions=np.sign(points[:, 0]).astype(int), **QUICK
        )
    )
    assert view.columns_sent["label"]["names"] == ["-1", "1"]
    sent = np.frombuffer(view.columns_sent["prediction"]["codes"], np.uint16)
    np.testing.assert_array_equal(2 * sent.astype(int) - 1, view.predictions)
    assert set(view.errors) == set(np.flatnonzero(np.sign(points[:, 0]) != signs))


def test_outputs_that_are_no_scores_leave_outliers_without_errors(show, some):
    labels = some.labels + 100
    view = show(nbviz.zoo.load("mnist-mlp"), some.inputs, labels)
    assert view.overlap is None
    assert any("accuracy unknown" in note for note in view.latest().notes)
    assert len(view.outliers) > 0


def test_the_model_is_left_as_it_was(show, net):
    before = {name: value.clone() for name, value in net.module.state_dict().items()}
    show(regions=True, of="activations")
    for name, value in net.module.state_dict().items():
        assert torch.equal(value, before[name])


def test_bad_input(show, net, some):
    with pytest.raises(TypeError, match="samples X are missing"):
        OutlierExplorer(net)
    with pytest.raises(ValueError, match="no labels"):
        OutlierExplorer(net, some.inputs)
    with pytest.raises(ValueError, match="on a scale"):
        OutlierExplorer(nn.Linear(3, 1), torch.randn(40, 3), np.linspace(0, 1, 40))
    with pytest.raises(ValueError, match="relu4"):
        OutlierExplorer(net, some, layer="relu9")
    with pytest.raises(TypeError, match="sort_by"):
        OutlierExplorer(net, some, sort_bi="hit")
    with pytest.raises(ValueError, match="losses must be one number"):
        OutlierExplorer.from_activations(np.eye(4), [0, 0, 1, 1], losses=[1.0])
    with pytest.raises(ValueError, match="no activations"):
        OutlierExplorer.from_activations({}, [0])
    view = show()
    with pytest.raises(t.TraitError, match="200 samples"):
        view.selection = [200]
    with pytest.raises(t.TraitError, match="there are 200"):
        view.sample = 200
    with pytest.raises(t.TraitError, match="show"):
        view.show = "worst"
    view.most_hit = 6
    assert "from 0 to 5" in str(view.error)
    view.most_hit = 2
    assert view.error is None
    view.k = 200
    assert "k=200" in str(view.error)


def test_few_samples_and_bad_numbers(show):
    tiny = show(nn.Linear(2, 2), torch.randn(5, 2), [0, 1, 0, 1, 0], method="pca")
    assert tiny.k == 4
    assert tiny.most_hit == 2
    with pytest.raises(ValueError, match="one sample has no neighbours"):
        show(nn.Linear(2, 2), torch.randn(1, 2), [0])
    broken = show(nn.Linear(2, 2), torch.full((20, 2), float("nan")), [0, 1] * 10)
    assert "not finite" in str(broken.error)


def test_a_closed_view_lets_go(net, some):
    view = OutlierExplorer(net, some, **QUICK)
    view.close()
    assert view.specimen == {}
    assert view._map._steps is None
    with pytest.raises(RuntimeError, match="closed"):
        view.k = 3


def test_losses_are_those_of_the_samples_shown(show, net, some):
    view = show(n_samples=50)
    outputs = torch.tensor(capture(net, some, ["output"])["output"][view.rows])
    losses = nn.functional.cross_entropy(outputs, torch.tensor(some.labels[view.rows]), reduction="none")
    np.testing.assert_allclose(view.losses, losses, rtol=1e-4, atol=1e-6)
    hidden = capture(net, some, ["relu4"])["relu4"]
    given = OutlierExplorer.from_activations(
        hidden, some.labels, predictions=some.labels, losses=np.arange(200.0), n_samples=50, **QUICK
    )
    np.testing.assert_array_equal(show.adopt(given).losses, given.rows)


def test_the_summary_is_of_the_picture_not_of_what_was_asked_for_since(net, some):
    view = OutlierExplorer(net, some, iterations=60, executor="manual")
    while view._recompute.step():
        pass
    assert "neighbours in the map" in view.summary()
    view.of = "activations"
    assert "neighbours in the map" in view.summary()
    while view._recompute.step():
        pass
    assert "neighbours in the activations" in view.summary()
    view.close()


def test_predictions_of_other_classes_are_no_errors():
    points = np.random.default_rng(0).normal(size=(60, 4))
    view = OutlierExplorer.from_activations(
        points, [f"c{i % 3}" for i in range(60)], predictions=["x"] * 60, **QUICK
    )
    assert view.errors is None or len(view.errors) == 0
    assert view.overlap is None
    assert "wrong" not in view.summary()
    assert any("no class in common" in note for note in view.notes)
    view.close()
