"""Real text that lies on every machine with Python: the source of Python's own standard library."""

from __future__ import annotations

import sysconfig
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np

#: No model of the zoo was trained on these files; they are part of Python 3.11, 3.12 and 3.13. Drawn at
#: random, once, from the files of at least 8,000 characters, and not chosen by what a model does on them.
HELD_OUT_FILES = (
    "multiprocessing/resource_tracker.py",
    "optparse.py",
    "asyncio/base_subprocess.py",
    "gzip.py",
    "smtplib.py",
    "runpy.py",
    "ntpath.py",
    "ipaddress.py",
    "queue.py",
    "multiprocessing/forkserver.py",
    "tracemalloc.py",
    "email/policy.py",
    "site.py",
    "configparser.py",
    "http/cookiejar.py",
    "xml/dom/expatbuilder.py",
    "bdb.py",
    "unittest/runner.py",
    "gettext.py",
    "stringprep.py",
    "unittest/loader.py",
    "copy.py",
    "json/decoder.py",
    "bz2.py",
    "asyncio/taskgroups.py",
)

# Tests repeat themselves; the encodings and the topics of the help are tables that a program has written.
_LEFT_OUT = {"test", "tests", "idle_test", "site-packages", "dist-packages", "encodings", "pydoc_data"}


@dataclass(frozen=True)
class SourceText:
    """The text of several source files, one after the other.

    Attributes
    ----------
    text : str
        Lines end in ``"\\n"``.
    names : tuple of str
        Path of each file below the folder of the standard library, with ``/``.
    starts : (files + 1,) int64 array
        Where each file starts in :attr:`text`; the last number is its length.
    """

    text: str
    names: tuple[str, ...]
    starts: np.ndarray

    @classmethod
    def joined(cls, names: tuple[str, ...], texts: list[str]) -> SourceText:
        """The files one after the other, with where each starts."""
        return cls("".join(texts), names, np.cumsum([0, *map(len, texts)], dtype=np.int64))

    @property
    def files(self) -> dict[str, str]:
        """The text of each file by its name."""
        ends = self.starts.tolist()
        return {name: self.text[a:b] for name, a, b in zip(self.names, ends, ends[1:], strict=False)}

    def __repr__(self) -> str:
        return f"SourceText({len(self.text):,} characters of {len(self.names)} files)"


def load_python_source(n_characters: int | None = None, *, held_out: bool = True) -> SourceText:
    """Source files of the Python standard library, as they are installed on this machine.

    The text is read from ``sysconfig.get_paths()["stdlib"]`` and nothing is downloaded. It therefore
    differs a little from one version of Python to the next, but the line between training and held-out text
    does not: the 25 files of ``HELD_OUT_FILES`` are **held out**, all others are **training** text. Not
    used at all are the tests, ``encodings`` and ``pydoc_data``. A file that is missing is skipped (some
    Linux distributions leave out ``tkinter``, ``idlelib``, ``distutils``).

    Parameters
    ----------
    n_characters : int, optional
        Stop after this many characters, in the middle of a file if need be; at least 1. Default: all,
        about 0.7 million held-out and 9 million training characters.
    held_out : bool
        The held-out files, in the order of ``HELD_OUT_FILES``, or else the training files, in the order of
        their names.

    Returns
    -------
    SourceText
        ``.text``, ``.names`` of the files and ``.starts`` of each in the text.

    Raises
    ------
    ValueError
        If `n_characters` is less than 1.
    FileNotFoundError
        If this Python came without the source of its library.

    Notes
    -----
    The standard library is licensed under the Python Software Foundation License (PSF-2.0), which allows
    use and copies with the notice kept: ``LICENSE.txt`` in the same folder.
    """
    if n_characters is not None and n_characters < 1:
        raise ValueError(f"n_characters must be at least 1, got {n_characters}")
    folder = Path(sysconfig.get_paths()["stdlib"])
    wanted = HELD_OUT_FILES if held_out else training_files(folder)
    names, texts, left = [], [], n_characters
    for name, text in _read(folder, wanted):
        names.append(name)
        texts.append(text if left is None else text[:left])
        left = None if left is None else left - len(texts[-1])
        if left == 0:
            break
    if not names:
        raise FileNotFoundError(
            f"this Python came without the source of its standard library: no .py files in {folder}"
        )
    return SourceText.joined(tuple(names), texts)


@cache
def training_files(folder: Path) -> tuple[str, ...]:
    """Names of all source files below `folder` that models may be trained on, in alphabetical order."""
    paths = (PurePosixPath(file.relative_to(folder).as_posix()) for file in folder.rglob("*.py"))
    return tuple(sorted(str(path) for path in paths if _is_for_training(path)))


def _is_for_training(path: PurePosixPath) -> bool:
    made_by_a_build = path.parts[0].startswith(("config-", "_sysconfigdata"))
    return not (made_by_a_build or _LEFT_OUT & set(path.parts) or str(path) in HELD_OUT_FILES)


def _read(folder: Path, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in names:
        if (folder / name).is_file():
            with tokenize.open(folder / name) as file:  # in the encoding that the file itself declares
                text = file.read()
            if text:
                yield name, text
