"""Writing to places that indices name: scatter and its relatives, each with gather-like gradients."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import expect_real
from ..inplace import inplace
from ..op import function, op
from ..tensor import Tensor, unwrap, wrap
from . import ufuncs
from .assignment import as_value
from .dims import wrap_dim
from .gather import check_gather, checked_index, same_rows
from .indexing import add_at, index_add_to, index_set
from .indices import part
from .masks import masked_fill
from .places import added_along, grid, steps
from .scan import recurrence
from .shape import broadcast_to, expanded
from .views import places

__all__ = [
    "as_strided_scatter", "diagonal_scatter", "index_add", "index_copy", "index_fill", "index_reduce", "one_hot",
    "put", "scatter", "scatter_add", "scatter_reduce", "select_scatter", "slice_scatter",
]  # fmt: skip


def _same_dtype(input: Any, other: Any, name: str) -> None:
    if input.dtype != other.dtype:
        raise RuntimeError(
            f"{name}(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and {other.dtype}"
        )


# ---- scatter -----------------------------------------------------------------------------------------------------


def _scattered(input: Any, dim: int, index: Any, src: Any, name: str) -> tuple[Any, Any]:
    """The array of an index along `dim`, and those elements of `src` that go to its places."""
    array = check_gather(input, dim, index, name)
    if isinstance(src, Tensor) or hasattr(src, "ndim"):
        _same_dtype(input, src, name)
        if src.ndim != index.ndim and src.ndim + index.ndim > 1:
            raise RuntimeError(
                f"Index tensor must have the same number of dimensions as src tensor: {name} got {index.ndim} and {src.ndim}"
            )
        if any(n > m for n, m in zip(index.shape, src.shape, strict=False)) and math.prod(index.shape):
            raise RuntimeError(
                f"Expected index {list(index.shape)} to be no larger than src {list(src.shape)} in {name}"
            )
        if tuple(src.shape) != tuple(index.shape):
            src = src[tuple(slice(0, n) for n in index.shape)]
    return array, src


def _vectors(input: Any, index: Any, src: Any) -> tuple:
    """0-d operands as vectors of one element."""
    src = src.reshape(-1) if hasattr(src, "ndim") and src.ndim == 0 else src
    return input.reshape(1) if input.ndim == 0 else input, index.reshape(-1) if index.ndim == 0 else index, src


@function()
def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """A copy of `input` with the elements of `src` (or one number) at the places along `dim` that `index` names.

    Args:
        input: shape (…).
        dim: the dimension that `index` counts along.
        index: integers, with as many dimensions as `input`.
        src: a tensor at least as long as `index` everywhere, or a number.
        reduce: "add" or "multiply" what is there instead of replacing it (then without gradient for `src`, as in PyTorch).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.Tensor.scatter_.html

    >>> import autograd as ag
    >>> ag.zeros(2, 3).scatter(1, ag.tensor([[2], [0]]), 1.0)
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    src = value if src is None else src
    dim = wrap_dim(dim, input.ndim)
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError(f"reduce argument must be either add or multiply, got {reduce!r}")
        filled = src if isinstance(src, Tensor) else broadcast_to(as_value(input, src), tuple(index.shape))
        return scatter_reduce(input, dim, index, filled, {"add": "sum", "multiply": "prod"}[reduce])
    shape = tuple(input.shape)
    input, index, src = _vectors(input, index, src)
    where, src = _scattered(input, dim, index, src, "scatter")
    if not isinstance(src, Tensor):
        src = as_value(input, src)
    return index_set(input, src, grid(where, dim)).reshape(shape)


@function()
def scatter_add(input, dim, index, src):
    """A copy of `input` with the elements of `src` added at the places along `dim` that `index` names.

    >>> import autograd as ag
    >>> ag.zeros(2).scatter_add(0, ag.tensor([0, 0, 1]), ag.ones(3))
    tensor([2., 1.])
    """
    dim, shape = wrap_dim(dim, input.ndim), tuple(input.shape)
    input, index, src = _vectors(input, index, src)
    where, src = _scattered(input, dim, index, src, "scatter_add")
    rows = same_rows(input, dim, where)
    out = added_along(input, src, where, dim) if rows is None else index_add_to(input, src, (rows,))
    return out.reshape(shape)


# ---- scatter with other reductions -------------------------------------------------------------------------------

_REDUCTIONS = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}
_NEUTRAL = {"prod": lambda dtype: 1, "amax": lambda dtype: _least(dtype), "amin": lambda dtype: _greatest(dtype)}


def _least(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _greatest(dtype: np.dtype) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


def _others(x: Any, y: Any, index: tuple) -> Any:
    """For each element that comes, the product of all else at its place, without a division: to be differentiated."""
    if not y.size:
        return y
    array = unwrap(x)
    numbers = np.arange(math.prod(x.shape), like=array).reshape(x.shape)[index].reshape(-1)
    order = np.argsort(numbers, kind="stable")
    place, y_there = numbers[order], y.reshape(-1)[order]
    first = place != np.roll(place, 1)
    first[:1] = True
    last = np.roll(first, -1)
    before = recurrence(np.where(first, 0, np.roll(y_there, 1)), np.where(first, x.reshape(-1)[place], 0), 0)
    behind = np.flip(np.where(last, 0, np.roll(y_there, -1)), 0), np.flip(np.where(last, np.ones_like(y_there), 0), 0)
    return (before * np.flip(recurrence(*behind, 0), 0))[np.argsort(order)].reshape(y.shape)


def _reduced_gradients(g: Any, x: Any, y: Any, out: Any, index: tuple, how: str) -> tuple:
    """Gradients of `_reduce_at` with respect to what was there, and to what came."""
    if how == "prod" and isinstance(g, Tensor):
        return g * _reduce_at(np.ones_like(x), y, index, "prod"), g[index] * _others(x, y, index)
    if how == "prod":
        zero = y == 0
        alone = zero * (add_at(zero * 1.0, index, x.shape)[index] == 1)  # the only zero that came there
        others = _reduce_at(x, np.where(alone, 1, y), index, "prod")[index]
        share = np.where(alone, others, out[index] / np.where(zero, 1, y))
        return g * _reduce_at(np.ones_like(x), y, index, "prod"), g[index] * share
    ties_x, ties_y = (x == out) * 1.0, (y == out[index]) * 1.0
    share = g / (ties_x + add_at(ties_y, index, x.shape))
    return share * ties_x, share[index] * ties_y


@op(method=False, joint=lambda g, x, y, out, index, how: (*_reduced_gradients(g, x, y, out, index, how), None, None))
def _reduce_at(x, y, index, how):
    """A copy of `x` where what is at `index` is combined with `y`."""
    out = x.copy()
    ufuncs.at(_REDUCTIONS[how], out, index, y)
    return out


def _reduce_into(input: Any, where: tuple, src: Any, how: str, include_self: bool) -> Any:
    """`input` with `src` combined into the places `where`; without `include_self` those places start from nothing."""
    if how not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {how}.")
    if how in ("amax", "amin"):
        expect_real(how, input, src)
    hit = np.zeros_like(input.array, dtype=bool)
    hit[where] = True
    if not include_self:
        start = 0 if how in ("sum", "mean") else _NEUTRAL[how](input.dtype)
        input = masked_fill(input, wrap(hit), start)
    if how == "sum":
        return index_add_to(input, src, where)
    if how == "mean":
        total = index_add_to(input, src, where)
        ones = np.ones_like(src.array, dtype=np.int64)
        counts = add_at.__wrapped__(ones, where, tuple(input.shape)) + (1 if include_self else 0)
        counts = np.maximum(counts, 1)
        if input.dtype.kind in "iu":
            return wrap((total.array // counts).astype(input.dtype))
        return total / wrap(counts)
    return _reduce_at(input, src, where, how)


@function()
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """A copy of `input` where the elements at the places along `dim` that `index` names are combined with those of `src`.

    `reduce` is "sum", "prod", "mean", "amax" or "amin"; without `include_self` only the elements of `src` count.
    """
    dim, shape = wrap_dim(dim, input.ndim), tuple(input.shape)
    input, index, src = _vectors(input, index, src)
    where, src = _scattered(input, dim, index, src, "scatter_reduce")
    return _reduce_into(input, grid(where, dim), src, reduce, include_self).reshape(shape)


# ---- slices by indices -------------------------------------------------------------------------------------------


def _slices(input: Any, dim: int, index: Any, source: Any, name: str) -> tuple:
    """Operands of index_add and its relatives, checked: input and source with a dimension, where, and their shape."""
    shape, dim = tuple(input.shape), wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector, got the shape {tuple(index.shape)}")
    input, index, source = _vectors(input, index, source)
    if hasattr(source, "ndim"):
        _same_dtype(input, source, name)
        if source.ndim != input.ndim or source.shape[dim] != index.shape[0]:
            raise RuntimeError(
                f"{name}(): expected source of shape {[*input.shape[:dim], *index.shape, *input.shape[dim + 1 :]]}, "
                f"got {list(source.shape)}"
            )
    where = part(dim, checked_index(index, input.shape[dim], name))
    return input, where, source, shape


@function()
def index_add(input, dim, index, source, *, alpha=1):
    """A copy of `input` with `alpha` times the slices of `source` added to those slices along `dim` that `index` names."""
    input, where, source, shape = _slices(input, dim, index, source, "index_add")
    return index_add_to(input, source if alpha == 1 else source * alpha, where).reshape(shape)


@function()
def index_copy(input, dim, index, source):
    """A copy of `input` with the slices of `source` in the place of those along `dim` that `index` names."""
    input, where, source, shape = _slices(input, dim, index, source, "index_copy")
    return index_set(input, source, where).reshape(shape)


@function()
def index_fill(input, dim, index, value):
    """A copy of `input` with a number in all places of the slices along `dim` that `index` names."""
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(
            f"Index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    if index.ndim:
        index = wrap(np.unique(index.array))  # a place counts once, however often it is named
    input, where, _, shape = _slices(input, dim, index, None, "index_fill")
    value = as_value(input, value).to(input.dtype)
    return index_set(input, value, where).reshape(shape)


@function()
def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """A copy of `input` whose slices along `dim` that `index` names are combined with those of `source`.

    `reduce` is "prod", "mean", "amax" or "amin".
    """
    input, where, source, shape = _slices(input, dim, index, source, "index_reduce")
    return _reduce_into(input, where, source, reduce, include_self).reshape(shape)


@function()
def put(input, index, source, accumulate=False):
    """A copy of `input` with `source` at (or added at) places in the flattened input."""
    n = math.prod(input.shape)
    array = index.array
    if array.dtype != np.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {array.dtype}")
    if source.dtype != input.dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, got {input.dtype} and {source.dtype}"
        )
    if math.prod(index.shape) != math.prod(source.shape):
        raise RuntimeError(
            f"put_(): Expected source and index to have the same number of elements, got {tuple(source.shape)} and "
            f"{tuple(index.shape)}"
        )
    where = (checked_index(np.where(array < 0, array + n, array).reshape(-1), n, "put_"),)
    write = index_add_to if accumulate else index_set
    return write(input.reshape(-1), source.reshape(-1), where).reshape(tuple(input.shape))


# ---- a view's values in a copy -----------------------------------------------------------------------------------


def _into(input: Any, src: Any, view: Any, name: str) -> Any:
    """A copy of `input` whose view `view(input)` has the values `src`."""
    numbers = np.arange(math.prod(input.shape)).reshape(tuple(input.shape))
    where = view(wrap(numbers)).array
    if tuple(src.shape) != where.shape:
        raise RuntimeError(f"{name}: expected src to have a size equal to the slice of self. src size = {list(src.shape)}, "
                           f"slice size = {list(where.shape)}")  # fmt: skip
    flat = index_set(input.reshape(-1), src.reshape(-1).to(input.dtype), (where.reshape(-1),))
    return flat.reshape(tuple(input.shape))


@function()
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy of `input` with `src` on a diagonal."""
    return _into(input, src, lambda x: x.diagonal(offset, dim1, dim2), "diagonal_scatter")


@function()
def select_scatter(input, src, dim, index):
    """A copy of `input` with `src` at one place along a dimension."""
    return _into(input, src, lambda x: x.select(dim, index), "select_scatter")


@function()
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy of `input` with `src` in a slice along a dimension."""
    index = part(wrap_dim(dim, input.ndim), slice(start, end, step))
    grown = expanded(src, tuple(input[index].shape)) if src.ndim == input.ndim else src
    return _into(input, grown, lambda x: x[index], "slice_scatter")


@function()
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of `input` with `src` in the places of ``input.as_strided(size, stride, storage_offset)``."""
    offset = 0 if storage_offset is None else storage_offset - input.storage_offset()
    where = places(tuple(size), tuple(stride), offset, tuple(input.shape), tuple(input.stride()))
    if tuple(src.shape) != where.shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(size)}"
        )
    where, known = where.reshape(-1), where.reshape(-1) >= 0
    flat = index_set(input.reshape(-1), src.reshape(-1)[known], (where[known],))
    return flat.reshape(tuple(input.shape))


# ---- classes -----------------------------------------------------------------------------------------------------


@function(method=False)
def one_hot(input, num_classes=-1):
    """Rows of zeros with a one at the place that each integer names; `num_classes` long, or as long as needed.

    >>> import autograd as ag
    >>> one_hot(ag.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    array = input.array
    if array.dtype != np.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, got {array.dtype}")
    if not array.size and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if array.size and int(array.min()) < 0:
        raise RuntimeError(f"Class values must be non-negative, got {int(array.min())}")
    count = int(array.max()) + 1 if num_classes == -1 else num_classes
    if count < 1:
        raise RuntimeError(f"num_classes should be positive, got {num_classes}")
    if array.size and int(array.max()) >= count:
        raise RuntimeError(f"Class values must be smaller than num_classes, got {int(array.max())} and {count}")
    return wrap((array[..., None] == steps(count, array)).astype(np.int64))


for _name, _function in {
    "index_add_": index_add,
    "index_copy_": index_copy,
    "index_fill_": index_fill,
    "index_reduce_": index_reduce,
    "put_": put,
    "scatter_": scatter,
    "scatter_add_": scatter_add,
    "scatter_reduce_": scatter_reduce,
}.items():
    setattr(Tensor, _name, inplace(_function, _name))
