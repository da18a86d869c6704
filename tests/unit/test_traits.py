"""Traits whose values are arrays."""

import numpy as np
import pytest
import traitlets as t

from nbviz.views.parts.traits import Indices, _from_bytes, _to_bytes


class Holder(t.HasTraits):
    rows = Indices()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([3, 1, 3], [1, 3]),
        (np.array([5, 0], np.uint8), [0, 5]),
        ([False, True, True], [1, 2]),
        ([], []),
        (np.zeros(0), []),
    ],
)
def test_what_is_taken(given, kept):
    holder = Holder(rows=given)
    assert holder.rows.tolist() == kept
    assert holder.rows.dtype == np.int64


@pytest.mark.parametrize(
    ("given", "message"),
    [([1.5], "float64"), ([[1], [2]], r"\(2, 1\)"), ([-1, 2], "-1"), (["a"], "rows takes row numbers")],
)
def test_what_is_refused(given, message):
    with pytest.raises(t.TraitError, match=message):
        Holder().rows = given


def test_an_equal_selection_notifies_nobody():
    holder, seen = Holder(), []
    holder.observe(seen.append, "rows")
    holder.rows = [2, 1]
    holder.rows = np.array([1, 2])
    assert len(seen) == 1
    assert seen[0].new.tolist() == [1, 2]
    assert seen[0].old.tolist() == []


def test_two_selections_can_be_linked_both_ways():
    a, b = Holder(), Holder()
    link = t.link((a, "rows"), (b, "rows"))
    a.rows = [1, 2, 3]
    assert b.rows.tolist() == [1, 2, 3]
    b.rows = [7]
    assert a.rows.tolist() == [7]
    link.unlink()


def test_it_behaves_as_an_array():
    holder = Holder(rows=[1, 2, 3])
    assert (holder.rows == 2).tolist() == [False, True, False]
    assert (holder.rows != np.array([1, 0, 3])).tolist() == [False, True, False]
    assert np.arange(10)[holder.rows].tolist() == [1, 2, 3]
    assert len(holder.rows) == 3


def test_it_survives_the_way_to_the_browser_and_back():
    rows = np.array([0, 5, 100_000])
    packed = _to_bytes(rows, None)
    assert memoryview(packed).nbytes == 12
    assert _from_bytes(packed, None).tolist() == rows.tolist()
    assert _from_bytes(b"", None).tolist() == []
    assert _from_bytes(None, None).tolist() == []
