"""Copies in another arrangement: turned round, shifted, repeated."""

from __future__ import annotations

# pyright: reportGeneralTypeIssues=false
# (a rule may name its own op: the adjoint of an adjoint)
import math
from typing import Any

import numpy as np

from ..op import function, op
from ..tensor import Tensor, wrap
from .dims import sized, wrap_dim, wrap_dims
from .indexing import add_at
from .indices import part
from .places import steps
from .shape import broadcast_to, reshape, transpose

__all__ = ["flip", "fliplr", "flipud", "repeat_interleave", "roll", "rot90", "tile"]


@op("flip", method=False, x=lambda g, dims: _flip(g, dims))
def _flip(x, dims):
    return np.flip(x, dims).copy()


@sized("dims")
def flip(input, dims):
    """The elements in reverse order along some dimensions.

    >>> import autograd as ag
    >>> ag.arange(3).flip(0)
    tensor([2, 1, 0])
    """
    return _flip(input, wrap_dims(dims, input.ndim) if input.ndim else ())


@function(method=False, numpy=np.flip)
def _numpy_flip(m, axis=None):
    return flip(m, tuple(range(m.ndim)) if axis is None else axis)


@function(numpy=np.fliplr)
def fliplr(input):
    """Left and right (the second dimension) swapped."""
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return _flip(input, (1,))


@function(numpy=np.flipud)
def flipud(input):
    """Up and down (the first dimension) swapped."""
    if input.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return _flip(input, (0,))


@op("roll", method=False, x=lambda g, shifts, dims: _roll(g, tuple(-s for s in shifts), dims))
def _roll(x, shifts, dims):
    return np.roll(x, shifts, dims)


@function(numpy=np.roll)
def roll(input, shifts, dims=None):
    """The elements shifted along some dimensions (those that fall off come in again); without `dims` along all as one."""
    shifts = (int(shifts),) if isinstance(shifts, (int, np.integer, Tensor)) else tuple(map(int, shifts))
    if dims is None or (isinstance(dims, (tuple, list)) and not dims):
        if len(shifts) != 1:
            raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:0")
        return reshape(_roll(input.reshape(-1), shifts, (0,)), tuple(input.shape))
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(dims) != len(shifts):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    if not input.ndim:
        return _roll(input.reshape(1), (0,), (0,)).reshape(())
    return _roll(input, shifts, tuple(wrap_dim(d, input.ndim) for d in dims))


function(method=False, numpy=np.roll)(lambda a, shift, axis=None: roll(a, shift, axis))


@function(numpy=np.rot90)
def rot90(input, k=1, dims=(0, 1)):
    """Turned by `k` quarters in the plane of two dimensions, from the first to the second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    first, second = wrap_dims(dims, input.ndim)
    k %= 4
    if k == 0:
        return input.clone()
    if k == 2:
        return _flip(input, (first, second))
    return _flip(transpose(input, first, second), (first if k == 1 else second,))


function(method=False, numpy=np.rot90)(lambda m, k=1, axes=(0, 1): rot90(m, k, axes))


# ---- repeated ----------------------------------------------------------------------------------------------------


def _fold_copies(g: Any, x_shape: tuple, repeats: tuple) -> Any:
    lead = len(repeats) - len(x_shape)
    shape = [n for r, m in zip(repeats, (1,) * lead + tuple(x_shape), strict=True) for n in (r, m)]
    return g.reshape(tuple(shape)).sum(tuple(range(0, len(shape), 2))).reshape(x_shape)


@op("repeat", method=False, x=_fold_copies)
def _repeat(x, repeats):
    return np.tile(x, repeats)


@sized("repeats")
def repeat(input, repeats):
    """`input` several times along each dimension; dimensions that it has not come first."""
    if len(repeats) < input.ndim:
        raise RuntimeError(
            f"Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: {repeats} for "
            f"the shape {tuple(input.shape)}"
        )
    if min(repeats, default=0) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension: repeats {list(repeats)}")
    return _repeat(input, repeats)


@sized("dims")
def tile(input, dims):
    """`input` several times along each of its last dimensions.

    >>> import autograd as ag
    >>> ag.tensor([1, 2]).tile(2)
    tensor([1, 2, 1, 2])
    """
    return repeat(input, (1,) * (input.ndim - len(dims)) + dims)


function(method=False, numpy=np.tile)(lambda A, reps: tile(A, (reps,) if isinstance(reps, int) else tuple(reps)))


@function()
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element (or slice along `dim`) several times in a row: a number of times for all, or one for each.

    Of one argument, numbers of times: the index of each that many times.
    """
    if repeats is None:
        return wrap(np.repeat(steps(input.shape[0], input.array), input.array))
    input, dim = (input.reshape(-1), 0) if dim is None else (input, wrap_dim(dim, input.ndim))
    if not input.ndim:
        input = input.reshape(1)
    n = input.shape[dim]
    times = repeats.array if isinstance(repeats, Tensor) else np.asarray(repeats)
    if times.dtype.kind not in "iu":
        raise RuntimeError(f"repeats must be whole numbers, got {times.dtype}; convert with .long()")
    if math.prod(times.shape) == 1:
        count = int(times.reshape(()))
        if count < 0:
            raise RuntimeError(f"Repeats must be non-negative, got {count}")
        shape = tuple(input.shape)
        grown = input.unsqueeze(dim + 1)
        spread = broadcast_to(grown, (*shape[: dim + 1], count, *shape[dim + 1 :]))
        spread = spread.clone() if 1 in (n, count) else spread  # where reshape would not have to copy
        return spread.reshape((*shape[:dim], n * count, *shape[dim + 1 :]))
    if times.shape != (n,):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {list(times.shape)} and "
            f"input.size({dim}) = {n}"
        )
    if (times < 0).any():
        raise RuntimeError("repeats can not be negative")
    return _taken(input, dim, np.repeat(steps(n, times), times))


@op("repeat_interleave", method=False, x=lambda g, x_shape, dim, index: add_at(g, part(dim, index), x_shape))
def _taken(x, dim, index):
    return np.take(x, index, dim)


function(method=False, numpy=np.repeat)(
    lambda a, repeats, axis=None: repeat_interleave(a, wrap(np.asarray(repeats)), axis)
)


@function()
def sum_to_size(input, *size):
    """The sum over those dimensions along which `size` is 1 (or has none): the inverse of `expand`."""
    shape = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    lead = input.ndim - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, input.shape[lead:], strict=True)):
        raise RuntimeError(f"size {list(shape)} is not expandable to size {list(input.shape)}.")
    dims = (*range(lead), *(i + lead for i, n in enumerate(shape) if n == 1 and input.shape[i + lead] != 1))
    return input.sum(dims).reshape(shape) if dims else input if input.ndim else input.sum()
