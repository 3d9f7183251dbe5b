"""What is made of norms of vectors: unit vectors, distances, cosines."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import expect_floating
from ..op import function, write_out
from .norms import vector_norm
from .padding import take_along

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


@function(method=False)
def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None) -> Any:
    """x / max(‖x‖ₚ, eps) along `dim`.

    >>> import autograd as ag
    >>> normalize(ag.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    expect_floating("normalize", input)
    result = input / np.maximum(vector_norm(input, p, dim, keepdim=True), eps)
    return result if out is None else write_out(result, out)


@function(method=False)
def pairwise_distance(x1, x2, p=2.0, eps=1e-6, keepdim=False):
    """‖x1 − x2 + eps‖ₚ along the last dimension."""
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)


@function(method=False)
def cosine_similarity(x1, x2, dim=1, eps=1e-8):
    """x1 · x2 / (max(‖x1‖, eps) · max(‖x2‖, eps)) along `dim`."""
    for x in (x1, x2):
        expect_floating("cosine_similarity", x, "f")
    if x1.shape != x2.shape:
        shape = np.broadcast_shapes(tuple(x1.shape), tuple(x2.shape))
        x1, x2 = np.broadcast_to(x1, shape), np.broadcast_to(x2, shape)
    if x1.ndim == 0:
        x1, x2, dim = x1.reshape(1), x2.reshape(1), 0
    a = x1 / np.maximum(vector_norm(x1, 2, dim, keepdim=True), eps)
    b = x2 / np.maximum(vector_norm(x2, 2, dim, keepdim=True), eps)
    return (a * b).sum(dim)


@function(method=False)
def pdist(input, p=2.0):
    """‖row i − row j‖ₚ of a matrix, for each pair i < j: (n, d) to (n (n − 1) / 2,)."""
    expect_floating("pdist", input, "f")
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    i, j = np.triu_indices(input.shape[0], 1)
    return vector_norm(take_along(input, i, 0) - take_along(input, j, 0), p, -1)
