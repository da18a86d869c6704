"""The search for a pattern of states: in the text itself or in a corpus, which is read once and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nbviz.core.events import Result, Steps, result_of
from nbviz.core.network import Network
from nbviz.methods.annotation_enrichment import enrichment_steps
from nbviz.methods.recurrent.states import States
from nbviz.methods.state_corpus import StateCorpus, corpus_of, corpus_steps
from nbviz.methods.state_matching import Matches
from nbviz.methods.state_track import StateTrack
from nbviz.methods.text_annotations import annotations_of, gaps

RANDOM_SETS = (40, 200)
"""Sets of random cells that the annotations in the matches are compared with, least and most."""

RANDOM_SECONDS = 2.0
"""How long that may take, if more than the least are to be drawn; each takes as long as the query did."""


@dataclass(eq=False)
class SearchedCorpus:
    """What is searched.

    Attributes
    ----------
    network : Network or None
        None where states were computed elsewhere; then those are searched.
    given : str, ids, a list of these, or None
        The corpus; None to search the text itself.
    annotations : mapping, callable or None
        As in :func:`~nbviz.methods.text_annotations.annotations_of`.
    """

    network: Network | None
    given: Any
    annotations: Any
    _kept: tuple[Any, StateCorpus] | None = None
    _known: tuple[StateCorpus, dict[str, np.ndarray]] | None = None

    @property
    def is_text(self) -> bool:
        """Whether the text that is shown is searched."""
        return self.given is None

    def must_be_read(self, source: str, layer: str) -> bool:
        """Whether the model has to read a corpus first, which may take its time."""
        key = self._key(source, layer, None)
        return not self.is_text and self.network is not None and (self._kept is None or self._kept[0] != key)

    def steps(self, states: States, text: Any, track: StateTrack, source: str, layer: str) -> Steps:
        """Yields Progress, then Result(StateCorpus): the text's own ``states``, or those of the corpus.

        Parameters
        ----------
        text
            Stands for the text of ``states``: another one is another corpus.
        source, layer : str
            As in :func:`~nbviz.methods.state_corpus.corpus_steps`.
        """
        key = self._key(source, layer, text)
        if self._kept is None or self._kept[0] != key:
            network, signed, scale = self.network, track.signed, track.scale
            if self.is_text or network is None:
                corpus = corpus_of(states, source, layer, signed=signed, scale=scale)
            else:
                corpus = yield from result_of(
                    corpus_steps(network, self.given, source, layer, signed=signed, scale=scale)
                )
            old, self._kept = self._kept, (key, corpus)
            if old is not None:
                old[1].close()
        yield Result(self._kept[1])

    def annotations_of(self, corpus: StateCorpus) -> dict[str, np.ndarray]:
        """Annotations of the corpus; kept, since a callable may take its time."""
        if self._known is None or self._known[0] is not corpus:
            tokens = corpus.tokens
            self._known = (corpus, gaps(annotations_of(self.annotations, tokens, len(tokens))[0])[0])
        return self._known[1]

    def close(self) -> None:
        """Delete the files of the corpus."""
        if self._kept is not None:
            self._kept[1].close()
        self._kept = self._known = None

    def _key(self, source: str, layer: str, text: Any) -> Any:
        version = None if self.network is None else self.network.version
        return (source, layer, version, text if self.is_text else None)


def compared_steps(
    matches: Matches, corpus: StateCorpus, annotations: dict[str, np.ndarray], seed: int
) -> Steps:
    """Annotations inside the matches, beside those of random cells, as many as there is time for.

    Yields Progress, then Result(dict of str to Enrichment); see
    :func:`~nbviz.methods.annotation_enrichment.enrichment_steps`.
    """
    kinds = {name: "scalar" for name, values in annotations.items() if values.dtype.kind in "iuf"}
    sets = int(np.clip(RANDOM_SECONDS / max(matches.seconds, 1e-4), *RANDOM_SETS))
    yield from enrichment_steps(matches, annotations, corpus.store, sets, seed, kinds=kinds)
