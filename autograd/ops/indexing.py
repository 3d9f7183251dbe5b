"""Reading and writing by an index: ``x[index]``, its adjoint, and copies with other values at an index."""

from __future__ import annotations

# pyright: reportGeneralTypeIssues=false
# (a rule may name its own op: the adjoint of an adjoint)
import math
from typing import Any

import numpy as np

from ..fast import get_num_threads, ready
from ..fast import indexing as loops
from ..inplace import inplace
from ..op import function, op
from ..tensor import Tensor
from . import ufuncs
from .indices import beside, filled, parse

__all__ = ["index_put", "index_put_"]

# ---- reading -----------------------------------------------------------------------------------------------------


@op("slice", method=False, view=True, x=lambda g, x_shape, index: _slice_adjoint(g, x_shape, index))
def sliced(x, index):
    """A view: ints, slices and None."""
    return x[(*index, ...)]  # the dots: a view of a single element is still a view


@op(method=False, x=lambda g, index: sliced(g, index))
def _slice_adjoint(x, shape, index):
    return filled(x, shape, index)


@op("index", method=False, x=lambda g, x_shape, index: add_at(g, index, x_shape))
def indexed(x, index):
    """A copy: arrays and slices."""
    return x[index]


@op(method=False, x=lambda g, index: indexed(g, index))
def add_at(x, index, shape):
    """Zeros of `shape` with `x` added at `index`: the adjoint of indexing with arrays."""
    out = np.zeros_like(x, shape=shape)
    arrays = [p for p in index if not isinstance(p, slice)]
    if len(arrays) == 1 and arrays[0].dtype.kind == "b":
        out[index] = x  # no place twice
    elif not isinstance(out, np.ndarray):
        ufuncs.at(np.add, out, index, x)
    else:
        _add_rows(out, index, x)
    return out


def _add_rows(out: np.ndarray, index: tuple, x: np.ndarray) -> None:
    """``np.add.at`` by rows: several arrays are made one that counts through the dimensions they index."""
    dims, arrays, dim = [], [], 0
    for p in index:
        found = () if isinstance(p, slice) else p.nonzero() if p.dtype.kind == "b" else (p,)
        for k, array in enumerate(found):
            dims.append(dim + k)
            arrays.append(np.where(array < 0, array + out.shape[dim + k], array))
        dim += len(found) or 1
    chosen = np.broadcast_arrays(*arrays)
    shape, lengths = chosen[0].shape, [out.shape[d] for d in dims]
    rest = [d for d in range(out.ndim) if d not in dims]
    # NumPy puts the dimensions of the arrays where the arrays stand if they stand together, else first.
    first = dims[0] if dims[-1] - dims[0] == len(dims) - 1 else 0
    rows = np.moveaxis(x, range(first, first + len(shape)), range(len(shape)))
    rows = rows.reshape(math.prod(shape), math.prod(out.shape[d] for d in rest))
    where = np.ravel_multi_index(chosen, lengths).reshape(-1) if len(chosen) > 1 else chosen[0].reshape(-1)
    total = np.zeros((math.prod(lengths), rows.shape[1]), out.dtype)
    accumulate_rows(total, where, rows)
    back = total.reshape(*lengths, *(out.shape[d] for d in rest))
    out[...] = np.moveaxis(back, range(len(dims)), dims)


def accumulate_rows(total: np.ndarray, where: np.ndarray, rows: np.ndarray) -> None:
    """``total[where[i]] += rows[i]`` for all i, where an index may come several times; `where` is not negative.

    Several times as fast as ``np.add.at(total, where, rows)``: that has a fast loop for single numbers only.
    """
    width = rows.shape[1]
    if not rows.size:
        return
    if ready(rows, total):
        columns = -(-width // (16 * get_num_threads())) * 16  # for each thread: lines of the cache of its own
        loops.add_rows(total, np.ascontiguousarray(where, np.int64), rows, columns)
        return
    if width < 64 or not total.flags.c_contiguous:
        places = where if width == 1 else (where[:, None] * width + np.arange(width)).reshape(-1)
        flat = total.reshape(-1)
        np.add.at(flat, places, rows.reshape(-1))
        if not np.shares_memory(flat, total):
            total[...] = flat.reshape(total.shape)
        return
    # NumPy sorts numbers of 16 bits by their digits.
    order = np.argsort(where.astype(np.uint16) if len(total) <= 1 << 16 else where, kind="stable")
    ordered = where[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    counts = np.diff(starts, append=len(where))
    if 4 * counts.max() < len(starts):  # many places: first what comes first to each of them, then what comes second, …
        for k in range(counts.max()):
            at = starts[counts > k] + k
            total[ordered[at]] += rows[order[at]]
    else:
        rows = rows.take(order, 0)
        for start, count, place in zip(starts.tolist(), counts.tolist(), ordered[starts].tolist(), strict=True):
            sums = total[place]
            sums += np.add.reduce(rows[start : start + count], 0)


def getitem(self: Tensor, index: Any) -> Tensor:
    """Elements by their places: ints, slices, ``...``, None, masks, integer arrays, and mixtures of them.

    >>> import autograd as ag
    >>> x = ag.arange(6).reshape(2, 3)
    >>> x[1], x[:, [0, 2]]
    (tensor([3, 4, 5]), tensor([[0, 2],
            [3, 5]]))
    """
    if type(index) is int and self.array.ndim:
        return sliced(self, (_in_range(index, self.array.shape[0]),))
    view, chosen = parse(index, self.array.shape)
    if view is not None or chosen is None:
        self = sliced(self, view or ())
    return self if chosen is None else indexed(self, beside(chosen, self.array))


def _in_range(index: int, n: int) -> int:
    if not -n <= index < n:
        raise IndexError(f"index {index} is out of bounds for dimension 0 with size {n}")
    return index


Tensor.__getitem__ = getitem  # type: ignore[attr-defined]

# ---- writing -----------------------------------------------------------------------------------------------------


@op(
    "index_put",
    method=False,
    x=lambda g, index: index_set(g, np.zeros_like(g, shape=()), index),
    y=lambda g, index: indexed(g, index),
)
def index_set(x, y, index):
    """A copy of `x` with `y` at `index`.  Of an index that comes several times the last value counts."""
    out = x.copy()
    out[index] = y
    return out


@op(method=False, x=lambda g: g, y=lambda g, index: indexed(g, index))
def index_add_to(x, y, index):
    """`x` with `y` added at `index`; an index that comes several times adds several times."""
    shape = x[index].shape
    return x + add_at.__wrapped__(np.broadcast_to(y, shape), index, x.shape)


def values_for(value: Any, shape: tuple[int, ...]) -> Any:
    """What is to be written, in the shape of the places it goes to; leading dimensions of length 1 do not matter."""
    value_shape = tuple(value.shape)
    while len(value_shape) > len(shape) and value_shape[0] == 1:
        value_shape = value_shape[1:]
    if len(value_shape) > len(shape) or any(
        n not in (1, m) for n, m in zip(value_shape[::-1], shape[::-1], strict=False)
    ):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of shape "
            f"{list(shape)}"
        )
    return value if value_shape == tuple(value.shape) else value.reshape(value_shape)


@function()
def index_put(input, indices, values, accumulate=False):
    """A copy of `input` with `values` at (or, with `accumulate`, added at) the places that a tuple of indices names."""
    view, chosen = parse(tuple(slice(None) if i is None else i for i in indices), tuple(input.shape))
    if view is not None or chosen is None:  # 0-d indices
        arrays = tuple(i.reshape(1) if hasattr(i, "shape") and not len(i.shape) else i for i in indices)
        _, chosen = parse(arrays, tuple(input.shape))
    values = values if hasattr(values, "dtype") else Tensor.new_tensor(input, values)
    if values.dtype != input.dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {input.dtype} for the destination and "
            f"{values.dtype} for the source."
        )
    values = values_for(values, input.array[chosen].shape)
    return index_add_to(input, values, chosen) if accumulate else index_set(input, values, chosen)


Tensor.index_put_ = inplace(index_put, "index_put_")  # type: ignore[attr-defined]


def index_put_(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """Write (or add) `values` at the places that a tuple of indices names; returns `input`."""
    return input.index_put_(indices, values, accumulate)
