"""Which values a parameter or a draw may take, with the names of ``torch.distributions.constraints``.

A distribution says each constraint once, in `arg_constraints` and `support`.  What is checked, how many of the last
dimensions are one event, and which function carries all real numbers there (`transform_to`) follow from it.

>>> import autograd as ag
>>> unit_interval.check(ag.tensor([0.5, 2.0]))
tensor([ True, False])
>>> simplex, simplex.event_dim
(Simplex(), 1)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import cat as _cat
from .. import finfo, isclose, linalg
from .. import stack as _stack
from ..tensor import Tensor

__all__ = [
    "Constraint", "boolean", "cat", "corr_cholesky", "dependent", "dependent_property", "greater_than", "greater_than_eq",
    "half_open_interval", "independent", "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky",
    "lower_triangular", "MixtureSameFamilyConstraint", "multinomial", "nonnegative", "nonnegative_integer", "one_hot",
    "positive", "positive_definite", "positive_integer", "positive_semidefinite", "real", "real_vector", "simplex",
    "square", "stack", "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """A set of values: `event_dim` dimensions make one of them, and `is_discrete` says whether they are isolated."""

    is_discrete = False
    event_dim = 0

    def check(self, value: Any) -> Any:
        """Which values belong: True or False for each event, in the shape of `value` without its event dimensions."""
        raise NotImplementedError(f"{type(self).__name__} is a constraint without check()")

    def __repr__(self) -> str:
        bounds = (f"{name}={bound}" for name, bound in vars(self).items() if name.endswith("_bound"))
        return f"{type(self).__name__.removeprefix('_')}({', '.join(bounds)})"


def _each(holds: Tensor, dims: int) -> Tensor:
    """Do the last dimensions hold altogether?"""
    return holds.flatten(-dims).all(-1) if dims else holds


def _deep(value: Tensor, dims: int) -> Tensor:
    if value.ndim < dims:
        raise ValueError(f"expected at least {dims} dimensions, got a value of shape {tuple(value.shape)}")
    return value


# ---- that another value decides ----------------------------------------------------------------------------------


def _told(value: Any, name: str) -> Any:
    if value is NotImplemented:
        raise NotImplementedError(f"expected a declaration that says {name}, got a dependent constraint")
    return value


class Dependent(Constraint):
    """A constraint that depends on other parameters: only an instance of the distribution has it."""

    def __init__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented):
        self._is_discrete, self._event_dim = is_discrete, event_dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return _told(self._is_discrete, "is_discrete")

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return _told(self._event_dim, "event_dim")

    def __call__(self, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented) -> Dependent:
        """The same, with more known about it: ``constraints.dependent(is_discrete=False, event_dim=0)``."""
        return Dependent(
            is_discrete=self._is_discrete if is_discrete is NotImplemented else is_discrete,
            event_dim=self._event_dim if event_dim is NotImplemented else event_dim,
        )

    def check(self, value: Any) -> Any:
        raise ValueError("expected a constraint of an instance: a dependent one cannot check values")


class DependentProperty(property, Dependent):
    """A property whose value is a constraint; on the class, it is a `dependent` constraint.

    >>> class Below:
    ...     @dependent_property(is_discrete=False, event_dim=0)
    ...     def support(self):
    ...         return less_than(self.high)
    >>> Below.support, is_dependent(Below.support)
    (DependentProperty(), True)
    """

    def __init__(
        self, fn: Callable | None = None, *, is_discrete: Any = NotImplemented, event_dim: Any = NotImplemented
    ):
        property.__init__(self, fn)
        Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, fn: Any = None, **known: Any) -> Any:  # type: ignore[override]
        """Decorate a method with what was said in parentheses."""
        return DependentProperty(fn, is_discrete=self._is_discrete, event_dim=self._event_dim)


def is_dependent(constraint: Any) -> bool:
    """Does it take an instance to know this constraint?"""
    return isinstance(constraint, Dependent)


# ---- of numbers --------------------------------------------------------------------------------------------------


class Real(Constraint):
    """Every number, infinities too, but NaN."""

    def check(self, value: Any) -> Any:
        return value == value


class Boolean(Constraint):
    """0 and 1."""

    is_discrete = True
    lower_bound, upper_bound = 0, 1

    def check(self, value: Any) -> Any:
        return (value == 0) | (value == 1)


@dataclass(eq=False, repr=False)
class GreaterThan(Constraint):
    """Numbers above a bound."""

    lower_bound: Any

    def check(self, value: Any) -> Any:
        return self.lower_bound < value


@dataclass(eq=False, repr=False)
class GreaterThanEq(Constraint):
    """Numbers from a bound on."""

    lower_bound: Any

    def check(self, value: Any) -> Any:
        return self.lower_bound <= value


@dataclass(eq=False, repr=False)
class LessThan(Constraint):
    """Numbers below a bound."""

    upper_bound: Any

    def check(self, value: Any) -> Any:
        return value < self.upper_bound


@dataclass(eq=False, repr=False)
class Interval(Constraint):
    """Numbers between two bounds, which belong to it."""

    lower_bound: Any
    upper_bound: Any

    def check(self, value: Any) -> Any:
        return (self.lower_bound <= value) & (value <= self.upper_bound)


@dataclass(eq=False, repr=False)
class HalfOpenInterval(Constraint):
    """Numbers between two bounds, of which the lower belongs to it."""

    lower_bound: Any
    upper_bound: Any

    def check(self, value: Any) -> Any:
        return (self.lower_bound <= value) & (value < self.upper_bound)


class IntegerInterval(Interval):
    """Whole numbers between two bounds, which belong to it."""

    is_discrete = True

    def check(self, value: Any) -> Any:
        return (value % 1 == 0) & super().check(value)


@dataclass(eq=False, repr=False)
class IntegerLessThan(Constraint):
    """Whole numbers up to a bound."""

    upper_bound: Any
    is_discrete = True

    def check(self, value: Any) -> Any:
        return (value % 1 == 0) & (value <= self.upper_bound)


class IntegerGreaterThan(GreaterThanEq):
    """Whole numbers from a bound on."""

    is_discrete = True

    def check(self, value: Any) -> Any:
        return (value % 1 == 0) & super().check(value)


# ---- of vectors and matrices -------------------------------------------------------------------------------------


class OneHot(Constraint):
    """Vectors of zeros and a single one."""

    is_discrete, event_dim = True, 1

    def check(self, value: Tensor) -> Tensor:
        return boolean.check(value).all(-1) & (value.sum(-1) == 1)


class Simplex(Constraint):
    """Vectors of shares: none is negative, and together they are 1."""

    event_dim = 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


@dataclass(eq=False, repr=False)
class Multinomial(Constraint):
    """Vectors of counts that add up to `upper_bound` at most."""

    upper_bound: Any
    is_discrete, event_dim = True, 1

    def check(self, value: Tensor) -> Tensor:
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


class LowerTriangular(Constraint):
    """Matrices with zeros above the diagonal."""

    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return _each(value.tril() == value, 2)


class LowerCholesky(LowerTriangular):
    """Lower triangular matrices with a positive diagonal."""

    def check(self, value: Tensor) -> Tensor:
        return super().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class CorrCholesky(LowerCholesky):
    """Cholesky factors of correlation matrices: lower ones whose rows have length 1."""

    def check(self, value: Tensor) -> Tensor:
        rounding = 10 * value.shape[-1] * finfo(value.dtype).eps
        return ((linalg.norm(value.detach(), dim=-1) - 1).abs() <= rounding).all(-1) & super().check(value)


class Square(Constraint):
    """Matrices with as many rows as columns."""

    event_dim = 2

    def check(self, value: Tensor) -> Tensor:
        return value.new_full(value.shape[:-2], value.shape[-2] == value.shape[-1], dtype=bool)


class Symmetric(Square):
    """Matrices that are their own transpose."""

    def check(self, value: Tensor) -> Tensor:
        square = super().check(value)
        return _each(isclose(value, value.mT, atol=1e-6), 2) if square.all() else square


class PositiveSemidefinite(Symmetric):
    """Symmetric matrices without a negative eigenvalue."""

    def check(self, value: Tensor) -> Tensor:
        symmetric = super().check(value)
        return (linalg.eigvalsh(value.detach()) >= 0).all(-1) if symmetric.all() else symmetric


class PositiveDefinite(Symmetric):
    """Symmetric matrices whose eigenvalues are all positive."""

    def check(self, value: Tensor) -> Tensor:
        symmetric = super().check(value)
        return linalg.cholesky_ex(value.detach()).info == 0 if symmetric.all() else symmetric


# ---- made of others ----------------------------------------------------------------------------------------------


class IndependentConstraint(Constraint):
    """Events all of whose parts belong to another constraint: the last dimensions of a batch become one event."""

    def __init__(self, base_constraint: Constraint, reinterpreted_batch_ndims: int):
        if not isinstance(base_constraint, Constraint) or not isinstance(reinterpreted_batch_ndims, int):
            raise TypeError(
                f"expected a Constraint and a number of dimensions, got {base_constraint!r}, {reinterpreted_batch_ndims!r}"
            )
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value: Tensor) -> Tensor:
        holds = self.base_constraint.check(_deep(value, self.event_dim))
        return _each(holds, self.reinterpreted_batch_ndims)

    def __repr__(self) -> str:
        return f"IndependentConstraint({self.base_constraint!r}, {self.reinterpreted_batch_ndims})"


class MixtureSameFamilyConstraint(Constraint):
    """Values that belong to the constraint of every component of a mixture, which has a dimension of them."""

    def __init__(self, base_constraint: Constraint):
        if not isinstance(base_constraint, Constraint):
            raise TypeError(f"expected the components' Constraint, got {base_constraint!r}")
        self.base_constraint = base_constraint

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return self.base_constraint.is_discrete

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return self.base_constraint.event_dim

    def check(self, value: Tensor) -> Tensor:
        batch = _deep(value, self.event_dim).ndim - self.event_dim
        return self.base_constraint.check(value.unsqueeze(batch)).flatten(batch).all(-1)

    def __repr__(self) -> str:
        return f"MixtureSameFamilyConstraint({self.base_constraint!r})"


class _Several(Constraint):
    """Constraints of the parts along a dimension."""

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0):
        if wrong := [c for c in cseq if not isinstance(c, Constraint)]:
            raise TypeError(f"expected Constraints, got {wrong[0]!r}")
        self.cseq, self.dim = list(cseq), dim

    @property
    def is_discrete(self) -> bool:  # type: ignore[override]
        return any(c.is_discrete for c in self.cseq)


class Cat(_Several):
    """Parts of given lengths along a dimension, each with its constraint.

    >>> import autograd as ag
    >>> cat([real, positive], lengths=[1, 2]).check(ag.tensor([-1.0, 2.0, 3.0]))
    tensor([True, True, True])
    """

    def __init__(self, cseq: Sequence[Constraint], dim: int = 0, lengths: Sequence[int] | None = None):
        super().__init__(cseq, dim)
        self.lengths = [1] * len(self.cseq) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.cseq):
            raise ValueError(f"expected a length for each of {len(self.cseq)} constraints, got {len(self.lengths)}")

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        return max(c.event_dim for c in self.cseq)

    def check(self, value: Tensor) -> Tensor:
        parts = value.split(self.lengths, self.dim)
        return _cat([c.check(part) for c, part in zip(self.cseq, parts, strict=True)], self.dim)


class Stack(_Several):
    """Places along a dimension, each with its constraint."""

    @property
    def event_dim(self) -> int:  # type: ignore[override]
        deepest = max(c.event_dim for c in self.cseq)
        return deepest + (self.dim + deepest < 0)

    def check(self, value: Tensor) -> Tensor:
        if value.shape[self.dim] != len(self.cseq):
            raise ValueError(f"expected {len(self.cseq)} in dimension {self.dim}, got shape {tuple(value.shape)}")
        return _stack([c.check(value.select(self.dim, i)) for i, c in enumerate(self.cseq)], self.dim)


# ---- PyTorch's names ---------------------------------------------------------------------------------------------

dependent, dependent_property = Dependent(), DependentProperty
independent, cat, stack = IndependentConstraint, Cat, Stack
boolean, one_hot, real, simplex = Boolean(), OneHot(), Real(), Simplex()
greater_than, greater_than_eq, less_than, multinomial = GreaterThan, GreaterThanEq, LessThan, Multinomial
interval, half_open_interval, integer_interval = Interval, HalfOpenInterval, IntegerInterval
positive, nonnegative, unit_interval = GreaterThan(0.0), GreaterThanEq(0.0), Interval(0.0, 1.0)
positive_integer, nonnegative_integer = IntegerGreaterThan(1), IntegerGreaterThan(0)
real_vector = IndependentConstraint(real, 1)
lower_triangular, lower_cholesky, corr_cholesky = LowerTriangular(), LowerCholesky(), CorrCholesky()
square, symmetric = Square(), Symmetric()
positive_semidefinite, positive_definite = PositiveSemidefinite(), PositiveDefinite()


def __getattr__(name: str) -> Any:
    kind = globals().get(name[1:])
    if name[:1] == "_" and isinstance(kind, type):  # programs name PyTorch's classes, such as _Interval
        return kind
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
