"""Where the result of a softmax goes: it is attention if a matrix product takes its weighted sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from nbviz.methods.attention.watch import Site

# Functions that hand the same weights on in another form, and those that take weighted sums with them.
_KEEPS = {
    *(
        "dropout",
        "dropout_",
        "to",
        "type",
        "type_as",
        "float",
        "half",
        "bfloat16",
        "double",
        "detach",
        "clone",
    ),
    *("view", "view_as", "reshape", "flatten", "unsqueeze", "squeeze", "contiguous", "expand", "expand_as"),
    *("masked_fill", "nan_to_num"),
}
_TURNS = {"transpose", "permute", "swapaxes", "swapdims", "movedim", "moveaxis"}
_SUMS = {"matmul", "__matmul__", "bmm", "baddbmm"}
_MOST = 64  # tensors followed at once; the weights of a layer are used soon after they are made


class Followed:
    """The tensors that are the result of some softmax still, if in another shape, order or type."""

    def __init__(self) -> None:
        # By id; the tensor is held, so that its id is not given to another one.
        self._places: dict[int, tuple[torch.Tensor, Site, bool]] = {}

    def begin(self, weights: torch.Tensor, site: Site) -> None:
        self._add(weights, site, False)

    def site_of(self, tensor: Any) -> Site | None:
        """The softmax from which ``tensor`` comes unchanged."""
        place = self._places.get(id(tensor))
        return None if place is None else place[1]

    def through(self, func: Any, args: Any, returned: Any) -> list[Site]:
        """Follow one call of a torch function; the sites that it shows to be attention."""
        if not self._places:
            return []
        name = getattr(func, "__name__", "")
        if name == "einsum":
            operands = args[1] if len(args) == 2 and isinstance(args[1], list | tuple) else args[1:]
            return [place[1] for x in operands if (place := self._places.get(id(x)))]
        if name in _SUMS and len(args) >= 2:
            left, right = (self._places.get(id(x)) for x in args[-2:])
            # weights @ values, or values transposed @ weights transposed
            return [p[1] for p, turned in ((left, False), (right, True)) if p and p[2] is turned]
        place = self._places.get(id(args[0])) if args else None
        if place is not None and isinstance(returned, torch.Tensor) and name in _KEEPS | _TURNS:
            self._add(returned, place[1], place[2] ^ (name in _TURNS))
        return []

    def _add(self, tensor: torch.Tensor, site: Site, turned: bool) -> None:
        self._places[id(tensor)] = (tensor, site, turned)
        if len(self._places) > _MOST:
            del self._places[next(iter(self._places))]
