"""Keeping gradients small."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from autograd.creation import zeros
from autograd.graph import mutated, no_grad
from autograd.linalg import vector_norm
from autograd.ops.joining import stack
from autograd.tensor import Tensor, share

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _list(tensors: Any) -> list[Tensor]:
    if hasattr(tensors, "parameters"):
        raise TypeError(f"expected parameters, got a {type(tensors).__name__}: pass its .parameters()")
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _grads(parameters: Any) -> list[Tensor]:
    return [p.grad for p in _list(parameters) if p.grad is not None]


@no_grad()
def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The norm of all tensors as one long vector.

    Args:
        norm_type: p of the p-norm; may be infinite.
        error_if_nonfinite: raise a RuntimeError where the norm is NaN or infinite.
        foreach: accepted for PyTorch's sake.

    >>> import autograd as ag
    >>> get_total_norm([ag.tensor([3.0]), ag.tensor([4.0])])
    tensor(5.)
    """
    tensors, order = _list(tensors), float(norm_type)
    if not tensors:
        return zeros(())
    norms = [vector_norm(t, order) for t in tensors]
    total = vector_norm(stack([n.to(norms[0].device) for n in norms]), order)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {order} for gradients from `parameters` is non-finite, so it cannot be clipped; "
            "to scale the gradients by it anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None) -> None:
    """Scale the gradients by max_norm / total_norm, in place, where that is less than 1."""
    scale = min(1.0, float(max_norm) / (total_norm.item() + 1e-6))
    if math.isnan(total_norm.item()):
        scale = math.nan
    if scale == 1.0:
        return
    for grad in _grads(parameters):
        array = share(grad)
        array *= array.dtype.type(scale)
        mutated(array)


def clip_grad_norm_(
    parameters: Iterable[Tensor] | Tensor,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients of all parameters so that their norm, as one long vector, is at most `max_norm`.

    Args:
        parameters: one tensor or several; those without a gradient are left out.
        norm_type: p of the p-norm; may be infinite.
        error_if_nonfinite: raise a RuntimeError where the norm is NaN or infinite.

    Returns:
        The norm before.

    >>> import autograd as ag
    >>> p = ag.zeros(2, requires_grad=True)
    >>> p.grad = ag.tensor([30.0, 40.0])
    >>> clip_grad_norm_(p, 5.0), p.grad
    (tensor(50.), tensor([3., 4.]))
    """
    parameters = _list(parameters)
    total = get_total_norm(_grads(parameters), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


clip_grad_norm = clip_grad_norm_


def clip_grad_value_(parameters: Iterable[Tensor] | Tensor, clip_value: float, foreach: bool | None = None) -> None:
    """Limit each element of the gradients to [−clip_value, clip_value], in place."""
    bound = float(clip_value)
    for grad in _grads(parameters):
        array = share(grad)
        array.clip(-bound, bound, out=array)
        mutated(array)
