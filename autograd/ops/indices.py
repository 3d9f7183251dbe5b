"""What an index means: ints, slices, ``...``, None, masks, integer arrays, and mixtures of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..tensor import Tensor, share
from .dims import wrap_dim

__all__: list[str] = []


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
    if isinstance(index, list) and any(p is None or p is Ellipsis or isinstance(p, slice) for p in index):
        index = tuple(index)
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


def beside(index: tuple, array: Any) -> tuple:
    """An index with its arrays on the device of `array`."""
    if isinstance(array, (np.ndarray, np.generic)):
        if any(hasattr(p, "dtype") and not isinstance(p, (np.ndarray, np.generic)) for p in index):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        return index
    return tuple(p if isinstance(p, slice) or type(p) is type(array) else np.asarray(p, like=array) for p in index)


def part(dim: int, index: Any) -> tuple:
    """The index that applies `index` to dimension `dim` and takes the others whole."""
    return (slice(None),) * dim + (index,)


def slice_along(x: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int | None = None) -> Any:
    """``x[start:end:step]`` along `dim`."""
    return x[part(wrap_dim(dim, x.ndim), slice(start, end, step))]


def filled(g: Any, shape: tuple[int, ...], index: tuple) -> Any:
    """Zeros of `shape` with `g` at a basic `index`: the adjoint of a slice."""
    out = np.zeros_like(g, shape=shape)
    out[index] = g
    return out
