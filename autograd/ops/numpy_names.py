"""NumPy's functions whose arguments differ from PyTorch's, on Tensors: `np.std(t)` divides by n, as NumPy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import promote_types
from ..op import NUMPY
from . import (
    arithmetic,
    comparison,
    complexes,
    diagonal,
    einsum,
    functions,
    linalg,
    norms,
    padding,
    reduction,
    scan,
    sorting,
    spectral,
    statistics,
)

__all__: list[str] = []


def _stands_for(*theirs: Callable) -> Callable:
    """Call the decorated function where NumPy's is called with a Tensor."""

    def declare(ours: Callable) -> Callable:
        NUMPY.update(dict.fromkeys(theirs, ours))
        return ours

    return declare


# ---- what they are ---------------------------------------------------------------------------------------------------


@_stands_for(np.shape)
def _shape(a: Any) -> tuple[int, ...]:
    return tuple(a.shape)


@_stands_for(np.ndim)
def _ndim(a: Any) -> int:
    return a.ndim


@_stands_for(np.size)
def _size(a: Any, axis: int | None = None) -> int:
    return a.numel() if axis is None else a.shape[axis]


# ---- reductions ------------------------------------------------------------------------------------------------------


@_stands_for(np.max, np.amax)
def _max(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return reduction.amax(a, () if axis is None else axis, keepdims)


@_stands_for(np.min, np.amin)
def _min(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return reduction.amin(a, () if axis is None else axis, keepdims)


@_stands_for(np.ptp)
def _ptp(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return _max(a, axis, keepdims=keepdims) - _min(a, axis, keepdims=keepdims)


@_stands_for(np.var)
def _var(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, correction: float | None = None) -> Any:
    return reduction.var(a, axis, correction=ddof if correction is None else correction, keepdim=keepdims)


@_stands_for(np.std)
def _std(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False, correction: float | None = None) -> Any:
    return reduction.std(a, axis, correction=ddof if correction is None else correction, keepdim=keepdims)


@_stands_for(np.average)
def _average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    if weights is None:
        return reduction.mean(a, axis, keepdims)
    a, weights = _tensors(a, weights)
    if weights.shape != a.shape:  # as many as there are along the axis
        weights = weights.reshape([-1 if d == axis % a.ndim else 1 for d in range(a.ndim)])
    return (a * weights).sum(axis, keepdims) / weights.expand(a.shape).sum(axis, keepdims)


# ---- functions of each element ---------------------------------------------------------------------------------------


@_stands_for(np.fabs)
def _fabs(x: Any) -> Any:
    return complexes.abs(x)


@_stands_for(np.angle)
def _angle(z: Any, deg: bool = False) -> Any:
    return functions.rad2deg(complexes.angle(z)) if deg else complexes.angle(z)


@_stands_for(np.heaviside)
def _heaviside(x: Any, y: Any) -> Any:
    return arithmetic.heaviside(*_tensors(x, y))


@_stands_for(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    return arithmetic.clamp(a, min if a_min is None else a_min, max if a_max is None else a_max)


@_stands_for(np.rint)
def _rint(x: Any) -> Any:
    return functions.round(x)


@_stands_for(np.round, np.around)
def _round(a: Any, decimals: int = 0) -> Any:
    return functions.round(a, decimals=decimals)


@_stands_for(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    if not copy:
        raise TypeError("np.nan_to_num on a Tensor does not take copy=False; use tensor.nan_to_num_()")
    return functions.nan_to_num(x, nan, posinf, neginf)


@_stands_for(np.divmod)
def _divmod(x: Any, y: Any) -> tuple[Any, Any]:
    return arithmetic.floor_divide(x, y), arithmetic.remainder(x, y)


@_stands_for(np.select)
def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    out = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        out = np.where(condition, choice, out)
    return out


# ---- products and matrices -------------------------------------------------------------------------------------------


@_stands_for(np.outer, np.linalg.outer)
def _outer(a: Any, b: Any) -> Any:
    return linalg.outer(np.ravel(a), np.ravel(b))


@_stands_for(np.dot)
def _dot(a: Any, b: Any) -> Any:
    if not np.ndim(a) or not np.ndim(b):
        return a * b
    return linalg.matmul(a, b) if b.ndim <= 2 else linalg.tensordot(a, b, ([-1], [-2]))


@_stands_for(np.tensordot, np.linalg.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    return linalg.tensordot(a, b, axes)


@_stands_for(np.vecdot, np.linalg.vecdot)
def _vecdot(a: Any, b: Any, *, axis: int = -1) -> Any:
    return linalg.vecdot(*_tensors(a, b), dim=axis)


@_stands_for(np.cross, np.linalg.cross)
def _cross(a: Any, b: Any, *, axis: int = -1) -> Any:
    return linalg.linalg_cross(*_tensors(a, b), dim=axis)


@_stands_for(np.linalg.matmul)
def _matmul(a: Any, b: Any) -> Any:
    return linalg.matmul(a, b)


@_stands_for(np.einsum)
def _einsum(*operands: Any, optimize: Any = False) -> Any:
    return einsum.einsum(*operands)


@_stands_for(np.linalg.vector_norm)
def _vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    return norms.vector_norm(x, ord, axis, keepdims)


@_stands_for(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    return spectral.linalg_svd(a, full_matrices) if compute_uv else spectral.svdvals(a)


@_stands_for(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(x: Any) -> Any:
    return x.mT


@_stands_for(np.linalg.diagonal)
def _diagonal(x: Any, *, offset: int = 0) -> Any:
    return diagonal.diagonal(x, offset, -2, -1)


@_stands_for(np.linalg.trace)
def _trace(x: Any, *, offset: int = 0) -> Any:
    return diagonal.diagonal(x, offset, -2, -1).sum(-1)


# ---- elements put together -------------------------------------------------------------------------------------------


@_stands_for(np.append)
def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate(_tensors(arr, values), axis=axis)


@_stands_for(np.pad)
def _pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    pairs = [tuple(pair) for pair in np.broadcast_to(pad_width, (array.ndim, 2)).tolist()]
    if mode == "constant":
        return padding.pad(array, [n for pair in reversed(pairs) for n in pair], value=constant_values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise TypeError(f"np.pad with mode={mode!r} cannot be recorded on a Tensor")
    for axis, pair in enumerate(pairs):
        if any(pair):
            places = np.pad(np.arange(array.shape[axis]), pair, mode)  # where each element comes from
            array = array.index_select(axis, array.new_tensor(places, dtype=places.dtype))
    return array


# ---- along one axis --------------------------------------------------------------------------------------------------


def _along(a: Any, axis: int | None) -> tuple[Any, int]:
    """The array and the axis; NumPy lays the array flat where `axis` is None."""
    return (a.reshape(-1), 0) if axis is None else (a, axis)


@_stands_for(np.cumsum)
def _cumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    return scan.cumsum(*_along(a, axis), dtype=dtype)


@_stands_for(np.cumprod)
def _cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    return scan.cumprod(*_along(a, axis), dtype=dtype)


@_stands_for(np.trapezoid)
def _trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    return scan.trapezoid(y, x, dx=dx, dim=axis)


@_stands_for(np.gradient)
def _gradient(f: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    dims = tuple(range(f.ndim)) if axis is None else axis
    distance = 1 if not spacing else spacing[0] if len(spacing) == 1 else list(spacing)
    if len(spacing) == 1 and hasattr(distance, "ndim"):
        distance = [distance]
    slopes = scan.gradient(f, spacing=distance, dim=dims, edge_order=edge_order)
    return slopes[0] if len(slopes) == 1 else tuple(slopes)


@_stands_for(np.sort)
def _sort(a: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Any:
    return sorting.sort(*_along(a, axis))[0]


@_stands_for(np.argsort)
def _argsort(a: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Any:
    return sorting.argsort(*_along(a, axis))


@_stands_for(np.median)
def _median(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    return sorting.quantile(a, 0.5, axis, keepdims)


@_stands_for(np.nanmedian)
def _nanmedian(a: Any, axis: int | None = None, *, keepdims: bool = False) -> Any:
    return sorting.nanquantile(a, 0.5, axis, keepdims)


@_stands_for(np.quantile)
def _quantile(a: Any, q: Any, axis: int | None = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    return sorting.quantile(a, q, axis, keepdims, interpolation=method)


@_stands_for(np.nanquantile)
def _nanquantile(a: Any, q: Any, axis: int | None = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    return sorting.nanquantile(a, q, axis, keepdims, interpolation=method)


@_stands_for(np.percentile)
def _percentile(a: Any, q: Any, axis: int | None = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    return _quantile(a, np.true_divide(q, 100), axis, method=method, keepdims=keepdims)


@_stands_for(np.searchsorted)
def _searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    return sorting.searchsorted(a, v, side=side, sorter=sorter)


@_stands_for(np.unique)
def _unique(
    ar: Any, *, return_inverse: bool = False, return_counts: bool = False, axis: int | None = None, sorted: bool = True
) -> Any:
    return sorting.unique(ar, return_inverse=return_inverse, return_counts=return_counts, dim=axis)


# ---- statistics and comparisons --------------------------------------------------------------------------------------


@_stands_for(np.cov)
def _cov(
    m: Any,
    *,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Any:
    m = m if rowvar or m.ndim < 2 else m.T
    return statistics.cov(m, correction=int(not bias) if ddof is None else ddof, fweights=fweights, aweights=aweights)


@_stands_for(np.corrcoef)
def _corrcoef(x: Any, *, rowvar: bool = True) -> Any:
    return statistics.corrcoef(x if rowvar or x.ndim < 2 else x.T)


@_stands_for(np.isclose)
def _isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    return comparison.isclose(*_pair(a, b), rtol, atol, equal_nan)


@_stands_for(np.allclose)
def _allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    return comparison.allclose(*_pair(a, b), rtol, atol, equal_nan)


@_stands_for(np.array_equal)
def _array_equal(a1: Any, a2: Any) -> bool:
    return comparison.equal(*_pair(a1, a2))


def _tensors(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands, one of them a Tensor, as Tensors."""
    like = a if hasattr(a, "new_tensor") else b
    a, b = (
        v if hasattr(v, "new_tensor") else like.new_tensor(v if hasattr(v, "dtype") else np.asarray(v)) for v in (a, b)
    )
    return a, b


def _pair(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands as Tensors of the type that both convert to."""
    a, b = _tensors(a, b)
    dtype = promote_types(a.dtype, b.dtype)
    return a.to(dtype), b.to(dtype)
