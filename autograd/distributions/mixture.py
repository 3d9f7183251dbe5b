"""Mixtures of distributions."""

from __future__ import annotations

from typing import Any

from .. import logsumexp
from ..tensor import Tensor
from . import constraints
from .constraints import Constraint, dependent_property
from .discrete import Categorical
from .distribution import Distribution

__all__ = ["MixtureSameFamily"]


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
        if not isinstance(component_distribution, Distribution):
            raise ValueError(f"expected a Distribution of components, got {type(component_distribution).__name__}")
        batch, places = component_distribution.batch_shape, mixture_distribution.param_shape[-1:]
        if batch[-1:] != places:
            raise ValueError(
                f"expected as many components as the Categorical has places, {places[0]}, got a batch of shape {tuple(batch)}"
            )
        for a, b in zip(reversed(mixture_distribution.batch_shape), reversed(batch[:-1]), strict=False):
            if 1 not in (a, b) and a != b:
                raise ValueError(
                    f"expected batches of choices and of components that fit together, got shapes "
                    f"{tuple(mixture_distribution.batch_shape)} and {tuple(batch[:-1])}"
                )
        self._mixture_distribution, self._component_distribution = mixture_distribution, component_distribution
        super().__init__(batch[:-1], component_distribution.event_shape, validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """What chooses."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Any:
        """What it chooses from."""
        return self._component_distribution

    @dependent_property
    def support(self) -> Constraint:
        return constraints.MixtureSameFamilyConstraint(self.component_distribution.support)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        events = len(self.event_shape)
        drawn = self.component_distribution.sample(sample_shape)
        chosen = self.mixture_distribution.expand(self.batch_shape).sample(sample_shape)
        place = chosen.reshape(*chosen.shape, *(1,) * (1 + events)).expand(*chosen.shape, 1, *self.event_shape)
        return drawn.gather(-1 - events, place).squeeze(-1 - events)

    def _each(self, value: Tensor) -> Tensor:
        """A value, for all components."""
        return value.unsqueeze(-1 - len(self.event_shape))

    def log_prob(self, x: Any) -> Tensor:  # PyTorch's name for it here
        each = self.component_distribution.log_prob(self._each(self._value(x)))
        return logsumexp(each + self.mixture_distribution.logits, -1)

    def cdf(self, x: Any) -> Tensor:
        each = self.component_distribution.cdf(self._each(self._value(x)))
        return (each * self.mixture_distribution.probs).sum(-1)

    def _weighed(self, x: Tensor) -> Tensor:
        weights = self.mixture_distribution.probs
        return (weights.reshape(*weights.shape, *(1,) * len(self.event_shape)) * x).sum(-1 - len(self.event_shape))

    @property
    def mean(self) -> Tensor:
        return self._weighed(self.component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        centred = self.component_distribution.mean - self._each(self.mean)
        return self._weighed(self.component_distribution.variance) + self._weighed(centred**2)

    def __repr__(self) -> str:
        return f"MixtureSameFamily(\n  {self.mixture_distribution},\n  {self.component_distribution})"
