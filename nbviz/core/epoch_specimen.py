"""A network with samples, as it is now and as it was at its checkpoints."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from nbviz.core.network import Network
from nbviz.core.specimen import ModelSpecimen, Specimen
from nbviz.core.version import fingerprint, structure

KEPT = 8
"""Checkpoints whose networks, and what was recorded of them, are kept."""


class EpochSpecimens:
    """A specimen, and the same with the weights of each checkpoint.

    Parameters
    ----------
    specimen : ModelSpecimen or ArraySpecimen
        Arrays have no checkpoints.
    """

    def __init__(self, specimen: Specimen) -> None:
        self.now = specimen
        self._then: OrderedDict[Any, ModelSpecimen] = OrderedDict()

    @property
    def network(self) -> Network | None:
        """The network, if there is one."""
        return self.now.network if isinstance(self.now, ModelSpecimen) else None

    @property
    def epochs(self) -> list[int]:
        """Epochs of the checkpoints, in order; empty if there are none."""
        return [] if self.network is None else sorted(self.network.checkpoints)

    def at(self, epoch: int | None) -> Specimen:
        """The specimen with the weights of ``epoch``; with those of now for None.

        Raises
        ------
        UnknownName
            If there is no checkpoint of that epoch; the message lists those there are.
        ValueError
            If there are none at all.
        """
        if epoch is None:
            return self.now
        network = self.network
        if network is None or not network.checkpoints:
            raise ValueError(
                f"there is no checkpoint of epoch {epoch}, nor any other: "
                "Network(model, checkpoints={epoch: state_dict, ...})"
            )
        weights = network.checkpoints.get(epoch)
        # A checkpoint that was written over is another one, and so is a model in which a layer was exchanged.
        given = None if weights is None else fingerprint(list(weights.values()))
        key = (epoch, given, hash(structure(network.module)))
        if key not in self._then:
            then = network.at_epoch(epoch)
            then.batch_size = network.batch_size
            assert isinstance(self.now, ModelSpecimen)  # it has checkpoints
            self._then[key] = self.now.with_network(then)
        self._then.move_to_end(key)
        while len(self._then) > KEPT:
            self._then.popitem(last=False)
        return self._then[key]


class Networks:
    """Several networks as one: their version changes when that of one of them does."""

    def __init__(self, *networks: Network) -> None:
        self._networks = networks

    @property
    def version(self) -> tuple[Any, ...]:
        return tuple(network.version for network in self._networks)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about each, once."""
        return tuple(dict.fromkeys(note for network in self._networks for note in network.notes))
