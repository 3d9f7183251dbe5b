"""The methods of NumPy's ufuncs, on arrays of any device: CuPy has few of them, and those not for all types."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__: list[str] = []

_METHODS = {np.maximum: "max", np.minimum: "min", np.logical_and: "all", np.logical_or: "any"}
_ATOMIC = "iIlLqQefd"  # the types to which a GPU adds safely where several threads meet


def reduce(ufunc: Any, x: Any, axis: Any, keepdims: bool = False, initial: Any = None) -> Any:
    """``ufunc.reduce(x, axis)``; `initial` is a number that changes nothing, the result where there are no elements."""
    if isinstance(x, (np.ndarray, np.generic)):
        start = {} if initial is None else {"initial": initial}
        return ufunc.reduce(x, axis=axis, keepdims=keepdims, **start)
    if initial is not None and not x.size:
        return np.full_like(x, initial, shape=np.add.reduce(x, axis=axis, keepdims=keepdims).shape)
    if ufunc in _METHODS:
        return getattr(x, _METHODS[ufunc])(axis=axis, keepdims=keepdims)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    for d in axes:
        x = np.take(accumulate(ufunc, x, d), [-1], d)
    return x if keepdims else x.squeeze(axis)


def accumulate(ufunc: Any, x: Any, axis: int) -> Any:
    """``ufunc.accumulate(x, axis)``."""
    if isinstance(x, np.ndarray):
        return ufunc.accumulate(x, axis=axis)
    out = x.copy()
    return np.moveaxis(_doubled(ufunc, np.moveaxis(out, axis, 0)), 0, axis)


def _doubled(ufunc: Any, x: Any, run: Any = None) -> Any:
    """Each element of `x` combined, in place, with all before it (that have the same number in the sorted vector `run`).

    After the k-th step each holds what came up to 2ᵏ places before it.
    """
    step = 1
    while step < len(x):
        both = ufunc(x[:-step], x[step:])
        x[step:] = both if run is None else np.where(run[step:] == run[:-step], both, x[step:])
        step *= 2
    return x


def at(ufunc: Any, out: Any, index: Any, values: Any) -> None:
    """``ufunc.at(out, index, values)``: of an index that comes several times each value counts."""
    if isinstance(out, np.ndarray) or (ufunc is np.add and out.dtype.char in _ATOMIC):
        return ufunc.at(out, index, values)
    if ufunc is np.add and out.dtype.kind == "c":
        np.add.at(out.real, index, values.real)
        return np.add.at(out.imag, index, values.imag)
    place = np.arange(math.prod(out.shape), like=out).reshape(out.shape)[index]
    values = np.broadcast_to(values, place.shape).reshape(-1)
    order = np.argsort(place.reshape(-1), kind="stable")
    place, combined = place.reshape(-1)[order], values[order].astype(out.dtype)
    combined = _doubled(ufunc, combined, place)
    last = np.concatenate([place[1:] != place[:-1], np.ones_like(place[:1], dtype=bool)])
    flat = out.reshape(-1)
    flat[place[last]] = ufunc(flat[place[last]], combined[last])
    out[...] = flat.reshape(out.shape)
