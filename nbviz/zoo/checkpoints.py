"""The training history of a model: its weights after chosen epochs, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialized


class Checkpoints(Mapping[int, dict[str, torch.Tensor]]):
    """State dicts by epoch, read from ``epoch-XX.safetensors`` files on access.

    Parameters
    ----------
    folder : Path
        Where the files lie. Epoch 0 is the initialisation, before any training.
    initial : callable, optional
        Makes the state dict of epoch 0 again where it has no file: random numbers do not compress, and the
        seed gives them as well.

    Notes
    -----
    Weights are stored as float16 and given as float32, which loses nothing on the way back. Files are not
    kept in memory: two accesses give two dicts.
    """

    def __init__(self, folder: Path, initial: Callable[[], dict[str, torch.Tensor]] | None = None):
        self.folder = folder
        self._initial = initial
        stored = {int(file.stem.removeprefix("epoch-")) for file in folder.glob("epoch-*.safetensors")}
        self._epochs = sorted(stored if initial is None else stored | {0})

    def __getitem__(self, epoch: int) -> dict[str, torch.Tensor]:
        if epoch not in self._epochs:
            raise KeyError(f"no checkpoint of epoch {epoch!r}; there are {self._epochs}")
        file = file_of(self.folder, epoch)
        if epoch == 0 and self._initial is not None and not file.exists():
            return self._initial()
        state = load_file(file)
        return {name: t.float() if t.is_floating_point() else t for name, t in state.items()}

    def __iter__(self) -> Iterator[int]:
        return iter(self._epochs)

    def __len__(self) -> int:
        return len(self._epochs)

    def __contains__(self, epoch: object) -> bool:
        return epoch in self._epochs  # Mapping's own would read the file to find out

    def __repr__(self) -> str:
        return f"Checkpoints(epochs {', '.join(map(str, self._epochs))})"

    @property
    def last(self) -> int:
        """The epoch after which training ended."""
        return self._epochs[-1]


def save(folder: Path, epoch: int, state: Mapping[str, torch.Tensor]) -> None:
    """Write the weights after `epoch` as float16 (integers as they are)."""
    folder.mkdir(parents=True, exist_ok=True)
    half = {name: t.detach().half() if t.is_floating_point() else t.detach() for name, t in state.items()}
    # bytes, because safetensors' own save_file makes files that only their owner may read
    file_of(folder, epoch).write_bytes(serialized({name: t.contiguous() for name, t in half.items()}))


def file_of(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:02d}.safetensors"
