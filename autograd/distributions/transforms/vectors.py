"""Functions of vectors and matrices."""

from __future__ import annotations

import math
from typing import Any

from ... import cat, eye, finfo, linalg, ones_like
from ...ops.activation import softplus
from ...tensor import Size, Tensor
from .. import constraints
from ..constraints import Constraint, dependent_property
from ..utils import tril_matrix_to_vec, vec_to_tril_matrix
from .elementwise import SigmoidTransform
from .transform import Transform

__all__ = [
    "CorrCholeskyTransform", "LowerCholeskyTransform", "PositiveDefiniteTransform", "ReshapeTransform", "SoftmaxTransform",
    "StickBreakingTransform",
]  # fmt: skip


def _changed(shape: Any, dims: int, by: int) -> Size:
    """A shape whose last dimension, or last two, has a few more elements."""
    if len(shape) < dims:
        raise ValueError(f"expected at least {dims} dimensions, got shape {tuple(shape)}")
    return Size((*shape[:-dims], *(n + by for n in shape[-dims:])))


class SoftmaxTransform(Transform):
    """Shares in the proportion of exp(x); many x have the same, of which the inverse is log(y)."""

    domain, codomain = constraints.real_vector, constraints.simplex

    def _call(self, x: Tensor) -> Tensor:
        return x.softmax(-1)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def forward_shape(self, shape: Any) -> Size:
        return _changed(shape, 1, 0)

    inverse_shape = forward_shape


class StickBreakingTransform(Transform):
    """n numbers as n + 1 shares: each takes a part, sigmoid of x, of what the others left (mc-stan.org, simplex transform)."""

    domain, codomain, bijective = constraints.real_vector, constraints.simplex, True

    def _even(self, x: Tensor) -> Tensor:
        """What to subtract from x, so that zeros give even shares."""
        n = x.shape[-1]
        return (n - ones_like(x).cumsum(-1) + 1).log()

    def _call(self, x: Tensor) -> Tensor:
        part = SigmoidTransform()(x - self._even(x))
        left = (1 - part).cumprod(-1)
        one = ones_like(x[..., :1])
        return cat([part, one], -1) * cat([one, left], -1)

    def _inverse(self, y: Tensor) -> Tensor:
        taken = y[..., :-1]
        left = (1 - taken.cumsum(-1)).clamp(min=finfo(y.dtype).tiny)
        return taken.log() - left.log() + self._even(taken)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return (y[..., :-1].log() - softplus(x - self._even(x))).sum(-1)

    def forward_shape(self, shape: Any) -> Size:
        return _changed(shape, 1, 1)

    def inverse_shape(self, shape: Any) -> Size:
        return _changed(shape, 1, -1)


class LowerCholeskyTransform(Transform):
    """Square matrices as lower triangular ones: zeros above the diagonal, exp on it."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + x.diagonal(dim1=-2, dim2=-1).exp().diag_embed()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + y.diagonal(dim1=-2, dim2=-1).log().diag_embed()


class PositiveDefiniteTransform(Transform):
    """Square matrices as positive-definite ones, L Lᵀ with L from `LowerCholeskyTransform`."""

    domain, codomain = constraints.independent(constraints.real, 2), constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform().inv(linalg.cholesky(y))


def _before(x: Tensor) -> Tensor:
    """The elements one place to the left, after a one."""
    return cat([ones_like(x[..., :1]), x[..., :-1]], -1)


class CorrCholeskyTransform(Transform):
    """n (n - 1) / 2 numbers as the Cholesky factor of an n × n correlation matrix.

    Row by row, tanh of a number is the share of what the row's length of 1 has left (mc-stan.org, Cholesky factors of
    correlation matrices).
    """

    domain, codomain, bijective = constraints.real_vector, constraints.corr_cholesky, True

    def _call(self, x: Tensor) -> Tensor:
        eps = finfo(x.dtype).eps
        share = vec_to_tril_matrix(x.tanh().clamp(-1 + eps, 1 - eps), -1)
        left = (1 - share**2).sqrt().cumprod(-1)
        return (share + eye(share.shape[-1], dtype=x.dtype, device=x.device)) * _before(left)

    def _inverse(self, y: Tensor) -> Tensor:
        left = _before(1 - (y * y).cumsum(-1))
        share = tril_matrix_to_vec(y, -1) / tril_matrix_to_vec(left, -1).sqrt()
        return (share.log1p() - (-share).log1p()) / 2

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        left = tril_matrix_to_vec(1 - (y * y).cumsum(-1), -2)
        stretch = 2 * (x + softplus(-2 * x) - math.log(2.0))
        return left.log().sum(-1) / 2 - stretch.sum(-1)

    def forward_shape(self, shape: Any) -> Size:
        length = shape[-1]
        n = round((1 + math.sqrt(1 + 8 * length)) / 2)
        if n * (n - 1) // 2 != length:
            raise ValueError(f"expected n (n - 1) / 2 numbers for an n x n matrix, got {length}")
        return Size((*shape[:-1], n, n))

    def inverse_shape(self, shape: Any) -> Size:
        n = shape[-1]
        if len(shape) < 2 or shape[-2] != n:
            raise ValueError(f"expected square matrices, got shape {tuple(shape)}")
        return Size((*shape[:-2], n * (n - 1) // 2))


class ReshapeTransform(Transform):
    """The elements of events of one shape as events of another."""

    bijective = True

    def __init__(self, in_shape: Any, out_shape: Any, cache_size: int = 0):
        self.in_shape, self.out_shape = Size(in_shape), Size(out_shape)
        if math.prod(self.in_shape) != math.prod(self.out_shape):
            raise ValueError(f"expected shapes with as many elements, got {tuple(in_shape)} and {tuple(out_shape)}")
        super().__init__(cache_size)

    @dependent_property
    def domain(self) -> Constraint:
        return constraints.independent(constraints.real, len(self.in_shape))

    @dependent_property
    def codomain(self) -> Constraint:
        return constraints.independent(constraints.real, len(self.out_shape))

    def _call(self, x: Tensor) -> Tensor:
        return x.reshape(self.forward_shape(x.shape))

    def _inverse(self, y: Tensor) -> Tensor:
        return y.reshape(self.inverse_shape(y.shape))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return x.new_zeros(x.shape[: x.ndim - len(self.in_shape)])

    def forward_shape(self, shape: Any) -> Size:
        return _replaced(shape, self.in_shape, self.out_shape)

    def inverse_shape(self, shape: Any) -> Size:
        return _replaced(shape, self.out_shape, self.in_shape)


def _replaced(shape: Any, old: Size, new: Size) -> Size:
    cut = len(shape) - len(old)
    if tuple(shape[max(cut, 0) :]) != old:
        raise ValueError(f"expected a shape that ends with {tuple(old)}, got {tuple(shape)}")
    return Size((*shape[:cut], *new))
