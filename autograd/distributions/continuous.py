"""Distributions over real numbers."""

from __future__ import annotations

import math
from typing import Any

from .. import linalg
from ..creation import eye
from ..ops.functions import log, log1p
from ..ops.masks import where
from ..sampling import rand, randn
from ..tensor import Tensor
from .distribution import Distribution, require, tensors

__all__ = ["Exponential", "Laplace", "MultivariateNormal", "Normal", "Uniform"]

_LOG_2PI = math.log(2 * math.pi)


class Normal(Distribution):
    """The normal distribution with mean `loc` and standard deviation `scale`.

    >>> Normal(0.0, 1.0).log_prob(0.0)
    tensor(-0.9189)
    """

    has_rsample = True
    parameters = ("loc", "scale")

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = tensors(loc, scale)
        require(validate_args, "scale", self.scale, self.scale > 0, "positive")
        super().__init__(self.loc.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + self.scale * randn(*self._shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)

    def log_prob(self, value: Any) -> Tensor:
        return -(((value - self.loc) / self.scale) ** 2) / 2 - self.scale.log() - _LOG_2PI / 2

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + _LOG_2PI) / 2

    def cdf(self, value: Any) -> Tensor:
        """The probability of less."""
        return (1 + ((value - self.loc) / (self.scale * math.sqrt(2))).erf()) / 2

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return self.scale**2


class Laplace(Distribution):
    """exp(-|x - loc| / scale) / (2 scale)."""

    has_rsample = True
    parameters = ("loc", "scale")

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = tensors(loc, scale)
        require(validate_args, "scale", self.scale, self.scale > 0, "positive")
        super().__init__(self.loc.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = rand(*self._shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device) - 0.5
        return self.loc - self.scale * u.sign() * log1p(-2 * u.abs())

    def log_prob(self, value: Any) -> Tensor:
        return -(value - self.loc).abs() / self.scale - (2 * self.scale).log()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale**2


class Exponential(Distribution):
    """rate · exp(-rate · x) for x ≥ 0."""

    has_rsample = True
    parameters = ("rate",)

    def __init__(self, rate: Any, validate_args: bool | None = None):
        (self.rate,) = tensors(rate)
        require(validate_args, "rate", self.rate, self.rate > 0, "positive")
        super().__init__(self.rate.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return -log1p(-rand(*self._shape(sample_shape), dtype=self.rate.dtype, device=self.rate.device)) / self.rate

    def log_prob(self, value: Any) -> Tensor:
        return self.rate.log() - self.rate * value

    def entropy(self) -> Tensor:
        return 1 - self.rate.log()

    @property
    def mean(self) -> Tensor:
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        return self.rate**-2


class Uniform(Distribution):
    """The same density everywhere in [low, high)."""

    has_rsample = True
    parameters = ("low", "high")

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None):
        self.low, self.high = tensors(low, high)
        require(validate_args, "high", self.high, self.low < self.high, "greater than low")
        super().__init__(self.low.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = rand(*self._shape(sample_shape), dtype=self.low.dtype, device=self.low.device)
        return self.low + (self.high - self.low) * u

    def log_prob(self, value: Any) -> Tensor:
        (value,) = tensors(value)
        inside = (value >= self.low) & (value < self.high)
        return where(inside, 0.0, -math.inf) - log(self.high - self.low)

    def entropy(self) -> Tensor:
        return log(self.high - self.low)

    @property
    def mean(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12


class MultivariateNormal(Distribution):
    """Normal vectors with mean `loc` (…, n) and one of three: covariance, its inverse, or its Cholesky factor (…, n, n)."""

    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        given = [m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None]
        if len(given) != 1 or loc.ndim < 1:
            raise ValueError("expected a vector loc, and one of covariance_matrix, precision_matrix and scale_tril")
        if scale_tril is None:
            factor = linalg.cholesky(linalg.inv(given[0]) if precision_matrix is not None else given[0])
        else:
            factor = scale_tril
        n = loc.shape[-1]
        self.loc = loc + factor.new_zeros(factor.shape[:-1])  # broadcasts the batches
        self.scale_tril = factor.expand(*self.loc.shape[:-1], n, n)
        self.parameters = ("loc", "scale_tril" if scale_tril is not None else "covariance_matrix")
        if precision_matrix is not None:
            self.parameters = ("loc", "precision_matrix")
        super().__init__(self.loc.shape[:-1], (n,))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        z = randn(*self._shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + (self.scale_tril @ z.unsqueeze(-1)).squeeze(-1)

    def _half_log_det(self) -> Tensor:
        return self.scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Any) -> Tensor:
        difference = (value - self.loc).unsqueeze(-1)
        z = linalg.solve_triangular(self.scale_tril.expand(*difference.shape[:-2], -1, -1), difference, upper=False)
        return -(z**2).sum((-2, -1)) / 2 - self._half_log_det() - self.event_shape[0] * _LOG_2PI / 2

    def entropy(self) -> Tensor:
        return self._half_log_det() + self.event_shape[0] * (1 + _LOG_2PI) / 2

    @property
    def covariance_matrix(self) -> Tensor:
        """L Lᵀ, where L is `scale_tril`."""
        return self.scale_tril @ self.scale_tril.mT

    @property
    def precision_matrix(self) -> Tensor:
        """The inverse of the covariance."""
        inverse = linalg.solve_triangular(
            self.scale_tril, eye(*self.event_shape, dtype=self.loc.dtype, device=self.loc.device), upper=False
        )
        return inverse.mT @ inverse

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self.scale_tril**2).sum(-1)
