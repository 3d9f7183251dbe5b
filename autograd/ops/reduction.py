"""Many elements to one: sums, products, extremes, moments, questions about all."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..dtypes import as_dtype, expect_real
from ..fast import LARGE, linalg, ready
from ..fast import rows as loops
from ..fast.blocks import ALONE
from ..fast.threads import by_blocks, get_num_threads, one_blas_thread, parts, shared
from ..op import function, op
from ..return_types import named
from ..tensor import Tensor
from . import ufuncs
from .arithmetic import maximum, minimum
from .dims import axes, count, reduced, spread, unreduced
from .places import finder, index_dtype, ones, place, shift_in
from .scan import cumprod

__all__ = [
    "all", "amax", "amin", "aminmax", "any", "argmax", "argmin", "count_nonzero", "logsumexp", "max", "mean", "min", "nanmean",
    "nansum", "prod", "std", "std_mean", "sum", "var", "var_mean",
]  # fmt: skip


def working(x: Any) -> Any:
    """`x` in a type precise enough to add up many."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


# ---- sums --------------------------------------------------------------------------------------------------------


FEW = 64  # rows: too few to be added up in parts


def row_sums(x: Any, out: Any) -> None:
    """The sum of each row."""
    if ready(x):
        loops.row_sums(x, out)
    elif x.shape[1] <= linalg.EXACT:
        with one_blas_thread():  # alone it takes half the time of two that add up without BLAS
            np.dot(x, linalg.ones(x.shape[1], x.dtype.char), out=out)
    elif x.shape[1] % linalg.EXACT == 0:
        sums = np.empty((len(x), x.shape[1] // linalg.EXACT), x.dtype)
        row_sums(x.reshape((-1, linalg.EXACT)), sums.reshape(-1))
        np.add.reduce(sums, axis=1, out=out)
    else:
        rows = parts(len(x), get_num_threads() if x.size >= ALONE else 1)
        shared(lambda part: np.add.reduce(x[part], axis=1, out=out[part]), rows)


def added(x: Any, dims: Any, keepdim: bool, dtype: Any = None) -> Any:
    """The sum of a large array by all threads where the first dimensions go, the last, or all; otherwise NumPy's."""
    if x.ndim and x.size >= LARGE and dtype in (None, x.dtype) and row_major(x):
        gone = _gone(x, dims)
        first = x.ndim - len(gone)
        if first == 0:
            whole = x.size // linalg.EXACT * linalg.EXACT
            flat = x.reshape(-1)
            sums = np.empty(whole // linalg.EXACT, x.dtype)
            row_sums(flat[:whole].reshape((-1, linalg.EXACT)), sums)
            total = np.add.reduce(sums) + np.add.reduce(flat[whole:])
            return total.reshape((1,) * x.ndim) if keepdim else total
        if gone[0] == first and math.prod(x.shape[first:]) <= 64 * linalg.EXACT:  # the last ones
            out = np.empty(x.shape[:first] + (1,) * len(gone) * keepdim, x.dtype)
            row_sums(x.reshape((out.size, -1)), out.reshape(-1))
            return out
        if gone[-1] < len(gone):  # the first ones
            shape = x.shape[len(gone) :]
            rows = x.reshape((-1, math.prod(shape)))
            with one_blas_thread():
                total = np.add.reduce(rows) if len(rows) < FEW else linalg.column_sums(rows)
            return total.reshape((1,) * len(gone) * keepdim + shape)
    return np.add.reduce(x, axis=dims, keepdims=keepdim, dtype=dtype)


def _gone(x: Any, dims: Any) -> list[int]:
    """The dimensions that are reduced, from the first; raises AxisError as NumPy does where there are none such."""
    return sorted(range(x.ndim) if dims is None else normalize_axis_tuple(dims, x.ndim))


def row_major(x: Any) -> bool:
    """Whether this is an array of NumPy's of single or double precision, in C order."""
    return type(x) is np.ndarray and x.dtype.char in "fd" and x.flags.c_contiguous


@op(numpy=np.sum, x=lambda g, x_shape, dim: spread(g, x_shape, dim))
def sum(x, dim=None, keepdim=False, *, dtype=None):
    """The sum over all elements, or over one or several dimensions.

    Args:
        x: the input; integers and bools are added as int64.
        dim: the dimension or dimensions; None is all.
        keepdim: keep them, with length 1.
        dtype: the type to add in, and of the result.

    >>> import autograd as ag
    >>> ag.ones(2, 3).sum(dim=1)
    tensor([3., 3.])
    """
    if dtype is None:
        kind = x.dtype.kind
        if kind == "f" and x.itemsize == 2:
            return np.add.reduce(x, axis=axes(x, dim), keepdims=keepdim, dtype=np.float32).astype(x.dtype)
        if kind in "bui":
            dtype = np.int64
    else:
        dtype = as_dtype(dtype)
        if x.dtype.kind == "c" and dtype.kind != "c":
            x = x.real
    return added(x, None if dim is None else axes(x, dim), keepdim, dtype)


@op(numpy=np.mean, x=lambda g, x_shape, dim: spread(g / (count(x_shape, dim) or 1), x_shape, dim))
def mean(x, dim=None, keepdim=False, *, dtype=None):
    """The mean over all elements, or over one or several dimensions; in `dtype` if given."""
    wanted = x.dtype if dtype is None else as_dtype(dtype)
    if wanted.kind not in "fc":
        raise RuntimeError(
            f"mean: expected a floating-point or complex tensor, got {wanted}; convert it with .float() or pass dtype="
        )
    half = wanted.itemsize == 2
    total = added(x, None if dim is None else axes(x, dim), keepdim, np.float32 if half else wanted)
    n = x.size if dim is None else count(x.shape, dim)
    total = total / n if n else total * np.nan
    return total.astype(wanted) if half else total


@op(numpy=np.nansum, x=lambda g, x, x_shape, dim: spread(g, x_shape, dim) * np.logical_not(np.isnan(x)))
def nansum(x, dim=None, keepdim=False, *, dtype=None):
    """The sum that takes NaN for 0."""
    return sum(x if x.dtype.kind not in "fc" else np.where(np.isnan(x), 0, x), dim, keepdim, dtype=dtype)


@function(numpy=np.nanmean)
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    """The mean of what is not NaN."""
    if input.dtype.kind not in "fc":
        raise RuntimeError(f"nanmean: expected a floating-point or complex tensor, got {input.dtype}; use .float()")
    there = np.logical_not(np.isnan(input.detach())).sum(dim, keepdim)
    total = nansum(input, dim, keepdim, dtype=dtype)
    return total / there


def _prod_rule(g: Any, x: Any, out: Any, dim: Any) -> Any:
    """The product of all others: out / x, unless a factor is 0."""
    if not x.ndim:
        return g
    if not (isinstance(x, Tensor) or bool((x == 0).any())):  # the gradient of 1 / x would be rounding where x is small
        return spread(g * out, x.shape, dim) / x
    flat = x.reshape(-1) if dim is None else x
    d = 0 if dim is None else dim
    before = shift_in(cumprod(flat, d), ones, d)
    behind = np.flip(shift_in(cumprod(np.flip(flat, d), d), ones, d), d)
    return spread(g, x.shape, dim) * (before * behind).reshape(x.shape)


@op(numpy=np.prod, x=_prod_rule)
def prod(x, dim=None, keepdim=False, *, dtype=None):
    """The product over all elements, or over one dimension."""
    if dtype is None and x.dtype.kind in "bui":
        dtype = np.int64
    dtype = None if dtype is None else as_dtype(dtype)
    return np.multiply.reduce(x, axis=axes(x, dim), keepdims=keepdim, dtype=dtype)


def as_rows(x: Any, dim: Any) -> Any:
    """A view of an array in C order whose rows are what is reduced, the last dimensions; else None."""
    gone = _gone(x, axes(x, dim))
    if not (x.size >= LARGE and gone and gone[0] == x.ndim - len(gone) and row_major(x)):
        return None
    return x.reshape((math.prod(x.shape[: gone[0]]), -1))


def _logsumexp_rule(g: Any, x: Any, out: Any, dim: Any) -> Any:
    shape = x.shape
    if not isinstance(g, Tensor) and (rows := as_rows(x, dim)) is not None:
        gx, g, out = np.empty_like(rows), g.reshape((-1, 1)), out.reshape((-1, 1))

        def work(part: slice) -> None:
            some = np.subtract(rows[part], np.where(out[part] == -np.inf, 0, out[part]), out=gx[part])
            np.exp(some, out=some)
            some *= g[part]

        by_blocks(work, *rows.shape)
        return gx.reshape(shape)
    top = unreduced(out, shape, dim)
    return unreduced(g, shape, dim) * np.exp(x - np.where(top == -np.inf, 0, top))


def _log_of_exps(x: Any, dims: Any) -> Any:
    """The same of an array, the dimensions kept."""
    top = ufuncs.reduce(np.maximum, x.real if x.dtype.kind == "c" else x, dims, True, initial=-np.inf)
    top = np.where(np.isinf(top), 0, top)
    exps = x - top
    exps = np.exp(exps, out=exps) if exps.ndim else np.exp(exps)
    return np.log(np.add.reduce(exps, axis=dims, keepdims=True)) + top


@op(
    "logsumexp", promote=("input",), floating=True, input=lambda g, input, out, dim: _logsumexp_rule(g, input, out, dim)
)
def logsumexp(input, dim, keepdim=False):
    """log Σ exp(`input`) over one or several dimensions, without overflow.

    Where all elements are −∞, as in a row that is masked whole, the gradient is 0; PyTorch's is NaN there.
    """
    x = working(input)
    dims, gone = axes(x, dim), reduced(x.shape, dim)
    if (rows := as_rows(x, dim)) is not None:
        out = np.empty((len(rows), 1), x.dtype)

        def work(part: slice) -> None:
            out[part] = _log_of_exps(rows[part], 1)

        by_blocks(work, *rows.shape)
    else:
        out = _log_of_exps(x, dims)
    kept = 1 if keepdim else None
    shape = [kept if i in gone else n for i, n in enumerate(x.shape)]
    return out.reshape([n for n in shape if n is not None]).astype(input.dtype, copy=False)


# ---- moments -----------------------------------------------------------------------------------------------------


def _moments(x: Any, dim: Any) -> tuple[Any, Any]:
    """The mean with its dimensions kept, and the distance of each element from it."""
    middle = mean(x, dim, True)
    return middle, x - middle


def _var_rule(g: Any, x: Any, x_shape: tuple, dim: Any, correction: float) -> Any:
    _, distance = _moments(x, dim)
    freedom = count(x_shape, dim) - correction
    if freedom <= 0:
        return unreduced(g, x_shape, dim) * np.where(distance == 0, np.nan, np.inf)
    return unreduced(g, x_shape, dim) * (2 / freedom) * distance


def _std_rule(g: Any, x: Any, x_shape: tuple, out: Any, dim: Any, correction: float) -> Any:
    half = np.where(out == 0, 0, g / (2 * np.where(out == 0, 1, out)))
    return _var_rule(half, x, x_shape, dim, correction)


@op("var", method=False, holomorphic=False, x=_var_rule)
def _var(x, dim=None, correction=1, keepdim=False):
    wide = working(x)
    _, distance = _moments(wide, dim)
    if x.dtype.kind == "c":
        squares = distance.real * distance.real + distance.imag * distance.imag
    else:
        squares = np.multiply(distance, distance, out=distance) if distance.ndim else distance * distance
    total = np.add.reduce(squares, axis=axes(x, dim), keepdims=keepdim)
    freedom = count(x.shape, dim) - correction
    total = total / freedom if freedom > 0 else total * np.inf  # 0 × ∞ is NaN, as 0 / 0
    return total.astype(x.dtype, copy=False) if x.dtype.kind == "f" else total


@op("std", method=False, holomorphic=False, x=_std_rule)
def _std(x, dim=None, correction=1, keepdim=False):
    return np.sqrt(_var(x, dim, correction, keepdim))


def _correction(name: str, input: Any, dim: Any, unbiased: Any, correction: Any) -> tuple[Any, Any]:
    """The arguments of PyTorch's overloads ``var(unbiased)``, ``var(dim, unbiased)`` and ``var(dim, correction=…)``."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if input.dtype.kind not in "fc":
        raise RuntimeError(
            f"{name}: expected a floating-point or complex tensor, got {input.dtype}; convert it with .float()"
        )
    if unbiased is not None and correction is not None:
        raise TypeError(f"{name}: give either unbiased= or correction=, not both")
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    return dim, correction


@function()
def var(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The variance: squared distances from the mean, divided by their number less `correction` (1 unless given).

    >>> import autograd as ag
    >>> ag.var(ag.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    dim, correction = _correction("var", input, dim, unbiased, correction)
    return _var(input, dim, correction, keepdim)


@function()
def std(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> Any:
    """The standard deviation, the square root of `var`."""
    dim, correction = _correction("std", input, dim, unbiased, correction)
    return _std(input, dim, correction, keepdim)


@function(method=False)
def var_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Any, Any]:
    """The variance and the mean."""
    dim, correction = _correction("var_mean", input, dim, unbiased, correction)
    return _var(input, dim, correction, keepdim), mean(input, dim, keepdim)


@function(method=False)
def std_mean(
    input: Any, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *, correction: float | None = None
) -> tuple[Any, Any]:
    """The standard deviation and the mean."""
    dim, correction = _correction("std_mean", input, dim, unbiased, correction)
    return _std(input, dim, correction, keepdim), mean(input, dim, keepdim)


# ---- extremes ----------------------------------------------------------------------------------------------------


def evenly(g: Any, x: Any, out: Any) -> Any:
    """The gradient shared by all elements that equal the result."""
    hit = x == out
    if x.dtype.kind == "f":
        hit = hit | (np.isnan(x) & np.isnan(out))
    return np.where(hit, g / hit.sum(dtype=g.dtype), 0)


def _shared(g: Any, x: Any, out: Any, dim: Any) -> Any:
    """The same, but NaN for all where the result is NaN, as PyTorch has it."""
    hit = x == unreduced(out, x.shape, dim)
    share = unreduced(g, x.shape, dim) / hit.sum(
        axis=tuple(reduced(x.shape, dim)) or None, keepdims=True, dtype=g.dtype
    )
    return share * hit


def _extreme(name: str, ufunc: Any) -> Any:
    @op(name, x=_shared)
    def forward(x, dim=(), keepdim=False):
        expect_real(name, x)
        return ufuncs.reduce(ufunc, x, axes(x, dim), keepdim)

    return forward


amax, amin = _extreme("amax", np.maximum), _extreme("amin", np.minimum)
amax.__doc__ = "The largest element over one or several dimensions; equal ones share the gradient."
amin.__doc__ = "The smallest element over one or several dimensions; equal ones share the gradient."


def single(x: Any, dim: int) -> Any:
    """An array of real numbers with dimensions, where a number counts as one element."""
    expect_real("sorting", x)
    if not x.ndim:
        axes(x, dim)
        return np.atleast_1d(x)
    return x


def chosen(x: Any, index: Any, dim: int, keepdim: bool, shape: tuple) -> tuple[Any, Any]:
    """The elements of `x` at `index` along `dim` and the index, without that dimension unless `keepdim`."""
    values = np.take_along_axis(x, index, axis=dim)
    index = index.astype(np.int64, copy=False)
    if not shape:
        return values.reshape(()), index.reshape(())
    return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))


def at_index(g: Any, index: Any, x_shape: tuple, dim: int) -> Any:
    """The rule of what chooses one element along `dim`: the gradient goes to its place."""
    if not x_shape:
        return g
    return place(unreduced(g, x_shape, dim), unreduced(index, x_shape, dim), x_shape, dim)


def _extreme_along(name: str, argument: Any) -> Any:
    @finder(f"{name}_dim", at_index)
    def forward(x, dim, keepdim=False):
        flat = single(x, dim)
        return chosen(flat, argument(flat, axis=dim, keepdims=True), dim, keepdim, x.shape)

    return forward


def _extreme_of_all(name: str, ufunc: Any) -> Any:
    @op(name, method=False, x=lambda g, x, out: evenly(g, x, out))
    def forward(x):
        expect_real(name, x)
        if not x.size:
            raise RuntimeError(f"{name}(): expected at least one element, got the shape {tuple(x.shape)}; give a dim=")
        return ufuncs.reduce(ufunc, x, None)

    return forward


_max_all, _min_all = _extreme_of_all("max", np.maximum), _extreme_of_all("min", np.minimum)
_max_dim, _min_dim = _extreme_along("max", np.argmax), _extreme_along("min", np.argmin)
_Max, _Min = (named(name, "values indices") for name in ("max", "min"))


@function()
def max(input: Any, dim: Any = None, keepdim: bool = False, **other: Any) -> Any:
    """The largest element; along `dim` the largest elements and their indices; with a second tensor `maximum`.

    >>> import autograd as ag
    >>> ag.tensor([[1, 5], [7, 2]]).max(dim=1).indices
    tensor([1, 0])
    """
    other = other.pop("other", dim)
    if isinstance(other, Tensor):
        return maximum(input, other)
    return _max_all(input) if dim is None else _Max(*_max_dim(input, dim, keepdim))


@function()
def min(input: Any, dim: Any = None, keepdim: bool = False, **other: Any) -> Any:
    """The smallest element; along `dim` the smallest elements and their indices; with a second tensor `minimum`."""
    other = other.pop("other", dim)
    if isinstance(other, Tensor):
        return minimum(input, other)
    return _min_all(input) if dim is None else _Min(*_min_dim(input, dim, keepdim))


_Aminmax = named("aminmax", "min max")


@function()
def aminmax(input: Any, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element, of all or along one dimension."""
    dims = () if dim is None else dim
    return _Aminmax(amin(input, dims, keepdim), amax(input, dims, keepdim))


def _argument(name: str, f: Any) -> Any:
    @op(name, numpy=getattr(np, name))
    def forward(x, dim=None, keepdim=False):
        if x.dtype.kind in "bc":
            raise RuntimeError(f"{name}: expected real numbers, got {x.dtype}")
        if not x.ndim:
            axes(x, dim)
            dim = None
        return index_dtype(f(x, axis=dim, keepdims=keepdim))

    return forward


argmax, argmin = _argument("argmax", np.argmax), _argument("argmin", np.argmin)
argmax.__doc__ = "The index of the largest element, the first of equal ones; of all elements in a row, or along `dim`."
argmin.__doc__ = "The index of the smallest element, the first of equal ones; of all elements in a row, or along `dim`."

# ---- questions about all -----------------------------------------------------------------------------------------


@op(numpy=np.all)
def all(x, dim=None, keepdim=False):
    """Is every element true, of all or along one or several dimensions?"""
    out = ufuncs.reduce(np.logical_and, x, axes(x, dim), keepdim)
    return out.astype(np.uint8) if x.dtype == np.uint8 else out


@op(numpy=np.any)
def any(x, dim=None, keepdim=False):
    """Is some element true, of all or along one or several dimensions?"""
    out = ufuncs.reduce(np.logical_or, x, axes(x, dim), keepdim)
    return out.astype(np.uint8) if x.dtype == np.uint8 else out


@op(numpy=np.count_nonzero)
def count_nonzero(x, dim=None):
    """How many elements are not zero, of all or along one or several dimensions."""
    return np.add.reduce(x != 0, axis=axes(x, dim), dtype=np.int64)
