"""Which function carries all real numbers to the values that satisfy a constraint.

Optimizers and variational families work on unconstrained numbers: ``transform_to(constraint)(x)`` satisfies it for every x.

>>> import autograd as ag
>>> from autograd.distributions import Normal
>>> transform_to(Normal.arg_constraints["scale"])(ag.tensor(0.0))
tensor(1.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import constraints, transforms
from .constraints import Constraint
from .transforms import Transform

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """A function from constraints to transforms, decided by the class of the constraint."""

    def __init__(self) -> None:
        self._registry: dict[type, Callable[[Any], Transform]] = {}

    def register(self, constraint: Any, factory: Callable[[Any], Transform] | None = None) -> Any:
        """Declare the transform to a kind of constraints; also as ``@transform_to.register(MyConstraint)``.

        Args:
            constraint: a class of constraints, or one of them.
            factory: makes the transform to a constraint of that class.

        Returns:
            `factory`.

        Raises:
            TypeError: `constraint` is neither.
        """
        if factory is None:
            return lambda factory: self.register(constraint, factory)
        kind = type(constraint) if isinstance(constraint, Constraint) else constraint
        if not (isinstance(kind, type) and issubclass(kind, Constraint)):
            raise TypeError(f"expected a Constraint, or a class of them, got {constraint!r}")
        self._registry[kind] = factory
        return factory

    def __call__(self, constraint: Constraint) -> Transform:
        """The transform from unconstrained numbers to values that satisfy the constraint."""
        if type(constraint) not in self._registry:
            raise NotImplementedError(
                f"no transform to {type(constraint).__name__} constraints is known: declare one with register()"
            )
        return self._registry[type(constraint)](constraint)


biject_to = ConstraintRegistry()  # one x for each value, and a log_abs_det_jacobian
transform_to = ConstraintRegistry()  # perhaps many x for one value, and simpler for an optimizer


def _interval(c: Any) -> Transform:
    lower, upper = c.lower_bound, c.upper_bound
    if isinstance(lower, (int, float)) and isinstance(upper, (int, float)) and (lower, upper) == (0, 1):
        return transforms.SigmoidTransform()
    return transforms.ComposeTransform(
        [transforms.SigmoidTransform(), transforms.AffineTransform(lower, upper - lower)]
    )


def _beyond(bound: Any, scale: int) -> Transform:
    return transforms.ComposeTransform([transforms.ExpTransform(), transforms.AffineTransform(bound, scale)])


_BOTH: dict[type, Callable[[Any], Transform]] = {
    constraints.Real: lambda c: transforms.identity_transform,
    constraints.GreaterThan: lambda c: _beyond(c.lower_bound, 1),
    constraints.GreaterThanEq: lambda c: _beyond(c.lower_bound, 1),
    constraints.LessThan: lambda c: _beyond(c.upper_bound, -1),
    constraints.Interval: _interval,
    constraints.HalfOpenInterval: _interval,
    constraints.CorrCholesky: lambda c: transforms.CorrCholeskyTransform(),
}
for _registry in (biject_to, transform_to):
    for _kind, _factory in _BOTH.items():
        _registry.register(_kind, _factory)
    _registry.register(
        constraints.IndependentConstraint,
        lambda c, to=_registry: transforms.IndependentTransform(to(c.base_constraint), c.reinterpreted_batch_ndims),
    )
    _registry.register(
        constraints.Cat,
        lambda c, to=_registry: transforms.CatTransform([to(part) for part in c.cseq], c.dim, c.lengths),
    )
    _registry.register(
        constraints.Stack,
        lambda c, to=_registry: transforms.StackTransform([to(part) for part in c.cseq], c.dim),
    )
biject_to.register(constraints.Simplex, lambda c: transforms.StickBreakingTransform())
transform_to.register(constraints.Simplex, lambda c: transforms.SoftmaxTransform())
transform_to.register(constraints.LowerCholesky, lambda c: transforms.LowerCholeskyTransform())
transform_to.register(constraints.PositiveDefinite, lambda c: transforms.PositiveDefiniteTransform())
transform_to.register(constraints.PositiveSemidefinite, lambda c: transforms.PositiveDefiniteTransform())
