"""Counts and covariances."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import expect_real
from ..op import function
from ..return_types import named
from ..tensor import Tensor, wrap
from . import ufuncs
from .complexes import complex, conj_physical, imag, real
from .dims import axes

__all__ = ["bincount", "corrcoef", "cov", "hash_tensor", "histc", "histogram", "histogramdd"]


@function(numpy=np.bincount)
def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Any:
    """How often each whole number from 0 on occurs, or the sum of its `weights`; at least `minlength` of them.

    >>> import autograd as ag
    >>> ag.bincount(ag.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    x = input.array
    if x.ndim != 1 or x.dtype.kind not in "ui" or (x.size and bool((x < 0).any())):
        raise RuntimeError(f"bincount only supports 1-d non-negative integral inputs, got {x.dtype} {tuple(x.shape)}")
    w = None if weights is None else weights.array
    out = np.bincount(x, w, minlength)
    if w is not None and w.dtype == np.float32:
        out = out.astype(np.float32)
    return wrap(out.astype(np.int64) if w is None else out)


@function()
def histc(input: Any, bins: int = 100, min: float = 0, max: float = 0) -> Any:
    """How many elements fall into each of `bins` equal intervals of [`min`, `max`]; both 0: from the smallest to the largest.

    Elements outside are not counted.
    """
    x = input.array
    expect_real("histc", x)
    if bins <= 0:
        raise RuntimeError(f"histc: bins must be > 0, got {bins}")
    low, high = (v.item() if isinstance(v, Tensor) else v for v in (min, max))
    if low > high:
        raise RuntimeError(f"histc: max must be larger than min, got {low} and {high}")
    if low == high and x.size:
        low, high = x.min().item(), x.max().item()
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"histc: range of [{low}, {high}] is not finite")
    flat = x.reshape(-1)
    flat = flat[(flat >= low) & (flat <= high)]
    place = np.minimum(((flat - low) / ((high - low) / bins)).astype(np.int64), bins - 1)
    return wrap(np.bincount(place, minlength=bins).astype(x.dtype))


_Histogram = named("histogram", "hist bin_edges")
_Histogramdd = named("histogramdd", "hist bin_edges")


def _edges(x: Any, bins: Any, limits: tuple | None) -> Any:
    """The edges of the bins of one dimension."""
    if isinstance(bins, Tensor):
        return bins.array.astype(x.dtype, copy=False)
    if limits is None:
        limits = (x.min().item(), x.max().item()) if x.size else (0.0, 1.0)
    low, high = limits
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.asarray(np.linspace(low, high, bins + 1, dtype=x.dtype), like=x.reshape(-1))


@function()
def histogram(
    input: Any, bins: Any, *, range: tuple[float, float] | None = None, weight: Any = None, density: bool = False
) -> Any:
    """How many elements (or how much `weight`) fall into each bin, and the edges of the bins.

    Args:
        input: any shape.
        bins: how many between the ends of `range` (default: the smallest and the largest element), or their edges.
        weight: of each element, in the shape of `input`.
        density: divide so that the integral is 1.

    Returns:
        A named tuple (hist, bin_edges).
    """
    x = input.array
    expect_real("histogram", x)
    edges = _edges(x, bins, range)
    hist, _ = np.histogram(x, edges, weights=None if weight is None else weight.array, density=density)
    return _Histogram(wrap(hist.astype(x.dtype)), wrap(edges))


@function(method=False)
def histogramdd(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """How many rows of `input`, points in N dimensions, fall into each cell of a grid, and the edges of the grid.

    Args:
        input: (…, N).
        bins: per dimension how many, or the edges; one number for all.
        range: the ends of all dimensions in a row, (low₁, high₁, low₂, …).
        weight: of each point.
        density: divide so that the integral is 1.

    Returns:
        A named tuple (hist, bin_edges), the latter a list of tensors.
    """
    x = input.array
    expect_real("histogramdd", x)
    n = x.shape[-1]
    points = x.reshape(-1, n)
    each = [bins] * n if isinstance(bins, int) else list(bins)
    limits = [None] * n if range is None else list(zip(range[::2], range[1::2], strict=True))
    edges = [_edges(points[:, i], b, ends) for i, (b, ends) in enumerate(zip(each, limits, strict=True))]
    w = None if weight is None else weight.array.reshape(-1)
    hist, _ = np.histogramdd(points, edges, density=density, weights=w)
    return _Histogramdd(wrap(hist.astype(x.dtype)), [wrap(e) for e in edges])


@function()
def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Any:
    """The covariance matrix of variables in rows, observed in columns.

    Args:
        input: (variables, observations), or one variable.
        correction: what is taken from the number of observations.
        fweights: how often each observation counts, integers.
        aweights: how much each observation weighs.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.cov.html
    """
    if input.ndim > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions, got {input.ndim}")
    x = input if input.ndim == 2 else input.reshape(1, -1)
    if x.dtype.kind in "biu":
        x = x.float()
    weights = fweights
    if aweights is not None:
        weights = aweights if fweights is None else fweights * aweights
    if weights is None:
        total = x.shape[1]
        middle = x.sum(1, True) / total
        freedom = total - correction
        centered = x - middle
        spread = centered
    else:
        total = weights.sum()
        middle = (x * weights).sum(1, True) / total
        centered = x - middle
        spread = centered * weights
        if correction == 0 or aweights is None:
            freedom = total - correction
        else:
            freedom = total - correction * (weights * aweights).sum() / total
    freedom = max(freedom, 0) if isinstance(freedom, int) else freedom.clamp(min=0)
    product = spread @ conj_physical(centered).transpose(0, 1)
    out = product / freedom if not isinstance(freedom, int) or freedom else product * float("inf")
    return out if input.ndim == 2 and x.shape[0] != 1 else out.squeeze() if out.numel() == 1 else out


@function()
def corrcoef(input: Any) -> Any:
    """The matrix of correlation coefficients of variables in rows, observed in columns."""
    c = cov(input)
    if not c.ndim:
        return c / c
    scale = c.diagonal().real.sqrt() if c.is_complex() else c.diagonal().sqrt()
    c = c / scale[:, None] / scale[None, :]
    if c.is_complex():
        return complex(real(c).clamp(-1, 1), imag(c).clamp(-1, 1))
    return c.clamp(-1, 1)


@function()
def hash_tensor(input: Any, dim: Any = None, keepdim: bool = False, *, mode: int = 0) -> Any:
    """The exclusive or of the bits of all elements, widened to 64 bits first; uint64, over all or some dimensions.

    >>> import autograd as ag
    >>> hash_tensor(ag.tensor([5, 5, 3])).item()
    3
    """
    if mode != 0:
        raise RuntimeError(f"hash_tensor: expected mode 0, got {mode}")
    x = input.array
    bits = x.astype(np.float64 if x.dtype.kind == "f" else np.uint64 if x.dtype.kind == "u" else np.int64).view(
        np.uint64
    )
    return wrap(ufuncs.reduce(np.bitwise_xor, bits, axes(x, dim), keepdim))
