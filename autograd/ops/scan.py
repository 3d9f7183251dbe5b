"""Running sums, products and extremes, differences, and integrals of samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import as_dtype, expect_real
from ..fast import ready
from ..fast import rows as loops
from ..op import function, op
from ..return_types import named
from ..tensor import Tensor
from . import ufuncs
from .dims import axes
from .functions import logaddexp
from .indices import slice_along
from .places import along, finder, ones, place, shift_in, zeros

__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "gradient", "logcumsumexp", "trapezoid", "trapz",
]  # fmt: skip


def _prepared(x: Any, dim: int, dtype: Any) -> Any:
    """`x` in the type to accumulate in."""
    if not x.ndim:
        axes(x, dim)
    if dtype is not None:
        return x.astype(as_dtype(dtype), copy=False)
    return x.astype(np.int64) if x.dtype.kind in "bui" else x


def _sums(x: Any, dim: int, backwards: bool = False) -> Any:
    """The running sum of an array, from the end if `backwards`."""
    if ready(x):
        dim %= x.ndim
        shape = math.prod(x.shape[:dim]), x.shape[dim], math.prod(x.shape[dim + 1 :])
        out = np.empty_like(x)
        loops.running_sums(x.reshape(shape), out.reshape(shape), backwards)
        return out
    return np.flip(np.add.accumulate(np.flip(x, dim), axis=dim), dim) if backwards else np.add.accumulate(x, axis=dim)


def _backwards(g: Any, dim: int) -> Any:
    """The running sum from the end."""
    return np.flip(cumsum(np.flip(g, dim), dim), dim) if isinstance(g, Tensor) else _sums(g, dim, True)


@op(x=lambda g, dim: _backwards(g, dim) if g.ndim else g)
def cumsum(x, dim, *, dtype=None):
    """The running sum along a dimension.

    >>> import autograd as ag
    >>> ag.cumsum(ag.tensor([1, 2, 3]), dim=0)
    tensor([1, 3, 6])
    """
    x = _prepared(x, dim, dtype)
    return _sums(x, dim) if x.ndim else x.copy()


def _next(x: Any, dim: int) -> Any:
    """`x` moved back by one along `dim`, the first element last."""
    return np.concatenate([slice_along(x, dim, 1), slice_along(x, dim, 0, 1)], axis=dim)


def _from_the_end(a: Any, b: Any, dim: int) -> Any:
    """y_k = b_k + a_(k+1) y_(k+1)."""
    return np.flip(recurrence(np.flip(_next(a, dim), dim), np.flip(b, dim), dim), dim)


@op(
    "recurrence",
    method=False,
    a=lambda g, a, out, dim: _from_the_end(a, g, dim) * shift_in(out, zeros, dim),
    b=lambda g, a, dim: _from_the_end(a, g, dim),
)
def recurrence(a, b, dim):
    """y_k = a_k y_(k-1) + b_k along a dimension, from y_0 = b_0: the gradients of running products are of this form."""
    out = b.copy()
    a, y = np.moveaxis(a, dim, 0), np.moveaxis(out, dim, 0)
    for k in range(1, len(y)):
        y[k] += a[k] * y[k - 1]
    return out


def _cumprod_rule(g: Any, x: Any, out: Any, dim: int) -> Any:
    """Σ over i >= k of g_i × the product of all x_j, j <= i, without x_k."""
    if not x.ndim:
        return g
    if not (isinstance(x, Tensor) or bool((x == 0).any())):  # the gradient of 1 / x would be rounding where x is small
        return _backwards(g * out, dim) / x
    return shift_in(out, ones, dim) * _from_the_end(x, g, dim)


@op(x=_cumprod_rule)
def cumprod(x, dim, *, dtype=None):
    """The running product along a dimension."""
    x = _prepared(x, dim, dtype)
    return np.multiply.accumulate(x, axis=dim) if x.ndim else x.copy()


def _logcumsumexp_rule(g: Any, x: Any, out: Any, dim: int) -> Any:
    """exp(x_k) Σ over i >= k of g_i exp(-out_i), where no exponent is positive."""
    if not x.ndim:
        return g
    before = shift_in(out, zeros, dim)
    shrink = np.exp(np.where(before == out, 0, before - out))
    return np.exp(np.where(x == out, 0, x - out)) * _from_the_end(shrink, g, dim)


@op(x=_logcumsumexp_rule)
def logcumsumexp(x, dim):
    """The logarithm of the running sum of exponentials along a dimension.

    An element that is infinite takes the gradient of the sums that are equal to it; PyTorch's is NaN there.
    """
    if x.dtype.kind not in "fc":
        raise RuntimeError(f"logcumsumexp: expected a floating-point or complex tensor, got {x.dtype}; use .float()")
    if not x.ndim:
        axes(x, dim)
        return x.copy()
    if x.dtype.kind == "f":
        return ufuncs.accumulate(np.logaddexp, x, dim)
    out = x.copy()
    y = np.moveaxis(out, dim, 0)
    for k in range(1, len(y)):
        y[k] = logaddexp(y[k - 1], y[k])
    return out


def _running(name: str, ufunc: Any) -> Any:
    @finder(name, lambda g, index, x_shape, dim: place(g, index, x_shape, dim, True) if x_shape else g)
    def forward(x, dim):
        expect_real(name, x)
        if not x.ndim:
            axes(x, dim)
            return x.copy(), np.zeros_like(x, dtype=np.int64)
        values = ufuncs.accumulate(ufunc, x, dim)
        new = x == values
        if x.dtype.kind == "f":
            new |= np.isnan(x)
        index = ufuncs.accumulate(np.maximum, np.where(new, along(x.shape[dim], x.ndim, dim, x), 0), dim)
        return values, index

    return forward


_cummax, _cummin = _running("cummax", np.maximum), _running("cummin", np.minimum)
_Cummax, _Cummin = (named(name, "values indices") for name in ("cummax", "cummin"))


@function()
def cummax(input: Any, dim: int) -> Any:
    """The running maximum along a dimension, and where it was found, the last of equal ones."""
    return _Cummax(*_cummax(input, dim))


@function()
def cummin(input: Any, dim: int) -> Any:
    """The running minimum along a dimension, and where it was found, the last of equal ones."""
    return _Cummin(*_cummin(input, dim))


# ---- differences and integrals -----------------------------------------------------------------------------------


@function(numpy=np.diff)
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """The `n`-th differences of neighbours along a dimension.

    >>> import autograd as ag
    >>> ag.diff(ag.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    if not input.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"diff: order n must be non-negative, got {n}")
    if n == 0:
        return input.clone()
    ends = [t for t in (prepend, input, append) if t is not None]
    x = np.concatenate(ends, axis=dim) if len(ends) > 1 else input
    for _ in range(n):
        after, before = slice_along(x, dim, 1), slice_along(x, dim, None, -1)
        x = np.logical_xor(after, before) if x.dtype.kind == "b" else after - before
    return x


def _areas(y: Any, x: Any, dx: Any, dim: int) -> Any:
    """The areas between neighbours."""
    after, before = slice_along(y, dim, 1), slice_along(y, dim, None, -1)
    if x is None:
        return (after + before) * (dx / 2) if isinstance(dx, (int, float)) else (after + before) * dx / 2
    if x.ndim == 1 and y.ndim > 1:
        if x.shape[0] != y.shape[dim]:
            raise RuntimeError(
                f"trapezoid: There must be one `x` value for each sample point: x has {x.shape[0]}, y has {y.shape[dim]}"
            )
        x = x.reshape(tuple(x.shape[0] if d == dim % y.ndim else 1 for d in range(y.ndim)))
    elif x.ndim < y.ndim:
        x = x.reshape((1,) * (y.ndim - x.ndim) + tuple(x.shape))
    return (slice_along(x, dim, 1) - slice_along(x, dim, None, -1)) * (after + before) / 2


@function(method=False)
def trapezoid(y: Any, x: Any = None, *, dx: Any = 1.0, dim: int = -1) -> Any:
    """The integral along a dimension by the trapezoidal rule, of samples at `x` or `dx` apart."""
    if y.shape[dim] == 0:
        return y.sum(dim)
    return _areas(y, x, dx, dim).sum(dim)


trapz = trapezoid


@function(method=False)
def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = 1.0, dim: int = -1) -> Any:
    """The running integral along a dimension by the trapezoidal rule, of samples at `x` or `dx` apart."""
    return cumsum(_areas(y, x, dx, dim), dim)


def _slope(y: Any, h: Any, dim: int, edge_order: int) -> Any:
    """Central differences inside, one-sided ones at the ends.  `h`: the spacing, a number or one per interval."""
    n = y.shape[dim]
    if n < edge_order + 1:
        raise RuntimeError(f"gradient expected each dimension size to be at least edge_order+1, got {n}")
    rise = slice_along(y, dim, 1) - slice_along(y, dim, None, -1)
    if isinstance(h, (int, float, complex)):
        h = h + 0 * slice_along(rise, dim).detach()
        h = h.real if h.is_complex() and not y.is_complex() else h
    else:
        h = h.reshape(tuple(n - 1 if d == dim % y.ndim else 1 for d in range(y.ndim)))
    slopes = rise / h
    left, right = slice_along(h, dim, None, -1), slice_along(h, dim, 1)
    inner = (slice_along(slopes, dim, None, -1) * right + slice_along(slopes, dim, 1) * left) / (left + right)
    first, last = slice_along(slopes, dim, 0, 1), slice_along(slopes, dim, -1)
    if edge_order == 2:
        bend_first = (slice_along(slopes, dim, 1, 2) - first) / (slice_along(h, dim, 0, 1) + slice_along(h, dim, 1, 2))
        bend_last = (last - slice_along(slopes, dim, -2, -1)) / (slice_along(h, dim, -1) + slice_along(h, dim, -2, -1))
        first = first - bend_first * slice_along(h, dim, 0, 1)
        last = last + bend_last * slice_along(h, dim, -1)
    return np.concatenate([first, inner, last], axis=dim)


@function(method=False)
def gradient(input: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> list:
    """The derivative of sampled values along each of several dimensions, by central differences.

    Args:
        input: the values.
        spacing: the distance between samples, one for all dimensions or one each; or the samples' coordinates, a 1-d
            tensor per dimension.
        dim: the dimensions; None is all.
        edge_order: the order of accuracy at the ends, 1 or 2.

    Returns:
        A list of tensors, one per dimension.
    """
    spacing = 1 if spacing is None else spacing
    if edge_order not in (1, 2):
        raise RuntimeError(f"gradient only supports edge_order=1 and edge_order=2, got {edge_order}")
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    listed = isinstance(spacing, (list, tuple))
    spacings = list(spacing) if listed else [spacing] * len(dims)
    if len(spacings) != len(dims):
        raise RuntimeError(f"gradient expected one spacing for each of {len(dims)} dimensions, got {len(spacings)}")
    results = []
    for d, h in zip(dims, spacings, strict=True):
        if isinstance(h, Tensor):
            h = (slice_along(h, 0, 1) - slice_along(h, 0, None, -1)) if h.ndim else h.item()
        results.append(_slope(input, h, d, edge_order))
    return results
