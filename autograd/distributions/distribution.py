"""What all distributions share."""

from __future__ import annotations

import numbers
from typing import Any

from ..creation import tensor
from ..graph import no_grad
from ..ops.joining import broadcast_tensors
from ..tensor import Size, Tensor

__all__ = ["Distribution", "Independent"]


def tensors(*values: Any) -> list[Tensor]:
    """Parameters as tensors of one shape; numbers take the type of the tensors beside them."""
    like = next((v for v in values if isinstance(v, Tensor)), None)
    made = [v if isinstance(v, Tensor) else tensor(v, dtype=None if like is None else like.dtype) for v in values]
    if not all(isinstance(v, (Tensor, numbers.Real)) for v in values):
        raise TypeError(f"expected tensors and numbers, got {', '.join(type(v).__name__ for v in values)}")
    made = [v if v.is_floating_point() else v.float() for v in made]
    return list(broadcast_tensors(*made))


def require(asked: bool | None, name: str, value: Tensor, holds: Tensor, what: str) -> None:
    """Raise a ValueError unless a parameter is what it has to be, or a program has `asked` with False not to look."""
    if (Distribution._validate_args if asked is None else asked) and not bool(holds.all()):
        raise ValueError(f"expected {name} to be {what}, got a tensor of shape {tuple(value.shape)} with other values")


class Distribution:
    """A batch of distributions over events.

    Args:
        batch_shape: one distribution each.
        event_shape: of one draw from one of them.
    """

    has_rsample = False
    parameters: tuple[str, ...] = ()  # which are shown

    _validate_args = True

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions look at their parameters where `validate_args` does not say so: they do at first."""
        if value not in (True, False):
            raise ValueError(f"expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = ()):
        self.batch_shape, self.event_shape = Size(batch_shape), Size(event_shape)

    def _shape(self, sample_shape: Any) -> tuple[int, ...]:
        return (*sample_shape, *self.batch_shape, *self.event_shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of shape ``sample_shape + batch_shape + event_shape``, that depend on nothing."""
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws through which gradients flow into the parameters."""
        raise NotImplementedError(
            f"draws from {type(self).__name__} have no gradient: use sample() and log_prob(), as REINFORCE does"
        )

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density, or of the probability, of a value."""
        raise NotImplementedError

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        raise NotImplementedError(
            f"{type(self).__name__} has no entropy in closed form: average -log_prob(x) over draws x of sample()"
        )

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance to the mean."""
        raise NotImplementedError

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def __repr__(self) -> str:
        values = {name: getattr(self, name) for name in self.parameters}
        shown = (f"{name}: {v if v.numel() == 1 else v.shape}" for name, v in values.items())
        return f"{type(self).__name__}({', '.join(shown)})"


class Independent(Distribution):
    """The last dimensions of a batch as one event: their log-probabilities add.

    >>> from autograd.distributions import Normal
    >>> import autograd as ag
    >>> Independent(Normal(ag.zeros(2, 3), 1.0), 1).log_prob(ag.zeros(2, 3)).shape
    autograd.Size([2])
    """

    def __init__(
        self, base_distribution: Distribution, reinterpreted_batch_ndims: int, validate_args: bool | None = None
    ):
        batch, event = base_distribution.batch_shape, base_distribution.event_shape
        if not 0 <= reinterpreted_batch_ndims <= len(batch):
            raise ValueError(f"expected 0 to {len(batch)} dimensions of the batch, got {reinterpreted_batch_ndims}")
        cut = len(batch) - reinterpreted_batch_ndims
        super().__init__(batch[:cut], (*batch[cut:], *event))
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        self.has_rsample = base_distribution.has_rsample

    def _sum(self, x: Tensor) -> Tensor:
        n = self.reinterpreted_batch_ndims
        return x.sum(tuple(range(-n, 0))) if n else x

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.sample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.base_dist.rsample(sample_shape)

    def log_prob(self, value: Any) -> Tensor:
        return self._sum(self.base_dist.log_prob(value))

    def entropy(self) -> Tensor:
        return self._sum(self.base_dist.entropy())

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"
