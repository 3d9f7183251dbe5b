"""Lengths and distances: p-norms along a dimension, and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import expect_floating
from ..op import function, op, write_out
from .norms import vector_norm
from .padding import take_along

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def _unit(x: Any) -> Any:
    """x where it is not 0, 1 where it is: to divide by."""
    return np.where(x == 0, np.ones_like(x), x)


def _norm_gradient(g: Any, x: Any, out: Any, p: float) -> Any:
    if p == 0:
        return x * 0
    if p == 2:
        return x * (g / _unit(out))
    size = np.abs(x)
    if p == 1:
        return g * np.sign(x)
    if p == np.inf:
        largest = (size == out) * np.sign(x)
        return g * largest / np.maximum(np.abs(largest).sum(axis=-1, keepdims=True), 1)
    powers = np.where(size == 0, size * 0, _unit(size) ** (p - 1))
    return g * np.sign(x) * powers / _unit(out) ** (p - 1)


@op("power_norm", method=False, x=_norm_gradient)
def _norm(x, p):
    """The p-norm along the last dimension, which stays."""
    if p == 0:
        return (x != 0).sum(axis=-1, keepdims=True).astype(x.dtype)
    if p == 2:
        return np.sqrt(np.einsum("...i,...i->...", x, x))[..., None]
    size = np.abs(x)
    if p == 1:
        return size.sum(axis=-1, keepdims=True)
    if p == np.inf:
        return size.max(axis=-1, keepdims=True)
    return (size**p).sum(axis=-1, keepdims=True) ** (1 / p)


def power_norm(x: Any, p: float, dim: int, keepdim: bool = True) -> Any:
    """The p-norm along a dimension."""
    if x.dtype.kind == "c":
        x = abs(x)
    last = dim in (-1, x.ndim - 1)
    out = _norm(x if last else x.transpose(dim, -1), p)
    if not last:
        out = out.transpose(dim, -1)
    return out if keepdim else out.sum(dim)


@function(method=False)
def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None) -> Any:
    """x / max(‖x‖ₚ, eps) along `dim`.

    >>> import autograd as ag
    >>> normalize(ag.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    expect_floating("normalize", input)
    if isinstance(dim, (tuple, list)):
        if len(dim) != 1:
            result = input / np.maximum(vector_norm(input, p, tuple(dim), keepdim=True), eps)
            return result if out is None else write_out(result, out)
        dim = dim[0]
    norm = power_norm(input.reshape(1) if input.ndim == 0 else input, p, dim)
    result = input / np.maximum(norm, eps).reshape(norm.shape if input.ndim else ())
    return result if out is None else write_out(result, out)


@function(method=False)
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """‖x1 − x2 + eps‖ₚ along the last dimension."""
    return power_norm(x1 - x2 + eps, p, -1, keepdim)


@function(method=False)
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 · x2 / (max(‖x1‖, eps) · max(‖x2‖, eps)) along `dim`."""
    for x in (x1, x2):
        expect_floating("cosine_similarity", x, "f")
    if x1.shape != x2.shape:
        shape = np.broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
        x1, x2 = np.broadcast_to(x1, shape), np.broadcast_to(x2, shape)
    if x1.ndim == 0:
        x1, x2 = x1.reshape(1), x2.reshape(1)
        dim = 0
        scalar = True
    else:
        scalar = False
    a = x1 / np.maximum(power_norm(x1, 2, dim), eps)
    b = x2 / np.maximum(power_norm(x2, 2, dim), eps)
    out = (a * b).sum(dim)
    return out.reshape(()) if scalar else out


@function(method=False)
def pdist(input, p=2.0):
    """‖row i − row j‖ₚ of a matrix, for each pair i < j: (n, d) to (n (n − 1) / 2,)."""
    expect_floating("pdist", input, "f")
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    i, j = np.triu_indices(input.shape[0], 1)
    return _norm(take_along(input, i, 0) - take_along(input, j, 0), p).sum(-1)
