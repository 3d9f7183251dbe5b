"""Order: sorting, selecting by rank, searching, and sets of values.  NaN counts as larger than every number, as in PyTorch."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..dtypes import expect_real, result_type
from ..fast import scalars
from ..op import function, op
from ..return_types import named
from ..tensor import Tensor, unwrap, wrap
from . import ufuncs
from .dims import kept_shape, wrap_dim
from .indices import slice_along
from .joining import stack
from .places import along, by_lines, finder, index_dtype, pick, place, steps
from .reduction import at_index, chosen, evenly, single

__all__ = [
    "argsort", "bucketize", "isin", "kthvalue", "median", "mode", "msort", "nanmedian", "nanquantile", "quantile",
    "searchsorted", "sort", "topk", "unique", "unique_consecutive",
]  # fmt: skip


def order(x: Any, dim: int, descending: bool = False) -> Any:
    """The indices that sort `x` along `dim`; equal elements keep their order."""
    expect_real("sorting", x)

    def found(x: Any, axis: int) -> Any:
        if (keys := sort_keys(x, axis, descending)) is not None:
            keys.sort(axis)
            return keys & 0xFFFFFFFF
        if not descending:
            return np.argsort(x, axis=axis, kind="stable")
        turned = np.argsort(np.flip(x, axis), axis=axis, kind="stable")  # of equal elements the last one comes first
        return np.flip(x.shape[axis] - 1 - turned, axis)

    return by_lines(found, dim, x, dtype=np.int64)


MANY = 256  # elements that are worth keys


def sort_keys(x: Any, dim: int, descending: bool) -> Any:
    """An integer for each element, in their order along `dim` and, where they are equal, in that of their places.

    NumPy sorts numbers of 64 bits several times as fast as it finds stable indices.  None if it cannot be done: the element
    and its place have 32 bits each.
    """
    if type(x) is not np.ndarray or x.size < MANY or x.shape[dim] >> 32:
        return None
    if x.dtype.kind == "f" and x.itemsize <= 4:
        key = scalars.order_key(x.astype(np.float32, copy=False) + np.float32(0))  # -0 equals 0
        key[np.isnan(x)] = np.iinfo(np.int32).max
    elif x.dtype.kind in "iu" and x.min() >= -(1 << 31) and x.max() < 1 << 31:
        key = x
    else:
        return None
    key = key.astype(np.int64)
    if descending:
        np.invert(key, out=key)
    key <<= 32
    key |= along(x.shape[dim], x.ndim, dim, x)
    return key


def _placed(g: Any, x_shape: tuple, index: Any, dim: int) -> Any:
    """The rule of what rearranges the elements along `dim`."""
    if not x_shape:
        return g.reshape(())
    return place(g, index, x_shape, dim)


@finder("sort", _placed)
def _sort(x, dim=-1, descending=False):
    flat = single(x, dim)
    index = order(flat, dim, descending)
    values = np.take_along_axis(flat, index, axis=dim)
    return values.reshape(x.shape), index_dtype(index).reshape(x.shape)


_Sort, _Topk = (named(name, "values indices") for name in ("sort", "topk"))


@function()
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The elements in order along a dimension, and the indices they had; always stable.

    >>> import autograd as ag
    >>> ag.sort(ag.tensor([3, 1, 2])).values
    tensor([1, 2, 3])
    """
    if isinstance(dim, bool):  # sort(stable, dim, descending) and sort(descending)
        dim, descending = -1, dim
    return _Sort(*_sort(input, dim, descending))


@function()
def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The indices that sort along a dimension."""
    return _sort(input.detach(), dim, descending)[1]


@function()
def msort(input: Any) -> Any:
    """The elements in order along the first dimension."""
    return _sort(input, 0)[0]


@finder("topk", _placed)
def _topk(x, k, dim=-1, largest=True, ordered=True):
    flat = single(x, dim)
    n = flat.shape[dim]
    if not 0 <= k <= n:
        raise RuntimeError(f"topk: selected index k out of range: k is {k}, the dimension has {n} elements")
    if n > 64 and 0 < 4 * k < n and flat.dtype.kind != "b":  # only the winners need to be put in order
        rank = n - k if largest else max(k - 1, 0)
        side = by_lines(lambda x, axis: np.argpartition(x, rank, axis), dim, flat, dtype=np.int64)
        side = slice_along(side, dim, n - k) if largest else slice_along(side, dim, 0, k)
        among = order(np.take_along_axis(flat, side, axis=dim), dim, largest)
        index = np.take_along_axis(side, among, axis=dim)
    else:
        index = slice_along(order(flat, dim, largest), dim, 0, k)
    values = np.take_along_axis(flat, index, axis=dim)
    shape = x.shape if not x.ndim and k else values.shape
    return values.reshape(shape), index_dtype(index).reshape(shape)


@function()
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The `k` largest (or smallest) elements along a dimension in order, and their indices.

    >>> import autograd as ag
    >>> ag.topk(ag.tensor([1, 5, 3]), 2).values
    tensor([5, 3])
    """
    return _Topk(*_topk(input, operator.index(k), dim, largest, sorted))


# ---- by rank -----------------------------------------------------------------------------------------------------


@finder("kthvalue", at_index)
def _kthvalue(x, k, dim=-1, keepdim=False):
    flat = single(x, dim)
    if not 1 <= k <= flat.shape[dim]:
        raise RuntimeError(f"kthvalue(): selected number k out of range: {k} of {flat.shape[dim]} elements")
    index = slice_along(order(flat, dim), dim, k - 1, k)
    return chosen(flat, index, dim, keepdim, x.shape)


def _median_index(flat: Any, dim: int, ignore_nan: bool) -> Any:
    """The index of the lower median along `dim`, that of the first NaN if there is one and it counts."""
    ranks = order(flat, dim)
    n = flat.shape[dim]
    middle = slice_along(ranks, dim, (n - 1) // 2, (n + 1) // 2)
    if flat.dtype.kind != "f":
        return middle
    missing = np.isnan(flat)
    if ignore_nan:
        there = n - np.add.reduce(missing, axis=dim, keepdims=True, dtype=np.int64)
        return np.take_along_axis(ranks, np.maximum((there - 1) // 2, 0), axis=dim)
    found = ufuncs.reduce(np.logical_or, missing, dim, True)
    return np.where(found, np.argmax(missing, axis=dim, keepdims=True), middle)


def _median(name: str, ignore_nan: bool) -> tuple[Any, Any]:
    def whole(x):
        if not x.size:
            return np.full_like(x, np.nan, shape=())
        flat = x.reshape(-1)
        return flat[_median_index(flat, 0, ignore_nan)[0]]

    def one(x, dim, keepdim=False):
        flat = single(x, dim)
        if not flat.shape[dim]:
            raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size")
        return chosen(flat, _median_index(flat, dim, ignore_nan), dim, keepdim, x.shape)

    return (
        op(name, method=False, x=lambda g, x, out: evenly(g, x, out))(whole),
        finder(f"{name}_dim", at_index)(one),
    )


(_median_all, _median_dim), (_nanmedian_all, _nanmedian_dim) = _median("median", False), _median("nanmedian", True)
_Median, _Nanmedian, _Mode, _Kthvalue = (
    named(name, "values indices") for name in ("median", "nanmedian", "mode", "kthvalue")
)


@function()
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The `k`-th smallest element along a dimension, counted from 1, and its index."""
    return _Kthvalue(*_kthvalue(input, k, dim, keepdim))


@function()
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median, the lower of two, of all elements; along `dim` the medians and their indices.  NaN if there is one."""
    return _median_all(input) if dim is None else _Median(*_median_dim(input, dim, keepdim))


@function()
def nanmedian(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of what is not NaN, of all elements; along `dim` the medians and their indices."""
    return _nanmedian_all(input) if dim is None else _Nanmedian(*_nanmedian_dim(input, dim, keepdim))


@finder("mode", at_index)
def _mode(x, dim=-1, keepdim=False):
    flat = single(x, dim)
    n = flat.shape[dim]
    if not n:
        raise IndexError(f"mode(): Expected reduction dim {dim} to have non-zero size")
    ranks = order(flat, dim)
    ordered = np.moveaxis(np.take_along_axis(flat, ranks, axis=dim), dim, -1)
    place_in_run = along(n, ordered.ndim, -1, flat)
    fresh = np.ones_like(ordered, dtype=bool)
    fresh[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    start = ufuncs.accumulate(np.maximum, np.where(fresh, place_in_run, 0), -1)
    # The end of the longest run, the first of equal ones.
    last = np.argmax(place_in_run - start, axis=-1, keepdims=True)
    index = np.take_along_axis(ranks, np.moveaxis(last, -1, dim), axis=dim)
    return chosen(flat, index, dim, keepdim, x.shape)


@function()
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element along a dimension, the smallest of several, and the index of its last occurrence."""
    return _Mode(*_mode(input, dim, keepdim))


def _quantile(name: str, input: Any, q: Any, dim: int | None, keepdim: bool, how: str, ignore_nan: bool) -> Any:
    if how not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {how}"
        )
    if input.dtype.kind != "f" or input.dtype.itemsize < 4:
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype, got {input.dtype}")
    levels = q.detach().tolist() if isinstance(q, Tensor) else q
    single_level = isinstance(levels, (int, float))
    levels = [levels] if single_level else list(levels)
    if any(not 0 <= level <= 1 for level in levels):
        raise RuntimeError(f"{name}() q values must be in the range [0, 1], got {levels}")
    if not input.numel():
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    shape = tuple(input.shape)
    x, d = (input.reshape(-1), 0) if dim is None else (input.reshape(shape or 1), wrap_dim(dim, input.ndim))
    kept = kept_shape(shape, dim)
    ordered = _sort(x, d)[0]
    moving = q if isinstance(q, Tensor) and q.needs_grad else None
    parts = []
    for i, level in enumerate(levels):
        own_level = None if moving is None else moving if single_level else moving[i]
        parts.append(_at_level(ordered, x.array, level, own_level, d, how, ignore_nan))
    parts = [p.reshape(kept if keepdim else tuple(n for i, n in enumerate(p.shape) if i != d)) for p in parts]
    return parts[0] if single_level else stack(parts)


def _at_level(ordered: Any, x: Any, level: float, q: Any, d: int, how: str, ignore_nan: bool) -> Any:
    """The quantile at one level of sorted values; `q` is the level as a Tensor, if its gradient is wanted."""
    missing = np.add.reduce(np.isnan(x), axis=d, keepdims=True, dtype=np.int64)
    n = x.shape[d]
    last = np.maximum(n - missing - 1, 0) if ignore_nan else np.full_like(missing, n - 1)
    last = last.astype(x.dtype)
    rank = level * last
    if not ignore_nan:
        rank = np.where(missing > 0, last, rank)  # where the NaNs are
    if how == "nearest":
        rank = np.rint(rank)
    below, above = np.floor(rank).astype(np.int64), np.ceil(rank).astype(np.int64)
    if how == "higher":
        return pick(ordered, above, d)
    low = pick(ordered, below, d)
    if how in ("lower", "nearest"):
        return low
    weight = wrap((np.full_like(rank, 0.5) if how == "midpoint" else rank - below).astype(x.dtype))
    if q is not None and how == "linear":
        weight = weight + (q - q.detach()) * wrap(last)
    return low.lerp(pick(ordered, above, d), weight)


@function()
def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The `q`-quantiles of all elements, or along a dimension.  NaN where there is one.

    Args:
        input: float32 or float64.
        q: between 0 and 1: a number, or a 1-d tensor, which puts a dimension in front of the result's.
        dim: the dimension; None is all.
        keepdim: keep it, with length 1.
        interpolation: between two elements: "linear", "lower", "higher", "midpoint" or "nearest".

    >>> import autograd as ag
    >>> ag.quantile(ag.tensor([1.0, 2.0, 3.0, 4.0]), 0.5)
    tensor(2.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@function()
def nanquantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The `q`-quantiles of what is not NaN; see `quantile`."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


# ---- searching ---------------------------------------------------------------------------------------------------


def _search(edges: Any, values: Any, right: bool) -> Any:
    """Where `values` belong in sorted `edges`, whose last dimension is searched in."""
    side = "right" if right else "left"
    if edges.ndim == 1:
        return np.searchsorted(edges, values, side=side)
    count = math.prod(values.shape[:-1])
    rows, wanted = edges.reshape(count, edges.shape[-1]), values.reshape(count, values.shape[-1])
    out = np.zeros_like(wanted, dtype=np.int64)
    for i in range(len(rows)):
        out[i] = np.searchsorted(rows[i], wanted[i], side=side)
    return out.reshape(values.shape)


@function()
def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Any = None,
) -> Any:
    """Where values would have to be inserted into sorted sequences to keep them sorted.

    Args:
        sorted_sequence: sorted along its last dimension; 1-d, or with the leading dimensions of `input`.
        input: the values, a number or a tensor.
        out_int32: return int32 instead of int64.
        right, side: behind equal elements (``side="right"``) instead of before them.
        sorter: the indices that sort `sorted_sequence`, if it is not sorted itself.
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise RuntimeError(f"searchsorted: side can only be 'left' or 'right', consistent with right=, got {side!r}")
    edges = sorted_sequence.array
    if sorter is not None:
        edges = np.take_along_axis(edges, sorter.array, axis=-1)
    values = unwrap(input)
    expect_real("searchsorted", edges, values)
    if edges.ndim > 1 and (not hasattr(values, "shape") or edges.shape[:-1] != values.shape[:-1]):
        raise RuntimeError(
            "searchsorted: expected a 1-d sequence, or one with the leading dimensions of the values, got shapes "
            f"{tuple(edges.shape)} and {tuple(getattr(values, 'shape', ()))}"
        )
    found = _search(edges, values, right or side == "right")
    return wrap(found.astype(np.int32 if out_int32 else np.int64))


@function(method=False)
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Any:
    """The index of the bucket each value falls into, between sorted 1-d `boundaries`; `right`: an edge opens its bucket."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"bucketize: boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@function(numpy=np.isin)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Any:
    """Which elements are among `test_elements`."""
    given, wanted = unwrap(elements), unwrap(test_elements)
    if not hasattr(given, "ndim"):
        given = np.full_like(wanted, given, shape=(), dtype=result_type(wanted, given))
    found = np.isin(given, wanted, assume_unique=assume_unique, invert=invert)
    return wrap(found)


# ---- sets of values ----------------------------------------------------------------------------------------------


def _several(values: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    extra = tuple(
        wrap(index_dtype(part)) for part, asked in ((inverse, return_inverse), (counts, return_counts)) if asked
    )
    return (wrap(values), *extra) if extra else wrap(values)


@function()
def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements in order, or the different slices along `dim`.

    Args:
        input: any tensor.
        sorted: the result is sorted in any case.
        return_inverse: also return, for each element, the index of its value.
        return_counts: also return how often each value occurs.

    >>> import autograd as ag
    >>> ag.unique(ag.tensor([2, 1, 2]), return_counts=True)
    (tensor([1, 2]), tensor([1, 2]))
    """
    x = input.array
    expect_real("unique", x)
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=dim, equal_nan=False)
    inverse = inverse.reshape(x.shape if dim is None else (x.shape[dim],))
    return _several(values, inverse, counts, return_inverse, return_counts)


@function()
def unique_consecutive(
    input: Any, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """The first of each run of equal elements, or of equal slices along `dim`; see `unique`."""
    x = input.array
    rows = x.reshape(-1) if dim is None else np.moveaxis(np.atleast_1d(x), dim, 0)
    fresh = np.ones_like(rows, shape=(len(rows),), dtype=bool)
    if len(rows) > 1:
        differs = rows[1:] != rows[:-1]
        fresh[1:] = ufuncs.reduce(np.logical_or, differs.reshape(len(rows) - 1, -1), 1)
    inverse = np.add.accumulate(fresh, dtype=np.int64) - 1
    starts = steps(len(rows), rows)[fresh]
    counts = np.diff(starts, append=starts[:0] if not len(rows) else len(rows))
    values = rows[fresh]
    if dim is not None:
        values = np.moveaxis(values, 0, dim)
    return _several(values, inverse.reshape(x.shape) if dim is None else inverse, counts, return_inverse, return_counts)
