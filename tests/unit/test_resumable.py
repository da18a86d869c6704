"""A computation that goes on where the request before it left it."""

import pytest

from nbviz.core.events import Preview, Progress, Result
from nbviz.views.parts.resumable import Resumable


@pytest.fixture
def begun():
    return []


@pytest.fixture
def counting(begun):
    """A computation of three pictures, by name."""

    def begin(name):
        def steps():
            begun.append(name)
            for i in range(2):
                yield Progress(i, 2, name)
                yield Preview((name, i))
            yield Result((name, "end"))

        return steps

    return begin


def pictures(steps, count=None):
    """The first pictures, after which the request is given up; by default all of them."""
    shown = []
    for event in steps:
        if not isinstance(event, Progress):
            shown.append(event.value[1])
            if len(shown) == count:
                break
    steps.close()
    return shown


def test_a_request_goes_on_where_the_one_before_was_given_up(counting, begun):
    kept = Resumable()
    assert kept.last("a") is None
    assert pictures(kept.steps("a", counting("a")), 1) == [0]
    assert kept.last("a").value == ("a", 0)
    assert pictures(kept.steps("a", counting("a"))) == [0, 1, "end"]
    assert pictures(kept.steps("a", counting("a"))) == ["end"]
    assert begun == ["a"]


def test_another_one_takes_its_place_and_the_finished_one_stays(counting, begun):
    kept = Resumable()
    pictures(kept.steps("a", counting("a")))
    assert pictures(kept.steps("b", counting("b")), 1) == [0]
    assert pictures(kept.steps("a", counting("a"))) == ["end"]
    assert pictures(kept.steps("b", counting("b"))) == [0, 1, "end"]
    assert begun == ["a", "b"]
    assert pictures(kept.steps("a", counting("a"))) == [0, 1, "end"]  # one finished is kept, not all


def test_what_raised_begins_anew_and_leaves_the_finished_one(counting, begun):
    kept = Resumable()
    pictures(kept.steps("a", counting("a")))

    def failing():
        yield Preview(("b", 0))
        raise ValueError("no map")

    for _ in range(2):
        with pytest.raises(ValueError, match="no map"):
            pictures(kept.steps("b", failing))
        assert kept.last("b") is None
    assert kept.last("a").value == ("a", "end")


def test_another_computation_may_go_on_from_its_last_picture(counting):
    kept = Resumable()
    pictures(kept.steps("a", counting("a")), 2)
    kept.go_on(iter([Result(("a", "as it is"))]))
    assert pictures(kept.steps("a", counting("a"))) == [1, "as it is"]
    kept.clear()
    assert kept.last("a") is None
