"""Distributions of counts."""

from __future__ import annotations

import math
from typing import Any

from .. import arange, binomial, lgamma, poisson, rand, xlogy
from ..ops.activation import softplus
from ..tensor import Tensor
from . import constraints
from .constraints import Constraint, dependent_property
from .discrete import BINARY, CATEGORIES, Categorical, OneHotCategorical, _Given
from .distribution import ExponentialFamily
from .gammas import Gamma
from .utils import broadcast_all

__all__ = ["Binomial", "Geometric", "Multinomial", "NegativeBinomial", "Poisson"]


class Poisson(ExponentialFamily):
    """How many events happen where `rate` are expected.

    >>> Poisson(1.0).log_prob(0.0)
    tensor(-1.)
    """

    arg_constraints = {"rate": constraints.nonnegative}  # noqa: RUF012
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return poisson(self.rate.detach().expand(*self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Tensor:
        value = self._value(value)
        return xlogy(value, self.rate) - self.rate - lgamma(value + 1)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate


class Geometric(_Given):
    """How many trials fail before the first that succeeds, which each does with probability `probs`."""

    arg_constraints = BINARY
    support = constraints.nonnegative_integer

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given, _ = self._take(probs, logits)
        super().__init__(given.shape, validate_args=validate_args)
        if self._validate_args and probs is not None:
            self._require("probs of Geometric", constraints.positive, self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return (-self._noise(rand, sample_shape)).log1p().div((-self.probs.detach()).log1p()).floor()

    def log_prob(self, value: Any) -> Tensor:
        return xlogy(self._value(value), 1 - self.probs) + self.probs.log()

    def entropy(self) -> Tensor:
        return (softplus(self.logits) - self.probs * self.logits) / self.probs

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return self.probs.new_zeros(self.probs.shape)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs


class Binomial(_Given):
    """How many of `total_count` trials succeed, each with probability `probs`."""

    arg_constraints = {"total_count": constraints.nonnegative_integer, **BINARY}  # noqa: RUF012
    has_enumerate_support = True

    def __init__(self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given, (self.total_count,) = self._take(probs, logits, total_count)
        super().__init__(given.shape, validate_args=validate_args)

    @dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self.total_count)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return binomial(self.total_count.detach().expand(*shape), self.probs.detach().expand(*shape))

    def log_prob(self, value: Any) -> Tensor:
        n, k = self.total_count, self._value(value)
        ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
        return ways + k * self.logits - n * softplus(self.logits)

    def entropy(self) -> Tensor:
        each = self.log_prob(self.enumerate_support(False))
        return -(each.exp() * each).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self.total_count
        if (n != n.flatten()[0]).any():
            raise NotImplementedError("expected one total_count: otherwise some places have fewer values")
        return self._enumerated(arange(int(n.flatten()[0]) + 1, dtype=n.dtype, device=n.device), expand)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)


class NegativeBinomial(_Given):
    """How many trials succeed, each with probability `probs`, before `total_count` of them have failed."""

    arg_constraints = {  # noqa: RUF012
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given, (self.total_count,) = self._take(probs, logits, total_count)
        super().__init__(given.shape, validate_args=validate_args)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return poisson(Gamma(self.total_count, (-self.logits).exp(), False).sample(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        n, k = self.total_count, self._value(value)
        ways = lgamma(n + k) - lgamma(k + 1) - lgamma(n)
        return ways.masked_fill(n + k == 0, 0.0) - n * softplus(self.logits) - k * softplus(-self.logits)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()


class Multinomial(_Given):
    """How often each place comes up in `total_count` draws of a `Categorical`."""

    arg_constraints = CATEGORIES
    _binary = False

    def __init__(self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        if not isinstance(total_count, int):
            raise NotImplementedError(f"expected total_count to be one whole number, got {type(total_count).__name__}")
        given, _ = self._take(probs, logits)
        self.total_count = total_count
        super().__init__(given.shape[:-1], given.shape[-1:], validate_args)

    @dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Constraint:
        return constraints.multinomial(self.total_count)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        once = OneHotCategorical(self.probs, validate_args=False)
        return once.sample((self.total_count, *sample_shape)).sum(0)

    def log_prob(self, value: Any) -> Tensor:
        value = self._value(value)
        ways = lgamma(value.sum(-1) + 1) - lgamma(value + 1).sum(-1)
        return ways + (value * self.logits.masked_fill((value == 0) & (self.logits == -math.inf), 0.0)).sum(-1)

    def entropy(self) -> Tensor:
        each = Binomial(self.total_count, self.probs, validate_args=False)  # of each place by itself
        count = each.enumerate_support(False)
        arranged = (each.log_prob(count).exp() * lgamma(count + 1)).sum((0, -1))
        once = Categorical(self.probs, validate_args=False).entropy()
        return self.total_count * once - math.lgamma(self.total_count + 1) + arranged

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)
