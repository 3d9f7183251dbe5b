"""Distributions of functions of random numbers, and the functions: each can be inverted and knows how it stretches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..ops.activation import softplus
from ..tensor import Tensor
from .continuous import Normal, Uniform
from .distribution import Distribution, tensors

__all__ = [
    "AffineTransform", "ComposeTransform", "ExpTransform", "Gumbel", "HalfNormal", "LogNormal", "SigmoidTransform",
    "SoftplusTransform", "TanhTransform", "Transform", "TransformedDistribution",
]  # fmt: skip


class Transform:
    """A function y = f(x) of each element, its inverse, and log |dy/dx|.

    >>> import autograd as ag
    >>> f = ComposeTransform([ExpTransform(), AffineTransform(1.0, 2.0)])
    >>> f(ag.zeros(1)), f.inv(ag.tensor([3.0])), f.log_abs_det_jacobian(ag.zeros(1), None)
    (tensor([3.]), tensor([0.]), tensor([0.6931]))
    """

    sign = 1

    def __init__(self, cache_size: int = 0):
        self.cache_size = cache_size

    def __call__(self, x: Tensor) -> Tensor:
        """f(x)."""
        raise NotImplementedError

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError

    def log_abs_det_jacobian(self, x: Tensor, y: Any) -> Tensor:
        """log |dy/dx| of each element."""
        raise NotImplementedError

    @property
    def inv(self) -> Any:
        """The inverse function."""
        return self._inverse

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ExpTransform(Transform):
    """y = exp(x)."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.exp()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log()

    def log_abs_det_jacobian(self, x: Tensor, y: Any) -> Tensor:
        return x


class SigmoidTransform(Transform):
    """y = 1 / (1 + exp(-x))."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.sigmoid()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.log() - (-y).log1p()

    def log_abs_det_jacobian(self, x: Tensor, y: Any) -> Tensor:
        return -softplus(-x) - softplus(x)


class TanhTransform(Transform):
    """y = tanh(x)."""

    def __call__(self, x: Tensor) -> Tensor:
        return x.tanh()

    def _inverse(self, y: Tensor) -> Tensor:
        return y.atanh()

    def log_abs_det_jacobian(self, x: Tensor, y: Any) -> Tensor:
        return 2 * (math.log(2.0) - x - softplus(-2 * x))


class SoftplusTransform(Transform):
    """y = log(1 + exp(x))."""

    def __call__(self, x: Tensor) -> Tensor:
        return softplus(x)

    def _inverse(self, y: Tensor) -> Tensor:
        return (-y).expm1().neg().log() + y

    def log_abs_det_jacobian(self, x: Tensor, y: Any) -> Tensor:
        return -softplus(-x)


class AffineTransform(Transform):
    """y = loc + scale · x."""

    def __init__(self, loc: Any, scale: Any, event_dim: int = 0, cache_size: int = 0):
        super().__init__(cache_size)
        self.loc, self.scale, self.event_dim = loc, scale, event_dim

    def __call__(self, x: Tensor) -> Tensor:
        return self.loc + self.scale * x

    def _inverse(self, y: Tensor) -> Tensor:
        return (y - self.loc) / self.scale

    def log_abs_det_jacobian(self, x: Tensor, y: Any) -> Tensor:
        stretch = self.scale.abs().log() if isinstance(self.scale, Tensor) else math.log(abs(self.scale))
        stretch = x.new_zeros(x.shape) + stretch
        return stretch.sum(tuple(range(-self.event_dim, 0))) if self.event_dim else stretch


class ComposeTransform(Transform):
    """One after the other."""

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0):
        super().__init__(cache_size)
        self.parts = list(parts)

    def __call__(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    def _inverse(self, y: Tensor) -> Tensor:
        for part in reversed(self.parts):
            y = part.inv(y)
        return y

    def log_abs_det_jacobian(self, x: Tensor, y: Any) -> Tensor:
        total: Any = 0.0
        for part in self.parts:
            y = part(x)
            total = total + part.log_abs_det_jacobian(x, y)
            x = y
        return total

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(map(repr, self.parts)) + "\n)"


class TransformedDistribution(Distribution):
    """Of y = f(x), where x is from `base_distribution`.

    Args:
        transforms: the function, or several, one after the other; they act on each element, and where an event of the
            base has dimensions their stretching adds up over them.

    >>> import autograd as ag
    >>> squashed = TransformedDistribution(Normal(0.0, 1.0), [TanhTransform()])
    >>> squashed.log_prob(ag.tensor(0.5))
    tensor(-0.7821)
    """

    def __init__(
        self,
        base_distribution: Distribution,
        transforms: Transform | Sequence[Transform],
        validate_args: bool | None = None,
    ):
        self.base_dist = base_distribution
        self.transforms = [transforms] if isinstance(transforms, Transform) else list(transforms)
        if wrong := [type(t).__name__ for t in self.transforms if not isinstance(t, Transform)]:
            raise ValueError(f"expected a Transform or a list of them, got {wrong[0]}")
        self.has_rsample = base_distribution.has_rsample
        super().__init__(base_distribution.batch_shape, base_distribution.event_shape)

    def _moved(self, x: Tensor) -> Tensor:
        for transform in self.transforms:
            x = transform(x)
        return x

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._moved(self.base_dist.sample(sample_shape)).detach()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._moved(self.base_dist.rsample(sample_shape))

    def log_prob(self, value: Any) -> Tensor:
        (y,) = tensors(value)
        stretched: Any = 0.0
        for transform in reversed(self.transforms):
            x = transform.inv(y)
            stretch, event = transform.log_abs_det_jacobian(x, y), len(self.event_shape)
            summed = event - getattr(transform, "event_dim", 0)
            stretched = stretched + (stretch.sum(tuple(range(-summed, 0))) if summed > 0 else stretch)
            y = x
        return self.base_dist.log_prob(y) - stretched


class LogNormal(TransformedDistribution):
    """Of numbers whose logarithms are normal with mean `loc` and standard deviation `scale`."""

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        base = Normal(loc, scale, validate_args)
        super().__init__(base, ExpTransform())
        self.loc, self.scale = base.loc, base.scale

    def entropy(self) -> Tensor:
        return self.base_dist.entropy() + self.loc

    @property
    def mean(self) -> Tensor:
        return (self.loc + self.scale**2 / 2).exp()

    @property
    def variance(self) -> Tensor:
        return (self.scale**2).expm1() * (2 * self.loc + self.scale**2).exp()


class HalfNormal(Distribution):
    """Of the absolute values of normal numbers with mean 0."""

    has_rsample = True

    def __init__(self, scale: Any, validate_args: bool | None = None):
        self._normal = Normal(0.0, tensors(scale)[0], validate_args)
        self.scale = self._normal.scale
        super().__init__(self.scale.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self._normal.rsample(sample_shape).abs()

    def log_prob(self, value: Any) -> Tensor:
        (value,) = tensors(value)
        density = self._normal.log_prob(value) + math.log(2)
        return density.masked_fill(value < 0, -math.inf)

    def entropy(self) -> Tensor:
        return self._normal.entropy() - math.log(2)

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale**2 * (1 - 2 / math.pi)


class Gumbel(Distribution):
    """Of the largest of many numbers: exp(-z - exp(-z)) / scale, where z = (x - loc) / scale."""

    has_rsample = True
    parameters = ("loc", "scale")

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None):
        self._normal = Normal(loc, scale, validate_args)  # the same checks
        self.loc, self.scale = self._normal.loc, self._normal.scale
        super().__init__(self.loc.shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        least = self.loc.detach().new_zeros(self.loc.shape)
        u = Uniform(least, 1.0).sample(sample_shape).clamp(min=1e-38)
        return self.loc - self.scale * (-u.log()).log()

    def log_prob(self, value: Any) -> Tensor:
        z = (value - self.loc) / self.scale
        return -z - (-z).exp() - self.scale.log()

    def entropy(self) -> Tensor:
        return self.scale.log() + 1 + _EULER

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * _EULER

    @property
    def variance(self) -> Tensor:
        return (math.pi * self.scale) ** 2 / 6


_EULER = 0.5772156649015329
