"""``einops`` for Tensors: ``from autograd.einops import rearrange`` where PyTorch's programs import it from einops.

The functions are einops' own, which learns here what Tensors can do; they work on NumPy's arrays as before.  The layers are
in `nn.einops`.

Source: https://einops.rocks
"""

from __future__ import annotations

import functools
from typing import Any

import autograd as ag

from .extras import require

_NAMES = ("EinopsError", "asnumpy", "einsum", "pack", "parse_shape", "rearrange", "reduce", "repeat", "unpack")


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'autograd.einops' has no attribute {name!r}")
    teach()
    return getattr(require("einops", extra="einops"), name)


@functools.cache
def teach() -> type:
    """Tell einops about Tensors: it finds what it can use among the subclasses of a class of its own."""
    return type("Backend", (Abilities, require("einops._backends", extra="einops").AbstractBackend), {})


class Abilities:
    """What einops needs of a library, beside what its own class does by the methods that arrays have."""

    framework_name = "autograd"

    def is_appropriate_type(self, tensor: Any) -> bool:
        return isinstance(tensor, ag.Tensor)

    def from_numpy(self, x: Any) -> ag.Tensor:
        return ag.from_numpy(x)

    def to_numpy(self, x: ag.Tensor) -> Any:
        return x.detach().cpu().numpy()

    def arange(self, start: int, stop: int) -> ag.Tensor:
        return ag.arange(start, stop)

    def reduce(self, x: Any, operation: str, axes: Any) -> ag.Tensor:
        if operation in ("min", "max"):
            return getattr(x, f"a{operation}")(dim=axes)
        if operation != "prod":
            return getattr(x, operation)(dim=axes)
        for dim in sorted(axes, reverse=True):
            x = x.prod(dim)
        return x

    def transpose(self, x: ag.Tensor, axes: Any) -> ag.Tensor:
        return x.permute(axes)

    def stack_on_zeroth_dimension(self, tensors: list) -> ag.Tensor:
        return ag.stack(tensors)

    def add_axes(self, x: ag.Tensor, n_axes: int, pos2len: dict[int, int]) -> ag.Tensor:
        sizes = [-1] * n_axes
        for place, size in pos2len.items():
            x, sizes[place] = x.unsqueeze(place), size
        return x.expand(sizes)

    def concat(self, tensors: list, axis: int) -> ag.Tensor:
        return ag.cat(tensors, dim=axis)

    def is_float_type(self, x: ag.Tensor) -> bool:
        return x.is_floating_point()

    def einsum(self, pattern: str, *x: ag.Tensor) -> ag.Tensor:
        return ag.einsum(pattern, *x)
