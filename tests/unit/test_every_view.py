"""What every view there is must have: docstrings under its traits, its network, a text."""

import ast
import importlib
import inspect
import pkgutil

import pytest
import traitlets as t

import nbviz.views
from nbviz.views.base import View


def view_modules():
    return [
        importlib.import_module(module.name)
        for module in pkgutil.walk_packages(nbviz.views.__path__, "nbviz.views.")
    ]


def documented(module):
    """(class, trait) for which a docstring stands under the assignment."""
    found = set()
    for cls in [node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)]:
        for statement, below in zip(cls.body, cls.body[1:], strict=False):
            if (
                isinstance(statement, ast.Assign)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
            ):
                found.add((cls.name, statement.targets[0].id))
    return found


@pytest.mark.parametrize("module", view_modules(), ids=lambda m: m.__name__.rsplit(".", 1)[-1])
def test_every_public_trait_of_a_view_has_a_docstring_under_it(module):
    views = [c for c in vars(module).values() if inspect.isclass(c) and issubclass(c, View)]
    own = {
        (cls.__name__, name)
        for cls in views
        if cls.__module__ == module.__name__
        for name, value in vars(cls).items()
        if isinstance(value, t.TraitType) and not name.startswith("_")
    }
    assert own - documented(module) == set()


@pytest.mark.parametrize("module", view_modules(), ids=lambda m: m.__name__.rsplit(".", 1)[-1])
def test_every_view_of_a_model_says_which_network_it_shows(module):
    """Else nobody notes that its model has changed."""
    for cls in vars(module).values():
        if inspect.isclass(cls) and issubclass(cls, View) and cls.__module__ == module.__name__:
            parts = [c for c in cls.__mro__ if c.__module__.startswith("nbviz.views.") and c is not View]
            source = "".join(map(inspect.getsource, parts))
            assert (
                cls is View
                or "Network" not in source
                or "self._network" in source
                or "shown_network" in source
            )


@pytest.mark.parametrize("module", view_modules(), ids=lambda m: m.__name__.rsplit(".", 1)[-1])
def test_every_view_without_a_picture_says_what_it_is_about(module):
    """Such as that it is closed: its status is still that of the last picture."""

    class Closed:
        _latest, status, layer = None, "done", ""

        def state_in_words(self):
            return "closed"

    for cls in vars(module).values():
        if inspect.isclass(cls) and issubclass(cls, View) and cls.__module__ == module.__name__:
            assert cls.summary(Closed()).endswith(": closed"), cls


def test_the_check_of_docstrings_sees_the_traits_there_are():
    from nbviz.views import base, layer_explorer

    assert ("View", "height") in documented(base)
    assert ("LayerExplorer", "perplexity") in documented(layer_explorer)
