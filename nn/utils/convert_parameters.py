"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import autograd
from autograd.tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters, flattened, one after the other: (total,).

    >>> import nn
    >>> parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    autograd.Size([8])
    """
    return autograd.cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Put slices of a vector (total,) in the place of the parameters' values."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected Tensor, but got: {type(vec).__name__}")
    parameters = list(parameters)
    total = sum(p.numel() for p in parameters)
    if vec.numel() != total:
        raise ValueError(f"expected a vector of {total} elements, one for each of the parameters', got {vec.numel()}")
    start = 0
    for p in parameters:
        p.data = vec[start : start + p.numel()].reshape(p.shape).detach()
        start += p.numel()
