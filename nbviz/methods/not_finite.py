"""Activations that are NaN or infinite: in which samples, and whether their inputs are to blame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbviz.core.samples import Samples

NAMED = 5
"""Samples that a message names."""


class NotFiniteError(ValueError):
    """Activations are NaN or infinite.

    Attributes
    ----------
    rows : (m,) int array
        Rows of the activations in which they are.
    advice : str
        What to do, the end of the message.
    """

    def __init__(self, what: str, rows: NDArray[np.int64]) -> None:
        super().__init__(what)
        self.rows = rows
        self.advice = "look for a division by zero, a logarithm of zero, or weights that diverged in training"

    def __str__(self) -> str:
        return f"{self.args[0]}; {self.advice}"


@contextmanager
def samples_named(samples: Samples, rows: NDArray[np.integer[Any]]) -> Iterator[None]:
    """A :class:`NotFiniteError` from inside names the samples, of which ``rows`` are looked at."""
    try:
        yield
    except NotFiniteError as error:
        bad = rows[error.rows]
        named = ", ".join(str(row) for row in bad[:NAMED]) + (", …" if len(bad) > NAMED else "")
        error.args = (f"{error.args[0]} (row{'s' * (len(bad) > 1)} {named})",)
        if not any(_is_finite(samples, row) for row in bad):
            error.advice = "the inputs of these samples hold such values already: leave them out of X"
        raise


def _is_finite(samples: Samples, row: int) -> bool:
    """Whether the input of a sample holds no NaN and no infinity; also of one that is no numbers."""
    batch = samples.batch(np.array([row]))
    parts = batch.values() if isinstance(batch, dict) else [batch]
    arrays = [np.asarray(part.detach().cpu() if hasattr(part, "detach") else part) for part in parts]
    return all(array.dtype.kind != "f" or bool(np.isfinite(array).all()) for array in arrays)
