"""Distributions of counts, of one-hot vectors, of their differentiable relatives, and mixtures."""

from __future__ import annotations

import math
from typing import Any

from ..ops.activation import softplus
from ..ops.functions import xlogy
from ..ops.reduction import logsumexp
from ..ops.softmax import log_softmax
from ..ops.special import lgamma
from ..sampling import binomial, poisson, rand
from ..tensor import Tensor
from .discrete import Bernoulli, Categorical
from .distribution import Distribution, require, tensors
from .gammas import Gamma

__all__ = [
    "Binomial", "Geometric", "MixtureSameFamily", "Multinomial", "NegativeBinomial", "OneHotCategorical",
    "OneHotCategoricalStraightThrough", "Poisson", "RelaxedBernoulli", "RelaxedOneHotCategorical",
]  # fmt: skip


class Poisson(Distribution):
    """How many events happen where `rate` are expected.

    >>> Poisson(1.0).log_prob(0.0)
    tensor(-1.)
    """

    parameters = ("rate",)

    def __init__(self, rate: Any, validate_args: bool | None = None):
        (self.rate,) = tensors(rate)
        require(validate_args, "rate", self.rate, self.rate >= 0, "at least 0")
        super().__init__(self.rate.shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return poisson(self.rate.detach().expand(*self._shape(sample_shape)))

    def log_prob(self, value: Any) -> Tensor:
        value = tensors(value, self.rate)[0]
        return xlogy(value, self.rate) - self.rate - lgamma(value + 1)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def variance(self) -> Tensor:
        return self.rate


class Geometric(Distribution):
    """How many trials fail before the first that succeeds, which each does with probability `probs`."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._trial = Bernoulli(probs, logits, validate_args)
        self.probs, self.logits, self.parameters = self._trial.probs, self._trial.logits, self._trial.parameters
        super().__init__(self.probs.shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        p = self.probs.detach()
        u = rand(*self._shape(sample_shape), dtype=p.dtype, device=p.device)
        return ((-u).log1p() / (-p).log1p()).floor()

    def log_prob(self, value: Any) -> Tensor:
        value = tensors(value, self.probs)[0]
        return xlogy(value, 1 - self.probs) + self.probs.log()

    def entropy(self) -> Tensor:
        return self._trial.entropy() / self.probs

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs


class Binomial(Distribution):
    """How many of `total_count` trials succeed, each with probability `probs`."""

    def __init__(self, total_count: Any = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._trial = Bernoulli(probs, logits, validate_args)
        self.total_count, self.probs = tensors(total_count, self._trial.probs)
        self.logits, self.parameters = self._trial.logits, ("total_count", *self._trial.parameters)
        super().__init__(self.probs.shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._shape(sample_shape)
        return binomial(self.total_count.detach().expand(*shape), self.probs.detach().expand(*shape))

    def log_prob(self, value: Any) -> Tensor:
        n, k = self.total_count, tensors(value, self.probs)[0]
        ways = lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
        return ways + k * self.logits - n * softplus(self.logits)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)


class NegativeBinomial(Distribution):
    """How many trials succeed, each with probability `probs`, before `total_count` of them have failed."""

    def __init__(self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._trial = Bernoulli(probs, logits, validate_args)
        self.total_count, self.probs, self.logits = tensors(total_count, self._trial.probs, self._trial.logits)
        self.parameters = ("total_count", *self._trial.parameters)
        super().__init__(self.probs.shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return poisson(Gamma(self.total_count, (-self.logits).exp()).sample(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        n, k = self.total_count, tensors(value, self.probs)[0]
        ways = lgamma(n + k) - lgamma(k + 1) - lgamma(n)
        return ways.masked_fill(n + k == 0, 0.0) - n * softplus(self.logits) - k * softplus(-self.logits)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()


class OneHotCategorical(Distribution):
    """Vectors with a one at the place that a `Categorical` draws."""

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._place = Categorical(probs, logits, validate_args)
        self.probs, self.logits = self._place.probs, self._place.logits
        super().__init__(self.probs.shape[:-1], self.probs.shape[-1:])

    def sample(self, sample_shape: Any = ()) -> Tensor:
        drawn = self.probs.detach().new_zeros(self._shape(sample_shape))
        return drawn.scatter_(-1, self._place.sample(sample_shape).unsqueeze(-1), 1.0)

    def log_prob(self, value: Any) -> Tensor:
        return self._place.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._place.entropy()

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """The same; gradients pass through draws to the probabilities as if they were those (arXiv:1308.3432)."""

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(Distribution):
    """How often each place comes up in `total_count` draws of a `Categorical`."""

    def __init__(self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._draw = OneHotCategorical(probs, logits, validate_args)
        self.total_count, self.probs, self.logits = total_count, self._draw.probs, self._draw.logits
        super().__init__(self._draw.batch_shape, self._draw.event_shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._draw.sample((self.total_count, *sample_shape)).sum(0)

    def log_prob(self, value: Any) -> Tensor:
        ways = lgamma(value.sum(-1) + 1) - lgamma(value + 1).sum(-1)
        return ways + (value * self.logits.masked_fill((value == 0) & (self.logits == -math.inf), 0.0)).sum(-1)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)


class RelaxedBernoulli(Distribution):
    """Numbers between 0 and 1, near one of them where `temperature` is small (arXiv:1611.00712)."""

    has_rsample = True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._hard = Bernoulli(probs, logits, validate_args)
        self.probs, self.logits = self._hard.probs, self._hard.logits
        self.temperature = tensors(temperature, self.logits)[0]
        super().__init__(self.logits.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = rand(*self._shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device).clamp(1e-7, 1 - 1e-7)
        return ((u.log() - (-u).log1p() + self.logits) / self.temperature).sigmoid()

    def log_prob(self, value: Any) -> Tensor:
        x = value.log() - (-value).log1p()
        z = self.logits - x * self.temperature
        return self.temperature.log() + z - 2 * softplus(z) + softplus(x) + softplus(-x)


class RelaxedOneHotCategorical(Distribution):
    """Shares, near a one-hot vector where `temperature` is small: the Gumbel softmax (arXiv:1611.01144)."""

    has_rsample = True

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        self._hard = Categorical(probs, logits, validate_args)
        self.probs, self.logits = self._hard.probs, self._hard.logits
        (self.temperature,) = tensors(temperature)
        super().__init__(self.probs.shape[:-1], self.probs.shape[-1:])

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = rand(*self._shape(sample_shape), dtype=self.logits.dtype, device=self.logits.device).clamp(1e-7, 1 - 1e-7)
        return ((self.logits - (-u.log()).log()) / self.temperature).softmax(-1)

    def log_prob(self, value: Any) -> Tensor:
        n = self.event_shape[0]
        scores = log_softmax(self.logits - self.temperature * value.log(), -1)
        return math.lgamma(n) + (n - 1) * self.temperature.log() + (scores - value.log()).sum(-1)


class MixtureSameFamily(Distribution):
    """One of the last dimension's distributions, which a `Categorical` chooses.

    >>> import autograd as ag
    >>> from autograd.distributions import Normal
    >>> MixtureSameFamily(Categorical(ag.ones(2)), Normal(ag.tensor([-1.0, 1.0]), 1.0)).mean
    tensor(0.)
    """

    def __init__(
        self, mixture_distribution: Categorical, component_distribution: Distribution, validate_args: bool | None = None
    ):
        if not isinstance(mixture_distribution, Categorical):
            raise ValueError(f"expected a Categorical to choose, got {type(mixture_distribution).__name__}")
        if component_distribution.batch_shape[-1:] != mixture_distribution.probs.shape[-1:]:
            raise ValueError(
                f"expected as many components as the Categorical has places, {mixture_distribution.probs.shape[-1]}, got a "
                f"batch of shape {tuple(component_distribution.batch_shape)}"
            )
        self.mixture_distribution, self.component_distribution = mixture_distribution, component_distribution
        super().__init__(component_distribution.batch_shape[:-1], component_distribution.event_shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        events = len(self.event_shape)
        drawn = self.component_distribution.sample(sample_shape)
        chosen = self.mixture_distribution.sample((*sample_shape, *self._missing()))
        place = chosen.reshape(*chosen.shape, *(1,) * (1 + events)).expand(*chosen.shape, 1, *self.event_shape)
        return drawn.gather(-1 - events, place).squeeze(-1 - events)

    def _missing(self) -> tuple[int, ...]:
        """The dimensions of the batch that the choice does not have."""
        return tuple(self.batch_shape[: len(self.batch_shape) - len(self.mixture_distribution.batch_shape)])

    def log_prob(self, value: Any) -> Tensor:
        (value,) = tensors(value)
        each = self.component_distribution.log_prob(value.unsqueeze(-1 - len(self.event_shape)))
        return logsumexp(each + self.mixture_distribution.logits, -1)

    def _weighed(self, x: Tensor) -> Tensor:
        weights = self.mixture_distribution.probs
        return (weights.reshape(*weights.shape, *(1,) * len(self.event_shape)) * x).sum(-1 - len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        return self._weighed(self.component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        means = self.component_distribution.mean
        centred = means - self.mean.unsqueeze(-1 - len(self.event_shape))
        return self._weighed(self.component_distribution.variance) + self._weighed(centred**2)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"
