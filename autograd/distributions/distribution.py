"""What all distributions share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from ..creation import tensor
from ..graph import no_grad
from ..tensor import Size, Tensor
from . import constraints
from .constraints import Constraint, dependent_property
from .utils import lazy_property

__all__ = ["Distribution", "ExponentialFamily", "Independent"]


def _unsaid(self: Any) -> Any:
    """The constraint that draws satisfy."""
    raise NotImplementedError(f"{type(self).__name__} does not say which values it has: declare its support")


class Distribution:
    """A batch of distributions over events.

    A class declares the `arg_constraints` of its parameters, which are attributes, and the `support` of its values;
    checking them, `expand` and how a distribution is shown follow from these.

    Args:
        batch_shape: one distribution each.
        event_shape: of one draw from one of them.
        validate_args: check parameters here and values in `log_prob`, or not; None for `set_default_validate_args`.

    Raises:
        ValueError: a parameter does not satisfy its constraint.
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    arg_constraints: Any = {}  # noqa: RUF012  # a class declares its own

    support: Any = property(_unsaid)

    _validate_args = True

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Whether distributions check their parameters where `validate_args` does not say so: they do at first."""
        if value not in (True, False):
            raise ValueError(f"expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None):
        self._batch_shape, self._event_shape = Size(batch_shape), Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if self._validate_args:
            self._validate_parameters()

    def _validate_parameters(self) -> None:
        for name, constraint in self.arg_constraints.items():
            lazy = isinstance(getattr(type(self), name, None), lazy_property) and name not in vars(self)
            if constraints.is_dependent(constraint) or lazy:  # lazy: computed from what is checked
                continue
            self._require(f"{name} of {type(self).__name__}", constraint, getattr(self, name))

    def _require(self, what: str, constraint: Constraint, value: Tensor) -> None:
        if not (holds := constraint.check(value)).all():
            event = value.shape[value.ndim - constraint.event_dim :]
            got = value.detach().expand(*holds.shape, *event)[~holds].flatten()[:4]
            raise ValueError(f"expected {what} to satisfy the constraint {constraint}, got {got}")

    def _validate_sample(self, value: Any) -> None:
        """Raise a ValueError unless a value could be a draw from this distribution, or one for each of the batch."""
        if not isinstance(value, Tensor):
            raise ValueError(f"expected the value to be a Tensor, got {type(value).__name__}")
        shape, events = (*self.batch_shape, *self.event_shape), len(self.event_shape)
        pairs = list(zip(reversed(value.shape), reversed(shape), strict=False))
        fits = all(a == b or (i >= events and 1 in (a, b)) for i, (a, b) in enumerate(pairs))
        if value.ndim < events or not fits:
            raise ValueError(
                f"expected a value for batch_shape {tuple(self.batch_shape)} and event_shape {tuple(self.event_shape)}, got "
                f"shape {tuple(value.shape)}"
            )
        with contextlib.suppress(NotImplementedError):  # a class need not have a support
            self._require(f"values of {type(self).__name__}", self.support, value)

    def _value(self, value: Any) -> Tensor:
        """A value as a tensor, checked."""
        if not isinstance(value, Tensor):
            like = self._like()
            value = tensor(value, dtype=like.dtype, device=like.device)
        if self._validate_args:
            self._validate_sample(value)
        return value if value.is_floating_point() else value.to(self._like().dtype)

    def _like(self) -> Tensor:
        """A parameter, for its type and its device."""
        found = next(v for v in vars(self).values() if isinstance(v, (Tensor, Distribution)))
        return found if isinstance(found, Tensor) else found._like()

    def _noise(self, draw: Callable, sample_shape: Any) -> Tensor:
        """Numbers drawn by `rand` or `randn`, in the shape of draws."""
        like = self._like()
        return draw(*self._extended_shape(sample_shape), dtype=like.dtype, device=like.device)

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        return Size((*sample_shape, *self.batch_shape, *self.event_shape))

    @property
    def batch_shape(self) -> Size:
        """One distribution each."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """Of one draw."""
        return self._event_shape

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distribution for a larger batch, without copying parameters.

        >>> from autograd.distributions import Normal
        >>> Normal(0.0, 1.0).expand((2, 3)).sample().shape
        autograd.Size([2, 3])
        """
        old, batch_shape = self.batch_shape, Size(batch_shape)
        new = type(self).__new__(type(self)) if _instance is None else _instance
        for name, value in vars(self).items():
            if isinstance(value, Tensor) and value.shape[: len(old)] == old:
                value = value.expand(*batch_shape, *value.shape[len(old) :])
            elif isinstance(value, Distribution):
                value = value.expand((*batch_shape, *value.batch_shape[len(old) :]))
            setattr(new, name, value)
        new._batch_shape = batch_shape
        return new

    def _get_checked_instance(self, cls: type, _instance: Any = None) -> Any:
        """A new object for the `expand` of a class derived from `cls`, as programs written for PyTorch ask for it."""
        if _instance is None and type(self).__init__ != cls.__init__:  # type: ignore[misc]
            raise NotImplementedError(f"{type(self).__name__} has its own __init__: it needs its own expand(), too")
        return type(self).__new__(type(self)) if _instance is None else _instance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws of shape ``sample_shape + batch_shape + event_shape``, that depend on nothing."""
        with no_grad():
            return self.rsample(sample_shape)

    def sample_n(self, n: int) -> Tensor:
        """``sample((n,))``, by its old name."""
        return self.sample((n,))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws through which gradients flow into the parameters."""
        raise NotImplementedError(
            f"draws from {type(self).__name__} have no gradient: use sample() and log_prob(), as REINFORCE does"
        )

    def log_prob(self, value: Any) -> Tensor:
        """The logarithm of the density, or of the probability, of a value."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob()")

    def cdf(self, value: Any) -> Tensor:
        """The probability of at most a value."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf() in closed form: count draws of sample()")

    def icdf(self, value: Any) -> Tensor:
        """The value that `cdf` takes to a probability."""
        raise NotImplementedError(f"{type(self).__name__} has no icdf() in closed form: take quantile() of sample()")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, along a new first dimension; with `expand`, for each distribution of the batch."""
        raise NotImplementedError(f"the values of {type(self).__name__} cannot be enumerated")

    def _enumerated(self, values: Tensor, expand: bool) -> Tensor:
        """Values along the first dimension (n, event_shape), over the batch."""
        values = values.reshape(len(values), *(1,) * len(self.batch_shape), *self.event_shape)
        return values.expand(len(values), *self.batch_shape, *self.event_shape) if expand else values

    def entropy(self) -> Tensor:
        """The entropy in nats."""
        raise NotImplementedError(
            f"{type(self).__name__} has no entropy in closed form: average -log_prob(x) over draws x of sample()"
        )

    def perplexity(self) -> Tensor:
        """exp of the entropy."""
        return self.entropy().exp()

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError(f"{type(self).__name__} has no mean in closed form: average draws of sample()")

    @property
    def mode(self) -> Tensor:
        """The most probable value."""
        raise NotImplementedError(f"{type(self).__name__} has no mode in closed form")

    @property
    def variance(self) -> Tensor:
        """The expected square of the distance to the mean."""
        raise NotImplementedError(f"{type(self).__name__} has no variance in closed form: take var() of sample()")

    @property
    def stddev(self) -> Tensor:
        """The square root of the variance."""
        return self.variance.sqrt()

    def __repr__(self) -> str:
        values = {name: vars(self)[name] for name in self.arg_constraints if name in vars(self)}
        shown = (f"{name}: {v if v.numel() == 1 else v.shape}" for name, v in values.items())
        return f"{type(self).__name__}({', '.join(shown)})"


class AroundLoc:
    """What has its mean, and its mode, at `loc`."""

    loc: Tensor

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc


class ExponentialFamily(Distribution):
    """A distribution whose density is exp(θ · t(x) - F(θ) + k(x)); PyTorch's base class of those, for ``isinstance``."""


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
        self.base_dist, self.reinterpreted_batch_ndims = base_distribution, reinterpreted_batch_ndims
        super().__init__(batch[:cut], (*batch[cut:], *event), validate_args)

    @property
    def has_rsample(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_rsample

    @property
    def has_enumerate_support(self) -> bool:  # type: ignore[override]
        return self.base_dist.has_enumerate_support and not self.reinterpreted_batch_ndims

    @dependent_property
    def support(self) -> Constraint:
        inner, n = self.base_dist.support, self.reinterpreted_batch_ndims
        return constraints.independent(inner, n) if n else inner

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

    def enumerate_support(self, expand: bool = True) -> Tensor:
        if self.reinterpreted_batch_ndims:
            raise NotImplementedError("the values of several independent distributions are too many to enumerate")
        return self.base_dist.enumerate_support(expand)

    @property
    def mean(self) -> Tensor:
        return self.base_dist.mean

    @property
    def mode(self) -> Tensor:
        return self.base_dist.mode

    @property
    def variance(self) -> Tensor:
        return self.base_dist.variance

    def __repr__(self) -> str:
        return f"Independent({self.base_dist}, {self.reinterpreted_batch_ndims})"
