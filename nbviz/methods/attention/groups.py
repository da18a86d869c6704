"""From single attentions to groups: the layers of one stack that attend in one way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nbviz.methods.attention.result import AttentionGroup, checked
from nbviz.methods.attention.watch import Site


@dataclass(frozen=True)
class Labels:
    """Tokens of the two sequences there may be, None where there are none.

    ``written`` are the tokens that an encoder-decoder writes at each position of ``target``, which is what
    its decoder is given: one position earlier.
    """

    source: tuple[str, ...] | None = None
    target: tuple[str, ...] | None = None
    written: tuple[str, ...] | None = None

    def rows(self, kind: str, stack: str, n: int) -> tuple[str, ...]:
        if kind == "cross":
            return _fitting(n, self.written, self.target)
        return self._own(stack, n)

    def columns(self, kind: str, stack: str, n: int, extra: tuple[str, ...]) -> tuple[str, ...]:
        n -= len(extra)
        return (_fitting(n, self.source) if kind == "cross" else self._own(stack, n)) + extra

    def _own(self, stack: str, n: int) -> tuple[str, ...]:
        first, second = self.source, self.target
        return _fitting(n, second, first) if "dec" in stack.lower() else _fitting(n, first, second)


def _fitting(n: int, *candidates: tuple[str, ...] | None) -> tuple[str, ...]:
    found = next((c for c in candidates if c is not None and len(c) == n), None)
    return tuple(str(i) for i in range(n)) if found is None else found


def grouped(sites: Sequence[Site], labels: Labels) -> tuple[tuple[AttentionGroup, ...], list[list[Site]]]:
    """Groups, the main one first, and the sites of each layer of each group.

    One group: the same stack, kind and shape. Calls of one module with one row each are the steps of a loop
    and become the rows of one layer.
    """
    stacks: dict[tuple, list[tuple[Site, str]]] = {}
    for site, name in _numbered(_steps_joined(sites)):
        key = (stack_of(site.path), site.kind, site.weights.shape, site.extra)
        stacks.setdefault(key, []).append((site, name))
    # Cross-attention first, then the most layers; a sort keeps the order of computing otherwise.
    order = sorted(stacks, key=lambda key: (key[1] != "cross", -len(stacks[key])))
    names = _names(order)
    groups = []
    for key, name in zip(order, names, strict=True):
        stack, kind, (_, rows, columns), extra = key
        members = [site for site, _ in stacks[key]]
        groups.append(
            checked(
                AttentionGroup(
                    name=name,
                    kind=kind,
                    weights=np.stack([site.weights for site in members]),
                    masked=_stacked_masks([site.masked for site in members]),
                    rows=labels.rows(kind, stack, rows),
                    columns=labels.columns(kind, stack, columns, extra),
                    layers=tuple(layer for _, layer in stacks[key]),
                )
            )
        )
    return tuple(groups), [[site for site, _ in stacks[key]] for key in order]


def stack_of(path: str) -> str:
    """The list of layers that a module is in: ``"encoder.layers"`` for ``"encoder.layers.3.self_attn"``."""
    parts = path.split(".")
    numbers = [i for i, part in enumerate(parts) if part.isdigit()]
    return ".".join(parts[: numbers[0]]) if numbers else ".".join(parts[:-1])


def _names(keys: list[tuple]) -> list[str]:
    """``"self-attention"``, with the stack's name, then its shape, where that alone would name several."""
    stacks = [stack for stack, *_ in keys]
    several = len({stack for stack, kind, *_ in keys if kind == "self"}) > 1
    names = [
        f"{_word(stack)} {kind}-attention".strip() if several and kind == "self" else f"{kind}-attention"
        for stack, kind, *_ in keys
    ]
    names = _told_apart(names, stacks, "{} of {}")
    return _told_apart(names, ["{} × {} × {}".format(*shape) for _, _, shape, _ in keys], "{} ({})")


def _word(stack: str) -> str:
    return next((w for w in ("encoder", "decoder") if w in stack.lower()), stack.rpartition(".")[2])


def _told_apart(names: list[str], marks: list[str], form: str) -> list[str]:
    """Each name with its mark, where others have the same name and another mark."""
    of_name: dict[str, set[str]] = {}
    for name, mark in zip(names, marks, strict=True):
        of_name.setdefault(name, set()).add(mark)
    return [
        form.format(name, mark) if len(of_name[name]) > 1 else name
        for name, mark in zip(names, marks, strict=True)
    ]


def _steps_joined(sites: Sequence[Site]) -> list[Site]:
    """A decoder's loop calls its attention once for each step, with one row: these rows are one layer."""
    calls: dict[tuple, list[Site]] = {}
    for site in sites:
        heads, rows, columns = site.weights.shape
        is_step = rows == 1 and columns > 1
        key = (site.path, heads, columns) if is_step else (site.index, id(site))
        calls.setdefault(key, []).append(site)
    return [steps[0] if len(steps) == 1 else _one_layer(steps) for steps in calls.values()]


def _one_layer(steps: list[Site]) -> Site:
    first = steps[0]
    joined = Site(first.index, first.path, "cross", extra=first.extra, windows=first.windows)
    joined.weights = np.concatenate([step.weights for step in steps], axis=1)
    joined.masked = np.concatenate([step.masked for step in steps], axis=1)
    joined.steps = tuple(step.index for step in steps)
    return joined


def _numbered(sites: Sequence[Site]) -> list[tuple[Site, str]]:
    """Names of the layers; a module that is called again gets ``_1``, ``_2``, …"""
    calls: Counter[str] = Counter()
    named = []
    for site in sites:
        again = calls[site.path]
        calls[site.path] += 1
        named.append((site, f"{site.path}_{again}" if again else site.path))
    return named


def _stacked_masks(masks: list[np.ndarray]) -> np.ndarray:
    """(layers, heads, rows, columns); one plane seen several times where all are equal, as nearly always."""
    first = masks[0][0]
    if all((mask == first).all() for mask in masks):
        return np.broadcast_to(first, (len(masks), *masks[0].shape))
    stacked = np.stack(masks)
    stacked.flags.writeable = False
    return stacked
