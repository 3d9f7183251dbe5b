"""Choosing elements by their places, and writing to places."""

from __future__ import annotations

# pyright: reportGeneralTypeIssues=false
# (a rule may name its own op: the adjoint of an adjoint)
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import result_type
from ..fast import fused
from ..op import cast, function, op
from ..tensor import Tensor, share, wrap
from .dims import wrap_dim
from .places import steps
from .shape import expanded
from .views import part

__all__ = [
    "argwhere", "gather", "index_select", "masked_fill", "masked_select", "nonzero", "nonzero_static", "take",
    "take_along_dim", "where",
]  # fmt: skip

# ---- what an index means -----------------------------------------------------------------------------------------


def is_basic(index: Any) -> bool:
    """Does this index (ints, slices, ``...``, None) choose a view?"""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        p is None or p is Ellipsis or (isinstance(p, (int, slice, np.integer)) and not isinstance(p, bool))
        for p in parts
    )


def _plain(item: Any) -> Any:
    """One part of an index with an int, slice, None, ``...`` or array in the place of what a program may write."""
    if item is None or item is Ellipsis or type(item) is int:
        return item
    if isinstance(item, slice):
        start, stop, step = (None if v is None else v.__index__() for v in (item.start, item.stop, item.step))
        if step is not None and step <= 0:
            raise ValueError("step must be greater than zero; use .flip(dim) to go backwards")
        return slice(start, stop, step)
    if isinstance(item, Tensor):
        item = share(item)
    elif isinstance(item, (list, tuple, range)):
        if any(isinstance(v, (list, tuple)) for v in item) and not isinstance(item, tuple):
            raise IndexError(
                "a list of lists is not an index: write x[tuple(lists)] for one list per dimension, or "
                "x[autograd.tensor(lists)] for one array of indices"
            )
        item = np.asarray([int(v) if isinstance(v, Tensor) and v.dtype.kind != "b" else v for v in item])
        item = item.astype(np.int64) if not item.size else item
    if isinstance(item, (bool, np.bool_)):
        return np.asarray(bool(item))
    if hasattr(item, "dtype") and hasattr(item, "shape"):
        if item.dtype.kind in "iu" and not item.shape:
            return int(item)
        if item.dtype == np.uint8:  # PyTorch's masks of old
            return item.astype(bool)
        if item.dtype.kind in "biu":
            return item
        raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, got {item.dtype}")
    if hasattr(item, "__index__"):
        return item.__index__()
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and integer or bool tensors are valid indices "
        f"(got {type(item).__name__})"
    )


def parse(index: Any, shape: tuple[int, ...]) -> tuple[tuple | None, tuple | None]:
    """An index in PyTorch's meaning, as two for NumPy: first one that makes a view, then one with arrays in it.

    Ints choose before arrays do, so that ``x[0, :, [1, 2]]`` keeps the order of the dimensions that are left.  Either is
    None where there is nothing to do.  An index out of range is an error here, before anything is computed.
    """
    parts = [_plain(p) for p in (index if isinstance(index, tuple) else (index,))]
    used = sum(0 if p is None or p is Ellipsis else _takes(p) for p in parts)
    if used > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    dots = [i for i, p in enumerate(parts) if p is Ellipsis]
    rest = [slice(None)] * (len(shape) - used)
    if dots:
        parts[dots[0] : dots[0] + 1] = rest
        parts = [p for p in parts if p is not Ellipsis]
    else:
        parts += rest
    basic: list = []
    arrays: list = []
    dim = 0
    for position, p in enumerate(parts):
        if p is None:
            basic.append(None)
            arrays.append(slice(None))
            continue
        if isinstance(p, int):
            n = shape[dim]
            if not -n <= p < n:
                raise IndexError(f"index {p} is out of bounds for dimension {dim} with size {n}")
            basic.append(p)
        elif isinstance(p, slice):
            basic.append(p)
            arrays.append(slice(None))
        else:
            _check(p, shape, dim, position)
            if not p.shape:  # True or False: a new dimension of length 1 or 0
                basic.append(None)
                arrays.append(np.zeros(int(bool(p)), np.int64))
                continue
            basic += [slice(None)] * _takes(p)
            arrays.append(p)
        dim += _takes(p)
    view = tuple(basic) if any(p != slice(None) for p in basic) else None
    chosen = tuple(arrays) if any(not isinstance(p, slice) for p in arrays) else None
    if chosen is not None:
        while isinstance(chosen[-1], slice):
            chosen = chosen[:-1]
        _check_shapes(chosen)
    return view, chosen


def _takes(item: Any) -> int:
    """How many dimensions a part of an index uses up."""
    if isinstance(item, (int, slice)):
        return 1
    return len(item.shape) if item.dtype.kind == "b" else 1


def _check(array: Any, shape: tuple[int, ...], dim: int, position: int) -> None:
    """Raise IndexError where a mask does not fit, or an index is out of range."""
    if array.dtype.kind == "b":
        for i, n in enumerate(array.shape):
            if n != shape[dim + i]:
                raise IndexError(
                    f"The shape of the mask {list(array.shape)} at index {i} does not match the shape of the indexed tensor "
                    f"{list(shape)} at index {dim + i}"
                )
    elif math.prod(array.shape):
        low, high, n = int(array.min()), int(array.max()), shape[dim]
        if low < -n or high >= n:
            raise IndexError(f"index {low if low < -n else high} is out of bounds for dimension {dim} with size {n}")


def _check_shapes(index: tuple) -> None:
    shapes = [p.shape for p in index if not isinstance(p, slice) and p.dtype.kind != "b"]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        text = ", ".join(str(list(s)) for s in shapes)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {text}"
        ) from None


# ---- reading -----------------------------------------------------------------------------------------------------


@op("slice", method=False, view=True, x=lambda g, x_shape, index: _slice_adjoint(g, x_shape, index))
def _slice(x, index):
    return x[(*index, ...)]  # the dots: a view of a single element is still a view


@op(method=False, x=lambda g, index: _slice(g, index))
def _slice_adjoint(x, shape, index):
    out = np.zeros_like(x, shape=shape)
    out[index] = x
    return out


@op("index", method=False, x=lambda g, x_shape, index: add_at(g, index, x_shape))
def _index(x, index):
    return x[index]


@op(method=False, x=lambda g, index: _index(g, index))
def add_at(x, index, shape):
    """Zeros of `shape` with `x` added at `index`: the adjoint of indexing with arrays."""
    out = np.zeros_like(x, shape=shape)
    arrays = [p for p in index if not isinstance(p, slice)]
    if len(arrays) == 1 and arrays[0].dtype.kind == "b":
        out[index] = x  # no place twice
    elif not isinstance(out, np.ndarray):
        np.add.at(out, index, x)
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
    add_rows(total, where, rows)
    back = total.reshape(*lengths, *(out.shape[d] for d in rest))
    out[...] = np.moveaxis(back, range(len(dims)), dims)


def add_rows(total: np.ndarray, where: np.ndarray, rows: np.ndarray) -> None:
    """``total[where[i]] += rows[i]`` for all i, where an index may come several times; `where` is not negative.

    Three times as fast as ``np.add.at(total, where, rows)``: that has a fast loop for single numbers only.
    """
    width = rows.shape[1]
    if not rows.size:
        return
    if width < 64 or not total.flags.c_contiguous:
        places = where if width == 1 else (where[:, None] * width + np.arange(width)).reshape(-1)
        flat = total.reshape(-1)
        np.add.at(flat, places, rows.reshape(-1))
        if flat.base is not total and flat is not total and not np.shares_memory(flat, total):
            total[...] = flat.reshape(total.shape)
        return
    order = np.argsort(where, kind="stable")
    ordered = where[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    if len(starts) == len(where):
        total[where] += rows
        return
    ends = [*starts[1:].tolist(), len(where)]
    rows = rows[order]
    for start, end, k in zip(starts.tolist(), ends, ordered[starts].tolist(), strict=True):
        total[k] += rows[start] if end == start + 1 else np.add.reduce(rows[start:end], 0)


def getitem(self: Tensor, index: Any) -> Tensor:
    """Elements by their places: ints, slices, ``...``, None, masks, integer arrays, and mixtures of them.

    >>> import autograd as ag
    >>> x = ag.arange(6).reshape(2, 3)
    >>> x[1], x[:, [0, 2]]
    (tensor([3, 4, 5]), tensor([[0, 2],
            [3, 5]]))
    """
    if type(index) is int and self.array.ndim:
        return _slice(self, (_in_range(index, self.array.shape[0]),))
    view, chosen = parse(index, self.array.shape)
    if view is not None or chosen is None:
        self = _slice(self, view or ())
    return self if chosen is None else _index(self, beside(chosen, self.array))


def beside(index: tuple, array: Any) -> tuple:
    """An index with its arrays on the device of `array`."""
    if isinstance(array, (np.ndarray, np.generic)):
        return index
    return tuple(p if isinstance(p, slice) or type(p) is type(array) else np.asarray(p, like=array) for p in index)


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
    y=lambda g, index: _index(g, index),
)
def index_set(x, y, index):
    """A copy of `x` with `y` at `index`.  Of an index that comes several times the last value counts."""
    out = x.copy()
    out[index] = y
    return out


@op(method=False, x=lambda g: g, y=lambda g, index: _index(g, index))
def index_add_to(x, y, index):
    """`x` with `y` added at `index`; an index that comes several times adds several times."""
    shape = x[index].shape
    return x + add_at.__wrapped__(np.broadcast_to(y, shape), index, x.shape)


def _values(self: Any, value: Any, shape: tuple[int, ...]) -> Any:
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


def _index_put(input: Any, indices: Sequence, values: Any, accumulate: bool = False) -> Any:
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
    values = _values(input, values, input.array[chosen].shape)
    return index_add_to(input, values, chosen) if accumulate else index_set(input, values, chosen)


@function()
def index_put(input, indices, values, accumulate=False):
    """A copy of `input` with `values` at (or, with `accumulate`, added at) the places that a tuple of indices names."""
    return _index_put(input, indices, values, accumulate)


# ---- by conditions -----------------------------------------------------------------------------------------------


_choose = fused(lambda condition, x, y: np.where(condition, x, y))


@op(
    "where",
    method=False,
    promote=("x", "y"),
    x=fused(lambda g, condition: np.where(condition, g, 0)),
    y=fused(lambda g, condition: np.where(condition, 0, g)),
)
def _where(condition, x, y):
    return _choose(condition, x, y)


@function(method=False, numpy=np.where)
def where(condition, input=None, other=None, *, x=None, y=None):
    """Elements of `input` where the condition holds, of `other` elsewhere; without them the places where it holds.

    >>> import autograd as ag
    >>> x = ag.tensor([-1.0, 2.0])
    >>> ag.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    input, other = (x if input is None else input), (y if other is None else other)
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if condition.dtype.kind != "b":
        if condition.dtype != np.uint8:
            raise RuntimeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}"
            )
        condition = condition != 0
    tensors = [v for v in (condition, input, other) if isinstance(v, Tensor)]
    if not tensors:
        return _where(condition, input, other)
    operands = [v if isinstance(v, Tensor) else _number_like(v, (input, other)) for v in (input, other)]
    return _where(condition, *operands)


def _number_like(value: Any, operands: Sequence) -> Any:
    """A number or array as an operand that takes part in the promotion of types as PyTorch has it."""
    if hasattr(value, "shape") and not isinstance(value, np.generic):
        return wrap(value)
    value = value.item() if isinstance(value, np.generic) else value
    return wrap(np.asarray(value, result_type(*(v for v in operands if v is not None))))


Tensor.where = lambda self, condition, other=None, **named: where(  # type: ignore[attr-defined]
    condition, self, named.get("y", other)
)


def _mask(mask: Any, name: str) -> Any:
    if mask.dtype.kind != "b":
        raise RuntimeError(f"{name} only supports boolean masks, but got mask with dtype {mask.dtype}")
    return mask


def _scalar(value: Any, input: Any, name: str) -> Any:
    """A value to fill with, as a 0-d tensor or number that fits the type of `input`."""
    if isinstance(value, Tensor) or hasattr(value, "ndim"):
        if value.ndim:
            raise RuntimeError(
                f"{name} only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
            )
        value = value if isinstance(value, Tensor) else value.item()
    kind = value.dtype.kind if isinstance(value, Tensor) else "c" if isinstance(value, complex) else "b"
    if kind == "c" and input.dtype.kind != "c":
        raise RuntimeError(f"value cannot be converted to type {input.dtype} without overflow")
    return value


@op(
    "masked_fill",
    method=False,
    x=lambda g, mask: np.where(mask, 0, g),
    value=lambda g, mask: np.where(mask, g, 0).sum(),
)
def _masked_fill(x, mask, value):
    return np.where(mask, cast(value, x.dtype) if hasattr(value, "dtype") else x.dtype.type(value), x)


@function()
def masked_fill(input, mask, value):
    """`value` where the mask is True, `input` elsewhere."""
    return _masked_fill(input, _mask(mask, "masked_fill"), _scalar(value, input, "masked_fill"))


@function()
def masked_select(input, mask):
    """The elements where the mask is True, in one dimension."""
    mask = _mask(mask, "masked_select")
    shape = np.broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    mask = np.broadcast_to(mask.array if isinstance(mask, Tensor) else mask, shape)
    input = input if tuple(input.shape) == shape else expanded(input, shape)
    return _index(input, (mask,)) if shape else _index(input.reshape(1), (mask.reshape(1),))


@op("masked_scatter", x=lambda g, mask: np.where(mask, 0, g), source=lambda g, mask, source_shape:
    _masked_source(g, mask, source_shape))  # fmt: skip
def masked_scatter(x, mask, source):
    """`x` with the elements of `source`, one after the other, where the mask is True."""
    if source.dtype != x.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {x.dtype} and {source.dtype}"
        )
    shape = np.broadcast_shapes(x.shape, mask.shape)
    mask, out = np.broadcast_to(mask, shape), np.broadcast_to(x, shape).copy()
    count = int(mask.sum())
    if count > math.prod(source.shape):
        raise RuntimeError(
            f"masked_scatter: the mask has {count} elements, but the source only {math.prod(source.shape)}"
        )
    out[mask] = source.reshape(-1)[:count]
    return out


def _masked_source(g: Any, mask: Any, shape: tuple) -> Any:
    mask = np.broadcast_to(mask.array if isinstance(mask, Tensor) else mask, tuple(g.shape))
    chosen = g.reshape(-1)[mask.reshape(-1)]
    missing = math.prod(shape) - chosen.shape[0]
    return np.concatenate([chosen, np.zeros_like(chosen, shape=(missing,))]).reshape(shape)


# ---- by indices --------------------------------------------------------------------------------------------------


def checked_index(index: Any, n: int, name: str) -> Any:
    """The array of an index tensor; an IndexError where it points outside of `n` elements."""
    array = index.array if isinstance(index, Tensor) else index
    if array.dtype.kind not in "iu":
        raise IndexError(f"{name}(): Expected dtype int32 or int64 for index, got {array.dtype}")
    if math.prod(array.shape):
        low, high = int(array.min()), int(array.max())
        if low < 0 or high >= n:
            raise IndexError(f"{name}: index {low if low < 0 else high} is out of bounds for a dimension of size {n}")
    return array


@op("index_select", method=False, x=lambda g, x_shape, dim, index: add_at(g, part(dim, index), x_shape))
def _index_select(x, dim, index):
    return np.take(x, index, dim)


@function()
def index_select(input, dim, index):
    """The slices along a dimension that a vector of indices names."""
    dim = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, got the shape {tuple(index.shape)}")
    where_ = checked_index(index, input.shape[dim] if input.ndim else 1, "index_select").reshape(-1)
    if not input.ndim:
        return _index_select(input.reshape(1), 0, where_).reshape(())
    return _index_select(input, dim, where_)


def along(index: Any, dim: int) -> tuple:
    """The index that takes, at each place of `index`, the element of that place but for dimension `dim`."""
    grids = []
    for d, n in enumerate(index.shape):
        if d == dim:
            grids.append(index)
        else:
            grids.append(steps(n, index).reshape((-1,) + (1,) * (index.ndim - 1 - d)))
    return tuple(grids)


@op("gather", method=False, x=lambda g, x_shape, dim, index: add_at(g, along(index, dim), x_shape))
def _gather(x, dim, index):
    fits = all(n == m for d, (n, m) in enumerate(zip(x.shape, index.shape, strict=True)) if d != dim)
    return np.take_along_axis(x, index, dim) if fits else x[along(index, dim)]


def check_gather(input: Any, dim: int, index: Any, name: str) -> Any:
    """The array of an index that has as many dimensions as `input`, nowhere longer but along `dim`."""
    if index.ndim != input.ndim and input.ndim + index.ndim > 1 and math.prod(index.shape):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor: {name} got {index.ndim} and {input.ndim}"
        )
    for d, (n, m) in enumerate(zip(index.shape, input.shape, strict=False)):
        if d != dim and n > m and math.prod(index.shape):
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger than self "
                f"{list(input.shape)} apart from dimension {dim}"
            )
    if index.dtype.kind not in "iu":
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {index.dtype}")
    return checked_index(index, input.shape[dim] if input.ndim else 1, name)


@function()
def gather(input, dim, index, *, sparse_grad=False):
    """At each place the element of `input` there, but for its position along `dim`, which `index` names.

    >>> import autograd as ag
    >>> ag.gather(ag.tensor([[1, 2], [3, 4]]), 1, ag.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    dim = wrap_dim(dim, input.ndim)
    array = check_gather(input, dim, index, "gather")
    if not input.ndim or input.ndim != index.ndim:
        return _gather(input.reshape(-1), 0, array.reshape(-1)).reshape(array.shape)
    return _gather(input, dim, array)


@function(numpy=np.take_along_axis)
def take_along_dim(input, indices, dim=None):
    """`gather` with shapes that broadcast but along `dim`; without `dim` elements of the flattened input."""
    if dim is None:
        return gather(input.reshape(-1), 0, indices.reshape(-1))
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    dim = wrap_dim(dim, input.ndim)
    shape = np.broadcast_shapes(*(tuple(1 if d == dim else n for d, n in enumerate(v.shape)) for v in (input, indices)))
    grown = [expanded(v, (*shape[:dim], v.shape[dim], *shape[dim + 1 :])) for v in (input, indices)]
    n = grown[0].shape[dim]
    where_ = grown[1].array
    return gather(grown[0], dim, wrap(np.where(where_ < 0, where_ + n, where_)))


@function()
def take(input, index):
    """Elements by their places in the flattened input, in the shape of `index`."""
    n = math.prod(input.shape)
    array = index.array if isinstance(index, Tensor) else np.asarray(index)
    if array.dtype != np.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {array.dtype}")
    array = np.where(array < 0, array + n, array)
    return _index(input.reshape(-1), (checked_index(array, n, "take"),))


@function(method=False, numpy=np.take)
def _numpy_take(a, indices, axis=None, mode="raise"):
    if mode != "raise":
        raise TypeError(f"np.take with mode={mode!r} cannot be recorded on a Tensor")
    index = indices.array if isinstance(indices, Tensor) else np.asarray(indices)
    return take(a, index.astype(np.int64)) if axis is None else a[part(wrap_dim(axis, a.ndim), index)]


# ---- where elements are not zero ---------------------------------------------------------------------------------


@function(numpy=np.nonzero)
def nonzero(input, *, as_tuple=False):
    """The places of the elements that are not zero: one row each, or with `as_tuple` one vector per dimension."""
    array = input.array if isinstance(input, Tensor) else input
    found = np.nonzero(array) if array.ndim else ()
    if as_tuple:
        return tuple(map(wrap, found)) if array.ndim else (wrap(np.nonzero(array.reshape(1))[0]),)
    if not array.ndim:
        return wrap(np.zeros_like(array, shape=(int(bool(array)), 0), dtype=np.int64))
    return wrap(np.stack(found, 1))


@function(method=False, numpy=np.nonzero)
def _numpy_nonzero(a):
    return nonzero(a, as_tuple=True)


@function(numpy=np.argwhere)
def argwhere(input):
    """The places of the elements that are not zero, one row each."""
    return nonzero(input)


@function()
def nonzero_static(input, *, size, fill_value=-1):
    """`nonzero` with exactly `size` rows: the first ones, filled up with `fill_value`."""
    found = nonzero(input).array[:size]
    missing = size - found.shape[0]
    return wrap(np.concatenate([found, np.full_like(found, fill_value, shape=(missing, found.shape[1]))]))
