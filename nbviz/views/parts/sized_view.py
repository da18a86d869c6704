"""Parameters that fit the number of samples shown, and follow it until a person sets them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import traitlets as t

from nbviz.core.delivery import delivery_lock
from nbviz.core.events import Steps
from nbviz.views.base import View
from nbviz.views.parts.frames import Frame

USUAL_PERPLEXITY = 30


def usual_perplexity(shown: int) -> float:
    """Perplexity to begin with where ``shown`` samples are shown: 30, or what so few allow."""
    return float(max(1, min(USUAL_PERPLEXITY, (shown - 1) // 3)))


def usual_k(shown: int, most: int = 6) -> int:
    """Neighbours to begin with where ``shown`` samples are shown: ``most``, or what so few allow."""
    return max(1, min(most, shown - 1))


class SizedView(View):
    """A view of some of the samples, with a perplexity, a number of neighbours, or both.

    Those that a person did not set fit the number of samples when the view is made and whenever
    ``n_samples`` changes. What a person set stays; where it does not fit any more, ``compute()`` says so.

    A subclass hands ``specimen`` with ``"n"``, the number of all samples, to ``__init__``.
    """

    n_samples = t.Int(0, min=0).tag(sync=True, parameter=True)
    """How many samples are shown, evenly spread over all; 0 for all."""

    _most_neighbours: ClassVar[int] = 6
    _fitting: Mapping[str, Any] = {}  # what nobody has set, and the value chosen for it
    _sized: tuple[str, ...] = ()
    _settles = False
    _lowered = ""  # told on the picture that is being computed

    def __init__(self, **traits: Any) -> None:
        n = traits["specimen"]["n"]
        wanted = traits.get("n_samples", type(self).n_samples.default_value)
        usual = self.usual(min(wanted or n, n), traits)
        usual = {name: value for name, value in usual.items() if self.has_trait(name)}
        self._sized = tuple(usual)
        self._fitting = {name: value for name, value in usual.items() if name not in traits}
        self._settles = True
        super().__init__(**self._fitting, **traits)
        self._settles = False

    def usual(self, shown: int, given: Mapping[str, Any]) -> dict[str, Any]:
        """Values that fit ``shown`` samples, by parameter; ``given`` holds those that a person has set."""
        return {"perplexity": usual_perplexity(shown), "k": usual_k(shown, self._most_neighbours)}

    def _ask(self, change: Any = None) -> None:
        with delivery_lock:
            if self._fitting and self._recompute is not None and not self._holds:
                self._holds += 1  # what is set here belongs to the request below
                try:
                    self._settle()
                finally:
                    self._holds -= 1
        super()._ask(change)

    def _settle(self) -> None:
        """Fit what nobody has set to the number of samples."""
        n = self.specimen.get("n", 0)
        given = {name: getattr(self, name) for name in self._sized if name not in self._fitting}
        usual = self.usual(min(self.n_samples or n, n), given)
        self._fitting = {name: usual[name] for name in self._fitting}
        before, self._settles = self._settles, True
        try:
            for name, value in self._fitting.items():
                setattr(self, name, value)
        finally:
            self._settles = before

    # A validator, since an observer does not hear of a value that is the same as before.
    @t.validate("perplexity", "k", "most_hit")
    def _set_by_a_person(self, proposal: Any) -> Any:
        name = proposal.trait.name
        if name in self._fitting and not self._settles:
            self._fitting = {other: value for other, value in self._fitting.items() if other != name}
        return proposal.value

    def _steps(self, params: SimpleNamespace) -> Steps:
        perplexity = getattr(params, "perplexity", USUAL_PERPLEXITY)
        is_lowered = "perplexity" in self._fitting and perplexity < USUAL_PERPLEXITY
        self._lowered = ""
        if is_lowered and getattr(params, "method", "tsne") == "tsne":
            n = self.specimen.get("n", 0)
            shown = min(params.n_samples or n, n)
            self._lowered = (
                f"perplexity {perplexity:g} instead of {USUAL_PERPLEXITY}: it must be less than a third of "
                f"the {shown} samples"
            )
        return super()._steps(params)

    def told(self, frame: Frame) -> Frame:
        if not self._lowered:
            return frame
        return replace(frame, meta={**frame.meta, "notes": [self._lowered, *frame.meta.get("notes", [])]})
