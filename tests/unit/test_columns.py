"""Columns of samples as the browser gets them."""

import numpy as np
import pandas as pd
import pytest
from torch import nn

from nbviz.core.network import Network
from nbviz.core.recording import Predictions
from nbviz.core.samples import Samples
from nbviz.core.specimen import ModelSpecimen
from nbviz.views.parts.columns import (
    MISSING,
    answer_columns,
    class_column,
    column_of,
    columns_of,
    number_column,
    row_names,
)


def codes(column):
    return np.frombuffer(column["codes"], np.uint16).tolist()


def numbers(column):
    return np.frombuffer(column["values"], np.float32).tolist()


def test_classes_keep_the_order_of_their_names():
    column = class_column(np.array([2, 0, 2]), ("ant", "bee", "cat"))
    assert column == {"kind": "classes", "names": ["ant", "bee", "cat"], "codes": column["codes"]}
    assert codes(column) == [2, 0, 2]


@pytest.mark.parametrize(("values", "names"), [([7, -1, 7], ("ant",)), ([7, -1, 7], ())])
def test_classes_without_fitting_names_are_called_by_their_numbers(values, names):
    column = class_column(np.array(values), names)
    assert column["names"] == ["-1", "7"]
    assert codes(column) == [1, 0, 1]


def test_numbers_travel_as_float32_and_nan_is_missing():
    column = number_column(np.array([1.5, np.nan]))
    assert column["kind"] == "numbers"
    assert numbers(column)[0] == 1.5
    assert np.isnan(numbers(column)[1])


@pytest.mark.parametrize(
    ("values", "kind", "names"),
    [
        ([True, False, True], "classes", ["0", "1"]),
        ([3, 1, 3], "classes", ["1", "3"]),
        ([0.5, 0.25, 1.0], "numbers", None),
        (list(range(201)), "numbers", None),
        (["b", "a", "b"], "classes", ["a", "b"]),
        (pd.Categorical(["lo", "hi", "lo"]), "classes", ["hi", "lo"]),
        (np.array(["2026-01-01", "2025-01-01"], "M8[D]"), "classes", ["2025-01-01", "2026-01-01"]),
        ([None, "a", 3], "classes", ["3", "a"]),
        ([None, "a", "", float("nan"), "b"], "classes", ["a", "b"]),
        ([2, None, 5], "classes", ["2", "5"]),
        ([2.5, None], "numbers", None),
        ([None, *range(201)], "numbers", None),
        ([None, None], "classes", []),
    ],
)
def test_what_a_metadata_column_becomes(values, kind, names):
    column = column_of(np.asarray(values, object) if None in list(values) else np.asarray(values))
    assert column["kind"] == kind
    assert column.get("names") == names


def test_what_has_no_value_is_in_no_class():
    column = column_of(np.array(["b", None, "a", ""], object))
    assert (column["names"], codes(column)) == (["a", "b"], [1, MISSING, 0, MISSING])
    assert codes(column_of(np.array([7, None, 2], object))) == [1, MISSING, 0]
    assert np.isnan(numbers(column_of(np.array([None, 2.5], object)))[0])


def test_all_columns_of_samples_with_the_label_first():
    table = pd.DataFrame({"length": [0.5, 1.5], "writer": ["ann", "bob"]})
    columns = columns_of(Samples(np.zeros((2, 3)), ["x", "y"], metadata=table))
    assert list(columns) == ["label", "length", "writer"]
    assert columns["label"]["names"] == ["x", "y"]
    assert numbers(columns["length"]) == [0.5, 1.5]
    assert columns["writer"]["names"] == ["ann", "bob"]


def test_labels_that_are_numbers_are_coloured_on_a_scale():
    assert columns_of(Samples(np.zeros((2, 3)), [0.5, 0.75]))["label"]["kind"] == "numbers"
    many = columns_of(Samples(np.zeros((300, 3)), np.arange(300)))["label"]
    assert many["kind"] == "numbers"


def test_integer_labels_take_the_networks_names_unless_they_have_their_own():
    plain = Samples(np.zeros((2, 3)), [0, 1])
    assert columns_of(plain, ("zero", "one"))["label"]["names"] == ["zero", "one"]
    named = Samples(np.zeros((2, 3)), [0, 1], class_names=["no", "yes"])
    assert columns_of(named, ("zero", "one"))["label"]["names"] == ["no", "yes"]
    assert plain.class_names == ()


def test_metadata_does_not_displace_a_column_of_the_view():
    samples = Samples(np.zeros((2, 3)), [0, 1], metadata={"label": ["p", "q"], "prediction": [1, 2]})
    columns = columns_of(samples)
    assert list(columns) == ["label", "label (metadata)", "prediction (metadata)"]
    assert columns["label"]["names"] == ["0", "1"]


def test_too_many_texts_are_refused_by_name():
    samples = Samples(np.zeros((65_536, 1)), metadata={"url": [f"u{i}" for i in range(65_536)]})
    with pytest.raises(
        ValueError, match=r"metadata column 'url': 65536 different texts cannot be told apart"
    ):
        columns_of(samples)


def test_rows_without_a_class_keep_the_names_of_the_others():
    column = class_column(np.array([-1, 1, 0]), ("cat", "dog"), missing=np.array([True, False, False]))
    assert column["names"] == ["cat", "dog"]
    assert np.frombuffer(column["codes"], np.uint16).tolist() == [MISSING, 1, 0]


def answered(specimen, classes):
    """Names of the column of predictions, and those that are predicted."""
    rows = np.arange(len(classes))
    columns = answer_columns(specimen, Predictions.of(np.array(classes)), rows)
    column = columns["prediction"]
    return column["names"], [column["names"][code] for code in codes(column)], columns


def outputs_of(count, samples, **options):
    return ModelSpecimen(Network(nn.Linear(3, count), **options), samples)


def test_predictions_without_names_are_numbered_as_the_labels_are():
    """A class has the colour of its label, also in an epoch that predicts two classes only."""
    odd = Samples(np.zeros((4, 3), np.float32), [3, 1, 7, 3])
    names, shown, columns = answered(outputs_of(9, odd), [8, 3, 3, 1])
    assert names == ["1", "3", "7", "0", "2", "4", "5", "6", "8"]
    assert columns_of(odd)["label"]["names"] == names[:3]
    assert shown == ["8", "3", "3", "1"]
    assert codes(columns["correct"]) == [0, 0, 0, 0]
    part = answer_columns(outputs_of(9, odd), Predictions.of(np.array([3, 2])), np.array([0, 2]))
    assert codes(part["prediction"]) == [1, MISSING, 4, MISSING]
    assert codes(part["correct"]) == [1, MISSING, 0, MISSING]
    assert part["correct"]["names"] == ["wrong", "correct"]
    unlabelled = Samples(np.zeros((2, 3), np.float32))
    assert answered(outputs_of(4, unlabelled), [3, 3])[0] == ["0", "1", "2", "3"]


def test_outputs_are_not_called_by_labels_that_may_mean_another_class():
    """Words are numbered by the alphabet, outputs as the model was trained."""
    words = Samples(np.zeros((3, 3), np.float32), ["zero", "one", "two"])
    names, shown, columns = answered(outputs_of(3, words), [0, 1, 2])
    assert (names, shown) == (["0", "1", "2"], ["0", "1", "2"])
    assert "correct" not in columns
    named = outputs_of(3, words, class_names=["zero", "one", "two"])
    names, shown, columns = answered(named, [0, 1, 2])
    assert (names, shown) == (["one", "two", "zero"], ["zero", "one", "two"])  # as the labels are coloured
    assert codes(columns["correct"]) == [1, 1, 1]


class Letters:
    """A tokenizer that can only read and say single tokens."""

    def __call__(self, text):
        return [ord(letter) - 97 for letter in text]

    def id_to_token(self, number):
        return chr(number + 97)


def test_samples_are_called_by_name_by_their_text_or_by_their_tokens():
    network = Network(nn.Embedding(26, 2), tokenizer=Letters())
    assert row_names(Samples(np.zeros((2, 3)))) is None
    assert row_names(Samples(np.zeros((2, 3)), names=["a", "b"])) == ["a", "b"]
    assert row_names(Samples(["one", "two"])) == ["one", "two"]
    ids = {"input_ids": np.array([[1, 0, 3], [2, 0, 19]]), "attention_mask": np.array([[1, 1, 1], [1, 1, 0]])}
    assert row_names(Samples(ids), network) == ["bad", "ca"]
    assert row_names(Samples(ids)) is None
    network.tokenizer.decode = lambda numbers: "-".join(map(str, numbers))
    assert row_names(Samples(ids), network) == ["1-0-3", "2-0"]
    assert row_names(Samples(np.zeros((20_001, 1)), names=["x"] * 20_001)) is None
