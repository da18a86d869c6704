"""Where a network tells which labels apart: layers down, label columns across, and curves with controls.

The other half is js/src/views/layer_probes.ts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import traitlets as t

from nbviz.core.errors import unknown_name
from nbviz.core.events import Steps
from nbviz.core.layers import INPUT, OUTPUT
from nbviz.core.network import Network
from nbviz.core.recording import spread
from nbviz.core.specimen import ArraySpecimen, ModelSpecimen, Specimen
from nbviz.core.version import structure
from nbviz.methods.layer_probes import ProbeStore, layer_probes_steps
from nbviz.methods.probe_columns import probe_columns
from nbviz.methods.probe_table import MEASURES, ProbeTable
from nbviz.methods.untrained import can_be_untrained, untrained
from nbviz.views.layer_probes_frame import encode_table, table_in_words
from nbviz.views.layer_probes_labels import LABEL, labels_of, same_classes, with_columns
from nbviz.views.parts.frames import Frame
from nbviz.views.parts.sample_map import arrays_by_layer
from nbviz.views.parts.sized_view import SizedView, usual_k

MOST_LAYERS = 14
"""Of a network with more layers so many, evenly spread, are shown at first."""


class LayerProbes(SizedView):
    """A table of layers and label columns: how well labels lie apart in a layer, and can be read from it.

    For the column that is chosen there are curves over the layers: a linear probe, cross-validated; the same
    probe on shuffled labels and on the untrained network; and the neighbourhood hit.

    Parameters
    ----------
    model : torch.nn.Module or Network
        It is not changed.
    X, y : samples and labels, in any form that :class:`~nbviz.Samples` takes
    columns : mapping of str to (n,) sequence, or sequence of str, optional
        Labels by name; or names of metadata columns of the samples, ``"label"`` for their labels. Text, whole
        numbers and truth values are classes; numbers with fractions or of more than 200 different values
        are numbers (R²). None, NaN and "" mean no label. Default: all that can be probed.
    baseline : torch.nn.Module or Network, optional
        The untrained network. Default: checkpoint 0, or a copy whose layers are drawn anew.
    max_samples : int, optional
        How many are read from a Dataset or DataLoader.
    **traits
        Any trait below, for example ``measure="selectivity"`` or ``groups="speaker"``.

    Raises
    ------
    TypeError, ValueError
        If ``model`` is no module, the samples are of no known form, or a column that is named, or every
        column there is, cannot be probed (one class, a value for each sample, too few of a class).

    Notes
    -----
    Neighbourhood hit: Rauber, Fadel, Falcão and Telea, IEEE TVCG 2017. Probes: Alain and Bengio,
    "Understanding intermediate layers using linear classifier probes", 2016. Selectivity and control tasks:
    Hewitt and Liang, "Designing and Interpreting Probes with Control Tasks", EMNLP 2019.

    Examples
    --------
    >>> view = nbviz.LayerProbes(net, speech, columns=["phone", "speaker"])  # doctest: +SKIP
    >>> view.column = "speaker"  # doctest: +SKIP
    >>> print(view.table.text("neighbourhood hit"))  # doctest: +SKIP
    """

    measure = t.Enum([*MEASURES], MEASURES[0]).tag(sync=True, parameter=True)
    """What the table shows: neighbourhood hit, accuracy of a linear probe, or that less its accuracy on
    shuffled labels (selectivity). Of columns of numbers R²."""

    columns = t.List(t.Unicode()).tag(sync=True, parameter=True)
    """Columns of the table, one or more."""

    column = t.Unicode("").tag(sync=True, parameter=True)
    """Column whose curves are shown. Default: the first."""

    layers = t.List(t.Unicode()).tag(sync=True, parameter=True)
    """Layers of the table, in the order of execution; empty for all, or 14 of many."""

    reduce = t.Enum(["flatten", "max", "mean"], "flatten").tag(sync=True, parameter=True)
    """How a feature map becomes a vector: all values, or the largest or the mean of each channel."""

    k = t.Int(6, min=1).tag(sync=True, parameter=True)
    """Neighbours that are counted in the neighbourhood hit (6 in the paper)."""

    folds = t.Int(5, min=2, max=20).tag(sync=True, parameter=True)
    """Parts of the cross-validation, each held out once; classes of fewer samples stay out."""

    groups = t.Unicode("").tag(sync=True, parameter=True)
    """Column whose samples of one value (one speaker, one recording) are never on both sides of a split;
    empty for none. It does not apply to itself."""

    shuffle_by = t.Unicode("").tag(sync=True, parameter=True)
    """Column whose samples of one value get one shuffled label, as word types do in Hewitt and Liang's
    control task; empty: each sample gets its own. It does not apply to itself."""

    untrained = t.Bool(True).tag(sync=True, parameter=True)
    """Whether the untrained network is measured too. Default: where there is a checkpoint 0 or a
    ``baseline``, or layers can be drawn anew."""

    n_samples = t.Int(1000, min=0).tag(sync=True, parameter=True)
    """How many samples take part, evenly spread over all; 0 for all."""

    seed = t.Int(0, min=0).tag(sync=True, parameter=True)
    """Of folds, shuffled labels, and the weights of an untrained network that is drawn anew."""

    layer = t.Unicode("").tag(sync=True)
    """The layer that is marked; empty for none."""

    colour_scale = t.Enum(["all columns", "each column"], "all columns").tag(sync=True)
    """One colour scale for the whole table, or one for each column, from its lowest to its highest value."""

    height = t.Int(300, min=200, max=2000).tag(sync=True)
    """Height of the curves, pixels."""

    specimen = t.Dict().tag(sync=True, echo_update=False)
    """What is sent once: layers, columns, number of samples. Not to be set."""

    def __init__(
        self,
        model: Any,
        X: Any = None,
        y: Any = None,
        *,
        columns: Any = None,
        baseline: Any = None,
        max_samples: int | None = None,
        **traits: Any,
    ) -> None:
        network = Network.of(model)
        if X is None:
            raise TypeError("LayerProbes(model, X, y): the samples X are missing")
        samples = with_columns(X, y, columns, max_samples=max_samples)
        before = None if baseline is None else ModelSpecimen(Network.of(baseline), samples)
        self._begin(ModelSpecimen(network, samples), before, columns, traits)

    @classmethod
    def from_activations(
        cls,
        activations: Any,
        y: Any = None,
        *,
        columns: Any = None,
        baseline: Mapping[str, Any] | None = None,
        **traits: Any,
    ) -> LayerProbes:
        """A view of activations that were computed elsewhere.

        Parameters
        ----------
        activations : mapping of str to (n, ...) array, or one array
            By layer name, in the order of the layers. One array is called ``"activations"``.
        y : (n,) sequence, optional
            Labels.
        columns : mapping of str to (n,) sequence, optional
            Further labels by name.
        baseline : mapping of str to (n, ...) array, optional
            The same layers of the untrained network.

        Raises
        ------
        TypeError, ValueError
            If there are no activations, or lengths differ; and as for the view itself.
        """
        arrays = arrays_by_layer(activations)
        samples = with_columns(next(iter(arrays.values())), y, columns)
        before = None if baseline is None else ArraySpecimen(baseline, samples)
        view = cls.__new__(cls)
        view._begin(ArraySpecimen(arrays, samples), before, columns, traits)
        return view

    def _begin(
        self, specimen: Specimen, baseline: Specimen | None, columns: Any, traits: dict[str, Any]
    ) -> None:
        samples = specimen.samples
        self._recorded: Specimen | None = specimen
        self._baseline: Specimen | None = baseline
        self._drawn: tuple[Any, Specimen | None, tuple[str, ...]] | None = None
        self._store = ProbeStore()
        self._labels = labels_of(samples)
        self._left_out: tuple[str, ...] = ()
        shown = min(traits.get("n_samples", 1000) or len(samples), len(samples))
        for name in ("groups", "shuffle_by"):
            if traits.get(name) and traits[name] not in self._labels:
                raise unknown_name("column", traits[name], self._labels)
        traits["columns"] = self._first_columns(columns, spread(len(samples), shown), traits)
        traits.setdefault("column", traits["columns"][0])
        possible = baseline is not None or (
            isinstance(specimen, ModelSpecimen) and can_be_untrained(specimen.network)
        )
        if traits.setdefault("untrained", possible) and not possible:
            raise ValueError(_NO_BASELINE)
        layers = specimen.layers()
        names = [layer.name for layer in layers]
        SizedView.__init__(
            self,
            **traits,
            specimen={
                "n": len(samples),
                "layers": names,
                "usual": [names[i] for i in spread(len(names), MOST_LAYERS)],
                "maps": any(len(x.shape) == 3 and x.name not in (INPUT, OUTPUT) for x in layers),
                "columns": list(self._labels),
                "untrained": possible,
            },
        )

    def _first_columns(self, columns: Any, rows: np.ndarray, traits: dict[str, Any]) -> list[str]:
        """Names of the columns to begin with: those that were named, or all that can be probed."""
        named = None if columns is None else [str(name) for name in columns]
        options = {"folds": traits.get("folds", 5), "k": traits.get("k", usual_k(len(rows)))}
        part = {name: values[rows] for name, values in self._labels.items()}
        ready = probe_columns(part, named, **options)
        if named is not None:
            for reason in ready.left_out.values():
                raise ValueError(reason)
            return list(dict.fromkeys(named))
        most = {task.name: len(task.rows) for task in ready.columns}
        found = [name for name, n in most.items() if 2 * n >= len(rows)] or list(most)
        rare = [
            f"column {name!r}: {n} of {len(rows)} samples are in classes of {options['folds']} or more"
            for name, n in most.items()
            if name not in found
        ]
        self._left_out = tuple(f"left out: {reason}" for reason in (*ready.left_out.values(), *rare))
        same = [name for name in found if name != LABEL and same_classes(part, LABEL, name)]
        if same and {traits.get("groups"), traits.get("shuffle_by")} & {LABEL, *same}:
            self._left_out += (f"left out: column {LABEL!r} holds the same classes as {same[0]!r}",)
        return [name for name in found if name != LABEL or not same]  # the label by its better name

    # traitlets rolls back a message from the browser for a TraitError only.

    @t.validate("columns")
    def _check_columns(self, proposal: Any) -> list[str]:
        known = self.specimen.get("columns", [])
        if known and not proposal.value:
            raise t.TraitError("the table needs one column or more")
        return self._known("column", list(dict.fromkeys(proposal.value)), known)

    @t.validate("column")
    def _check_column(self, proposal: Any) -> str:
        return self._known("column of the table", [proposal.value], self.columns)[0]

    @t.validate("layers")
    def _check_layers(self, proposal: Any) -> list[str]:
        names = self._known("layer", list(proposal.value), self.specimen.get("layers", []))
        order = self.specimen.get("layers", names)
        return sorted(dict.fromkeys(names), key=order.index)

    @t.validate("layer")
    def _check_layer(self, proposal: Any) -> str:
        return self._known("layer", ["", proposal.value], ["", *self.specimen.get("layers", [])])[1]

    @t.validate("groups", "shuffle_by")
    def _check_groups(self, proposal: Any) -> str:
        return self._known("column", ["", proposal.value], ["", *self.specimen.get("columns", [])])[1]

    @t.validate("untrained")
    def _check_untrained(self, proposal: Any) -> bool:
        if proposal.value and self.specimen and not self.specimen["untrained"]:
            raise t.TraitError(_NO_BASELINE)
        return proposal.value

    def _known(self, kind: str, names: list[str], known: Sequence[str]) -> list[str]:
        for name in names:
            if self.specimen and name not in known:
                raise t.TraitError(str(unknown_name(kind, name, filter(None, known))))
        return names

    @t.observe("columns")
    def _keep_a_column(self, _change: Any) -> None:
        if self.columns and self.column not in self.columns:
            self.column = self.columns[0]

    def compute(self, params: SimpleNamespace) -> Steps:
        specimen = self._recorded
        if specimen is None:
            raise RuntimeError("the view is closed")
        rows = spread(len(specimen.samples), params.n_samples or len(specimen.samples))
        baseline, notes = self._before_training(params)
        yield from layer_probes_steps(
            specimen,
            self._labels,
            layers=params.layers or self.specimen["usual"],
            shown=params.columns,
            rows=rows,
            baseline=baseline,
            reduce=params.reduce,
            measure=params.measure,
            column=params.column,
            every_control=False,
            k=params.k,
            folds=params.folds,
            groups=params.groups,
            shuffle_by=params.shuffle_by,
            seed=params.seed,
            notes=(*notes, *self._left_out),
            store=self._store,
        )

    def _before_training(self, params: SimpleNamespace) -> tuple[Specimen | None, tuple[str, ...]]:
        """The untrained network, and how it was made."""
        specimen = self._recorded
        if not params.untrained or self._baseline is not None or not isinstance(specimen, ModelSpecimen):
            return (self._baseline if params.untrained else None), ()
        network = specimen.network
        key = (params.seed, hash(structure(network.module)))
        if self._drawn is None or self._drawn[0] != key:
            try:
                made = untrained(network, params.seed)
                self._drawn = key, ModelSpecimen(made.network, specimen.samples), made.notes
            except Exception as error:  # noqa: BLE001  (any class may refuse to be copied; the rest is worth seeing)
                self._drawn = key, None, (f"no untrained network: {type(error).__name__}: {error}",)
        return self._drawn[1:]

    def encode(self, value: ProbeTable) -> Frame:
        return encode_table(value)

    # What a script reads. It waits for the request that was asked for last.

    @property
    def table(self) -> ProbeTable:
        """Everything that has been measured; of the other columns only what ``measure`` needs."""
        return self.latest()

    def shown_network(self) -> Network | None:
        return self._recorded.network if isinstance(self._recorded, ModelSpecimen) else None

    def summary(self) -> str:
        """The state in plain words."""
        table = self._latest
        if not isinstance(table, ProbeTable):
            return f"LayerProbes: {self.state_in_words()}"
        return f"LayerProbes: {table_in_words(table, self.measure)}"

    def release(self) -> None:
        self._recorded = self._baseline = self._drawn = None
        self._labels = {}
        self._store = ProbeStore()
        self.specimen = {}


_NO_BASELINE = (
    "there is no untrained network: no checkpoint 0, and no layer that can be drawn anew. "
    "Pass one, baseline=..., or leave untrained=False."
)
