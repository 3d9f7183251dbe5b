"""Reductions, scans and softmax of those elements where a mask is true: ``autograd.masked.sum(x, dim=1, mask=m)``.

The mask is a bool tensor that broadcasts to the input; what it leaves out counts as the operation's neutral element.

Source: https://docs.pytorch.org/docs/stable/masked.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .dtypes import as_dtype
from .ops import functions, reduction, scan, sorting
from .ops import softmax as _softmax
from .ops.dims import kept_shape, wrap_dims
from .ops.norms import vector_norm
from .tensor import Tensor

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median", "norm",
    "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip


def _filled(input: Tensor, mask: Tensor | None, value: float) -> Tensor:
    """`input` with `value` where the mask is false."""
    if mask is None:
        return input
    if mask.dtype.kind != "b":
        raise TypeError(f"expected a bool mask, got {mask.dtype}; compare something, as in mask = lengths > i")
    if input.dtype.kind in "iu" and np.isinf(value):
        limits = np.iinfo(input.dtype)
        value = limits.max if value > 0 else limits.min
    return input.masked_fill(~mask, value)


def _typed(input: Tensor, dtype: Any) -> Tensor:
    return input if dtype is None else input.to(as_dtype(dtype))


def _dims(dim: Any) -> Any:
    return dim if dim is None or isinstance(dim, int) else tuple(dim) or None


def _count(input: Tensor, dim: Any, keepdim: bool, mask: Tensor | None) -> Tensor:
    """How many elements take part in each result."""
    ones = (
        input.detach().new_ones(tuple(input.shape)) if mask is None else mask.expand(tuple(input.shape)).to(input.dtype)
    )
    return reduction.sum(ones, _dims(dim), keepdim)


def _reduction(f: Callable, neutral: float, what: str) -> Callable:
    def call(
        input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
    ) -> Tensor:
        dim = _dims(dim)
        input = _typed(input, dtype)
        out = f(_filled(input, mask, neutral), dim if dim is not None else (), keepdim)
        return out if f is reduction.sum else out.to(input.dtype)

    call.__name__ = call.__qualname__ = what.split()[-1]
    call.__doc__ = f"The {what} of the elements where `mask` is true, over one, several or all dimensions."
    return call


sum = _reduction(reduction.sum, 0, "sum")
amax = _reduction(reduction.amax, -np.inf, "largest of all, amax")
amin = _reduction(reduction.amin, np.inf, "smallest of all, amin")
logsumexp = _reduction(reduction.logsumexp, -np.inf, "logarithm of the sum of exponentials, logsumexp")


def prod(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The product of the elements where `mask` is true, over one, several or all dimensions."""
    x, dim = _filled(_typed(input, dtype), mask, 1), _dims(dim)
    shape = tuple(x.shape)
    if not shape:
        return x.prod()
    for d in sorted(range(len(shape)) if dim is None else wrap_dims(dim, len(shape)), reverse=True):
        x = reduction.prod(x, d)
    return x.reshape(kept_shape(shape, dim)) if keepdim else x


def mean(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The mean of the elements where `mask` is true; NaN where there is none."""
    input = _typed(input, dtype)
    return sum(input, dim, keepdim=keepdim, mask=mask) / _count(input, dim, keepdim, mask)


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The lower median of the elements where `mask` is true, along a dimension; NaN where there is none."""
    input = _typed(input, dtype)
    if mask is None:
        return sorting.median(input, dim, keepdim).values
    return sorting.nanmedian(_filled(input, mask, np.nan), dim, keepdim).values


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance of the elements where `mask` is true, in the type of `input`."""
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    input = _typed(input, dtype)
    if input.dtype.kind in "biu":
        input = input.float()
    distance = _filled(input - mean(input, dim, keepdim=True, mask=mask), mask, 0)
    squares = distance * distance.conj() if distance.is_complex() else distance * distance
    total = reduction.sum(squares, _dims(dim), keepdim)
    freedom = _count(input, dim, keepdim, mask).real - correction
    return total / freedom.clamp(min=0)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviation of the elements where `mask` is true."""
    return var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask).sqrt()


def norm(
    input: Tensor,
    ord: Any = 2.0,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The vector norm of order `ord` of the elements where `mask` is true."""
    return vector_norm(_filled(_typed(input, dtype), mask, np.inf if ord < 0 else 0), ord, _dims(dim), keepdim)


def normalize(
    input: Tensor, ord: Any, dim: int, *, eps: float = 1e-12, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """`input` divided by the norm of the elements where `mask` is true, at least `eps`; 0 elsewhere."""
    input = _typed(input, dtype)
    length = norm(input, ord, dim, keepdim=True, mask=mask)
    return _filled(input, mask, 0) / length.clamp(min=eps)


def argmax(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The index of the largest element where `mask` is true, in the type of `input` (or in `dtype`), as in PyTorch."""
    input = _typed(input, dtype)
    return reduction.argmax(_filled(input, mask, -np.inf), dim, keepdim).to(input.dtype)


def argmin(
    input: Tensor, dim: int | None = None, *, keepdim: bool = False, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The index of the smallest element where `mask` is true, in the type of `input` (or in `dtype`), as in PyTorch."""
    input = _typed(input, dtype)
    return reduction.argmin(_filled(input, mask, np.inf), dim, keepdim).to(input.dtype)


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running sum of the elements where `mask` is true."""
    return scan.cumsum(_filled(_typed(input, dtype), mask, 0), dim)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The running product of the elements where `mask` is true."""
    return scan.cumprod(_filled(_typed(input, dtype), mask, 1), dim)


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The softmax over the elements where `mask` is true; 0 elsewhere, NaN where a row has none."""
    return _softmax.softmax(_filled(_typed(input, dtype), mask, -np.inf), dim)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The logarithm of `softmax`."""
    return _softmax.log_softmax(_filled(_typed(input, dtype), mask, -np.inf), dim)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """The softmax of -`input` over the elements where `mask` is true."""
    return _softmax.softmax(-_filled(_typed(input, dtype), mask, np.inf), dim)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(`input`) + exp(`other`)), of each where its mask is true."""
    return functions.logaddexp(
        _filled(_typed(input, dtype), input_mask, -np.inf), _filled(_typed(other, dtype), other_mask, -np.inf)
    )
