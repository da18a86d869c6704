"""From what people have (text, ids, signals, lists of them) to sequences that a recurrent model can read."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nbviz.core.errors import ModelError
from nbviz.core.network import Network
from nbviz.core.tokenizers import token_ids
from nbviz.methods.recurrent.calls import copied
from nbviz.methods.recurrent.extract import check_recurrent

_WANTED = "text, token ids (time,) or a signal (time, features)"


@dataclass(frozen=True, slots=True)
class Given:
    """One sequence.

    Attributes
    ----------
    values : (time,) int64 or (time, features) float tensor, or None
    ready : the model's own inputs, taken as they are, or None; exactly one of the two is given
    tokens : list of str or None
    """

    values: Tensor | None
    ready: Any = None
    tokens: list[str] | None = None

    @property
    def steps(self) -> int | None:
        return None if self.values is None else len(self.values)

    @property
    def ids(self) -> np.ndarray | None:
        if self.values is None or self.values.is_floating_point():
            return None
        return self.values.numpy()

    def part(self, start: int, stop: int) -> Given:
        assert self.values is not None
        tokens = None if self.tokens is None else self.tokens[start:stop]
        return Given(self.values[start:stop], tokens=tokens)

    def candidates(self, network: Network, time_first: bool) -> list[Any]:
        """The inputs to try: as a batch of one with time second, with time first, and without a batch."""
        if self.values is None:
            mapping = isinstance(self.ready, Mapping)
            return [network.prepare(self.ready) if mapping else copied(self.ready)]
        is_ids = not self.values.is_floating_point()
        if is_ids and network.transform is None:
            whole = self.values[None].to(network.device, copy=True)
        else:
            whole = network.prepare(self.values[None])
        if not isinstance(whole, Tensor) or whole.ndim < 2:
            return [whole]
        found = [whole, whole.transpose(0, 1).contiguous(), whole[0].clone()]
        return [found[1], found[0], found[2]] if time_first else found


def sequences(network: Network, tokens: Any) -> list[Given]:
    """The sequences in ``tokens``, each to be run on its own.

    Parameters
    ----------
    tokens : str, array, tensor, tuple, mapping, or list
        Text (read by the network's tokenizer); ids, (time,), (1, time) or (time, 1); a signal,
        (time, features), (1, time, features) or (time, 1, features), or (time,) for a single feature. A
        tuple or a mapping is the model's own inputs, taken as it is. A list of ids, or of strings of which
        the tokenizer makes one id each, is one sequence; any other list is several sequences.

    Raises
    ------
    ModelError
        If the model has no recurrent module, or a token id is outside its vocabulary.
    TypeError
        If it is none of these, or text without a tokenizer.
    ValueError
        If there is nothing in it, if it is a batch, or if the tokenizer does not know a character.
    """
    check_recurrent(network)
    found = [_one(network, item) for item in _several(network, tokens)]
    if not found:
        raise ValueError(f"there is no sequence in the list: {_WANTED} is wanted")
    for number, sequence in enumerate(found):
        if sequence.steps == 0:
            which = f" (sequence {number} of the list)" if len(found) > 1 else ""
            raise ValueError(f"there are no tokens{which}: {_WANTED}, of one step at least, is wanted")
        _check_ids(network, sequence)
    return found


def _several(network: Network, tokens: Any) -> list[Any]:
    if not isinstance(tokens, list):
        return [tokens]
    if tokens and all(isinstance(item, str) for item in tokens):
        return [tokens] if all(len(_encoded(network, t)) == 1 for t in tokens) else tokens
    plain = all(isinstance(item, numbers.Number) or getattr(item, "ndim", None) == 0 for item in tokens)
    return [tokens] if tokens and plain else tokens


def _one(network: Network, item: Any) -> Given:
    if isinstance(item, tuple | Mapping):
        return Given(None, ready=item)
    if isinstance(item, str):
        return _text(network, item)
    if isinstance(item, list) and item and all(isinstance(token, str) for token in item):
        ids = np.concatenate([_encoded(network, token) for token in item])
        if len(ids) != len(item):
            raise ValueError("the tokenizer makes more than one id of a token in the list: give the text")
        return Given(torch.from_numpy(ids), tokens=list(item))
    if isinstance(item, list) and item and isinstance(item[0], Tensor):
        item = torch.stack(item)
    elif isinstance(item, list):
        item = np.asarray(item) if item else np.empty(0, np.int64)
    values = _numbers(item)
    if values.is_floating_point():
        return Given(_signal(values))
    shape = tuple(values.shape)
    if values.ndim == 2 and 1 in shape:
        values = values.reshape(-1)
    if values.ndim != 1:
        raise ValueError(
            f"token ids of shape {shape}: one sequence, (time,) or (1, time), is wanted. "
            "Give several as a list, one by one: list(ids)."
        )
    return Given(values, tokens=_spelled(network, values.numpy(), None))


def _numbers(item: Any) -> Tensor:
    if isinstance(item, Tensor):
        tensor = item.detach().cpu()
    else:
        array = np.asarray(item)
        if array.dtype.kind not in "iuf":
            raise TypeError(f"{_WANTED} is wanted, got {type(item).__name__} of {array.dtype}")
        tensor = torch.from_numpy(np.array(array.astype(array.dtype.newbyteorder("="), copy=False)))
    if tensor.dtype == torch.bool or tensor.is_complex():
        raise TypeError(f"{_WANTED} is wanted, got a tensor of {tensor.dtype}")
    return tensor.clone() if tensor.is_floating_point() else tensor.to(torch.int64, copy=True)


def _signal(values: Tensor) -> Tensor:
    shape = tuple(values.shape)
    if values.ndim == 1:
        return values[:, None]
    if values.ndim == 3 and 1 in shape[:2]:
        return values[0] if shape[0] == 1 else values[:, 0]
    if values.ndim != 2:
        raise ValueError(
            f"a signal of shape {shape}: (time, features), or a batch of one, (1, time, features), is "
            "wanted. Give several sequences as a list: list(signals)."
        )
    return values


def _text(network: Network, text: str) -> Given:
    if text == "":
        return Given(torch.empty(0, dtype=torch.int64))
    if network.tokenizer is None and network.transform is not None:
        return Given(None, ready=(network.prepare([text]),), tokens=list(text))
    ids = _encoded(network, text)
    return Given(torch.from_numpy(ids), tokens=_spelled(network, ids, text))


def _encoded(network: Network, text: str) -> np.ndarray:
    """Ids, (time,) int64, as the network's tokenizer makes them."""
    tokenizer = network.tokenizer
    if tokenizer is None:
        raise TypeError(
            "text was given: say how to read it, Network(model, tokenizer=...), "
            "a callable from a string to a list of ids; or give the ids"
        )
    found = token_ids(tokenizer, text)
    if isinstance(found, Mapping) or hasattr(found, "input_ids"):
        found = found["input_ids"]
    found = getattr(found, "ids", found)
    ids = np.asarray(found.cpu() if isinstance(found, Tensor) else found)
    if ids.ndim == 2 and len(ids) == 1:
        ids = ids[0]
    if ids.ndim != 1 or (len(ids) and ids.dtype.kind not in "iu"):
        raise TypeError(f"the tokenizer gave {ids.dtype} of shape {ids.shape}; a list of ids is wanted")
    return ids.astype(np.int64)


def _spelled(network: Network, ids: np.ndarray, text: str | None) -> list[str] | None:
    """How the ids are displayed: as the tokenizer names them, or as the characters of the text."""
    tokenizer = network.tokenizer
    if hasattr(tokenizer, "convert_ids_to_tokens"):
        return [str(token) for token in tokenizer.convert_ids_to_tokens(ids.tolist())]
    if text is not None and len(text) == len(ids):
        return list(text)  # also what the tokenizer does not know is shown as it was typed
    for name in ("id_to_token", "decode"):
        spell = getattr(tokenizer, name, None)
        if callable(spell):
            known = {
                int(i): str(spell(int(i) if name == "id_to_token" else [int(i)])) for i in np.unique(ids)
            }
            return [known[int(i)] for i in ids]
    return None


def _check_ids(network: Network, sequence: Given) -> None:
    """Ids that no embedding has: an index error on the CPU, the end of the process's CUDA on a GPU."""
    ids = sequence.ids
    sizes = [m.num_embeddings for m in network.module.modules() if isinstance(m, nn.Embedding)]
    if ids is None or not sizes or network.transform is not None:
        return
    if ids.min() < 0 or ids.max() >= max(sizes):
        step = int(np.flatnonzero((ids < 0) | (ids >= max(sizes)))[0])
        raise ModelError(
            f"token id {ids[step]} at step {step} is outside the model's vocabulary: "
            f"ids from 0 to {max(sizes) - 1} are wanted (its embedding takes {max(sizes)})"
        )


def spell(network: Network, ids: Sequence[int]) -> list[str]:
    """``ids`` as they are displayed; the numbers where the tokenizer cannot spell them."""
    return _spelled(network, np.asarray(ids, np.int64), None) or [str(i) for i in ids]
