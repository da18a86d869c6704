"""Outliers, errors and orders together; labels and predictions in one numbering; losses by their sources."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import nbviz
from nbviz.core.capture import capture
from nbviz.core.errors import UnknownName
from nbviz.core.events import Preview, Progress, Result, run_to_end
from nbviz.core.network import Network
from nbviz.core.samples import Samples
from nbviz.core.specimen import ArraySpecimen, ModelSpecimen
from nbviz.methods.layer_map import layer_map_steps
from nbviz.methods.loss_sources import given_losses
from nbviz.methods.neighbour_report import SHOWS, neighbour_report
from nbviz.methods.neighbours import local_neighbourhood_hit, nearest_neighbours
from nbviz.methods.outlier_map import exact_report, outlier_map_steps
from nbviz.methods.projection import project
from nbviz.methods.shared_classes import shared_classes


@pytest.fixture(scope="module")
def half_trained():
    net = nbviz.zoo.load("mnist-mlp")
    net.module.load_state_dict(net.checkpoints[2])
    return net


@pytest.fixture(scope="module")
def shown(half_trained):
    """300 real digits after two epochs: map, activations, labels, predictions, losses by torch."""
    digits = nbviz.zoo.load_mnist(300)
    found = capture(half_trained, digits, ["relu4", "output"])
    losses = torch.nn.functional.cross_entropy(
        torch.tensor(found["output"]).double(), torch.tensor(digits.labels), reduction="none"
    )
    return SimpleNamespace(
        digits=digits,
        activations=found["relu4"],
        outputs=found["output"],
        map=project(found["relu4"], n_iter=120).positions,
        labels=digits.labels,
        predictions=found["output"].argmax(1),
        losses=losses.numpy(),
    )


# The report


def test_a_report_holds_what_its_parts_measure(shown):
    report = neighbour_report(shown.map, shown.labels, shown.predictions, shown.losses, k=5, most_hit=1)
    hits = local_neighbourhood_hit(shown.map, shown.labels, 5)
    np.testing.assert_array_equal(report.same, np.round(5 * hits))
    np.testing.assert_array_equal(report.is_outlier, np.round(5 * hits) <= 1)
    np.testing.assert_array_equal(report.is_wrong, shown.predictions != shown.labels)
    assert report.hit == pytest.approx(hits.mean())
    assert report.outliers.overlap.table.sum() == 300


def test_the_cells_of_the_table_are_the_groups_of_the_list(shown):
    report = neighbour_report(shown.map, shown.labels, shown.predictions, shown.losses)
    (a, b), (c, d) = report.outliers.overlap.table
    counts = [len(report.listed(show=show)) for show in SHOWS]
    assert counts == [300, a + b, a + c, a, b, c, d]
    assert min(a, b, c) > 0
    both = report.listed("loss", "wrong outliers")
    assert (report.is_outlier & report.is_wrong)[both].all()
    assert (np.diff(shown.losses[both]) <= 0).all()
    some = report.listed("hit", "errors", among=range(50))
    assert sorted(some) == np.flatnonzero(report.is_wrong[:50]).tolist()
    assert (np.diff(report.same[some]) >= 0).all()


def test_without_predictions_there_are_outliers_but_no_errors(shown):
    report = neighbour_report(shown.map, shown.labels)
    assert report.is_wrong is None
    assert report.outliers.overlap is None
    assert report.sort_key("loss") == "hit"
    np.testing.assert_array_equal(report.listed("disagreement"), report.worst.order("hit"))
    with pytest.raises(ValueError, match="errors need predictions"):
        report.listed(show="errors")
    with pytest.raises(UnknownName, match="outliers"):
        report.listed(show="outlier")
    with pytest.raises(UnknownName, match="loss"):
        report.sort_key("los")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"k": 300}, "k=300"), ({"k": 3, "most_hit": 3}, "from 0 to 2"), ({"most_hit": -1}, "from 0 to 5")],
)
def test_counts_out_of_range_are_refused(shown, options, message):
    with pytest.raises(ValueError, match=message):
        neighbour_report(shown.map, shown.labels, **options)


# Labels and predictions in one numbering


def test_classes_are_matched_by_name_and_strangers_keep_theirs():
    model = torch.nn.Linear(2, 2)
    network = Network(model, class_names=["dog", "cat"])
    samples = Samples(torch.randn(5, 2), ["cat", "dog", "yak", "ant", "yak"])
    found = shared_classes(ModelSpecimen(network, samples))
    assert found.codes.tolist() == [1, 0, 3, 2, 3]
    assert [found.name(int(code)) for code in found.codes] == ["cat", "dog", "yak", "ant", "yak"]
    assert found.why_not == ""


def test_classes_that_cannot_be_matched_say_why():
    samples = Samples(torch.randn(4, 2), [1, 2, 9, 9])
    found = shared_classes(ModelSpecimen(Network(torch.nn.Linear(2, 3)), samples))
    assert found.codes.tolist() == [1, 2, 9, 9]
    assert "from 0 to 2" in found.why_not


@pytest.mark.parametrize(("labels", "message"), [(None, "no labels"), (np.linspace(0, 1, 4), "on a scale")])
def test_labels_that_are_no_classes_are_refused(labels, message):
    specimen = ArraySpecimen({"a": np.eye(4)}, Samples(np.eye(4), labels))
    with pytest.raises(ValueError, match=message):
        shared_classes(specimen)


# Losses


def test_losses_are_taken_as_given_or_from_outputs(shown):
    specimen = ArraySpecimen({"a": shown.activations}, shown.digits, shown.outputs)
    found, unit = given_losses(specimen, shown.outputs)
    assert unit == "nats"
    np.testing.assert_allclose(found, shown.losses, rtol=1e-4, atol=1e-6)
    given, unit = given_losses(specimen, shown.outputs, [7] * 300)
    assert (given == 7).all()
    assert unit == ""
    assert given_losses(specimen, shown.predictions) == (None, "nats")
    for losses in ([1.0] * 299, ["a"] * 300, np.ones((300, 1))):
        with pytest.raises(ValueError, match="300 samples"):
            given_losses(specimen, None, losses)


# While the map takes shape


def steps(specimen, **options):
    maps = layer_map_steps(specimen, "relu4", n_iter=60, perplexity=15, frame_every=20)
    return outlier_map_steps(specimen, maps, shared_classes(specimen), **options)


def test_the_first_picture_waits_for_nothing_and_the_last_is_exact(half_trained, shown):
    events = list(steps(ModelSpecimen(half_trained, shown.digits)))
    pictures = [event.value for event in events if not isinstance(event, Progress)]
    assert isinstance(next(event for event in events if not isinstance(event, Progress)), Preview)
    assert pictures[0].report is None
    assert pictures[1].map.embedding.positions is pictures[0].map.embedding.positions
    assert pictures[1].report is not None
    assert isinstance(events[-1], Result)
    last = pictures[-1]
    np.testing.assert_allclose(last.losses, shown.losses, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(last.predictions, shown.predictions)
    expected = neighbour_report(
        last.map.embedding.positions, shown.labels, shown.predictions, shown.losses, k=6
    )
    np.testing.assert_array_equal(last.report.is_outlier, expected.is_outlier)
    np.testing.assert_array_equal(last.report.listed("hit"), expected.listed("hit"))


def test_a_map_stopped_while_it_moved_is_counted_as_it_stands(half_trained, shown):
    previews = [e.value for e in steps(ModelSpecimen(half_trained, shown.digits)) if isinstance(e, Preview)]
    with pytest.raises(RuntimeError, match="refresh"):
        exact_report(previews[0])
    for preview in previews[1:]:
        hits = local_neighbourhood_hit(preview.map.embedding.positions, shown.labels, 6)
        np.testing.assert_allclose(exact_report(preview).worst.hit, hits)


def test_neighbours_in_the_activations_are_those_of_the_activations(half_trained, shown):
    picture = run_to_end(steps(ModelSpecimen(half_trained, shown.digits), of="activations", k=4))
    expected = nearest_neighbours(shown.activations, 4).indices
    assert (np.sort(picture.report.graph.indices) == np.sort(expected)).mean() > 0.999
    assert exact_report(picture) is picture.report


def test_the_model_runs_once_for_layer_predictions_and_losses(half_trained, shown):
    calls = []
    network = Network(half_trained.module, transform=half_trained.transform)
    specimen = ModelSpecimen(network, shown.digits)
    specimen.layers()
    plain = specimen._run

    def counted(rows, *rest):
        calls.append(len(rows))
        return plain(rows, *rest)

    specimen._run = counted
    run_to_end(steps(specimen))
    assert sum(calls) == 300
    run_to_end(steps(specimen, of="activations"))
    assert sum(calls) == 300


def test_regions_are_coloured_by_predictions(half_trained, shown):
    picture = run_to_end(steps(ModelSpecimen(half_trained, shown.digits), regions=True))
    assert picture.regions.names.tolist() == np.unique(shown.predictions).tolist()
    arrays = ArraySpecimen({"relu4": shown.activations}, shown.digits)
    without = run_to_end(steps(arrays, regions=True))
    assert without.regions is None
    assert any("no regions" in note for note in without.notes)
