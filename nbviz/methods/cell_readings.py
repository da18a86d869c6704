"""The texts that cells are scored on, as the network and its untrained twin read them; each read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from nbviz.core.brief import Brief
from nbviz.core.errors import unknown_name
from nbviz.core.events import Progress, Steps, result_of
from nbviz.core.network import Network
from nbviz.methods.cell_annotations import AUC
from nbviz.methods.cell_ranking import AnnotatedText, CellRanking, cell_ranking_steps
from nbviz.methods.long_reading import read_steps
from nbviz.methods.recurrent.states import States
from nbviz.methods.text_annotations import annotations_of

TOO_GOOD = "the scores are those of the text on which the best cell was chosen"
NO_BASELINE = "no score of an untrained network: this one has no checkpoint 0 (baseline= takes another one)"


@dataclass(frozen=True, eq=False, repr=False)
class RankedText(Brief):
    """A ranking of cells, and what a reader of it should be told.

    Attributes
    ----------
    ranking : CellRanking
    annotations : dict of str to array
        Of the text, as given.
    held_out_steps : int
        Steps of the held-out text; 0 without one.
    notes : tuple of str
        In plain words.
    """

    ranking: CellRanking
    annotations: dict[str, NDArray]
    held_out_steps: int
    notes: tuple[str, ...]


class CellReadings:
    """A network, what is known about texts, a held-out text, and another network to compare with.

    Parameters
    ----------
    network : Network or None
        None where states were computed elsewhere: then there is no held-out text and no other network.
    annotations : mapping or callable
        As in :func:`~nbviz.methods.text_annotations.annotations_of`. An array belongs to the text, and says
        nothing about the held-out one.
    held_out : str, ids, or a list of these, optional
    baseline : torch.nn.Module or Network, optional
        By default the network with the weights of its checkpoint 0, if it has one. Nothing is initialised
        anew: what a module's training began with cannot be guessed from the module.
    """

    def __init__(
        self, network: Network | None, annotations: Any, held_out: Any = None, baseline: Any = None
    ) -> None:
        self.network, self.annotations, self.held_out = network, annotations, held_out
        self.baseline: Network | None = baseline
        if isinstance(baseline, nn.Module) and network is not None:
            self.baseline = Network(baseline, transform=network.transform, tokenizer=network.tokenizer)
        elif baseline is None and network is not None and 0 in network.checkpoints:
            self.baseline = network.at_epoch(0)
        self._kept: dict[str, tuple[tuple[Any, ...], AnnotatedText]] = {}

    def ranked_steps(
        self, states: States, given: Any, source: str, sort_by: str = "", measure: str = AUC
    ) -> Steps:
        """Rank the cells of a text that has been read.

        Parameters
        ----------
        states : States
            Of the text.
        given : str or ids
            The text, for the other network to read.
        source : str
            Kind of state.
        sort_by, measure : str
            As in :func:`~nbviz.methods.cell_ranking.cell_ranking`.

        Yields
        ------
        Progress, a Preview(RankedText) without what the best cell is compared with, Result(RankedText)
        """
        annotations, not_of_this_text = annotations_of(self.annotations, states.tokens, len(states))
        here = self._found("text", (states, source))
        if here is None:
            here = self._keep(
                "text", (states, source), AnnotatedText.of(side_by_side(states, source), annotations)
            )
        held_out = yield from self._read("held-out text", self.network, source, self.held_out)
        told = list(not_of_this_text)
        if sort_by and sort_by not in here.labels and sort_by not in here.left_out:
            told.append(f"{sort_by!r} is not known of this text: nothing is sorted")
            sort_by = ""
        baseline = None
        if sort_by and self.baseline is not None:
            first = yield from self._read("untrained", self.baseline, source, given)
            second = yield from self._read("untrained, held-out text", self.baseline, source, self.held_out)
            baseline = (first, second)
        steps = 0 if held_out is None else held_out.scorer.n
        for event in cell_ranking_steps(here, sort_by, measure=measure, held_out=held_out, baseline=baseline):
            if isinstance(event, Progress):
                yield event
                continue
            ranking: CellRanking = event.value
            notes = tuple(told) + _told(sort_by, ranking, held_out, compared=baseline is not None)
            yield type(event)(RankedText(ranking, annotations, steps, notes))

    def _read(self, name: str, network: Network | None, source: str, given: Any) -> Any:
        """A text as a network reads it, with the ranks of its cells; None without a text."""
        if given is None or network is None:
            return None
        key = (source, network.version, given if isinstance(given, str) else id(given))
        found = self._found(name, key)
        if found is not None:
            return found

        def keep(part: States) -> tuple[NDArray, list[str]]:
            return side_by_side(part, source), part.tokens or [str(i) for i in range(len(part))]

        pieces = yield from result_of(read_steps(network, given, keep, f"reading: {name}"))
        tokens = [token for _, tokens in pieces for token in tokens]
        own = self.annotations
        if not callable(own):
            own = {name: values for name, values in own.items() if callable(values)}
        values = np.concatenate([values for values, _ in pieces])
        return self._keep(name, key, AnnotatedText.of(values, annotations_of(own, tokens, len(tokens))[0]))

    def _found(self, name: str, key: tuple[Any, ...]) -> AnnotatedText | None:
        old = self._kept.get(name)
        return None if old is None or old[0] != key else old[1]

    def _keep(self, name: str, key: tuple[Any, ...], made: AnnotatedText) -> AnnotatedText:
        self._kept[name] = (key, made)
        return made


def _told(
    sort_by: str, ranking: CellRanking, held_out: AnnotatedText | None, *, compared: bool
) -> tuple[str, ...]:
    if not sort_by:
        return ()
    if sort_by in ranking.left_out:
        return (f"{sort_by!r} sorts nothing: {ranking.left_out[sort_by]}",)
    notes = () if sort_by in ranking.held_out else (f"{_not_scored(sort_by, held_out)}: {TOO_GOOD}",)
    return (*notes, *(() if compared else (NO_BASELINE,)))


def _not_scored(name: str, held_out: AnnotatedText | None) -> str:
    """Why there is no score on a held-out text."""
    if held_out is None:
        return "no held-out text was given"
    reason = held_out.left_out.get(name)
    if reason is not None:
        return f"{name!r} cannot be scored on the held-out text ({reason.replace('this text', 'it')})"
    base, _, category = name.rpartition(" = ")
    if any(known.startswith(f"{base} = ") for known in (*held_out.labels, *held_out.left_out)):
        return f"the held-out text has no step where {base!r} is {category!r}"
    return f"{name!r} is not known of the held-out text (an array belongs to the text it was given for)"


def layers_with(states: States, source: str) -> list[str]:
    """Layers that have this kind of state.

    Raises
    ------
    UnknownName
        If none has.
    """
    layers = [name for name in states.layers if source in states.names(name)]
    if not layers:
        known = {known for name in states.layers for known in states.names(name)}
        raise unknown_name("kind of state", source, sorted(known))
    return layers


def side_by_side(states: States, source: str) -> NDArray[np.float32]:
    """One kind of state of all layers that have it, (time, cells)."""
    return np.concatenate([states.source(source, name) for name in layers_with(states, source)], axis=1)
