"""Moving elements about without computing: shapes, orders, copies, joining and splitting."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import dtypes
from ..device import device_of, to_device
from ..inplace import inplace
from ..op import function, op
from ..tensor import Tensor

__all__ = [
    "broadcast_to",
    "cat",
    "clone",
    "concat",
    "concatenate",
    "expand",
    "permute",
    "reshape",
    "stack",
    "transpose",
]


@op(method=False, x=lambda g: g)
def identity(x):
    """The same array, as the result of an op of its own."""
    return x


@op(x=lambda g: g)
def clone(x, *, memory_format=None):
    """A copy."""
    return x.copy(order="K") if isinstance(x, np.ndarray) else x.copy()


@op(method=False, holomorphic=False, x=lambda g, origin: convert(g, g.dtype, origin))
def _convert(x, dtype, device=None, origin=None):
    """Another type, another device; the engine converts the gradient's type back."""
    moved = x if device is None else to_device(x, device)
    return moved.real.astype(dtype) if moved.dtype.kind == "c" and dtype.kind != "c" else moved.astype(dtype)


def convert(x: Any, dtype: np.dtype, device: Any = None) -> Any:
    """`x` (array or Tensor) in that type, on that device."""
    return _convert(x, dtype, device, None if device is None else device_of(x.array if isinstance(x, Tensor) else x))


def _converter(dtype: np.dtype, name: str) -> None:
    def method(self: Tensor) -> Tensor:
        return self.to(dtype)

    method.__name__, method.__doc__ = name, f"Itself as {dtype}."
    setattr(Tensor, name, method)


for _name in ("half", "float", "double", "cfloat", "cdouble", "short", "int", "long", "bool"):
    _converter(getattr(dtypes, _name), _name)
_converter(dtypes.uint8, "byte")
_converter(dtypes.int8, "char")


def sizes(args: tuple) -> Any:
    """The ints of ``f(2, 3)`` and ``f((2, 3))`` alike."""
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = tuple(args[0])
    return tuple(int(n) for n in args)


@op("reshape", method=False, view=True, x=lambda g, x_shape: g.reshape(x_shape))
def _reshape(x, shape):
    """Another shape for the same elements in the same order."""
    return x.reshape(shape)


def reshape(input: Any, *shape: Any) -> Any:
    """The same elements in the same order in another shape; −1 stands for what is left over.  A view where possible.

    >>> import autograd as ag
    >>> ag.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return _reshape(input, sizes(shape))


Tensor.reshape = reshape  # type: ignore[attr-defined]


@op(
    "permute",
    method=False,
    view=True,
    numpy=np.transpose,
    x=lambda g, dims: permute(g, tuple(int(i) for i in np.argsort(dims))),
)
def _permute(x, dims=None):
    """The dimensions in another order."""
    return x.transpose(dims)


def permute(input: Any, *dims: Any) -> Any:
    """The dimensions in another order."""
    dims = sizes(dims)
    n = input.ndim
    return _permute(input, tuple(d % n for d in dims))


Tensor.permute = permute  # type: ignore[attr-defined]


@op("transpose", view=True, numpy=np.swapaxes, x=lambda g, dim0, dim1: transpose(g, dim0, dim1))
def transpose(x, dim0, dim1):
    """Two dimensions swapped."""
    return x.swapaxes(dim0, dim1) if x.ndim else x


@op("expand", method=False, view=True, numpy=np.broadcast_to, x=lambda g: g)
def broadcast_to(x, shape):
    """The shape that `x` would broadcast to: the engine's sum over the new places is the gradient."""
    return np.broadcast_to(x, shape)


@function()
def expand(input, *size):
    """`input` repeated along dimensions of length 1, without copying; −1 keeps a length."""
    size = sizes(size)
    lead = len(size) - input.ndim
    return broadcast_to(input, tuple(input.shape[i - lead] if n == -1 else n for i, n in enumerate(size)))


def _split(g, xs_shape, dim):
    edges = np.cumsum([s[dim] for s in xs_shape])
    cuts = [
        (slice(None),) * (dim % len(s)) + (slice(int(e) - s[dim], int(e)),)
        for s, e in zip(xs_shape, edges, strict=True)
    ]
    return tuple(g[cut] for cut in cuts)


@op("cat", method=False, joint=_split)
def _cat(*xs, dim=0):
    return np.concatenate(xs, axis=dim)


@function(method=False, numpy=np.concatenate)
def cat(tensors, dim=0):
    """Tensors one behind the other along a dimension that they have."""
    return _cat(*tensors, dim=dim)


concat = concatenate = cat


@op(
    "stack", method=False, joint=lambda g, xs_shape, dim: tuple(np.moveaxis(g, dim, 0)[i] for i in range(len(xs_shape)))
)
def _stack(*xs, dim=0):
    return np.stack(xs, axis=dim)


@function(method=False, numpy=np.stack)
def stack(tensors, dim=0):
    """Tensors of one shape side by side along a new dimension."""
    return _stack(*tensors, dim=dim)


@function(numpy=np.moveaxis)
def movedim(input, source, destination):
    """Dimensions moved to other places; the others keep their order."""
    n = input.ndim
    moved = [d % n for d in ((source,) if isinstance(source, int) else source)]
    to = [d % n for d in ((destination,) if isinstance(destination, int) else destination)]
    order = [d for d in range(n) if d not in moved]
    for place, dim in sorted(zip(to, moved, strict=True)):
        order.insert(place, dim)
    return permute(input, order)


def _copy(tensor: Any, other: Any) -> Any:
    made = other if isinstance(other, Tensor) else Tensor.new_tensor(tensor, other)
    made = made.to(dtype=tensor.dtype, device=tensor.device)
    return made if made.shape == tensor.shape else broadcast_to(made, tuple(tensor.shape))


Tensor.copy_ = inplace(lambda self, src, non_blocking=False: _copy(self, src), "copy_")  # type: ignore[attr-defined]
Tensor.swapaxes = Tensor.transpose  # type: ignore[attr-defined]
