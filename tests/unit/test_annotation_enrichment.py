"""Enrichment on examples that can be checked by hand."""

import numpy as np
import pytest

from nbviz.core.events import Progress, Result
from nbviz.methods.annotation_enrichment import enrichment, enrichment_steps
from nbviz.methods.state_matching import match_states
from nbviz.methods.state_store import StateStore


def store_and_matches(n_random_cells=0):
    """Cell 0 is on at steps 2, 3, 4 and 7 of 10; further cells are on at random."""
    states = np.zeros((10, 1 + n_random_cells))
    states[[2, 3, 4, 7], 0] = 0.9
    states[:, 1:] = np.random.default_rng(0).uniform(-1, 1, (10, n_random_cells))
    store = StateStore.from_array(states)
    return store, match_states(store, [0], threshold=0.3)


WORDS = np.array(["a", "b", "a", "a", "b", "c", "c", "a", "b", "c"])


def test_shares_of_categories_by_hand():
    store, matches = store_and_matches()
    found = enrichment(matches, WORDS, store, n_random=0)
    assert found.kind == "categorical"
    assert found.labels == ("a", "b", "c")
    np.testing.assert_allclose(found.inside, [3 / 4, 1 / 4, 0])
    np.testing.assert_allclose(found.base, [4 / 10, 3 / 10, 3 / 10])
    np.testing.assert_allclose(found.ratio, [1.875, 5 / 6, 0])
    assert (found.n_inside, found.n_corpus) == (4, 10)
    assert found.random.shape == (0, 3)
    assert np.isnan(found.p_value).all()


def test_mean_of_a_scalar_by_hand_without_its_missing_values():
    store, matches = store_and_matches()
    depth = np.array([0, 0, 2, np.nan, 4, 1, 1, 6, 0, 0])
    found = enrichment(matches, depth, store, n_random=0)
    assert (found.kind, found.labels) == ("scalar", ("mean",))
    np.testing.assert_allclose([found.inside[0], found.base[0], found.ratio[0]], [4, 14 / 9, 4 * 9 / 14])
    assert (found.n_inside, found.n_corpus) == (3, 9)


def test_steps_in_several_matches_count_once():
    states = np.zeros((8, 2))
    states[2:6, 0] = states[3:5, 1] = 0.9
    store = StateStore.from_array(states)
    matches = match_states(store, [0, 1], most=1)
    assert len(matches) == 2  # 3-4 of both cells lie inside 2-5 of one
    found = enrichment(matches, [0, 0, 1, 0, 0, 0, 1, 1], store, n_random=0)
    np.testing.assert_allclose(found.inside, [3 / 4, 1 / 4])


def test_the_random_sets_and_their_p_value_by_hand():
    """Every step has one cell on, its own: a random set's matches are one step, drawn evenly."""
    store = StateStore.from_array(np.eye(10) * 0.9)
    matches = match_states(store, [4])
    annotation = np.arange(10) >= 4  # six of ten
    found = enrichment(matches, annotation, store, n_random=400, seed=3)
    assert found.labels == ("False", "True")
    assert set(found.random[:, 1]) == {0.0, 1.0}
    high = int(found.random[:, 1].sum())
    assert 200 < high < 280
    assert found.p_value[1] == pytest.approx(min(1, 2 * (high + 1) / 401))
    depth = enrichment(matches, np.arange(10.0) ** 2, store, n_random=400, seed=3)
    assert set(depth.random[:, 0]) <= set((np.arange(10.0) ** 2).tolist())
    at_least, at_most = (depth.random[:, 0] >= 16).sum(), (depth.random[:, 0] <= 16).sum()
    assert depth.p_value[0] == pytest.approx(min(1, 2 * (min(at_least, at_most) + 1) / 401))


def test_a_cell_that_follows_the_annotation_is_found_and_others_are_not():
    generator = np.random.default_rng(1)
    annotation = generator.random(4000) < 0.2
    states = np.tanh(generator.normal(size=(4000, 30)))
    states[:, 7] = np.where(annotation, 0.9, -0.9)
    store = StateStore.from_array(states)
    found = enrichment(match_states(store, [7]), annotation, store, n_random=100)
    assert found.inside[1] == 1
    assert found.ratio[1] == pytest.approx(1 / annotation.mean())
    assert found.p_value[1] <= 2 * 10 / 101  # few of the random cells are the cell itself
    other = enrichment(match_states(store, [8]), annotation, store, n_random=100)
    assert other.p_value[1] > 0.05
    assert found.random.shape == (100, 2)


def test_signs_and_the_left_out_span_hold_for_the_random_sets(monkeypatch):
    from nbviz.methods import annotation_enrichment

    asked = []

    def watched(*given, **named):
        asked.append((given, named))
        return match_states(*given, **named)

    monkeypatch.setattr(annotation_enrichment, "match_states", watched)
    states = np.tanh(np.random.default_rng(2).normal(size=(300, 40)))
    store = StateStore.from_array(states)
    matches = match_states(
        store, [1, 2, 3], [1, -1, 1], 0.2, margins=(1, 2), most=1, length=1, limit=7, exclude=(0, 4)
    )
    enrichment(matches, np.arange(300), store, n_random=20)
    assert len(asked) >= 20
    for (_, cells, signs, threshold), named in asked:
        assert len(set(cells.tolist())) == 3
        assert sorted(signs.tolist()) == [-1, 1, 1]
        assert threshold == matches.threshold
        first, last = named.pop("exclude")
        assert last == first + 1
        assert (signs * states[first, cells] >= threshold).all()
        assert named == {"margins": (1, 2), "most": 1, "length": 1, "limit": 7, "sign": "both"}


def test_one_seed_gives_one_answer_and_tracks_share_their_random_sets():
    store, matches = store_and_matches(20)
    events = list(enrichment_steps(matches, {"w": WORDS, "n": np.arange(10.0)}, store, 30, 5))
    assert [event.done for event in events[:-1]] == list(range(1, 31))
    assert all(isinstance(event, Progress) for event in events[:-1])
    assert isinstance(events[-1], Result)
    both = events[-1].value
    np.testing.assert_array_equal(both["w"].random, enrichment(matches, WORDS, store, 30, 5).random)
    np.testing.assert_array_equal(both["n"].random, enrichment(matches, np.arange(10.0), store, 30, 5).random)
    other = enrichment(matches, WORDS, store, 30, 6)
    assert not np.array_equal(both["w"].random, other.random)


def test_no_match_no_share():
    store, _ = store_and_matches(3)
    found = enrichment(match_states(store, [0], -1), WORDS, store, n_random=5)
    assert np.isnan(found.inside).all()
    assert np.isnan(found.p_value).all()
    np.testing.assert_allclose(found.base.sum(), 1)


@pytest.mark.parametrize(
    ("annotation", "kind", "labels"),
    [
        (np.arange(10) % 3, None, ("0", "1", "2")),
        (np.arange(10) % 3, "scalar", ("mean",)),
        (np.arange(10) / 2, None, ("mean",)),
        ([True, False] * 5, None, ("False", "True")),
        (np.array(["x", None] * 5, dtype=object), None, ("x",)),
        ([0.0, np.nan] * 5, "categorical", ("0.0",)),
    ],
)
def test_kinds(annotation, kind, labels):
    store, matches = store_and_matches()
    assert enrichment(matches, annotation, store, n_random=0, kind=kind).labels == labels


def test_many_integers_are_a_scalar():
    store = StateStore.from_array(np.full((21, 1), 0.9))
    assert enrichment(match_states(store, [0]), np.arange(21), store, n_random=0).kind == "scalar"


def test_bad_annotations_say_what_is_wrong():
    store, matches = store_and_matches()
    with pytest.raises(ValueError, match=r"'annotation' has the shape \(3,\); \(10,\) is needed"):
        enrichment(matches, [1, 2, 3], store)
    with pytest.raises(TypeError, match="no scalar"):
        enrichment(matches, WORDS, store, kind="scalar")
    with pytest.raises(ValueError, match="categorical"):
        enrichment(matches, WORDS, store, kind="categories")
    with pytest.raises(ValueError, match="0 or more"):
        enrichment(matches, WORDS, store, n_random=-1)
    with pytest.raises(ValueError, match="not of this store"):
        enrichment(matches, np.zeros(5), StateStore.from_array(np.zeros((5, 4))))
