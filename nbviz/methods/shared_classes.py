"""Labels and predictions as numbers that mean the same class in both."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nbviz.core.brief import Brief
from nbviz.core.recording import class_labels, why_no_classes
from nbviz.core.specimen import Specimen
from nbviz.methods.layer_map import match_outputs


@dataclass(frozen=True, eq=False, repr=False)
class SharedClasses(Brief):
    """Labels numbered as the network's outputs.

    Attributes
    ----------
    codes : (n,) int64 array
        Class of every sample: the number of its output, or, for a class that the network does not know, a
        number of its own after all outputs. Where the two cannot be matched, the labels as they are.
    known : tuple of str
        Names of the classes by number; empty if they have none.
    strange : dict of int to str
        Names of the classes that the network does not know.
    why_not : str
        Why predictions cannot be compared with the labels; empty if they can.
    """

    codes: NDArray[np.int64]
    known: tuple[str, ...] = ()
    strange: dict[int, str] = field(default_factory=dict)
    why_not: str = ""

    def name(self, code: int) -> str:
        """What a class is called on screen."""
        named = self.known[code] if 0 <= code < len(self.known) else str(code)
        return self.strange.get(code, named)


def shared_classes(specimen: Specimen) -> SharedClasses:
    """Number the labels of a specimen as its outputs are numbered.

    Raises
    ------
    ValueError
        If there are no labels, or they are no classes.
    """
    samples = specimen.samples
    labels = class_labels(samples)
    if labels is None:
        what = "there are no labels" if samples.labels is None else "the labels are numbers on a scale"
        what = why_no_classes(samples) or what
        raise ValueError(
            f"{what}: whether neighbours agree can only be asked of classes. Pass y with one class "
            "(whole numbers or words, at most 200 different ones) for each sample."
        )
    truth, why_not = match_outputs(specimen)
    if truth is None:
        return SharedClasses(labels, samples.class_names, why_not=why_not)
    known = specimen.class_names or samples.class_names
    if truth is labels:
        return SharedClasses(labels, known)
    unknown = truth < 0
    strangers = np.unique(labels[unknown])
    codes = truth.copy()
    codes[unknown] = len(known) + np.searchsorted(strangers, labels[unknown])
    names = {len(known) + i: samples.label_name(int(label)) for i, label in enumerate(strangers)}
    return SharedClasses(codes, known, names)
