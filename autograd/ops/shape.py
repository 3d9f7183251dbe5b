"""The same elements under another shape or order of dimensions: mostly views, which share memory."""

from __future__ import annotations

# pyright: reportGeneralTypeIssues=false
# (a rule may name its own op: the adjoint of an adjoint)
import math
import operator
from typing import Any

import numpy as np

from ..dtypes import as_dtype
from ..graph import mark_of, owner
from ..inplace import reshaping
from ..op import expose, function, op
from ..sharing import follow, living_views
from ..tensor import Size, Tensor, share, unwrap
from .dims import complete_shape, sized, sizes, whole, wrap_dim, wrap_dims

__all__ = [
    "adjoint", "broadcast_shapes", "broadcast_to", "clone", "flatten", "moveaxis", "movedim", "permute", "ravel",
    "reshape", "squeeze", "swapaxes", "swapdims", "t", "transpose", "unflatten", "unsqueeze",
]  # fmt: skip

# ---- copies ------------------------------------------------------------------------------------------------------


@op(method=False, x=lambda g: g)
def identity(x):
    """The same array, as the result of an op of its own."""
    return x


@op(numpy=np.copy, x=lambda g: g)
def clone(x, *, memory_format=None):
    """A copy."""
    return x.copy() if isinstance(x, np.generic) else x.copy(order="K")


@function()
def contiguous(input, memory_format=None):
    """Itself where its elements lie in memory in the order of their indices, else a copy for which they do."""
    return input if input.is_contiguous() else _contiguous(input)


@op("contiguous", method=False, x=lambda g: g)
def _contiguous(x):
    return np.ascontiguousarray(x, like=x)


# ---- another shape -----------------------------------------------------------------------------------------------


@op("reshape", method=False, view=True, x=lambda g, x_shape: g.reshape(x_shape))
def _reshape(x, shape):
    return x.reshape(shape)


@op("view", method=False, view=True, x=lambda g, x_shape: g.reshape(x_shape))
def _view(x, shape):
    out = x.reshape(shape)
    if out.size and not isinstance(x, np.generic) and owner(out) is not owner(x):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return out


def in_order(input: Any) -> bool:
    """Bring the memory of a result into the order of its indices, before a view is taken; True if it is in order now.

    Some ops leave their results in an order of their own (convolutions compute with the channels last), which PyTorch's
    programs know nothing of.  The memory of a recorded result is the library's own, so it may be laid out anew.  What was
    not recorded may be the memory of somebody else, and what is a view has its order from the user.
    """
    array = unwrap(input)
    if array.flags.c_contiguous:
        return True
    if not isinstance(input, Tensor) or input.view_of is not None or input.grad_fn is None:
        return False
    input.array = np.ascontiguousarray(array, like=array)
    for view in living_views(input):
        view.array = follow(input.array, view.view_of.steps)
    return True


def stride(self: Tensor, dim: int | None = None) -> Any:
    """The step in memory, in elements, from one index to the next in each dimension, or in one."""
    in_order(self)  # as a view of it will be
    steps = tuple(s // self.array.dtype.itemsize for s in share(self).strides)
    return steps if dim is None else steps[dim]


Tensor.stride = stride  # type: ignore[attr-defined]


@op(method=False, view=True)
def _view_dtype(x, dtype):
    if x.ndim == 0 and x.dtype.itemsize != dtype.itemsize:
        raise RuntimeError(f"self.dim() cannot be 0 to view {x.dtype} as {dtype} (different element sizes)")
    return x.view(dtype)


@sized("shape", numpy=np.reshape)
def reshape(input, shape):
    """The same elements in the same order in another shape; −1 stands for what is left over.  A view where possible.

    >>> import autograd as ag
    >>> ag.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    return _reshape(input, complete_shape(shape, whole(input)))


def view(input: Any, *size: Any, **named: Any) -> Any:
    """The same memory in another shape (an error where that needs a copy), or as another type of number."""
    given = next(iter(named.values())) if named else size[0] if len(size) == 1 else size
    if isinstance(given, (int, np.integer, tuple, list, Tensor)):
        shape = complete_shape(sizes(given if isinstance(given, tuple) else (given,)), whole(input))
        if in_order(input) or not isinstance(input, Tensor) or input.view_of is not None:
            return _view(input, shape)
        out = _reshape(input, shape)  # a copy, perhaps: it must not be mistaken for a view by writing into it
        if out.view_of is None:
            out.array.flags.writeable = owner(out.array).flags.writeable = False  # for good
            mark_of(out.array).read_only = True
        return out
    return _view_dtype(input, as_dtype(given))


expose(view, "view", None)


@function()
def view_as(input, other):
    """The same memory in the shape of `other`."""
    return view(input, tuple(other.shape))


@function()
def reshape_as(input, other):
    """The same elements in the same order in the shape of `other`."""
    return reshape(input, tuple(other.shape))


@function()
def flatten(input, start_dim=0, end_dim=-1):
    """The dimensions from `start_dim` to `end_dim` made one.

    >>> import autograd as ag
    >>> ag.zeros(2, 3, 4).flatten(1).shape
    autograd.Size([2, 12])
    """
    shape = tuple(input.shape)
    first, last = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if shape and first == last:
        return input
    return _reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@function(numpy=np.ravel)
def ravel(input):
    """All elements in one dimension."""
    return contiguous(input).reshape(-1) if isinstance(input, Tensor) else input.reshape(-1)


@function()
def unflatten(input, dim, sizes):
    """Dimension `dim` made several, of the lengths `sizes`; −1 stands for what is left over."""
    dim, shape = wrap_dim(dim, input.ndim), tuple(input.shape)
    try:
        inner = complete_shape(tuple(map(operator.index, sizes)), shape[dim])
    except RuntimeError as error:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} ({shape[dim]}) in the "
            f"input tensor: {error}"
        ) from None
    return _reshape(input, (*shape[:dim], *inner, *shape[dim + 1 :]))


@op("squeeze", method=False, view=True, x=lambda g, x_shape: g.reshape(x_shape))
def _squeeze(x, dims):
    return x.squeeze(dims)


@function(numpy=np.squeeze)
def squeeze(input, dim=None):
    """Without the dimensions of length 1; with `dim` only those of them that it names.

    >>> import autograd as ag
    >>> ag.zeros(1, 3, 1).squeeze(0).shape
    autograd.Size([3, 1])
    """
    dims = range(input.ndim) if dim is None else wrap_dims(dim, input.ndim)
    return _squeeze(input, tuple(d for d in dims if input.shape[d : d + 1] == (1,)))


@op("unsqueeze", method=False, view=True, x=lambda g, x_shape: g.reshape(x_shape))
def _unsqueeze(x, dim):
    return x.reshape((*x.shape[:dim], 1, *x.shape[dim:])) if x.flags.c_contiguous else np.expand_dims(x, dim)


@function()
def unsqueeze(input, dim):
    """With a dimension of length 1 inserted at `dim`.

    >>> import autograd as ag
    >>> ag.ones(3).unsqueeze(-1).shape
    autograd.Size([3, 1])
    """
    return _unsqueeze(input, wrap_dim(dim, input.ndim + 1))


@function(method=False, numpy=np.expand_dims)
def _expand_dims(a, axis):
    for dim in sorted(wrap_dims(axis, a.ndim + (1 if isinstance(axis, int) else len(axis)))):
        a = _unsqueeze(a, dim)
    return a


@op("expand", method=False, view=True, numpy=np.broadcast_to, x=lambda g: g)
def broadcast_to(x, shape):
    """The shape that `x` broadcasts to, without copying."""  # the engine's sum over the new places is the gradient
    return np.broadcast_to(x, tuple(shape))


def expanded(input: Any, size: tuple[int, ...]) -> Any:
    """`input` in the shape `size`, where −1 keeps a length."""
    lead = len(size) - input.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand({list(input.shape)}, size={list(size)}): the number of sizes provided ({len(size)}) must be greater "
            f"or equal to the number of dimensions in the tensor ({input.ndim})"
        )
    shape = []
    for i, n in enumerate(size):
        have: Any = input.shape[i - lead] if i >= lead else None
        if n == -1 and have is None:
            raise RuntimeError(
                f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}"
            )
        n = have if n == -1 else n
        if n < 0 or have not in (None, 1, n):
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton dimension "
                f"{i}.  Target sizes: {list(size)}.  Tensor sizes: {list(input.shape)}"
            )
        shape.append(n)
    return broadcast_to(input, tuple(shape))


def expand(input: Any, *size: Any, implicit: bool = False, **named: Any) -> Any:
    """`input` repeated along dimensions of length 1, without copying; −1 keeps a length."""
    return expanded(input, sizes((named["size"],) if named else size))


expose(expand, "expand", None)
Tensor.broadcast_to = expand  # type: ignore[attr-defined]


@function()
def expand_as(input, other):
    """`input` repeated to the shape of `other`, without copying."""
    return expanded(input, tuple(other.shape))


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that tensors of these shapes broadcast to.

    >>> broadcast_shapes((2, 1), (3,))
    autograd.Size([2, 3])
    """
    shapes = tuple((s,) if isinstance(s, int) else tuple(s) for s in shapes)
    try:
        return Size(np.broadcast_shapes(*shapes))
    except ValueError:
        raise RuntimeError(
            f"the shapes {' and '.join(map(str, shapes))} do not broadcast: dimensions, from the last one, must be equal or 1"
        ) from None


# ---- another order of the dimensions -----------------------------------------------------------------------------


@op("permute", method=False, view=True, x=lambda g, dims: _permute(g, inverse(dims)))
def _permute(x, dims):
    return x.transpose(dims)


def inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation that undoes a permutation."""
    places = [0] * len(order)
    for i, d in enumerate(order):
        places[d] = i
    return tuple(places)


@sized("dims")
def permute(input, dims):
    """The dimensions in another order.

    >>> import autograd as ag
    >>> ag.zeros(2, 3, 4).permute(2, 0, 1).shape
    autograd.Size([4, 2, 3])
    """
    if len(dims) != input.ndim:
        raise RuntimeError(
            f"permute: expected one place for each of {input.ndim} dimensions of shape {tuple(input.shape)}, got {dims}"
        )
    order = tuple(wrap_dim(d, len(dims)) for d in dims)
    if len(set(order)) != len(order):
        raise RuntimeError(f"permute(): duplicate dims are not allowed, got {dims}")
    return _permute(input, order)


@function(method=False, numpy=np.transpose)
def _numpy_transpose(a, axes=None):
    return permute(a, tuple(range(a.ndim))[::-1] if axes is None else axes)


@op("transpose", method=False, view=True, x=lambda g, dim0, dim1: _transpose(g, dim0, dim1))
def _transpose(x, dim0, dim1):
    return x.swapaxes(dim0, dim1)


@function(numpy=np.swapaxes)
def transpose(input, dim0, dim1):
    """Two dimensions swapped.

    >>> import autograd as ag
    >>> ag.tensor([[1, 2], [3, 4]]).transpose(0, 1)
    tensor([[1, 3],
            [2, 4]])
    """
    n = input.ndim
    dim0, dim1 = wrap_dim(dim0, n), wrap_dim(dim1, n)
    return _transpose(input, dim0, dim1) if n else _permute(input, ())


@function()
def swapaxes(input, axis0, axis1):
    """Two dimensions swapped."""
    return transpose(input, axis0, axis1)


@function()
def swapdims(input, dim0, dim1):
    """Two dimensions swapped."""
    return transpose(input, dim0, dim1)


@function()
def t(input):
    """A matrix transposed; a vector itself."""
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D; use .mT for batches")
    return _permute(input, tuple(range(input.ndim))[::-1])


@function()
def adjoint(input):
    """The last two dimensions swapped, and conjugated."""
    return input.mH


@function(numpy=np.moveaxis)
def movedim(input, source, destination):
    """Dimensions moved to other places; the others keep their order."""
    n = input.ndim
    moved, to = wrap_dims(source, n), wrap_dims(destination, n)
    if len(moved) != len(to):
        raise RuntimeError(f"movedim: expected as many sources as destinations, got {source} and {destination}")
    if not n:
        return _permute(input, ())
    order = [d for d in range(n) if d not in moved]
    for place, dim in sorted(zip(to, moved, strict=True)):
        order.insert(place, dim)
    return _permute(input, tuple(order))


moveaxis = Tensor.moveaxis = movedim  # type: ignore[attr-defined]

permuted = _permute  # what rules and other families call where the arguments are known to be right

for _name, _function in {
    "squeeze_": squeeze,
    "swapaxes_": swapaxes,
    "swapdims_": swapdims,
    "t_": t,
    "transpose_": transpose,
    "unsqueeze_": unsqueeze,
}.items():
    setattr(Tensor, _name, reshaping(_function, _name))
