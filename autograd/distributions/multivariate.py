"""Distributions over vectors and matrices of real numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import arange, digamma, eye, lgamma, linalg, mvlgamma, randn
from ..random import rng
from ..sampling import placed
from ..tensor import Tensor
from . import constraints
from .constraints import Constraint
from .continuous import LOG_2PI
from .distribution import AroundLoc, Distribution, ExponentialFamily
from .gammas import Beta, Chi2
from .utils import broadcast_all, lazy_property

__all__ = ["LKJCholesky", "LowRankMultivariateNormal", "MultivariateNormal", "Wishart"]


def log_det(factor: Tensor) -> Tensor:
    """The logarithm of the determinant of triangular matrices with a positive diagonal."""
    return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _eye(matrix: Tensor) -> Tensor:
    """The identity that a matrix is multiplied with."""
    return eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)


def inverse_of(factor: Tensor) -> Tensor:
    """(L Lᵀ)⁻¹."""
    inverse = linalg.solve_triangular(factor, _eye(factor), upper=False)
    return inverse.mT @ inverse


def factor_of_inverse(matrix: Tensor) -> Tensor:
    """The Cholesky factor of the inverse of positive-definite matrices, without that inverse."""
    # With rows and columns in reverse, Cholesky gives matrix = U Uᵀ with U upper: then L = U⁻ᵀ.
    turned = linalg.cholesky(matrix.flip((-2, -1))).flip((-2, -1)).mT
    return linalg.solve_triangular(turned, _eye(matrix), upper=False)


def squares(factor: Tensor, difference: Tensor) -> Tensor:
    """|L⁻¹ x|² of vectors x (…, n), with one L (n, n) or one for each in the batch."""
    if factor.ndim == 2:
        z = linalg.solve_triangular(factor, difference.reshape(-1, factor.shape[-1]).mT, upper=False)
        return (z**2).sum(0).reshape(difference.shape[:-1])
    batch = difference.shape[:-1]
    z = linalg.solve_triangular(factor.expand(*batch, -1, -1), difference.unsqueeze(-1), upper=False)
    return (z**2).sum((-2, -1))


MATRICES: dict[str, Constraint] = {
    "covariance_matrix": constraints.positive_definite,
    "precision_matrix": constraints.positive_definite,
    "scale_tril": constraints.lower_cholesky,
}


class _ByMatrix(Distribution):
    """What a positive-definite matrix gives: the matrix itself, its inverse, or its Cholesky factor."""

    def _take(
        self, like: Tensor, covariance_matrix: Any, precision_matrix: Any, scale_tril: Any
    ) -> tuple[Tensor, tuple[int, ...]]:
        """The matrix that is given, kept by its name for the batch that it has together with `like`, and that batch."""
        given = dict(zip(MATRICES, (covariance_matrix, precision_matrix, scale_tril), strict=True))
        given = {name: matrix for name, matrix in given.items() if matrix is not None}
        if len(given) != 1:
            raise ValueError(f"expected one of {', '.join(MATRICES)}, got {', '.join(given) or 'none'}")
        ((name, matrix),) = given.items()
        if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
            raise ValueError(f"expected {name} to be square matrices, got shape {tuple(matrix.shape)}")
        batch = np.broadcast_shapes(tuple(like.shape), tuple(matrix.shape[:-2]))
        setattr(self, name, matrix.expand(*batch, *matrix.shape[-2:]))
        return matrix, batch

    def _factor(self, matrix: Tensor) -> Tensor:
        if "scale_tril" in vars(self):
            return matrix
        return linalg.cholesky(matrix) if "covariance_matrix" in vars(self) else factor_of_inverse(matrix)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        return new

    def _matrix(self, matrix: Tensor) -> Tensor:
        return matrix.expand(*self.batch_shape, *matrix.shape[-2:])

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of `covariance_matrix`."""
        return self._matrix(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """L Lᵀ, where L is `scale_tril`."""
        return self._matrix(self._unbroadcasted_scale_tril @ self._unbroadcasted_scale_tril.mT)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of `covariance_matrix`."""
        return self._matrix(inverse_of(self._unbroadcasted_scale_tril))


class MultivariateNormal(AroundLoc, _ByMatrix):
    """Normal vectors with mean `loc` (…, n) and one of three: covariance, its inverse, or its Cholesky factor (…, n, n).

    >>> import autograd as ag
    >>> MultivariateNormal(ag.zeros(2), ag.eye(2)).log_prob(ag.zeros(2))
    tensor(-1.8379)
    """

    arg_constraints = {"loc": constraints.real_vector, **MATRICES}  # noqa: RUF012
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        if loc.ndim < 1:
            raise ValueError("expected loc to be a vector, or a batch of them, got a number")
        matrix, batch = self._take(loc[..., 0], covariance_matrix, precision_matrix, scale_tril)
        self.loc = loc.expand(*batch, matrix.shape[-1])
        super().__init__(batch, loc.shape[-1:], validate_args)
        self._unbroadcasted_scale_tril = self._factor(matrix)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        z = self._noise(randn, sample_shape)
        return self.loc + (self._unbroadcasted_scale_tril @ z.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Any) -> Tensor:
        distance = squares(self._unbroadcasted_scale_tril, self._value(value) - self.loc)
        return -distance / 2 - log_det(self._unbroadcasted_scale_tril) - self.event_shape[0] * LOG_2PI / 2

    def entropy(self) -> Tensor:
        each = log_det(self._unbroadcasted_scale_tril) + self.event_shape[0] * (1 + LOG_2PI) / 2
        return each.expand(*self.batch_shape)

    @property
    def variance(self) -> Tensor:
        return (self._unbroadcasted_scale_tril**2).sum(-1).expand(*self.batch_shape, *self.event_shape)


class LowRankMultivariateNormal(AroundLoc, Distribution):
    """Normal vectors with mean `loc` (…, n) and covariance W Wᵀ + D: `cov_factor` W (…, n, k), and `cov_diag` D (…, n).

    Inverse and determinant are those of k × k matrices (the Woodbury identity).
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None):
        n = loc.shape[-1:]
        if not n or cov_factor.shape[-2:-1] != n or cov_diag.shape[-1:] != n:
            raise ValueError(
                "expected loc (..., n), cov_factor (..., n, k) and cov_diag (..., n), got shapes "
                f"{tuple(loc.shape)}, {tuple(cov_factor.shape)} and {tuple(cov_diag.shape)}"
            )
        batch = np.broadcast_shapes(tuple(loc.shape[:-1]), tuple(cov_factor.shape[:-2]), tuple(cov_diag.shape[:-1]))
        self.loc, self.cov_diag = loc.expand(*batch, *n), cov_diag.expand(*batch, *n)
        self.cov_factor = cov_factor.expand(*batch, *cov_factor.shape[-2:])
        super().__init__(batch, n, validate_args)
        W = self.cov_factor
        self._capacitance_tril = linalg.cholesky(W.mT @ (W / self.cov_diag.unsqueeze(-1)) + _eye(W))

    def _half_log_det(self) -> Tensor:
        return log_det(self._capacitance_tril) + self.cov_diag.log().sum(-1) / 2

    def _squares(self, difference: Tensor) -> Tensor:
        scaled = difference / self.cov_diag
        inner = (self.cov_factor.mT @ scaled.unsqueeze(-1)).squeeze(-1)
        return (difference * scaled).sum(-1) - squares(self._capacitance_tril, inner)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """W Wᵀ + D."""
        return self.cov_factor @ self.cov_factor.mT + self.cov_diag.diag_embed()

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of `covariance_matrix`."""
        return linalg.cholesky(self.covariance_matrix)

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """The inverse of `covariance_matrix`."""
        scaled = self.cov_factor.mT / self.cov_diag.unsqueeze(-2)
        A = linalg.solve_triangular(self._capacitance_tril, scaled, upper=False)
        return self.cov_diag.reciprocal().diag_embed() - A.mT @ A

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape, like = self._extended_shape(sample_shape), self.loc
        inner = randn(*shape[:-1], self.cov_factor.shape[-1], 1, dtype=like.dtype, device=like.device)
        each = self.cov_diag.sqrt() * self._noise(randn, sample_shape)
        return self.loc + (self.cov_factor @ inner).squeeze(-1) + each

    def log_prob(self, value: Any) -> Tensor:
        distance = self._squares(self._value(value) - self.loc)
        return -distance / 2 - self._half_log_det() - self.event_shape[0] * LOG_2PI / 2

    def entropy(self) -> Tensor:
        return self._half_log_det() + self.event_shape[0] * (1 + LOG_2PI) / 2

    @property
    def variance(self) -> Tensor:
        return (self.cov_factor**2).sum(-1) + self.cov_diag


class Wishart(_ByMatrix, ExponentialFamily):
    """Sums x xᵀ over `df` normal vectors with mean 0 and the covariance that is given in one of three ways (…, n, n).

    The source of the formulas is en.wikipedia.org/wiki/Wishart_distribution; draws are Bartlett's.
    """

    support = constraints.positive_definite
    has_rsample = True

    def __init__(
        self,
        df: Any,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        given = next((m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None), None)
        self.df = broadcast_all(df, 0.0 if given is None else given.new_zeros(()))[0]
        matrix, batch = self._take(self.df, covariance_matrix, precision_matrix, scale_tril)
        self.df = self.df.expand(*batch)
        if (self.df <= matrix.shape[-1] - 1).any():
            raise ValueError(f"expected df to be greater than {matrix.shape[-1] - 1}, got {self.df.detach()}")
        super().__init__(batch, matrix.shape[-2:], validate_args)
        self._unbroadcasted_scale_tril = self._factor(matrix)

    @property
    def arg_constraints(self) -> dict[str, Constraint]:  # type: ignore[override]
        return {**MATRICES, "df": constraints.greater_than(self._event_shape[-1] - 1)}

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        n = self.event_shape[-1]
        z = self._noise(randn, sample_shape).tril(-1)
        lengths = Chi2(self.df.unsqueeze(-1) - arange(n, dtype=self.df.dtype, device=self.df.device), False)
        factor = self._unbroadcasted_scale_tril @ (z + lengths.rsample(sample_shape).sqrt().diag_embed())
        return factor @ factor.mT

    def log_prob(self, value: Any) -> Tensor:
        value = self._value(value)
        inner = linalg.solve_triangular(self._unbroadcasted_scale_tril, value, upper=False)
        inner = linalg.solve_triangular(self._unbroadcasted_scale_tril.mT, inner, upper=True)
        trace = inner.diagonal(dim1=-2, dim2=-1).sum(-1)
        return self._power() * linalg.slogdet(value).logabsdet - trace / 2 - self._log_size()

    def _power(self) -> Tensor:
        """Of the determinant, in the density."""
        return (self.df - self.event_shape[-1] - 1) / 2

    def _log_size(self) -> Tensor:
        """The logarithm of what the density is divided by."""
        n = self.event_shape[-1]
        return self.df * (log_det(self._unbroadcasted_scale_tril) + n * math.log(2) / 2) + mvlgamma(self.df / 2, n)

    def _mean_log_det(self) -> Tensor:
        n = self.event_shape[-1]
        half = digamma(self.df.unsqueeze(-1) / 2 - arange(n, dtype=self.df.dtype, device=self.df.device) / 2)
        return half.sum(-1) + n * math.log(2) + 2 * log_det(self._unbroadcasted_scale_tril)

    def entropy(self) -> Tensor:
        return self._log_size() - self._power() * self._mean_log_det() + self.df * self.event_shape[-1] / 2

    @property
    def mean(self) -> Tensor:
        return self.df[..., None, None] * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        factor = self.df - self.event_shape[-1] - 1
        return factor.masked_fill(factor <= 0, math.nan)[..., None, None] * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        V = self.covariance_matrix
        diagonal = V.diagonal(dim1=-2, dim2=-1)
        return self.df[..., None, None] * (V**2 + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))


class LKJCholesky(Distribution):
    """Cholesky factors of `dim` × `dim` correlation matrices with a density proportional to det^(concentration - 1).

    Draws are those of the onion method (Lewandowski, Kurowicka and Joe, 2009, section 3.2).
    """

    arg_constraints = {"concentration": constraints.positive}  # noqa: RUF012
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None):
        if dim < 2:
            raise ValueError(f"expected matrices of at least 2 rows, got dim={dim}")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(self.concentration.shape, (dim, dim), validate_args)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        c, n = self.concentration.detach(), self.dim
        row = arange(n - 1, dtype=c.dtype, device=c.device)  # all but the first, whose only element is 1
        length = Beta(row / 2 + 0.5, c.unsqueeze(-1) + (n - 2) / 2 - row / 2, False).sample(sample_shape)  # squared
        shape = self._extended_shape(sample_shape)
        direction = placed(np.asarray(rng(None).standard_normal(shape), c.dtype), c.device).tril(-1)[..., 1:, :]
        direction = direction / linalg.norm(direction, dim=-1, keepdim=True)
        below = length.sqrt().unsqueeze(-1) * direction
        drawn = eye(n, dtype=c.dtype, device=c.device).expand(*shape).clone()
        drawn[..., 1:, :] = below
        drawn[..., range(1, n), range(1, n)] = (1 - length).clamp(min=0).sqrt()
        return drawn

    def log_prob(self, value: Any) -> Tensor:
        value, c, n = self._value(value), self.concentration, self.dim
        order = 2 * (c - 1).unsqueeze(-1) + n - arange(2, n + 1, dtype=c.dtype, device=c.device)
        density = (order * value.diagonal(dim1=-2, dim2=-1)[..., 1:].log()).sum(-1)
        a = c + (n - 1) / 2
        size = (n - 1) / 2 * math.log(math.pi) + mvlgamma(a - 0.5, n - 1) - (n - 1) * lgamma(a)
        return density - size
