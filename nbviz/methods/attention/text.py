"""Text for a model with attention: its tokens with their names, and the longest the model takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from nbviz.core.network import Network
from nbviz.core.tokenizers import token_ids
from nbviz.methods.attention.batch import as_batch


def read_inputs(
    network: Network, inputs: Any, *, sample: int = 0, truncate: bool = False
) -> tuple[Any, tuple[str, ...] | None, tuple[str, ...]]:
    """The prepared batch, the tokens of the chosen sample (None if it is no text), and notes.

    One sequence or picture without the axis of the samples is a batch of one, see
    :func:`~nbviz.methods.attention.batch.as_batch`.

    Raises
    ------
    ValueError
        If a text is empty, or longer than the model takes and ``truncate`` is False.
    TypeError
        If there is text and no tokenizer.
    """
    inputs = as_batch(network, inputs)
    texts = [inputs] if isinstance(inputs, str) else inputs
    notes: list[str] = []
    is_text = isinstance(texts, Sequence) and len(texts) > 0 and all(isinstance(t, str) for t in texts)
    if isinstance(inputs, Sequence) and len(inputs) == 0:
        raise ValueError("the text is empty: there is nothing to attend to")
    if is_text:
        if not 0 <= sample < len(texts):
            raise ValueError(f"sample={sample} is not among the {len(texts)} texts")
        if not texts[sample].strip():
            raise ValueError("the text is empty: there is nothing to attend to")
        batch, characters = _ids(network, texts, sample, truncate, notes)
        prepared = network.prepare(batch)
    else:
        is_whole = isinstance(inputs, Mapping | tuple)
        prepared = _placed(network, inputs) if is_whole else network.prepare(inputs)
        _check_length(network, prepared)
    ids = ids_of(prepared)
    if ids is None:
        return prepared, None, tuple(notes)
    row = ids[min(sample, len(ids) - 1)].tolist()
    names = characters[: len(row)] if is_text and characters else token_names(network.tokenizer, row)
    return prepared, tuple(names), tuple(notes)


def one_of(inputs: Any, sample: int) -> Any:
    """A batch of one: the text or row ``sample``.

    Raises
    ------
    ValueError
        If there is no such row.
    """
    if isinstance(inputs, str):
        inputs = [inputs]
    parts = (
        inputs.values() if isinstance(inputs, Mapping) else inputs if isinstance(inputs, tuple) else [inputs]
    )
    n = min((len(part) for part in parts), default=0)
    if n > 0 and not 0 <= sample < n:
        raise ValueError(f"sample={sample} is not in the batch of {n}: 0 to {n - 1}")
    if isinstance(inputs, Mapping):
        return {key: part[sample : sample + 1] for key, part in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(part[sample : sample + 1] for part in inputs)
    return inputs[sample : sample + 1]


def length_limit(network: Network) -> int | None:
    """The most tokens that the model takes, as it or its tokenizer says; None if neither says."""
    config = getattr(network.module, "config", None)
    said = [
        getattr(config, "max_position_embeddings", None),
        getattr(network.tokenizer, "model_max_length", None),
        getattr(network.module, "max_length", None),
    ]
    limits = [
        n for n in said if isinstance(n, int) and 0 < n < 10**6
    ]  # a tokenizer without a limit says 1e30
    return min(limits) if limits else None


def token_names(tokenizer: Any, ids: Sequence[int]) -> tuple[str, ...]:
    """Names of token ids: the tokenizer's, else the numbers."""
    if hasattr(tokenizer, "convert_ids_to_tokens"):
        names = tokenizer.convert_ids_to_tokens(list(ids))
        # How byte-level and sentence-piece vocabularies write a space, and a line's end.
        return tuple(str(n).replace("Ġ", " ").replace("▁", " ").replace("Ċ", "\n") for n in names)
    return tuple(str(i) for i in ids)


def ids_of(prepared: Any) -> torch.Tensor | None:
    """The token ids in a prepared batch, (samples, tokens); None if there are none."""
    if isinstance(prepared, tuple):
        prepared = prepared[0] if prepared else None
    ids = prepared.get("input_ids") if isinstance(prepared, Mapping) else prepared
    is_ids = isinstance(ids, torch.Tensor) and ids.ndim == 2 and not ids.is_floating_point()
    return ids if is_ids and isinstance(ids, torch.Tensor) else None


def too_long(n: int, limit: int) -> ValueError:
    return ValueError(
        f"the text has {n} tokens, and the model takes at most {limit}. "
        f"Pass truncate=True to use the first {limit}, or a shorter text."
    )


def _placed(network: Network, inputs: Any) -> Any:
    """Several inputs, each of its own type: masks stay boolean, ids whole numbers."""
    if isinstance(inputs, Mapping):
        return {key: _placed(network, value) for key, value in inputs.items()}
    if isinstance(inputs, tuple):
        return tuple(_placed(network, value) for value in inputs)
    if not isinstance(inputs, torch.Tensor | np.ndarray | list):
        return inputs
    tensor = torch.as_tensor(inputs).detach()
    kind = network.dtype if tensor.is_floating_point() else tensor.dtype
    return tensor.to(network.device, kind, copy=True)


def _ids(
    network: Network, texts: Sequence[str], sample: int, truncate: bool, notes: list[str]
) -> tuple[Any, str]:
    """The batch, and the text if the tokenizer makes one id of each character and has no names for them."""
    tokenizer, limit = network.tokenizer, length_limit(network)
    if tokenizer is None:
        raise TypeError("the input is text: say how to read it, Network(model, tokenizer=...)")
    if hasattr(tokenizer, "pad_token_id"):  # as in transformers
        longest = max(len(row) for row in tokenizer(list(texts), verbose=False)["input_ids"])
        cut: dict[str, Any] = {}
        if limit is not None and longest > limit:
            _allow(longest, limit, truncate, notes)
            cut = {"truncation": True, "max_length": limit}
        return dict(tokenizer(list(texts), return_tensors="pt", padding=len(texts) > 1, **cut)), ""
    ids = np.asarray(token_ids(tokenizer, texts[sample]), dtype=np.int64).ravel()
    if len(ids) == 0:
        raise ValueError("the tokenizer made no token of the text: there is nothing to attend to")
    named = hasattr(tokenizer, "convert_ids_to_tokens") or len(ids) != len(texts[sample])
    if limit is not None and len(ids) > limit:
        _allow(len(ids), limit, truncate, notes)
        ids = ids[:limit]
    return np.repeat(ids[None], len(texts), axis=0), "" if named else texts[sample]


def _allow(n: int, limit: int, truncate: bool, notes: list[str]) -> None:
    if not truncate:
        raise too_long(n, limit)
    notes.append(f"the text has {n} tokens; the model was given the first {limit}")


def _check_length(network: Network, prepared: Any) -> None:
    ids, limit = ids_of(prepared), length_limit(network)
    if ids is not None and limit is not None and ids.shape[1] > limit:
        raise ValueError(f"the input has {ids.shape[1]} tokens, and the model takes at most {limit}")
