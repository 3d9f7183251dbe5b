"""Distributions of functions of random numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import digamma, finfo, lgamma
from ..tensor import Tensor
from . import constraints
from .constraints import Constraint, dependent_property
from .continuous import Cauchy, Exponential, Normal, Uniform
from .distribution import Distribution, Independent
from .gammas import Gamma
from .transforms import (
    AbsTransform,
    AffineTransform,
    ComposeTransform,
    ExpTransform,
    PowerTransform,
    StickBreakingTransform,
    Transform,
)
from .transforms.transform import sum_rightmost
from .utils import broadcast_all, where

__all__ = [
    "Gumbel", "HalfCauchy", "HalfNormal", "InverseGamma", "Kumaraswamy", "LogisticNormal", "LogNormal", "Pareto",
    "TransformedDistribution", "Weibull",
]  # fmt: skip


class TransformedDistribution(Distribution):
    """Of y = f(x), where x is from `base_distribution`.

    Args:
        transforms: the function, or several, one after the other.

    >>> import autograd as ag
    >>> from autograd.distributions import TanhTransform
    >>> squashed = TransformedDistribution(Normal(0.0, 1.0), [TanhTransform()])
    >>> squashed.log_prob(ag.tensor(0.5)), squashed.support
    (tensor(-0.7821), Interval(lower_bound=-1.0, upper_bound=1.0))
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ):
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if wrong := [type(t).__name__ for t in self.transforms if not isinstance(t, Transform)]:
            raise ValueError(f"expected a Transform or a list of them, got {wrong[0]}")
        whole = ComposeTransform(self.transforms)
        shape = (*base_distribution.batch_shape, *base_distribution.event_shape)
        inner, outer = whole.domain.event_dim, whole.codomain.event_dim
        if len(shape) < inner:
            raise ValueError(f"expected a distribution of at least {inner} dimensions, got shape {shape}")
        after, events = whole.forward_shape(shape), len(base_distribution.event_shape)
        if (before := whole.inverse_shape(after)) != shape:  # a transform has more dimensions
            base_distribution = base_distribution.expand(before[: len(before) - events])
        if inner > events:
            base_distribution = Independent(base_distribution, inner - events)
        self.base_dist = base_distribution
        cut = len(after) - max(outer, events + outer - inner)
        super().__init__(after[:cut], after[cut:], validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @dependent_property(is_discrete=False)
    def support(self) -> Constraint:
        if not self.transforms:
            return self.base_dist.support
        outer = self.transforms[-1].codomain
        more = len(self.event_shape) - outer.event_dim
        return constraints.independent(outer, more) if more > 0 else outer

    def _moved(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def _moved_back(self, y: Tensor) -> Tensor:
        for transform in reversed(self.transforms):
            y = transform.inv(y)
        return y

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._moved(self.base_dist.sample(sample_shape)).detach()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._moved(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        y, stretch, event_dim = self._value(value), 0.0, len(self.event_shape)
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            event_dim += transform.domain.event_dim - transform.codomain.event_dim
            each = transform.log_abs_det_jacobian(x, y)
            stretch, y = stretch + sum_rightmost(each, event_dim - transform.domain.event_dim), x
        return sum_rightmost(self.base_dist.log_prob(y), event_dim - len(self.base_dist.event_shape)) - stretch

    def _turned(self, probability: Any) -> Any:
        """Of at least, where the function decreases."""
        sign = math.prod(transform.sign for transform in self.transforms)
        if isinstance(sign, Tensor):
            return where(sign > 0, probability, 1 - probability)
        return probability if sign > 0 else 1 - probability

    def cdf(self, value: Any) -> Tensor:
        return self._turned(self.base_dist.cdf(self._moved_back(self._value(value))))

    def icdf(self, value: Any) -> Tensor:
        return self._moved(self.base_dist.icdf(self._turned(value)))


class LogNormal(TransformedDistribution):
    """Of numbers whose logarithms are normal with mean `loc` and standard deviation `scale`."""

    arg_constraints = Normal.arg_constraints
    support = constraints.positive

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        super().__init__(Normal(loc, scale, validate_args), ExpTransform(), validate_args)

    @property
    def loc(self) -> Tensor:
        """Of the logarithms, the mean."""
        return self.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """Of the logarithms, the standard deviation."""
        return self.base_dist.scale

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def mode(self) -> Tensor:
        return (self.loc - self.scale**2).exp()

    @property
    def variance(self) -> Tensor:
        return (self.scale**2).expm1() * (2 * self.loc + self.scale**2).exp()


class LogisticNormal(TransformedDistribution):
    """Of shares, by stick breaking, from normal numbers with mean `loc` and standard deviation `scale` (…, n - 1)."""

    arg_constraints = Normal.arg_constraints
    support = constraints.simplex

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        base = Normal(loc, scale, validate_args)
        base = base if base.batch_shape else base.expand((1,))
        super().__init__(base, StickBreakingTransform(), validate_args)

    @property
    def loc(self) -> Tensor:
        """Before stick breaking, the mean."""
        return self.base_dist.base_dist.loc

    @property
    def scale(self) -> Tensor:
        """Before stick breaking, the standard deviation."""
        return self.base_dist.base_dist.scale


class _Half(TransformedDistribution):
    """Of the absolute values of numbers that are symmetric about 0."""

    arg_constraints = {"scale": constraints.positive}  # noqa: RUF012
    support = constraints.nonnegative
    _whole: type

    def __init__(self, scale: Any, validate_args: bool | None = None):
        super().__init__(self._whole(0.0, scale, False), AbsTransform(), validate_args)

    @property
    def scale(self) -> Tensor:
        """Of the numbers with a sign."""
        return self.base_dist.scale

    def log_prob(self, value: Any) -> Tensor:
        value = self._value(value)
        return (self.base_dist.log_prob(value) + math.log(2)).masked_fill(value < 0, -math.inf)

    def cdf(self, value: Any) -> Tensor:
        return 2 * self.base_dist.cdf(self._value(value)) - 1

    def icdf(self, prob: Any) -> Tensor:
        return self.base_dist.icdf((prob + 1) / 2)

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() - math.log(2)

    @property
    def mode(self) -> Tensor:
        return self.scale.new_zeros(self.scale.shape)


class HalfNormal(_Half):
    """Of the absolute values of normal numbers with mean 0 and standard deviation `scale`."""

    _whole = Normal

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (1 - 2 / math.pi)


class HalfCauchy(_Half):
    """Of the absolute values of numbers from a `Cauchy` distribution about 0."""

    _whole = Cauchy

    @property
    def mean(self) -> Tensor:
        return self.scale.new_full(self.scale.shape, math.inf)

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance


class InverseGamma(TransformedDistribution):
    """Of 1 / x, where x is from a `Gamma` distribution."""

    arg_constraints = Gamma.arg_constraints
    support = constraints.positive

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None):
        base = Gamma(concentration, rate, validate_args)
        super().__init__(base, PowerTransform(-base.rate.new_ones(())), validate_args)

    @property
    def concentration(self) -> Tensor:
        """Of the Gamma distribution."""
        return self.base_dist.concentration

    @property
    def rate(self) -> Tensor:
        """Of the Gamma distribution."""
        return self.base_dist.rate

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + lgamma(a) - (1 + a) * digamma(a)

    @property
    def mean(self) -> Tensor:
        return (self.rate / (self.concentration - 1)).masked_fill(self.concentration <= 1, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        a = self.concentration
        return (self.rate**2 / ((a - 1) ** 2 * (a - 2))).masked_fill(a <= 2, math.inf)


class Kumaraswamy(TransformedDistribution):
    """P(draw ≤ x) = 1 - (1 - x^a)^b for 0 < x < 1, with a = `concentration1` and b = `concentration0`."""

    arg_constraints = {"concentration1": constraints.positive, "concentration0": constraints.positive}  # noqa: RUF012
    support = constraints.unit_interval

    def __init__(self, concentration1: Any, concentration0: Any, validate_args: bool | None = None):
        self.concentration1, self.concentration0 = a, b = broadcast_all(concentration1, concentration0)
        base = Uniform(a.new_zeros(a.shape), 1.0, False)
        steps = [PowerTransform(1 / b), AffineTransform(1.0, -1.0), PowerTransform(1 / a)]
        super().__init__(base, steps, validate_args)

    def _moment(self, n: int) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return b * (lgamma(1 + n / a) + lgamma(b) - lgamma(1 + n / a + b)).exp()

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return 1 - 1 / b + (1 - 1 / a) * (digamma(b + 1) + np.euler_gamma) - a.log() - b.log()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return (((a - 1) / (a * b - 1)) ** (1 / a)).masked_fill((a < 1) | (b < 1), math.nan)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1) ** 2


class Gumbel(TransformedDistribution):
    """Of the largest of many numbers: exp(-z - exp(-z)) / scale, where z = (x - loc) / scale."""

    arg_constraints = Normal.arg_constraints
    support = constraints.real

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self.loc, self.scale = broadcast_all(loc, scale)
        limits, log = finfo(self.loc.dtype), ExpTransform().inv
        base = Uniform(self.loc.new_full(self.loc.shape, limits.tiny), 1 - limits.eps, False)
        negative = AffineTransform(0.0, self.loc.new_full((), -1.0))
        super().__init__(base, [log, negative, log, AffineTransform(self.loc, -self.scale)], validate_args)

    def log_prob(self, value: Any) -> Tensor:
        z = (self._value(value) - self.loc) / self.scale
        return -z - (-z).exp() - self.scale.log()

    def entropy(self) -> Tensor:
        return self.scale.log() + 1 + np.euler_gamma

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * np.euler_gamma

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (math.pi * self.scale) ** 2 / 6


class Pareto(TransformedDistribution):
    """P(draw > x) = (scale / x)^alpha for x ≥ scale."""

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}  # noqa: RUF012

    def __init__(self, scale: Any, alpha: Any, validate_args: bool | None = None):
        self.scale, self.alpha = broadcast_all(scale, alpha)
        base = Exponential(self.alpha, validate_args)
        super().__init__(base, [ExpTransform(), AffineTransform(0.0, self.scale)], validate_args)

    @dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Constraint:
        return constraints.greater_than_eq(self.scale)

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + 1 / self.alpha

    @property
    def mean(self) -> Tensor:
        a = self.alpha
        return (a * self.scale / (a - 1)).masked_fill(a <= 1, math.inf)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        a = self.alpha
        return (self.scale**2 * a / ((a - 1) ** 2 * (a - 2))).masked_fill(a <= 2, math.inf)


class Weibull(TransformedDistribution):
    """P(draw > x) = exp(-(x / scale)^concentration) for x > 0."""

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}  # noqa: RUF012
    support = constraints.positive

    def __init__(self, scale: Any, concentration: Any, validate_args: bool | None = None):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        base = Exponential(self.scale.new_ones(self.scale.shape), False)
        steps = [PowerTransform(1 / self.concentration), AffineTransform(0.0, self.scale)]
        super().__init__(base, steps, validate_args)

    def _moment(self, n: int) -> Tensor:
        return self.scale**n * lgamma(1 + n / self.concentration).exp()

    def entropy(self) -> Tensor:
        k = self.concentration
        return np.euler_gamma * (1 - 1 / k) + (self.scale / k).log() + 1

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        k = self.concentration
        return self.scale * ((k - 1) / k) ** (1 / k)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self._moment(1) ** 2
