"""Distributions over real numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import isclose, rand, randn, special
from ..random import rng
from ..sampling import host, placed
from ..tensor import Tensor
from . import constraints
from .constraints import Constraint, dependent_property
from .distribution import AroundLoc, Distribution, ExponentialFamily
from .utils import broadcast_all, where

__all__ = ["Cauchy", "Exponential", "GeneralizedPareto", "Laplace", "Normal", "Uniform", "VonMises"]

LOG_2PI = math.log(2 * math.pi)


class _LocationScale(AroundLoc, Distribution):
    """Numbers moved by `loc` and stretched by `scale`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def _standard(self, value: Any) -> Tensor:
        """A value, moved and stretched back."""
        return (self._value(value) - self.loc) / self.scale


class Normal(_LocationScale, ExponentialFamily):
    """The normal distribution with mean `loc` and standard deviation `scale`.

    >>> Normal(0.0, 1.0).log_prob(0.0)
    tensor(-0.9189)
    """

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + self.scale * self._noise(randn, sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        return -(self._standard(value) ** 2) / 2 - self.scale.log() - LOG_2PI / 2

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + LOG_2PI) / 2

    def cdf(self, value: Any) -> Tensor:
        return (1 + (self._standard(value) / math.sqrt(2)).erf()) / 2

    def icdf(self, value: Any) -> Tensor:
        return self.loc + self.scale * (2 * value - 1).erfinv() * math.sqrt(2)

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale**2


class Laplace(_LocationScale):
    """exp(-|x - loc| / scale) / (2 scale)."""

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(self._noise(rand, sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        return -self._standard(value).abs() - (2 * self.scale).log()

    def entropy(self) -> Tensor:
        return 1 + (2 * self.scale).log()

    def cdf(self, value: Any) -> Tensor:
        z = self._standard(value)
        return (1 - z.sign() * (-z.abs()).expm1()) / 2

    def icdf(self, value: Any) -> Tensor:
        u = value - 0.5
        return self.loc - self.scale * u.sign() * (-2 * u.abs()).log1p()

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale**2


class Cauchy(_LocationScale):
    """1 / (π scale (1 + z²)), where z = (x - loc) / scale: tails so heavy that there is no mean."""

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(self._noise(rand, sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        return -math.log(math.pi) - self.scale.log() - (self._standard(value) ** 2).log1p()

    def entropy(self) -> Tensor:
        return math.log(4 * math.pi) + self.scale.log()

    def cdf(self, value: Any) -> Tensor:
        return self._standard(value).atan() / math.pi + 0.5

    def icdf(self, value: Any) -> Tensor:
        return self.loc + self.scale * (math.pi * (value - 0.5)).tan()

    @property
    def mean(self) -> Tensor:
        return self.loc.new_full(self.loc.shape, math.nan)

    @property
    def variance(self) -> Tensor:
        return self.loc.new_full(self.loc.shape, math.inf)


class Exponential(ExponentialFamily):
    """rate · exp(-rate · x) for x ≥ 0."""

    arg_constraints = {"rate": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate: Any, validate_args: bool | None = None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(self._noise(rand, sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        return self.rate.log() - self.rate * self._value(value)

    def entropy(self) -> Tensor:
        return 1 - self.rate.log()

    def cdf(self, value: Any) -> Tensor:
        return -(-self.rate * self._value(value)).expm1()

    def icdf(self, value: Any) -> Tensor:
        return -(-value).log1p() / self.rate

    @property
    def mean(self) -> Tensor:
        return 1 / self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.new_zeros(self.rate.shape)

    @property
    def stddev(self) -> Tensor:
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        return self.rate**-2


class Uniform(Distribution):
    """The same density everywhere in [low, high)."""

    has_rsample = True

    def __init__(self, low: Any, high: Any, validate_args: bool | None = None):
        self.low, self.high = broadcast_all(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)

    @property
    def arg_constraints(self) -> dict[str, Constraint]:  # type: ignore[override]
        return {"low": constraints.less_than(self.high), "high": constraints.greater_than(self.low)}

    @dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Constraint:
        return constraints.interval(self.low, self.high)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(self._noise(rand, sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        value = self._value(value)
        inside = (value >= self.low) & (value < self.high)
        return where(inside, 0.0, -math.inf) - (self.high - self.low).log()

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()

    def cdf(self, value: Any) -> Tensor:
        return ((self._value(value) - self.low) / (self.high - self.low)).clamp(0, 1)

    def icdf(self, value: Any) -> Tensor:
        return self.low + (self.high - self.low) * value

    @property
    def mean(self) -> Tensor:
        return (self.low + self.high) / 2

    @property
    def mode(self) -> Tensor:
        return self.low.new_full(self.low.shape, math.nan)

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12


class GeneralizedPareto(Distribution):
    """What exceeds a high threshold `loc`: P(draw > x) = (1 + concentration z)^(-1 / concentration), z = (x - loc) / scale.

    The source of the formulas is en.wikipedia.org/wiki/Generalized_Pareto_distribution.
    """

    arg_constraints = {  # noqa: RUF012
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Constraint:
        end = where(self.concentration < 0, self.loc - self.scale / self._shape[1], math.inf)
        return constraints.interval(self.loc, end)

    @property
    def _shape(self) -> tuple[Tensor, Tensor]:
        """Where the concentration is so small that series in it are exact, and the concentration, but 1 there."""
        small = isclose(self.concentration, self.concentration.new_zeros(()))
        return small, self.concentration.masked_fill(small, 1.0)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(self._noise(rand, sample_shape))

    def log_survival_function(self, value: Any) -> Tensor:
        """log P(draw > value)."""
        small, c = self._shape
        z = (self._value(value) - self.loc) / self.scale
        return where(small, -z + self.concentration * z**2 / 2, -(c * z).log1p() / c)

    def log_prob(self, value: Any) -> Tensor:
        return (1 + self.concentration) * self.log_survival_function(value) - self.scale.log()

    def cdf(self, value: Any) -> Tensor:
        return -self.log_survival_function(value).expm1()

    def log_cdf(self, value: Any) -> Tensor:
        """The logarithm of the cdf."""
        return self.cdf(value).log()

    def icdf(self, value: Any) -> Tensor:
        small, c = self._shape
        left = (-value).log1p()
        return self.loc + self.scale * where(small, -left + self.concentration * left**2 / 2, (-c * left).expm1() / c)

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1

    @property
    def mean(self) -> Tensor:
        c = self.concentration
        return (self.loc + self.scale / (1 - c)).masked_fill(c >= 1, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        c = self.concentration
        return (self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c))).masked_fill(c >= 0.5, math.nan)


class VonMises(AroundLoc, Distribution):
    """Angles around `loc`: the density is proportional to exp(concentration · cos(x - loc)).

    >>> VonMises(0.0, 1.0).log_prob(0.0)
    tensor(-1.0738)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}  # noqa: RUF012
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = rng(None).vonmises(host(self.loc), host(self.concentration), self._extended_shape(sample_shape))
        return placed(np.asarray(drawn, self.loc.dtype), self.loc.device)

    def log_prob(self, value: Any) -> Tensor:
        k = self.concentration
        return k * ((self._value(value) - self.loc).cos() - 1) - LOG_2PI - special.i0e(k).log()

    @property
    def variance(self) -> Tensor:
        """1 - E[cos(x - loc)], the circular one."""
        return 1 - special.i1e(self.concentration) / special.i0e(self.concentration)
