"""What all transforms share."""

from __future__ import annotations

from typing import Any

from ...tensor import Size, Tensor
from ..constraints import dependent_property

__all__ = ["Transform"]


def sum_rightmost(x: Any, dims: int) -> Any:
    """The sum over the last dimensions."""
    return x.sum(tuple(range(-dims, 0))) if dims > 0 else x


def _unsaid(self: Any) -> Any:
    """1 where it increases, -1 where it decreases."""
    raise NotImplementedError(f"{type(self).__name__} neither increases nor decreases everywhere")


class Transform:
    """A function y = f(x), its inverse, and log |det dy/dx|.

    A derived class declares `domain` and `codomain`, and defines `_call`, `_inverse` and `log_abs_det_jacobian`.

    Args:
        cache_size: 1 remembers the last x and y: ``f.inv(f(x))`` is then x itself.

    >>> import autograd as ag
    >>> from autograd.distributions import AffineTransform, ComposeTransform, ExpTransform
    >>> f = ComposeTransform([ExpTransform(), AffineTransform(1.0, 2.0)])
    >>> f(ag.zeros(1)), f.inv(ag.tensor([3.0])), f.log_abs_det_jacobian(ag.zeros(1), ag.tensor([3.0]))
    (tensor([3.]), tensor([0.]), tensor([0.6931]))
    """

    bijective: Any = False
    sign: Any = property(_unsaid)
    domain: Any
    codomain: Any

    def __init__(self, cache_size: int = 0):
        if cache_size not in (0, 1):
            raise ValueError(f"expected cache_size to be 0 or 1, got {cache_size!r}")
        self._cache_size, self._cached_x_y = cache_size, (None, None)

    def _settings(self) -> dict[str, Any]:
        """The arguments that made it."""
        return {name: value for name, value in vars(self).items() if name not in ("_cache_size", "_cached_x_y")}

    def with_cache(self, cache_size: int = 1) -> Any:
        """The same function, with another cache."""
        if cache_size == self._cache_size:
            return self
        new = type(self).__new__(type(self))
        vars(new).update(vars(self))
        Transform.__init__(new, cache_size)
        return new

    @property
    def event_dim(self) -> int:
        """How many dimensions it acts on together, in and out."""
        if self.domain.event_dim != self.codomain.event_dim:
            raise ValueError("expected one event_dim in and out: use domain.event_dim and codomain.event_dim")
        return self.domain.event_dim

    @property
    def inv(self) -> Any:
        """The inverse, a transform itself."""
        return _Inverse(self)

    def __call__(self, x: Tensor) -> Tensor:
        """f(x)."""
        return self._remembering(0, x, self._call)

    def _inv_call(self, y: Tensor) -> Tensor:
        return self._remembering(1, y, self._inverse)

    def _remembering(self, side: int, value: Tensor, f: Any) -> Tensor:
        """The other side of a value of this side."""
        if not self._cache_size:
            return f(value)
        if self._cached_x_y[side] is not value:
            self._cached_x_y = (value, f(value)) if side == 0 else (f(value), value)
        return self._cached_x_y[1 - side]  # type: ignore[return-value]

    def _call(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _call(x)")

    def _inverse(self, y: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no _inverse(y)")

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        """The logarithm of how much volumes grow at x, of each event; `y` is f(x)."""
        raise NotImplementedError(f"{type(self).__name__} has no log_abs_det_jacobian: it does not keep the dimension")

    def forward_shape(self, shape: Any) -> Size:
        """The shape of f(x) for x of this shape."""
        return Size(shape)

    def inverse_shape(self, shape: Any) -> Size:
        """The shape of x where f(x) has this shape."""
        return Size(shape)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _same(self._settings(), other._settings())  # type: ignore[attr-defined]

    __hash__ = None  # type: ignore[assignment]  # tensors among the settings may change

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _same(a: Any, b: Any) -> bool:
    """Are settings equal, tensors in every element?"""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    equal = a is b or a == b
    return bool(equal.all()) if isinstance(equal, Tensor) else equal


class _Inverse(Transform):
    """The inverse of another transform, with its cache."""

    def __init__(self, transform: Transform):
        super().__init__(transform._cache_size)
        self._inv = transform

    @property
    def inv(self) -> Any:
        return self._inv

    @dependent_property(is_discrete=False)
    def domain(self) -> Any:
        return self._inv.codomain

    @dependent_property(is_discrete=False)
    def codomain(self) -> Any:
        return self._inv.domain

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return self._inv.bijective

    @property
    def sign(self) -> Any:
        return self._inv.sign

    def with_cache(self, cache_size: int = 1) -> Any:
        return self._inv.with_cache(cache_size).inv

    def __call__(self, x: Tensor) -> Tensor:
        return self._inv._inv_call(x)

    def _inv_call(self, y: Tensor) -> Tensor:
        return self._inv(y)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return -self._inv.log_abs_det_jacobian(y, x)

    def forward_shape(self, shape: Any) -> Size:
        return self._inv.inverse_shape(shape)

    def inverse_shape(self, shape: Any) -> Size:
        return self._inv.forward_shape(shape)

    def __repr__(self) -> str:
        return f"_InverseTransform({self._inv!r})"
