"""Annotations of a text: errors name the annotation and tell what the user's own function raised."""

import numpy as np
import pytest
import torch
from recurrent_models import Lm

from nbviz.core.network import Network
from nbviz.methods.text_annotations import annotation_names, annotations_of, gaps
from nbviz.views.cell_text import CellText
from nbviz.views.hidden_states import HiddenStates

LETTERS = "abcdefg() \n"
TEXT = "ab(cd)ef(g ab)"


@pytest.fixture
def network():
    return Network(Lm(), tokenizer=lambda text: [LETTERS.index(c) for c in text], class_names=list(LETTERS))


def divides(text):
    return 1 / 0


def forgets(text):
    np.zeros(len(text))


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (divides, ValueError, "annotation 'x' raised ZeroDivisionError: division by zero. It was given 'ab"),
        (forgets, TypeError, "annotation 'x' is None .is a return missing"),
        (lambda text: 3, ValueError, "annotation 'x' has int: one value per step"),
        (lambda text: {"x": 1}, ValueError, "annotation 'x' has dict: one value per step"),
        (lambda text: np.zeros((2, 3)), ValueError, r"annotation 'x' has shape \(2, 3\)"),
        (lambda text: [[1], [1, 2]], ValueError, "annotation 'x' cannot be made an array"),
        (lambda text: [1, 2], ValueError, "annotation 'x' has 2 values; the text has 14 tokens"),
        (lambda text: np.zeros(14, complex), TypeError, "annotation 'x' holds complex128: yes or no"),
        (lambda text: np.zeros(14, "datetime64[s]"), TypeError, "annotation 'x' holds datetime64"),
        (lambda text: [*"ab", *[{}] * 12], TypeError, "annotation 'x' holds dict at step 2"),
    ],
)
@pytest.mark.parametrize("view", [HiddenStates, CellText])
def test_what_a_function_does_wrong_is_told_by_its_name(network, view, function, error, message):
    with pytest.raises(error, match=message):
        annotations_of({"x": function}, list(TEXT), len(TEXT))
    shown = view(network, TEXT, annotations={"x": function}, executor="inline")
    with pytest.raises(error, match=message):
        shown.wait()
    assert "'x'" in shown.problem["message"]
    shown.close()


def test_the_users_own_exception_is_the_cause(network):
    view = HiddenStates(network, TEXT, annotations={"x": divides}, executor="inline")
    assert isinstance(view.error.__cause__, ZeroDivisionError)
    view.close()


@pytest.mark.parametrize("view", [HiddenStates, CellText])
def test_one_callable_for_all_is_named_as_such(network, view):
    with pytest.raises(ValueError, match="the callable for all annotations raised ZeroDivisionError"):
        view(network, TEXT, annotations=divides)
    with pytest.raises(TypeError, match=r"gives a mapping .* not ndarray"):
        view(network, TEXT, annotations=lambda text: np.zeros(len(text)))
    with pytest.raises(TypeError, match="annotations=list: a mapping of names"):
        view(network, TEXT, annotations=[1, 2])


def test_what_is_fine_is_taken_as_it_is():
    given = {
        "yes": lambda text: [c == "(" for c in text],
        "words": np.array(list(TEXT), object),
        "tensor": torch.arange(14),
        "unknown": [None, *"b" * 13],
        7: np.arange(14.0),
    }
    found, left_out = annotations_of(given, list(TEXT), len(TEXT))
    assert list(found) == annotation_names(given, TEXT) == ["yes", "words", "tensor", "unknown", "7"]
    assert found["yes"].dtype == bool
    assert found["tensor"].tolist() == list(range(14))
    assert left_out == []
    long, _ = annotations_of({"c": list}, ["ab", "c"], 2)
    assert long["c"].tolist() == ["a", "c"]


def test_gaps_do_not_count_and_are_told(network):
    values = np.arange(14.0)
    values[[3, 4]], values[9] = np.nan, np.inf
    found, told = gaps({"x": values, "y": np.arange(14)})
    assert np.isnan(found["x"]).sum() == 3
    assert np.isinf(values[9]), "what was given stays as it was"
    assert told == ["annotation 'x' is nan at 3 of 14 steps, first at step 3: these do not count"]
    view = HiddenStates(
        network,
        TEXT,
        annotations={"x": values},
        annotation="x",
        pinned=[1],
        threshold=0.01,
        executor="inline",
    )
    assert told[0] in view.encode(view.latest()).meta["notes"]
    known = np.delete(values, [3, 4, 9])
    assert view.enrichment["x"].base[0] == pytest.approx(known.mean())
    view.close()
    cells = CellText(network, TEXT, annotations={"x": values}, sort_by="x", executor="inline")
    assert "'x' sorts nothing: it is NaN or infinite at 3 of 14 steps" in cells.latest().notes
    cells.close()
