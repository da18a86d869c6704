"""Binder: what it would build from a clean clone, as far as that can be seen without Docker."""

import json
import os
import re
import sys
import tomllib
import venv
from pathlib import Path

import pytest
import yaml
from commands import ROOT, run

NAMES = {"torch": "pytorch"}
"""Packages that conda-forge calls otherwise."""


def requirement(text):
    """("numpy", ">=1.26") of a line of either file."""
    name, bound = re.fullmatch(r"([A-Za-z0-9_.-]+)\s*(.*)", text).groups()
    return name.lower(), bound


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "binder" / "environment.yml").read_text())


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_everything_that_nbviz_needs_is_in_the_environment(environment, project):
    listed = dict(requirement(line) for line in environment["dependencies"])
    for line in [*project["dependencies"], *project["optional-dependencies"]["lab"]]:
        name, bound = requirement(line)
        assert NAMES.get(name, name) in listed, line
        if name != "torch":
            assert listed[name] == bound, f"{name}: the bounds of pyproject.toml and environment.yml differ"


def test_torch_is_the_build_without_cuda(environment):
    assert environment["channels"] == ["conda-forge"]
    assert "pytorch=*=cpu_generic*" in environment["dependencies"]


def test_python_and_node_are_ones_that_nbviz_runs_on(environment, project):
    listed = dict(requirement(line) for line in environment["dependencies"])
    wanted = tuple(map(int, project["requires-python"].removeprefix(">=").split(".")))
    assert tuple(map(int, listed["python"].removeprefix("=").split("."))) >= wanted
    engines = json.loads((ROOT / "js" / "package.json").read_text())["engines"]["node"]
    assert int(listed["nodejs"].removeprefix("=")) >= int(re.search(r"\d+", engines).group())


def test_the_dockerfile_installs_the_environment_then_runs_the_post_build(clean_copy):
    tool = Path(sys.executable).parent / "jupyter-repo2docker"
    text = run([tool, "--no-build", "--debug", "."], cwd=clean_copy())
    steps = [
        r"COPY --chown=\S+ src/binder/environment\.yml \$\{REPO_DIR\}/binder/environment\.yml",
        r'env update .*--file "binder/environment\.yml"',
        r"RUN chmod \+x binder/postBuild",
        r"RUN \./binder/postBuild",
    ]
    found = [re.search(step, text) for step in steps]
    assert all(found), [step for step, match in zip(steps, found, strict=True) if not match]
    assert sorted(match.start() for match in found) == [match.start() for match in found]
    assert "for python=3.11" in text
    assert "requirements.txt" not in text


def test_the_post_build_leaves_nbviz_with_its_bundles_installed(clean_copy, tmp_path):
    source = clean_copy()
    venv.create(tmp_path / "venv", with_pip=True, symlinks=True)
    home = Path.home()
    post_build = source / "binder" / "postBuild"
    assert os.access(post_build, os.X_OK)
    run(
        [post_build],
        cwd=source,
        PATH=f"{tmp_path}/venv/bin:{os.environ['PATH']}",
        HOME=tmp_path,  # it empties the home's npm cache
        XDG_CONFIG_HOME=home / ".config",
        npm_config_userconfig=home / ".npmrc",
        npm_config_cache=home / ".npm",
    )
    installed = next((tmp_path / "venv" / "lib").glob("python3*/site-packages")) / "nbviz"
    bundles = {path.stem for path in (installed / "static").glob("*.js")}
    assert bundles == {path.stem for path in (source / "js" / "src" / "views").glob("*.ts")}
    assert (installed / "zoo" / "weights" / "mnist-cnn.json").exists()
    assert not (source / "js" / "node_modules").exists()
