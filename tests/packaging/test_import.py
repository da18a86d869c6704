"""What `import nbviz` costs, and what it gives."""

import json
import statistics
import sys

import pytest
from commands import run

import nbviz

HEAVY = ["torch", "sklearn", "scipy", "openTSNE", "pandas", "PIL", "ipywidgets", "anywidget", "numpy"]


def fresh(script, cwd):
    """What a new Python process prints, as JSON."""
    return json.loads(run([sys.executable, "-c", script], cwd=cwd).splitlines()[-1])


def test_importing_it_imports_nothing_heavy(tmp_path):
    script = """
import json, sys, nbviz
listed = dir(nbviz), nbviz.__version__
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
    loaded = fresh(script, tmp_path)
    assert "nbviz" in loaded
    assert set(HEAVY) & set(loaded) == set()


def test_it_costs_at_most_100_ms_more_than_ipywidgets(tmp_path):
    script = """
import time
began = time.perf_counter()
import {}
print(time.perf_counter() - began)
"""
    seconds = {"ipywidgets": [], "nbviz": [], "ipywidgets, nbviz": []}
    for _ in range(5):  # in turn, so that a busy machine is busy for all
        for name, times in seconds.items():
            times.append(fresh(script.format(name), tmp_path))
    median = {name: statistics.median(times) for name, times in seconds.items()}
    assert median["nbviz"] <= median["ipywidgets"] + 0.1, median
    assert median["ipywidgets, nbviz"] <= median["ipywidgets"] + 0.1, median


@pytest.mark.parametrize("name", nbviz.__all__)
def test_every_public_name_resolves_in_a_fresh_process(name, tmp_path):
    script = f"import json, nbviz\nprint(json.dumps(type(nbviz.{name}).__name__))"
    assert fresh(script, tmp_path) in ("module", "type", "MetaHasTraits")


def test_dir_lists_what_is_public():
    assert set(nbviz.__all__) <= set(dir(nbviz))
    assert "__version__" in dir(nbviz)
    assert nbviz.__all__ == sorted(nbviz.__all__)


def test_an_unknown_name_says_which_there_are():
    with pytest.raises(AttributeError, match=r"has no attribute 'LayerExplore'.*LayerExplorer"):
        nbviz.LayerExplore  # noqa: B018
