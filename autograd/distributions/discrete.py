"""Distributions over whole numbers, given by probabilities or by logits."""

from __future__ import annotations

import math
from typing import Any

from ..dtypes import finfo
from ..ops.activation import softplus
from ..ops.functions import sigmoid
from ..ops.softmax import log_softmax
from ..sampling import bernoulli, multinomial
from ..tensor import Tensor
from .distribution import Distribution, require, tensors

__all__ = ["Bernoulli", "Categorical"]


def _one(probs: Any, logits: Any) -> tuple[Tensor, bool]:
    if (probs is None) == (logits is None):
        raise ValueError("expected either probs or logits, got " + ("neither" if probs is None else "both"))
    (given,) = tensors(logits if probs is None else probs)
    return given, probs is None


class Bernoulli(Distribution):
    """1 with probability `probs`, else 0.

    >>> Bernoulli(logits=0.0).entropy()
    tensor(0.6931)
    """

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given, is_logits = _one(probs, logits)
        if not is_logits:
            require(validate_args, "probs", given, (given >= 0) & (given <= 1), "between 0 and 1")
        self.probs = sigmoid(given) if is_logits else given
        self.logits = given if is_logits else _log(given) - _log(1 - given)
        self.parameters = ("logits" if is_logits else "probs",)
        super().__init__(given.shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return bernoulli(self.probs.detach().expand(*self._shape(sample_shape)))

    def log_prob(self, value: Any) -> Tensor:
        return value * self.logits - softplus(self.logits)

    def entropy(self) -> Tensor:
        return softplus(self.logits) - self.probs * self.logits

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)


def _log(probs: Tensor) -> Tensor:
    """The logarithm, finite at 0, as PyTorch's."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(eps, 1 - eps).log()


class Categorical(Distribution):
    """0 … n-1 with the probabilities in the last dimension of `probs` (…, n), which are normalised.

    >>> import autograd as ag
    >>> Categorical(ag.tensor([1.0, 3.0])).log_prob(ag.tensor(1)).exp()
    tensor(0.7500)
    """

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None):
        given, is_logits = _one(probs, logits)
        if given.ndim < 1:
            raise ValueError("expected one probability or logit for each category in the last dimension, got a number")
        if is_logits:
            self.logits = log_softmax(given, dim=-1)
            self.probs = self.logits.exp()
        else:
            require(validate_args, "probs", given, (given >= 0) & (given < math.inf), "probabilities")
            self.probs = given / given.sum(-1, keepdim=True)
            self.logits = _log(self.probs)
        self.parameters = ("logits" if is_logits else "probs",)
        super().__init__(given.shape[:-1])

    def sample(self, sample_shape: Any = ()) -> Tensor:
        sample_shape = tuple(sample_shape)
        draws = multinomial(self.probs.detach().reshape(-1, self.probs.shape[-1]), math.prod(sample_shape), True)
        return draws.mT.reshape(self._shape(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        value = value.long().unsqueeze(-1)
        shape = value.shape[:-1] if value.ndim > self.logits.ndim else self.batch_shape
        logits = self.logits.expand(*shape, self.logits.shape[-1])
        return logits.gather(-1, value.expand(*shape, 1)).squeeze(-1)

    def entropy(self) -> Tensor:
        return -(self.probs * self.logits.clamp(min=-1e30)).sum(-1)

    @property
    def mode(self) -> Tensor:
        """The most probable one."""
        return self.probs.argmax(-1)
