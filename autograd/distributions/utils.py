"""What distributions are made with: parameters of one shape, probabilities and logits, and attributes computed when asked."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable
from typing import Any

from .. import broadcast_tensors, enable_grad, finfo, sigmoid, softmax, tril_indices
from .. import where as _where
from ..creation import tensor
from ..tensor import Tensor

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "tril_matrix_to_vec",
    "vec_to_tril_matrix",
]  # fmt: skip

where: Any = _where  # with three arguments: a Tensor


def broadcast_all(*values: Any) -> list[Tensor]:
    """Tensors and numbers as floating-point tensors of one shape; numbers take the type of the tensors beside them.

    >>> import autograd as ag
    >>> broadcast_all(ag.zeros(2), 1.0)
    [tensor([0., 0.]), tensor([1., 1.])]
    """
    if wrong := [type(v).__name__ for v in values if not isinstance(v, (Tensor, numbers.Real))]:
        raise TypeError(f"expected tensors and numbers, got {', '.join(wrong)}")
    like = next((v for v in values if isinstance(v, Tensor) and v.is_floating_point()), None)
    known = {} if like is None else {"dtype": like.dtype, "device": like.device}
    made = [v if isinstance(v, Tensor) else tensor(v, **known) for v in values]
    made = [v if v.is_floating_point() else v.to(**known) if known else v.float() for v in made]
    wide = broadcast_tensors(*made)
    return [v if v.shape == w.shape else w for v, w in zip(made, wide, strict=True)]  # a leaf stays itself


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities away from 0 and 1 by the smallest step there is near 1, so that their logarithms are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """The logits of probabilities: log(p / (1 - p)) if `is_binary`, else log(p)."""
    p = clamp_probs(probs)
    return p.log() - (-p).log1p() if is_binary else p.log()


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """The probabilities of logits: their sigmoid if `is_binary`, else their softmax over the last dimension."""
    return sigmoid(logits) if is_binary else softmax(logits, -1)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements on and below a diagonal of matrices (…, n, n), row by row.

    >>> import autograd as ag
    >>> tril_matrix_to_vec(ag.tensor([[1.0, 0.0], [2.0, 3.0]]))
    tensor([1., 2., 3.])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"expected a diagonal from {-n} to {n - 1}, got {diag}")
    row, column = tril_indices(n, n, diag)
    return mat[..., row, column]


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """The inverse of `tril_matrix_to_vec`: lower triangular matrices from their elements (…, n (n + 1) / 2)."""
    length = vec.shape[-1]
    n = next(n for n in range(length + abs(diag) + 2) if _below(n, diag) >= length)
    if _below(n, diag) != length:
        raise ValueError(f"expected as many elements as a triangle has, such as {_below(n, diag)}, got {length}")
    row, column = tril_indices(n, n, diag)
    made = vec.new_zeros((*vec.shape[:-1], n, n))
    made[..., row, column] = vec
    return made


def _below(n: int, diag: int) -> int:
    """How many elements an n × n matrix has on and below a diagonal."""
    return sum(min(max(i + 1 + diag, 0), n) for i in range(n))


class lazy_property:
    """An attribute that a method computes when it is first asked for, with gradients even under ``no_grad``."""

    def __init__(self, wrapped: Callable):
        self.wrapped = wrapped
        functools.update_wrapper(self, wrapped)  # type: ignore[arg-type]

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value
