"""Gamma distributions, and those that are made of them: Beta, Dirichlet, χ², Student's t."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..function import Function, once_differentiable
from ..ops.functions import xlogy
from ..ops.joining import stack
from ..ops.special import digamma, digamma_array, lgamma
from ..random import rng
from ..sampling import host, placed, randn
from ..tensor import Tensor
from .distribution import Distribution, require, tensors

__all__ = ["Beta", "Chi2", "Dirichlet", "Gamma", "StudentT"]


def _slope(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """How a draw x of a standard gamma distribution moves with the concentration a, its place among all draws kept.

    That is -∂P(a, x)/∂a / p(x) (implicit reparametrization, arXiv:1805.08498), with the power series of P, whose terms are
    all positive: Σ xⁿ⁺¹ / (a (a+1) … (a+n)) · (ψ(a+n+1) - log x).
    """
    term, psi, log = x / a, digamma_array(a) + 1 / a, np.log(x)
    total, n = np.zeros_like(a), 0
    while True:
        part = term * (psi - log)
        total += part
        if n > x.max(initial=0) and np.all(np.abs(part) <= 1e-16 * np.abs(total) + 1e-300):
            return total
        n += 1
        term, psi = term * x / (a + n), psi + 1 / (a + n)


class _StandardGamma(Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor) -> Tensor:
        concentration = np.asarray(host(a), np.float64)
        tiny = np.finfo(a.dtype).tiny
        ctx.concentration = concentration
        ctx.draws = np.maximum(rng(None).standard_gamma(concentration), tiny)
        return placed(np.asarray(ctx.draws, a.dtype), a.device)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * placed(_slope(ctx.concentration, ctx.draws).astype(g.dtype), g.device)


def standard_gamma(a: Tensor) -> Tensor:
    """Draws with scale 1, one for each concentration; gradients flow into the concentrations."""
    return _StandardGamma.apply(a)


class Gamma(Distribution):
    """rate^concentration x^(concentration - 1) exp(-rate x) / Γ(concentration) for x > 0.

    >>> Gamma(2.0, 1.0).log_prob(1.0)
    tensor(-1.)
    """

    has_rsample = True
    parameters = ("concentration", "rate")

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None):
        self.concentration, self.rate = tensors(concentration, rate)
        require(validate_args, "concentration", self.concentration, self.concentration > 0, "positive")
        require(validate_args, "rate", self.rate, self.rate > 0, "positive")
        super().__init__(self.rate.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return standard_gamma(self.concentration.expand(*self._shape(sample_shape))) / self.rate

    def log_prob(self, value: Any) -> Tensor:
        value = tensors(value, self.rate)[0]
        a, b = self.concentration, self.rate
        return xlogy(a, b) + xlogy(a - 1, value) - b * value - lgamma(a)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + lgamma(a) + (1 - a) * digamma(a)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2


class Chi2(Gamma):
    """The sum of the squares of `df` standard normal numbers."""

    parameters = ()

    def __init__(self, df: Any, validate_args: bool | None = None):
        (self.df,) = tensors(df)
        super().__init__(self.df / 2, 0.5, validate_args)


class Dirichlet(Distribution):
    """Shares that add up to 1: the density is proportional to Π xᵢ^(cᵢ - 1), with c = `concentration` (…, n).

    >>> import autograd as ag
    >>> Dirichlet(ag.ones(3)).log_prob(ag.tensor([0.2, 0.3, 0.5])).exp()
    tensor(2.)
    """

    has_rsample = True
    parameters = ("concentration",)

    def __init__(self, concentration: Tensor, validate_args: bool | None = None):
        (self.concentration,) = tensors(concentration)
        if self.concentration.ndim < 1:
            raise ValueError("expected one concentration for each share in the last dimension, got a number")
        require(validate_args, "concentration", self.concentration, self.concentration > 0, "positive")
        super().__init__(self.concentration.shape[:-1], self.concentration.shape[-1:])

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        parts = standard_gamma(self.concentration.expand(*self._shape(sample_shape)))
        return parts / parts.sum(-1, keepdim=True)

    def log_prob(self, value: Tensor) -> Tensor:
        c = self.concentration
        return xlogy(c - 1, value).sum(-1) + lgamma(c.sum(-1)) - lgamma(c).sum(-1)

    def entropy(self) -> Tensor:
        c, n = self.concentration, self.event_shape[0]
        whole = c.sum(-1)
        return lgamma(c).sum(-1) - lgamma(whole) - (n - whole) * digamma(whole) - ((c - 1) * digamma(c)).sum(-1)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def variance(self) -> Tensor:
        whole = self.concentration.sum(-1, keepdim=True)
        return self.mean * (1 - self.mean) / (whole + 1)


class Beta(Distribution):
    """x^(concentration1 - 1) (1 - x)^(concentration0 - 1), up to a factor, for 0 < x < 1.

    >>> Beta(2.0, 2.0).log_prob(0.5).exp()
    tensor(1.5000)
    """

    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None):
        self.concentration1, self.concentration0 = tensors(concentration1, concentration0)
        self._pair = Dirichlet(stack([self.concentration1, self.concentration0], -1), validate_args)
        super().__init__(self.concentration1.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._pair.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Any) -> Tensor:
        value = tensors(value, self.concentration1)[0]
        return self._pair.log_prob(stack([value, 1 - value], -1))

    def entropy(self) -> Tensor:
        return self._pair.entropy()

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def variance(self) -> Tensor:
        return self.mean * (1 - self.mean) / (self.concentration1 + self.concentration0 + 1)


class StudentT(Distribution):
    """A normal number over the root of the mean of `df` squared ones, times `scale`, plus `loc`."""

    has_rsample = True
    parameters = ("df", "loc", "scale")

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None):
        self.df, self.loc, self.scale = tensors(df, loc, scale)
        require(validate_args, "scale", self.scale, self.scale > 0, "positive")
        require(validate_args, "df", self.df, self.df > 0, "positive")
        super().__init__(self.df.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        z = randn(*self._shape(sample_shape), dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + self.scale * z * (Chi2(self.df).rsample(sample_shape) / self.df).rsqrt()

    def log_prob(self, value: Any) -> Tensor:
        y, n = (value - self.loc) / self.scale, self.df
        size = self.scale.log() + n.log() / 2 + math.log(math.pi) / 2 + lgamma(n / 2) - lgamma((n + 1) / 2)
        return -(n + 1) / 2 * (y**2 / n).log1p() - size

    def entropy(self) -> Tensor:
        n = self.df
        beta = lgamma(n / 2) + math.lgamma(0.5) - lgamma((n + 1) / 2)
        half = (n + 1) / 2 * (digamma((n + 1) / 2) - digamma(n / 2))
        return self.scale.log() + half + n.log() / 2 + beta

    @property
    def mean(self) -> Tensor:
        return self.loc.masked_fill(self.df <= 1, math.nan)

    @property
    def variance(self) -> Tensor:
        finite = self.scale**2 * self.df / (self.df - 2)
        return finite.masked_fill(self.df <= 2, math.inf).masked_fill(self.df <= 1, math.nan)
