"""Gamma distributions, and those that are made of them: Beta, Dirichlet, χ², F, Student's t."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import arange, digamma, finfo, igamma, lgamma, randn, stack, xlogy
from ..function import Function, once_differentiable
from ..ops.special import digamma_array
from ..random import rng
from ..sampling import host, placed
from ..tensor import Tensor
from . import constraints
from .distribution import Distribution, ExponentialFamily
from .utils import broadcast_all, where

__all__ = ["Beta", "Chi2", "Dirichlet", "FisherSnedecor", "Gamma", "StudentT"]


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


class Gamma(ExponentialFamily):
    """rate^concentration x^(concentration - 1) exp(-rate x) / Γ(concentration) for x > 0.

    >>> Gamma(2.0, 1.0).log_prob(1.0)
    tensor(-1.)
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        draws = standard_gamma(self.concentration.expand(*self._extended_shape(sample_shape))) / self.rate
        return draws.clamp(min=finfo(draws.dtype).tiny)

    def log_prob(self, value: Any) -> Tensor:
        value, a, b = self._value(value), self.concentration, self.rate
        return xlogy(a, b) + xlogy(a - 1, value) - b * value - lgamma(a)

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + lgamma(a) + (1 - a) * digamma(a)

    def cdf(self, value: Any) -> Tensor:
        return igamma(self.concentration, self.rate * self._value(value))

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / self.rate**2


class Chi2(Gamma):
    """The sum of the squares of `df` standard normal numbers."""

    arg_constraints = {"df": constraints.positive}  # noqa: RUF012

    def __init__(self, df: Any, validate_args: bool | None = None):
        super().__init__(0.5 * df, 0.5, validate_args)

    @property
    def df(self) -> Tensor:
        """How many squares."""
        return self.concentration * 2


class Dirichlet(ExponentialFamily):
    """Shares that add up to 1: the density is proportional to Π xᵢ^(cᵢ - 1), with c = `concentration` (…, n).

    >>> import autograd as ag
    >>> Dirichlet(ag.ones(3)).log_prob(ag.tensor([0.2, 0.3, 0.5])).exp()
    tensor(2.)
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}  # noqa: RUF012
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None):
        (self.concentration,) = broadcast_all(concentration)
        if self.concentration.ndim < 1:
            raise ValueError("expected one concentration for each share in the last dimension, got a number")
        super().__init__(self.concentration.shape[:-1], self.concentration.shape[-1:], validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        parts = standard_gamma(self.concentration.expand(*self._extended_shape(sample_shape)))
        return parts / parts.sum(-1, keepdim=True)

    def log_prob(self, value: Any) -> Tensor:
        c = self.concentration
        return xlogy(c - 1, self._value(value)).sum(-1) + lgamma(c.sum(-1)) - lgamma(c).sum(-1)

    def entropy(self) -> Tensor:
        c, n = self.concentration, self.event_shape[0]
        whole = c.sum(-1)
        return lgamma(c).sum(-1) - lgamma(whole) - (n - whole) * digamma(whole) - ((c - 1) * digamma(c)).sum(-1)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        above = (self.concentration - 1).clamp(min=0)
        unbounded = (self.concentration < 1).all(-1, keepdim=True)  # the density is, at every corner: take the first
        first = (arange(self.event_shape[0], device=above.device) == 0).to(above.dtype)
        return where(unbounded, first, above / above.sum(-1, keepdim=True).masked_fill(unbounded, 1.0))

    @property
    def variance(self) -> Tensor:
        whole = self.concentration.sum(-1, keepdim=True)
        return self.mean * (1 - self.mean) / (whole + 1)


class Beta(ExponentialFamily):
    """x^(concentration1 - 1) (1 - x)^(concentration0 - 1), up to a factor, for 0 < x < 1.

    >>> Beta(2.0, 2.0).log_prob(0.5).exp()
    tensor(1.5000)
    """

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}  # noqa: RUF012
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(self.concentration1.shape, validate_args=validate_args)

    @property
    def _pair(self) -> Dirichlet:
        """Of the shares x and 1 - x."""
        return Dirichlet(stack([self.concentration1, self.concentration0], -1), False)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._pair.rsample(sample_shape)[..., 0]

    def log_prob(self, value: Any) -> Tensor:
        value = self._value(value)
        return self._pair.log_prob(stack([value, 1 - value], -1))

    def entropy(self) -> Tensor:
        return self._pair.entropy()

    @property
    def mean(self) -> Tensor:
        return self.concentration1 / (self.concentration1 + self.concentration0)

    @property
    def mode(self) -> Tensor:
        return self._pair.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        return self.mean * (1 - self.mean) / (self.concentration1 + self.concentration0 + 1)


class StudentT(Distribution):
    """A normal number over the root of the mean of `df` squared ones, times `scale`, plus `loc`."""

    arg_constraints = {  # noqa: RUF012
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real
    has_rsample = True

    def __init__(self, df: Any, loc: Any = 0.0, scale: Any = 1.0, validate_args: bool | None = None):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        super().__init__(self.df.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        z = self._noise(randn, sample_shape)
        return self.loc + self.scale * z * (Chi2(self.df, False).rsample(sample_shape) / self.df).rsqrt()

    def log_prob(self, value: Any) -> Tensor:
        y, n = (self._value(value) - self.loc) / self.scale, self.df
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
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        finite = self.scale**2 * self.df / (self.df - 2)
        return finite.masked_fill(self.df <= 2, math.inf).masked_fill(self.df <= 1, math.nan)


class FisherSnedecor(Distribution):
    """The mean of `df1` squared normal numbers over the mean of `df2` others."""

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}  # noqa: RUF012
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None):
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(self.df1.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        above, below = (Gamma(df / 2, df / 2, False).rsample(sample_shape) for df in (self.df1, self.df2))
        return (above / below).clamp(min=finfo(above.dtype).tiny)

    def log_prob(self, value: Any) -> Tensor:
        value, a, b, ratio = self._value(value), self.df1 / 2, self.df2 / 2, self.df1 / self.df2
        size = lgamma(a) + lgamma(b) - lgamma(a + b)
        return a * ratio.log() + (a - 1) * value.log() - (a + b) * (ratio * value).log1p() - size

    @property
    def mean(self) -> Tensor:
        return (self.df2 / (self.df2 - 2)).masked_fill(self.df2 <= 2, math.nan)

    @property
    def mode(self) -> Tensor:
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        return mode.masked_fill(self.df1 <= 2, math.nan)

    @property
    def variance(self) -> Tensor:
        m, n = self.df1, self.df2
        variance = 2 * n**2 * (m + n - 2) / (m * (n - 2) ** 2 * (n - 4))
        return variance.masked_fill(n <= 4, math.nan)
