"""Clean copies of the sources, and the packages that are built from them: once for all tests."""

import shutil
import sys
import tarfile
import venv

import pytest
from commands import ROOT, pip_wheel, run


@pytest.fixture(scope="session")
def no_node(tmp_path_factory):
    """A PATH on which there is neither node nor npm."""
    folder = tmp_path_factory.mktemp("bin")
    assert shutil.which("node", path=str(folder)) is None
    return str(folder)


@pytest.fixture(scope="session")
def clean_copy(tmp_path_factory):
    """clean_copy(): the sources as git has them, without anything that was built."""

    def copy():
        target = tmp_path_factory.mktemp("sources") / "nbviz"
        listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT)
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target / name)
        assert not list((target / "nbviz" / "static").glob("*.js"))
        return target

    return copy


@pytest.fixture(scope="session")
def sdist(clean_copy, tmp_path_factory):
    """The source distribution, built with npm."""
    out = tmp_path_factory.mktemp("sdist")
    run(
        [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", out, clean_copy()],
        cwd=out,
    )
    return next(out.glob("*.tar.gz"))


@pytest.fixture(scope="session")
def wheel(sdist, no_node, tmp_path_factory):
    """The wheel, built from the source distribution on a PATH without node."""
    folder, out = tmp_path_factory.mktemp("unpacked"), tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    built = pip_wheel(next(folder.iterdir()), out, PATH=no_node)
    assert built.returncode == 0, built.stdout
    return next(out.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """The python of a fresh environment that holds the wheel, and sees what it needs from this one."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel],
        cwd=folder,
    )
    # A path in a .pth file is searched last, and the .pth files in it (an editable nbviz) are not read.
    here = next(p for p in sys.path if p.endswith("site-packages"))
    packages = next((folder / "lib").glob("python3*/site-packages"))
    (packages / "needed.pth").write_text(here + "\n")
    return python
