"""Perplexity and neighbours follow the number of samples in every view of a map, until a person sets them."""

import pytest

import nbviz
from nbviz.views.parts.sized_view import usual_k, usual_perplexity

QUICK = {"iterations": 20, "executor": "inline"}
MAPS = [
    "LayerExplorer",
    "ImageGrid",
    "MapComparison",
    "OutlierExplorer",
    "LivePlacement",
    "EvolutionExplorer",
]


@pytest.fixture(scope="module")
def digits():
    return nbviz.zoo.load("mnist-mlp"), nbviz.zoo.load_mnist(150)


@pytest.fixture
def show(digits):
    views = []

    def build(name, **options):
        if name == "EvolutionExplorer":
            options = {"over": "layers", **options}
        views.append(getattr(nbviz, name)(*digits, **{**QUICK, **options}))
        return views[-1]

    yield build
    for view in views:
        view.close()


def test_what_suits_so_many_samples():
    assert [usual_perplexity(n) for n in (1, 4, 60, 90, 91, 9999)] == [1, 1, 19, 29, 30, 30]
    assert [usual_k(n) for n in (1, 2, 6, 7, 9999)] == [1, 1, 5, 6, 6]
    assert usual_k(9, 10) == 8


@pytest.mark.parametrize("name", MAPS)
def test_a_later_change_is_as_the_same_at_first(show, name):
    view = show(name)
    most = view.k if view.has_trait("k") else None
    assert view.perplexity == 30
    assert not any("perplexity" in note for note in view.notes)
    for n in (60, 5, 90):
        view.n_samples = n
        view.wait()
        at_first = show(name, n_samples=n)
        assert view.perplexity == at_first.perplexity == usual_perplexity(n)
        if most is not None:
            assert view.k == at_first.k == min(most, n - 1)
        for notes in (view.notes, at_first.notes):
            assert any(f"perplexity {usual_perplexity(n):g} instead of 30" in note for note in notes)
            assert any(f"{n} samples" in note for note in notes)
    view.n_samples = 0
    view.wait()
    assert view.perplexity == 30
    assert not any("perplexity" in note for note in view.notes)


@pytest.mark.parametrize("name", MAPS)
def test_what_a_person_set_stays_and_is_refused_where_it_does_not_fit(show, name):
    for view in (show(name, perplexity=30), show(name)):
        view.perplexity = 30  # the same as before, and yet a person's choice
        view.n_samples = 60
        assert view.perplexity == 30
        with pytest.raises(ValueError, match="perplexity=30 does not suit 60 samples"):
            view.wait()
        view.perplexity = 10
        view.wait()
        assert not any("perplexity" in note for note in view.notes)


def test_what_the_browser_sets_is_a_persons_choice(show):
    view = show("LayerExplorer")
    view.set_state({"perplexity": 25.0})
    view.set_state({"n_samples": 60})
    assert view.perplexity == 25
    assert "perplexity=25" in str(view.error)
    view.set_state({"n_samples": 100})
    view.set_state({"n_samples": 60, "perplexity": 12.0})  # in one message
    assert view.error is None
    assert view.perplexity == 12


def test_one_change_is_one_picture(show, monkeypatch):
    view = show("LayerExplorer")
    asked = []
    submit = view._recompute.submit
    monkeypatch.setattr(view._recompute, "submit", lambda *a, **o: asked.append(a[0]) or submit(*a, **o))
    view.n_samples = 60
    assert [(params.n_samples, params.perplexity) for params in asked] == [(60, 19.0)]
    with view.hold_trait_notifications():
        view.n_samples = 30
        view.seed = 3
    assert [(params.n_samples, params.perplexity, params.seed) for params in asked[1:]] == [(30, 9.0, 3)]


def test_the_browser_is_told_the_value_that_follows(show, monkeypatch):
    view = show("LayerExplorer")
    sent = {}
    monkeypatch.setattr(view, "send_state", lambda key=None: sent.update(view.get_state(key)))
    view.set_state({"n_samples": 60})
    assert sent["perplexity"] == 19


def test_outliers_may_have_no_more_neighbours_of_their_class_than_are_looked_at(show):
    view = show("OutlierExplorer", method="pca")
    assert (view.k, view.most_hit) == (6, 2)
    view.n_samples = 3
    view.wait()
    assert (view.k, view.most_hit) == (2, 1)
    view.n_samples = 0
    view.k = 1
    view.wait()
    assert view.most_hit == 0
    view.k = 9
    view.most_hit = 4
    view.n_samples = 60
    view.wait()
    assert (view.k, view.most_hit) == (9, 4)


def test_of_a_pca_there_is_no_perplexity_to_tell_of(show):
    view = show("LayerExplorer", method="pca", n_samples=60)
    assert not any("perplexity" in note for note in view.notes)


def test_probes_of_fewer_samples_count_fewer_neighbours(digits):
    view = nbviz.LayerProbes(*digits, layers=["fc1"], folds=2, executor="inline")
    assert view.k == 6
    view.n_samples = 6
    assert view.k == 5
    view.close()
