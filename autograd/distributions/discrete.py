"""Distributions that are given by probabilities or by logits: of 0 and 1, of categories, and of one-hot vectors."""

from __future__ import annotations

import math
from typing import Any

from .. import arange, bernoulli, broadcast_shapes, eye, finfo, log_softmax, rand
from ..ops.activation import softplus
from ..sampling import multinomial
from ..tensor import Size, Tensor
from . import constraints
from .constraints import Constraint, dependent_property
from .distribution import Distribution, ExponentialFamily
from .utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs, probs_to_logits, where

__all__ = [
    "Bernoulli", "Categorical", "ContinuousBernoulli", "OneHotCategorical", "OneHotCategoricalStraightThrough",
]  # fmt: skip


class _Given(Distribution):
    """Given by `probs` or by `logits`; the other is computed when asked for."""

    _binary = True

    def _take(self, probs: Any, logits: Any, *others: Any) -> tuple[Tensor, list[Tensor]]:
        """Keep what is given, and return it and other parameters, all of one shape."""
        if (probs is None) == (logits is None):
            raise ValueError("expected either probs or logits, got " + ("neither" if probs is None else "both"))
        given, *rest = broadcast_all(logits if probs is None else probs, *others)
        if not self._binary:
            if given.ndim < 1:
                raise ValueError("expected a probability or logit for each category, got a number")
            given = log_softmax(given, -1) if probs is None else given / given.sum(-1, keepdim=True)
        setattr(self, "logits" if probs is None else "probs", given)
        return given, rest

    @lazy_property
    def probs(self) -> Tensor:
        """The probabilities."""
        return logits_to_probs(self.logits, self._binary)

    @lazy_property
    def logits(self) -> Tensor:
        """Their logarithms; of 0 and 1, log(p / (1 - p))."""
        return probs_to_logits(self.probs, self._binary)

    @property
    def param_shape(self) -> Size:
        """Of `probs` and `logits`."""
        return (self.probs if "probs" in vars(self) else self.logits).shape


BINARY: dict[str, Constraint] = {"probs": constraints.unit_interval, "logits": constraints.real}
CATEGORIES: dict[str, Constraint] = {"probs": constraints.simplex, "logits": constraints.real_vector}


class Bernoulli(_Given, ExponentialFamily):
    """1 with probability `probs`, else 0.

    >>> Bernoulli(logits=0.0).entropy()
    tensor(0.6931)
    """

    arg_constraints = BINARY
    support = constraints.boolean
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given, _ = self._take(probs, logits)
        super().__init__(given.shape, validate_args=validate_args)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return bernoulli(self.probs.detach().expand(*self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Tensor:
        return _log_prob(self.logits, self._value(value))

    def entropy(self) -> Tensor:
        return -_log_prob(self.logits, self.probs)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(arange(2, dtype=self._like().dtype, device=self._like().device), expand)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return (self.probs >= 0.5).to(self.probs).masked_fill(self.probs == 0.5, math.nan)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)


def _log_prob(logits: Tensor, value: Tensor) -> Tensor:
    """value · log p + (1 - value) · log(1 - p)."""
    return value * logits - softplus(logits)


class ContinuousBernoulli(_Given, ExponentialFamily):
    """Of numbers x between 0 and 1: the density is proportional to p^x (1 - p)^(1 - x) (arXiv:1907.06845).

    Args:
        lims: the probabilities between which, near 1/2, the series of the formulas around 1/2 are computed.
    """

    arg_constraints = BINARY
    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        probs: Any = None,
        logits: Any = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ):
        given, _ = self._take(probs, logits)
        self._lims = lims
        super().__init__(given.shape, validate_args=validate_args)
        if probs is not None:
            self.probs = clamp_probs(given)

    def _split(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where the probability is near 1/2, what it is elsewhere (there: the limit), and its difference to 1/2."""
        p = clamp_probs(self.probs)
        near = (self._lims[0] < p) & (p <= self._lims[1])
        return near, where(near, self._lims[0], p), p - 0.5

    def _log_norm(self) -> Tensor:
        near, p, x = self._split()
        norm = ((-p).log1p() - p.log()).abs().log() - (1 - 2 * p).abs().log()
        return where(near, math.log(2.0) + (4 / 3 + 104 / 45 * x**2) * x**2, norm)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(self._noise(rand, sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        return _log_prob(self.logits, self._value(value)) + self._log_norm()

    def cdf(self, value: Any) -> Tensor:
        value = self._value(value)
        near, p, _ = self._split()
        whole = (p**value * (1 - p) ** (1 - value) + p - 1) / (2 * p - 1)
        return where(value <= 0, 0.0, where(value >= 1, 1.0, where(near, value, whole)))

    def icdf(self, value: Any) -> Tensor:
        near, p, _ = self._split()
        below = (-p).log1p()
        return where(near, value, ((-p + value * (2 * p - 1)).log1p() - below) / (p.log() - below))

    def entropy(self) -> Tensor:
        zero, one = (-self.probs).log1p(), self.probs.log()
        return self.mean * (zero - one) - self._log_norm() - zero

    @property
    def mean(self) -> Tensor:
        near, p, x = self._split()
        mean = p / (2 * p - 1) + 1 / ((-p).log1p() - p.log())
        return where(near, 0.5 + (1 / 3 + 16 / 45 * x**2) * x, mean)

    @property
    def variance(self) -> Tensor:
        near, p, x = self._split()
        variance = p * (p - 1) / (1 - 2 * p) ** 2 + 1 / ((-p).log1p() - p.log()) ** 2
        return where(near, 1 / 12 - (1 / 15 - 128 / 945 * x**2) * x**2, variance)


class Categorical(_Given):
    """0 … n-1 with the probabilities in the last dimension of `probs` (…, n), which are normalised.

    >>> import autograd as ag
    >>> Categorical(ag.tensor([1.0, 3.0])).log_prob(ag.tensor(1)).exp()
    tensor(0.7500)
    """

    arg_constraints = CATEGORIES
    has_enumerate_support = True
    _binary = False

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given, _ = self._take(probs, logits)
        self._num_events = given.shape[-1]
        super().__init__(given.shape[:-1], validate_args=validate_args)

    @dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Constraint:
        return constraints.integer_interval(0, self._num_events - 1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        sample_shape = tuple(sample_shape)
        draws = multinomial(self.probs.detach().reshape(-1, self._num_events), math.prod(sample_shape), True)
        return draws.mT.reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        value = self._value(value).long().unsqueeze(-1)
        shape = broadcast_shapes(tuple(value.shape[:-1]), tuple(self.batch_shape))
        return self.logits.expand(*shape, self._num_events).gather(-1, value.expand(*shape, 1)).squeeze(-1)

    def entropy(self) -> Tensor:
        return -(self.probs * self.logits.clamp(min=finfo(self.logits.dtype).min)).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        return self._enumerated(arange(self._num_events, device=self._like().device), expand)

    @property
    def mean(self) -> Tensor:
        """NaN: categories are no numbers."""
        return self.probs.new_full(self.batch_shape, math.nan)

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    @property
    def variance(self) -> Tensor:
        return self.mean


class OneHotCategorical(_Given):
    """Vectors with a one at the place that a `Categorical` draws."""

    arg_constraints = CATEGORIES
    support = constraints.one_hot
    has_enumerate_support = True
    _binary = False

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given, _ = self._take(probs, logits)
        super().__init__(given.shape[:-1], given.shape[-1:], validate_args)

    @property
    def _categorical(self) -> Categorical:
        if "probs" in vars(self):
            return Categorical(self.probs, validate_args=False)
        return Categorical(logits=self.logits, validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = self.probs.detach().new_zeros(self._extended_shape(sample_shape))
        return drawn.scatter_(-1, self._categorical.sample(sample_shape).unsqueeze(-1), 1.0)

    def log_prob(self, value: Any) -> Tensor:
        return self._categorical.log_prob(self._value(value).argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n, like = self.event_shape[0], self._like()
        return self._enumerated(eye(n, dtype=like.dtype, device=like.device), expand)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        places = arange(self.event_shape[0], device=self.probs.device)
        return (places == self.probs.argmax(-1, keepdim=True)).to(self.probs)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The same; gradients pass through draws to the probabilities as if they were those (arXiv:1308.3432)."""

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())
