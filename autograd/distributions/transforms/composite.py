"""Transforms that are made of others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import cat, stack, zeros_like
from ...tensor import Size, Tensor
from .. import constraints
from ..constraints import Constraint, dependent_property
from .transform import Transform, sum_rightmost

__all__ = ["CatTransform", "ComposeTransform", "IndependentTransform", "StackTransform", "identity_transform"]


class ComposeTransform(Transform):
    """One after the other.

    Args:
        parts: the first is applied first.
        cache_size: of each of them.
    """

    def __init__(self, parts: Sequence[Transform], cache_size: int = 0):
        super().__init__(cache_size)
        self.parts = [part.with_cache(cache_size) for part in parts] if cache_size else list(parts)

    def with_cache(self, cache_size: int = 1) -> Any:
        return self if cache_size == self._cache_size else ComposeTransform(self.parts, cache_size)

    @dependent_property
    def domain(self) -> Constraint:
        return _deepened([(part.codomain, part.domain) for part in reversed(self.parts)])

    @dependent_property
    def codomain(self) -> Constraint:
        return _deepened([(part.domain, part.codomain) for part in self.parts])

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(part.bijective for part in self.parts)

    @property
    def sign(self) -> Any:
        return math.prod(part.sign for part in self.parts)

    @property
    def inv(self) -> ComposeTransform:
        return ComposeTransform([part.inv for part in reversed(self.parts)])

    def _call(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x)
        return x

    __call__ = _call  # the parts remember

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        total: Any = zeros_like(x) if not self.parts else 0.0
        event_dim = self.domain.event_dim
        for i, part in enumerate(self.parts):
            after = part(x) if i + 1 < len(self.parts) else y
            total = total + sum_rightmost(part.log_abs_det_jacobian(x, after), event_dim - part.domain.event_dim)
            event_dim += part.codomain.event_dim - part.domain.event_dim
            x = after
        return total

    def forward_shape(self, shape: Any) -> Size:
        for part in self.parts:
            shape = part.forward_shape(shape)
        return Size(shape)

    def inverse_shape(self, shape: Any) -> Size:
        for part in reversed(self.parts):
            shape = part.inverse_shape(shape)
        return Size(shape)

    def __repr__(self) -> str:
        return "ComposeTransform(\n    " + ",\n    ".join(map(repr, self.parts)) + "\n)"


def _deepened(steps: list[tuple[Constraint, Constraint]]) -> Constraint:
    """The constraint after the last step, with as many event dimensions as the deepest of all steps brings there."""
    if not steps:
        return constraints.real
    event_dim, last = steps[0][0].event_dim, steps[-1][1]
    for before, after in steps:
        event_dim = max(event_dim + after.event_dim - before.event_dim, after.event_dim)
    return constraints.independent(last, event_dim - last.event_dim) if event_dim > last.event_dim else last


identity_transform = ComposeTransform([])


class IndependentTransform(Transform):
    """Another transform, with more of the last dimensions as one event: their stretching adds up."""

    def __init__(self, base_transform: Transform, reinterpreted_batch_ndims: int, cache_size: int = 0):
        super().__init__(cache_size)
        self.base_transform = base_transform.with_cache(cache_size)
        self.reinterpreted_batch_ndims = reinterpreted_batch_ndims

    def with_cache(self, cache_size: int = 1) -> Any:
        same = cache_size == self._cache_size
        return self if same else type(self)(self.base_transform, self.reinterpreted_batch_ndims, cache_size)

    @dependent_property
    def domain(self) -> Constraint:
        return constraints.independent(self.base_transform.domain, self.reinterpreted_batch_ndims)

    @dependent_property
    def codomain(self) -> Constraint:
        return constraints.independent(self.base_transform.codomain, self.reinterpreted_batch_ndims)

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return self.base_transform.bijective

    @property
    def sign(self) -> Any:
        return self.base_transform.sign

    def _deep(self, x: Tensor, dims: int) -> Tensor:
        if x.ndim < dims:
            raise ValueError(f"expected at least {dims} dimensions, got a value of shape {tuple(x.shape)}")
        return x

    def _call(self, x: Tensor) -> Tensor:
        return self.base_transform(self._deep(x, self.domain.event_dim))

    def _inverse(self, y: Tensor) -> Tensor:
        return self.base_transform.inv(self._deep(y, self.codomain.event_dim))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return sum_rightmost(self.base_transform.log_abs_det_jacobian(x, y), self.reinterpreted_batch_ndims)

    def forward_shape(self, shape: Any) -> Size:
        return self.base_transform.forward_shape(shape)

    def inverse_shape(self, shape: Any) -> Size:
        return self.base_transform.inverse_shape(shape)

    def __repr__(self) -> str:
        return f"IndependentTransform({self.base_transform!r}, {self.reinterpreted_batch_ndims})"


class _Several(Transform):
    """Transforms of the parts along a dimension; derived classes say how to take apart and put together."""

    def __init__(self, tseq: Sequence[Transform], dim: int = 0, cache_size: int = 0):
        if wrong := [t for t in tseq if not isinstance(t, Transform)]:
            raise TypeError(f"expected Transforms, got {type(wrong[0]).__name__}")
        super().__init__(cache_size)
        self.transforms, self.dim = [t.with_cache(cache_size) for t in tseq], dim

    def with_cache(self, cache_size: int = 1) -> Any:
        new = super().with_cache(cache_size)
        new.transforms = [t.with_cache(cache_size) for t in self.transforms]
        return new

    @property
    def bijective(self) -> bool:  # type: ignore[override]
        return all(t.bijective for t in self.transforms)

    def _apart(self, x: Tensor) -> Sequence[Tensor]:
        raise NotImplementedError

    def _together(self, parts: list[Tensor]) -> Tensor:
        raise NotImplementedError

    def _call(self, x: Tensor) -> Tensor:
        return self._together([t(part) for t, part in zip(self.transforms, self._apart(x), strict=True)])

    def _inverse(self, y: Tensor) -> Tensor:
        return self._together([t.inv(part) for t, part in zip(self.transforms, self._apart(y), strict=True)])

    def _stretches(self, x: Tensor, y: Tensor) -> list[Tensor]:
        parts = zip(self.transforms, self._apart(x), self._apart(y), strict=True)
        return [t.log_abs_det_jacobian(before, after) for t, before, after in parts]


class CatTransform(_Several):
    """Parts of given lengths along a dimension, each with its transform.

    >>> import autograd as ag
    >>> from autograd.distributions import ExpTransform
    >>> CatTransform([ExpTransform(), identity_transform], lengths=[1, 2])(ag.zeros(3))
    tensor([1., 0., 0.])
    """

    def __init__(
        self, tseq: Sequence[Transform], dim: int = 0, lengths: Sequence[int] | None = None, cache_size: int = 0
    ):
        super().__init__(tseq, dim, cache_size)
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        if len(self.lengths) != len(self.transforms):
            raise ValueError(f"expected a length for each of {len(self.transforms)} parts, got {len(self.lengths)}")

    @property
    def event_dim(self) -> int:
        return max(t.event_dim for t in self.transforms)

    @property
    def length(self) -> int:
        """Of all parts together."""
        return sum(self.lengths)

    @dependent_property
    def domain(self) -> Constraint:
        return constraints.cat([t.domain for t in self.transforms], self.dim, self.lengths)

    @dependent_property
    def codomain(self) -> Constraint:
        return constraints.cat([t.codomain for t in self.transforms], self.dim, self.lengths)

    def _apart(self, x: Tensor) -> Sequence[Tensor]:
        if x.shape[self.dim] != self.length:
            raise ValueError(f"expected length {self.length} in dimension {self.dim}, got shape {tuple(x.shape)}")
        return x.split(self.lengths, self.dim)

    def _together(self, parts: list[Tensor]) -> Tensor:
        return cat(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        depths = (self.event_dim - t.event_dim for t in self.transforms)
        stretches = [sum_rightmost(s, depth) for s, depth in zip(self._stretches(x, y), depths, strict=True)]
        dim = (self.dim - x.ndim if self.dim >= 0 else self.dim) + self.event_dim
        return cat(stretches, dim) if dim < 0 else sum(stretches)  # type: ignore[return-value]


class StackTransform(_Several):
    """Places along a dimension, each with its transform."""

    @dependent_property
    def domain(self) -> Constraint:
        return constraints.stack([t.domain for t in self.transforms], self.dim)

    @dependent_property
    def codomain(self) -> Constraint:
        return constraints.stack([t.codomain for t in self.transforms], self.dim)

    def _apart(self, x: Tensor) -> Sequence[Tensor]:
        if x.shape[self.dim] != len(self.transforms):
            raise ValueError(
                f"expected {len(self.transforms)} places in dimension {self.dim}, got shape {tuple(x.shape)}"
            )
        return x.unbind(self.dim)

    def _together(self, parts: list[Tensor]) -> Tensor:
        return stack(parts, self.dim)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        return stack(self._stretches(x, y), self.dim)
