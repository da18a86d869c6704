"""The wheel and the source distribution: what is in them, and that they work where there is no node."""

import json
import tarfile
import zipfile

import pytest
from commands import ROOT, pip_wheel, run

import nbviz

VIEWS = sorted(path.stem for path in (ROOT / "js" / "src" / "views").glob("*.ts"))


@pytest.fixture(scope="module")
def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {info.filename: info.file_size for info in archive.infolist()}


def test_the_wheel_holds_the_javascript_of_every_view(contents):
    assert VIEWS
    for view in VIEWS:
        assert 10_000 < contents[f"nbviz/static/{view}.js"] < 150_000, view
        assert f"nbviz/views/{view}.py" in contents


def test_the_wheel_holds_data_and_weights_with_their_licence(contents):
    shipped = {
        path.relative_to(ROOT).as_posix(): path.stat().st_size
        for folder in ("data", "weights")
        for path in (ROOT / "nbviz" / "zoo" / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert sum(name.endswith(".safetensors") for name in shipped) >= 12
    assert any(name.endswith(".npz") for name in shipped)
    assert {name: contents.get(name) for name in shipped} == shipped
    assert "nbviz/zoo/data/LICENSE-mnist.txt" in contents
    licences = {name.rsplit("/", 1)[-1] for name in contents if "/licenses/" in name}
    assert {"LICENSE", "LICENSE-mnist.txt"} <= licences


def test_the_wheel_is_small_and_holds_nothing_else(wheel, contents):
    assert wheel.name.endswith("-py3-none-any.whl")
    assert wheel.stat().st_size < 10_000_000
    tops = {name.split("/")[0] for name in contents}
    assert tops == {"nbviz", f"nbviz-{nbviz.__version__}.dist-info"}
    assert not [name for name in contents if name.endswith((".ts", ".map", ".pyc", ".pth"))]


def test_it_works_from_the_wheel_without_node(installed, no_node, tmp_path):
    script = """
import importlib, json, pkgutil, nbviz
names = [name for name in nbviz.__all__ if getattr(nbviz, name) is not None]
for module in pkgutil.walk_packages(nbviz.__path__, "nbviz."):
    importlib.import_module(module.name)
view = nbviz.LayerExplorer(
    nbviz.zoo.load("mnist-mlp"), nbviz.zoo.load_mnist(120), executor="inline", iterations=20
)
print(json.dumps({
    "file": nbviz.__file__, "names": names, "shape": view.embedding.shape, "accuracy": view.accuracy,
    "problem": view.problem, "frame": view.frame["kind"], "esm": len(view._esm),
}))
"""
    output = run([installed, "-c", script], cwd=tmp_path, PATH=no_node)
    found = json.loads(output.splitlines()[-1])
    assert found["file"].startswith(str(installed.parents[1]))
    assert found["names"] == nbviz.__all__
    assert found["shape"] == [120, 2]
    assert found["accuracy"] > 0.9
    assert (found["problem"], found["frame"]) == ({}, "result")
    assert found["esm"] > 10_000


def test_the_sdist_holds_sources_and_bundles(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    for view in VIEWS:
        assert {f"nbviz/static/{view}.js", f"js/src/views/{view}.ts", f"nbviz/views/{view}.py"} <= names
    assert {"hatch_build.py", "js/package-lock.json", "README.md", "LICENSE", "PKG-INFO"} <= names
    assert not [name for name in names if "node_modules" in name]


def test_building_from_the_sources_without_node_says_what_is_missing(clean_copy, no_node, tmp_path):
    failed = pip_wheel(clean_copy(), tmp_path, PATH=no_node)
    assert failed.returncode != 0
    text = " ".join(failed.stdout.split())
    assert "nbviz: the JavaScript bundles" in text
    assert f"{VIEWS[0]}.js" in text
    assert "npm was not found. Install Node.js >= 20 with npm and try again" in text
    assert not list(tmp_path.glob("*.whl"))
