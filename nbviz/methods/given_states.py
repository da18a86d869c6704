"""States that were computed elsewhere: arrays, or the files of LSTMVis."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nbviz.methods.recurrent.states import States


def given_states(states: Any, tokens: Any = None) -> States:
    """Wrap states computed elsewhere.

    Parameters
    ----------
    states : (time, cells) array, mapping of layer names to such arrays, or path
        A path names an HDF5 file (every (time, cells) array in it becomes a layer) or a directory with
        LSTMVis' ``lstm.yml`` (its states and its words). Memory-mapped arrays are read in pieces.
    tokens : list of str, optional
        One per step; default their numbers.

    Raises
    ------
    ValueError
        If shapes or lengths disagree, if there are no steps, or if there is NaN (it says where).
    ImportError
        If a file is given and h5py or PyYAML is not installed.
    """
    if isinstance(states, str | Path):
        states, words = _read(Path(states))
        tokens = words if tokens is None else tokens
    if isinstance(states, States):
        return states
    layers = dict(states) if isinstance(states, Mapping) else {"states": states}
    checked = {str(name): _checked(str(name), values) for name, values in layers.items()}
    lengths = {name: len(values) for name, values in checked.items()}
    if not checked or len(set(lengths.values())) != 1:
        raise ValueError(f"all layers must have the same number of steps, got {lengths or 'no layer'}")
    steps = next(iter(lengths.values()))
    if steps == 0:
        raise ValueError("there are no steps: the first axis of the states is time, and it is empty")
    spelled = [str(i) for i in range(steps)] if tokens is None else [str(token) for token in tokens]
    if len(spelled) != steps:
        raise ValueError(f"there are {steps} steps and {len(spelled)} tokens: one for each is wanted")
    return States(
        tokens=spelled,
        ids=None,
        layers=tuple(checked),
        kind=dict.fromkeys(checked, "given"),
        hidden=checked,
        cell={},
        gates={},
        logits=None,
        _output=next(reversed(checked.values())),
    )


def _checked(name: str, values: Any) -> np.ndarray:
    array = values.detach().cpu().numpy() if hasattr(values, "detach") else np.asanyarray(values)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise ValueError(
            f"states of {name!r}: a (time, cells) array of numbers is wanted, "
            f"got {array.dtype} of shape {array.shape}"
        )
    for start in range(0, len(array), 65_536):
        bad = ~np.isfinite(array[start : start + 65_536])
        if bad.any():
            step, cell = np.argwhere(bad)[0]
            raise ValueError(
                f"states of {name!r} hold NaN or infinity, first at step {start + step}, cell {cell}"
            )
    return array if array.dtype == np.float32 else array.astype(np.float32)


def _read(path: Path) -> tuple[dict[str, np.ndarray], list[str] | None]:
    if path.is_dir() or path.name == "lstm.yml":
        return _read_lstmvis(path / "lstm.yml" if path.is_dir() else path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    return _read_arrays(path), None


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise ImportError("reading .h5 files needs h5py: pip install h5py") from None
    return h5py


def _read_arrays(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with _h5py().File(path, "r") as file:
        file.visititems(
            lambda name, item: found.update({name: item[:]}) if getattr(item, "ndim", 0) == 2 else None
        )
    if not found:
        raise ValueError(f"{path.name} holds no (time, cells) array")
    return found


def _read_lstmvis(path: Path) -> tuple[dict[str, np.ndarray], list[str] | None]:
    """LSTMVis' project: states by name, squashed by tanh unless it says otherwise, and the words."""
    try:
        import yaml
    except ImportError:
        raise ImportError("reading lstm.yml needs PyYAML: pip install pyyaml") from None
    h5py = _h5py()
    project = yaml.safe_load(path.read_text(encoding="utf-8"))
    files = {name: path.parent / file for name, file in project["files"].items()}
    layers: dict[str, np.ndarray] = {}
    for state in project["states"]["types"]:
        file = state.get("file") or project["states"].get("file")
        with h5py.File(files[file], "r") as source:
            values = np.asarray(source[state["path"]][:], np.float32)
        squash = state.get("transform", "tanh") == "tanh"
        layers[f"{state.get('type', 'state')} {state.get('layer', len(layers))}"] = (
            np.tanh(values) if squash else values
        )
    words = project.get("word_sequence")
    if not words:
        return layers, None
    with h5py.File(files[words["file"]], "r") as source:
        ids = np.asarray(source[words["path"]][:]).ravel().astype(int)
    spelled = {}
    for line in files[words["dict_file"]].read_text(encoding="utf-8").splitlines():
        word, _, number = line.rpartition(" ")
        if number.isdigit():
            spelled[int(number)] = word
    return layers, [spelled.get(i, f"#{i}") for i in ids.tolist()]
