"""Reading and writing by an index: ``x[index]``, its adjoint, and copies with other values at an index."""

from __future__ import annotations

# pyright: reportGeneralTypeIssues=false
# (a rule may name its own op: the adjoint of an adjoint)
import math
from typing import Any

import numpy as np

from ..fast import get_num_threads, ready
from ..fast import indexing as loops
from ..fast.threads import by_blocks
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
    if len(index) == 1 and isinstance(x, np.ndarray) and index[0].dtype.kind != "b":
        return rows_at(x, index[0])
    return x[index]


def rows_at(x: np.ndarray, index: np.ndarray) -> np.ndarray:
    """x[index] for an array that is known to be in range; large results are shared among threads."""
    out = np.empty((*index.shape, *x.shape[1:]), x.dtype)
    places, rows = index.reshape(-1), out.reshape((index.size, *x.shape[1:]))
    by_blocks(lambda part: x.take(places[part], 0, out=rows[part], mode="wrap"), len(rows), math.prod(x.shape[1:]))
    return out


@op(method=False, x=lambda g, index: indexed(g, index))
def add_at(x, index, shape):
    """Zeros of `shape` with `x` added at `index`: the adjoint of indexing with arrays."""
    out = np.zeros_like(x, shape=shape, order="C")
    arrays = [p for p in index if not isinstance(p, slice)]
    if len(arrays) == 1 and arrays[0].dtype.kind == "b":
        out[index] = x  # no place twice
    elif not isinstance(out, np.ndarray):
        ufuncs.at(np.add, out, index, x)
    else:
        _add_rows(out, index, x)
    return out


def _arrays(index: tuple) -> tuple[list[int], list]:
    """The dimensions that arrays index, and for each of them its array; of a mask the places."""
    dims, arrays, dim = [], [], 0
    for p in index:
        found = () if isinstance(p, slice) else p.nonzero() if p.dtype.kind == "b" else (p,)
        for k, array in enumerate(found):
            dims.append(dim + k)
            arrays.append(array)
        dim += len(found) or 1
    return dims, arrays


def _first(dims: list[int]) -> int:
    """NumPy puts the dimensions of the arrays where the arrays stand if they stand together, else first."""
    return dims[0] if dims[-1] - dims[0] == len(dims) - 1 else 0


def indexed_shape(shape: tuple, index: tuple) -> tuple:
    """The shape of what has that shape, at an index with arrays."""
    dims, arrays = _arrays(index)
    rest = [n for d, n in enumerate(shape) if d not in dims]
    first = _first(dims)
    return (*rest[:first], *np.broadcast_shapes(*(a.shape for a in arrays)), *rest[first:])


def _add_rows(out: np.ndarray, index: tuple, x: np.ndarray) -> None:
    """``np.add.at`` on an array in C order by rows: several arrays are made one that counts through the dimensions they index."""
    dims, arrays = _arrays(index)
    where, lengths = 0, [out.shape[d] for d in dims]
    for array, n in zip(arrays, lengths, strict=True):
        array = array.astype(np.int64, copy=False)
        where = where * n + np.where(array < 0, array + n, array)
    first, rest = _first(dims), [d for d in range(out.ndim) if d not in dims]
    rows = np.moveaxis(x, range(first, first + where.ndim), range(where.ndim))
    rows = rows.reshape(where.size, math.prod(out.shape[d] for d in rest))
    order = [*dims, *rest]
    # a view where these dimensions come first, and then changed in place
    total = out.transpose(order).reshape((math.prod(lengths), rows.shape[1]))
    accumulate_rows(total, where.reshape(-1), rows)
    if dims != [*range(len(dims))]:
        out.transpose(order)[...] = total.reshape([out.shape[d] for d in order])


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
    if width % 2 == 0 and width < 64 and total.dtype.char in "fd" and total.flags.c_contiguous:
        pair = np.result_type(total, 1j)  # adding complex numbers is adding two at a time
        total, rows, width = total.view(pair), np.ascontiguousarray(rows).view(pair), width // 2
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
        by_count = np.argsort(-counts, kind="stable")
        starts, counts = starts[by_count], counts[by_count]
        sums = total.take(ordered[starts], 0)
        for k in range(counts[0]):
            left = np.searchsorted(-counts, -k)
            sums[:left] += rows.take(order[starts[:left] + k], 0)
        total[ordered[starts]] = sums
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
    y = np.broadcast_to(y, indexed_shape(x.shape, index))
    if not isinstance(x, np.ndarray):
        return x + add_at.__wrapped__(y, index, x.shape)
    out = x.copy()
    _add_rows(out, index, y)
    return out


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
    if chosen is None:
        raise IndexError("index_put(): expected at least one tensor among the indices, got none; write x[...] = values")
    values = values_for(values, indexed_shape(tuple(input.shape), chosen))
    return index_add_to(input, values, chosen) if accumulate else index_set(input, values, chosen)


Tensor.index_put_ = inplace(index_put, "index_put_")  # type: ignore[attr-defined]


def index_put_(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Any:
    """Write (or add) `values` at the places that a tuple of indices names; returns `input`."""
    return input.index_put_(indices, values, accumulate)
