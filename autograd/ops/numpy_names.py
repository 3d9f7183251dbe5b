"""NumPy's functions whose arguments differ from PyTorch's, on Tensors: `np.std(t)` divides by n, as NumPy does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..op import NUMPY
from . import arithmetic, comparison, functions, linalg, reduction, scan, sorting, statistics

__all__: list[str] = []


def _stands_for(*theirs: Callable) -> Callable:
    """Call the decorated function where NumPy's is called with a Tensor."""

    def declare(ours: Callable) -> Callable:
        NUMPY.update(dict.fromkeys(theirs, ours))
        return ours

    return declare


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


@_stands_for(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    return arithmetic.clamp(a, min if a_min is None else a_min, max if a_max is None else a_max)


@_stands_for(np.round, np.around)
def _round(a: Any, decimals: int = 0) -> Any:
    return functions.round(a, decimals=decimals)


@_stands_for(np.nan_to_num)
def _nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    return functions.nan_to_num(x, nan, posinf, neginf)


@_stands_for(np.divmod)
def _divmod(x: Any, y: Any) -> tuple[Any, Any]:
    return arithmetic.floor_divide(x, y), arithmetic.remainder(x, y)


@_stands_for(np.outer)
def _outer(a: Any, b: Any) -> Any:
    return linalg.outer(np.ravel(a), np.ravel(b))


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


@_stands_for(np.searchsorted)
def _searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    return sorting.searchsorted(a, v, side=side, sorter=sorter)


@_stands_for(np.unique)
def _unique(
    ar: Any, *, return_inverse: bool = False, return_counts: bool = False, axis: int | None = None, sorted: bool = True
) -> Any:
    return sorting.unique(ar, return_inverse=return_inverse, return_counts=return_counts, dim=axis)


@_stands_for(np.cov)
def _cov(m: Any, *, bias: bool = False, ddof: int | None = None, fweights: Any = None, aweights: Any = None) -> Any:
    return statistics.cov(m, correction=int(not bias) if ddof is None else ddof, fweights=fweights, aweights=aweights)


@_stands_for(np.corrcoef)
def _corrcoef(x: Any) -> Any:
    return statistics.corrcoef(x)


@_stands_for(np.isclose)
def _isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    return comparison.isclose(*_pair(a, b), rtol, atol, equal_nan)


@_stands_for(np.allclose)
def _allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    return comparison.allclose(*_pair(a, b), rtol, atol, equal_nan)


@_stands_for(np.array_equal)
def _array_equal(a1: Any, a2: Any) -> bool:
    return comparison.equal(*_pair(a1, a2))


def _pair(a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands as Tensors of one type."""
    like = a if hasattr(a, "new_tensor") else b
    a, b = (v if hasattr(v, "new_tensor") else like.new_tensor(v) for v in (a, b))
    return a, b.to(a.dtype)
