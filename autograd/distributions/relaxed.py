"""Distributions of real numbers near 0 and 1, through which gradients flow to probabilities."""

from __future__ import annotations

import math
from typing import Any

from .. import log_softmax, rand
from ..ops.activation import softplus
from ..tensor import Tensor
from . import constraints
from .discrete import BINARY, CATEGORIES, _Given
from .transformed import TransformedDistribution
from .transforms import ExpTransform, SigmoidTransform
from .utils import broadcast_all, clamp_probs

__all__ = ["ExpRelaxedCategorical", "LogitRelaxedBernoulli", "RelaxedBernoulli", "RelaxedOneHotCategorical"]


class _Hot(_Given):
    """Given by a temperature, too, which is one for the whole batch."""

    has_rsample = True

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.temperature = self.temperature
        return new


class LogitRelaxedBernoulli(_Hot):
    """The logits of `RelaxedBernoulli`."""

    arg_constraints = BINARY
    support = constraints.real

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given, _ = self._take(probs, logits)
        (self.temperature,) = broadcast_all(temperature)
        super().__init__(given.shape, validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = clamp_probs(self._noise(rand, sample_shape))
        return (u.log() - (-u).log1p() + self.logits) / self.temperature

    def log_prob(self, value: Any) -> Tensor:
        z = self.logits - self._value(value) * self.temperature
        return self.temperature.log() + z - 2 * softplus(z)


class ExpRelaxedCategorical(_Hot):
    """The logarithms of `RelaxedOneHotCategorical`."""

    arg_constraints = CATEGORIES
    support = constraints.real_vector
    _binary = False

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given, _ = self._take(probs, logits)
        (self.temperature,) = broadcast_all(temperature)
        super().__init__(given.shape[:-1], given.shape[-1:], validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = clamp_probs(self._noise(rand, sample_shape))
        return log_softmax((self.logits - (-u.log()).log()) / self.temperature, -1)

    def log_prob(self, value: Any) -> Tensor:
        n = self.event_shape[0]
        scores = log_softmax(self.logits - self.temperature * self._value(value), -1)
        return math.lgamma(n) + (n - 1) * self.temperature.log() + scores.sum(-1)


class _Relaxed(TransformedDistribution):
    """Another distribution, its values made numbers between 0 and 1."""

    @property
    def temperature(self) -> Tensor:
        """How far from 0 and 1."""
        return self.base_dist.temperature

    @property
    def probs(self) -> Tensor:
        """The probabilities."""
        return self.base_dist.probs

    @property
    def logits(self) -> Tensor:
        """The logits."""
        return self.base_dist.logits


class RelaxedBernoulli(_Relaxed):
    """Numbers between 0 and 1, near one of them where `temperature` is small (arXiv:1611.00712).

    >>> RelaxedBernoulli(0.5, probs=0.5).log_prob(0.5).exp()
    tensor(0.5000)
    """

    arg_constraints = BINARY
    support = constraints.unit_interval

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        base = LogitRelaxedBernoulli(temperature, probs, logits, validate_args)
        super().__init__(base, SigmoidTransform(), validate_args)


class RelaxedOneHotCategorical(_Relaxed):
    """Shares, near a one-hot vector where `temperature` is small: the Gumbel softmax (arXiv:1611.01144)."""

    arg_constraints = CATEGORIES
    support = constraints.simplex

    def __init__(self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        base = ExpRelaxedCategorical(temperature, probs, logits, validate_args)
        super().__init__(base, ExpTransform(), validate_args)
