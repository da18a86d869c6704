"""What the hidden-state explorer sends: the states that are drawn, and a picture of selection and matches.

The other half is js/src/views/hidden_states/meta.ts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbviz.core.brief import Brief
from nbviz.methods.annotation_enrichment import Enrichment
from nbviz.methods.cell_selection import CellSelection
from nbviz.methods.state_corpus import StateCorpus
from nbviz.methods.state_intervention import Intervention
from nbviz.methods.state_matching import Matches
from nbviz.methods.state_track import StateTrack
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.track_frames import pack_track

LETTERS = (16, 48)
"""Steps before a match, and steps in all, in a row of matches: where tokens are characters."""

WORDS = (5, 13)
"""The same where tokens are words."""

OUTSIDE = 255
MOST_CATEGORIES = 20
MOST_ROWS = 12


@dataclass(frozen=True, eq=False, repr=False)
class StatesPicture(Brief):
    """One picture of the view.

    Attributes
    ----------
    track : StateTrack
        The states that are drawn.
    selection : CellSelection
        Cells selected, numbered as drawn.
    matches : Matches or None
    corpus : StateCorpus or None
        What was searched.
    annotations, corpus_annotations : dict of str to array
        Of the text and of the corpus.
    enriched : dict of str to Enrichment
    intervention : Intervention or None
    searching : str
        What is still to come, in words.
    """

    track: StateTrack
    selection: CellSelection
    matches: Matches | None = None
    corpus: StateCorpus | None = None
    annotation: str = ""
    annotations: dict[str, np.ndarray] | None = None
    corpus_annotations: dict[str, np.ndarray] | None = None
    enriched: dict[str, Enrichment] = field(default_factory=dict)
    intervention: Intervention | None = None
    in_text: bool = True
    searching: str = ""
    notes: tuple[str, ...] = ()


def encode_track(track: StateTrack) -> dict[str, Any]:
    """The states that are drawn, for the trait ``track``: levels, expected tokens, loss."""
    return pack_track(
        track,
        track.next_ids.astype(np.uint16),
        np.round(255 * track.next_shares).astype(np.uint8),
        track.loss.astype(np.float32),
        best=track.next_ids.shape[1],
    )


def encode_picture(picture: StatesPicture, symbols: list[str]) -> Frame:
    """A picture: what is selected, where else it is, what the annotations say, what a change does."""
    track = picture.track
    shown = slice(track.first, track.first + len(track.levels))
    name = picture.annotation
    values = (picture.annotations or {}).get(name)
    there = (picture.corpus_annotations or {}).get(name)
    scale = (
        None if values is None and there is None else _scale_of([v for v in (values, there) if v is not None])
    )
    meta: dict[str, Any] = {
        "key": track.key,
        "cells": [track.to_model(int(cell)) for cell in picture.selection.cells],
        "signs": [int(sign) for sign in picture.selection.signs],
        "threshold": picture.selection.threshold,
        "matches": None,
        "searching": picture.searching,
        "enriched": _enriched(picture.enriched),
        "intervention": None,
        "annotation": None,
        "notes": list(picture.notes),
    }
    counts, notes = np.zeros(0, np.uint8), np.zeros(0, np.float32)
    if picture.matches is not None:
        meta["matches"], counts, notes = _matches(picture, symbols, there, scale)
    drawn = np.zeros(0, np.float32)
    if scale is not None:
        meta["annotation"] = {"name": name, "domain": scale["domain"], "categories": scale["categories"]}
        drawn = (
            np.full(len(track.levels), np.nan, np.float32)
            if values is None
            else _shares(values[shown], scale)
        )
    if picture.intervention is not None:
        change = picture.intervention
        meta["intervention"] = {
            "cells": [f"{layer} · {cell}" for layer, cell in change.cells],
            "value": change.value,
            "before": change.before,
            "after": change.after,
            "prompt": "".join(track.all_tokens[-40:]),
            "plain": "".join(change.plain),
            "changed": "".join(change.changed),
        }
    after = (
        np.zeros(0, np.float32) if picture.intervention is None else picture.intervention.loss_after[shown]
    )
    return Frame(meta, [counts, drawn, notes, after])


def _matches(
    picture: StatesPicture, symbols: list[str], values: np.ndarray | None, scale: dict[str, Any] | None
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    matches, corpus = picture.matches, picture.corpus
    assert matches is not None
    assert corpus is not None
    tokens, total = corpus.tokens, len(corpus.tokens)
    around = tokens[int(matches.starts[0]) :][:200] if len(matches.starts) else []
    before, width = LETTERS if sum(map(len, around)) <= 2 * len(around) else WORDS
    at = matches.starts[:, None] - before + np.arange(width)
    inside = (at >= 0) & (at < total)
    at = np.clip(at, 0, max(0, total - 1))
    counts = np.where(inside, np.minimum(matches.count[at], OUTSIDE - 1), OUTSIDE).astype(np.uint8)
    shares = np.zeros(0, np.float32)
    if scale is not None:
        shares = np.full(at.shape, np.nan, np.float32)
        if values is not None:
            shares = np.where(inside, _shares(values, scale)[at], np.nan).astype(np.float32)
    rows = []
    for i, (start, length) in enumerate(zip(matches.starts.tolist(), matches.lengths.tolist(), strict=True)):
        last = start + length - 1
        following: list[tuple[str, float]] = []
        if corpus.next_ids is not None and corpus.next_shares is not None:
            following = [
                (symbols[token] if token < len(symbols) else str(token), round(float(share), 3))
                for token, share in zip(corpus.next_ids[last], corpus.next_shares[last], strict=True)
            ]
        rows.append(
            {
                "start": start,
                "length": length,
                "fit": int(matches.intersection[i]),
                "union": int(matches.union[i]),
                "tokens": [tokens[a] if ok else "" for a, ok in zip(at[i], inside[i], strict=True)],
                "before": before,
                "next": following,
            }
        )
    meta = {
        "rows": rows,
        "steps": total,
        "cells": corpus.store.n_cells,
        "runs": int(matches.n_runs),
        "seconds": float(matches.seconds),
        "width": width,
        "inText": picture.in_text,
    }
    return meta, counts.ravel(), shares.ravel()


def _scale_of(parts: list[np.ndarray]) -> dict[str, Any]:
    """How the values of an annotation become shares of a range, or categories."""
    values = np.concatenate(parts)
    if values.dtype.kind in "OUSb":
        categories = sorted({str(v) for v in values.tolist()})[:MOST_CATEGORIES]
        return {"categories": categories, "domain": [0.0, float(max(1, len(categories) - 1))]}
    finite = values[np.isfinite(values.astype(np.float64))].astype(np.float64)
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    return {"categories": [], "domain": [low, high if high > low else low + 1.0]}


def _shares(values: np.ndarray, scale: dict[str, Any]) -> np.ndarray:
    low, high = scale["domain"]
    if scale["categories"]:
        number = {name: i for i, name in enumerate(scale["categories"])}
        found = np.array([number.get(str(v), np.nan) for v in values.tolist()], np.float32)
        return found / np.float32(high)
    return ((values.astype(np.float64) - low) / (high - low)).astype(np.float32)


def _enriched(found: dict[str, Enrichment]) -> list[dict[str, Any]]:
    """Rows of the table, those that stand out most first; of a yes-or-no annotation only the yes."""
    rows: list[dict[str, Any]] = []
    for name, one in found.items():
        for i, label in enumerate(one.labels):
            if label == "False" or not np.isfinite(one.inside[i]):
                continue
            draws = one.random[:, i]
            rows.append(
                {
                    "name": name,
                    "kind": "mean" if one.kind == "scalar" else "share",
                    "category": "" if one.kind == "scalar" or label == "True" else label,
                    "inside": float(one.inside[i]),
                    "base": float(one.base[i]),
                    "random": [
                        float(np.quantile(draws, 0.025)),
                        float(draws.mean()),
                        float(np.quantile(draws, 0.975)),
                    ]
                    if len(draws)
                    else None,
                    "p": float(one.p_value[i]) if np.isfinite(one.p_value[i]) else None,
                }
            )
    rows.sort(key=lambda row: (1.0 if row["p"] is None else row["p"], -abs(row["inside"] - row["base"])))
    return rows[:MOST_ROWS]
