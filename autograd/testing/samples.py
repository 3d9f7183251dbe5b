"""Samples for ops: shapes to draw, where to draw from, and the arguments beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.testing.packing import is_inexact

__all__ = ["BINARY", "DOMAINS", "SCALABLE", "UNARY", "Domain", "Draw", "S", "Sample", "draw", "integers"]

Domain = str | Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]


def _spread(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Values of both signs, no two alike and none near 0: no ties, no kinks."""
    n = int(np.prod(shape))
    steps = (np.arange(n) + rng.uniform(0.25, 0.75, n)) / max(n, 1)
    return rng.permutation((0.1 + 2 * steps) * rng.choice([-1.0, 1.0], n)).reshape(shape)


def _square(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Well-conditioned matrices."""
    return rng.normal(size=shape) * 0.3 + 2 * np.eye(shape[-2], shape[-1])


def _positive_definite(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    a = rng.normal(size=shape) * 0.3
    return a @ np.swapaxes(a, -1, -2) + np.diag(np.arange(1.0, shape[-1] + 1))


DOMAINS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "any": _spread,
    "normal": lambda rng, shape: rng.normal(size=shape),
    "positive": lambda rng, shape: np.abs(_spread(rng, shape)) + 0.1,
    "unit": lambda rng, shape: _spread(rng, shape) / 2.5,  # inside (-1, 1)
    "probability": lambda rng, shape: np.abs(_spread(rng, shape)) / 2.5 + 0.05,  # inside (0, 1)
    "above 1": lambda rng, shape: np.abs(_spread(rng, shape)) + 1.1,
    "square": _square,
    "positive definite": _positive_definite,
    "bool": lambda rng, shape: rng.random(shape) < 0.5,
}
SCALABLE = ("any", "normal", "positive")
"""Domains whose values may be multiplied by any positive number."""


def integers(high: int, low: int = 0) -> Domain:
    """A domain of integers low <= n < high, for indices and classes."""
    return lambda rng, shape: rng.integers(low, high, shape)


@dataclass(frozen=True)
class Draw:
    """An argument to be drawn at random: from which domain, in which shape."""

    domain: Domain
    shape: tuple[int, ...]
    complex: bool = False

    def __call__(self, rng: np.random.Generator, dtype: np.dtype) -> np.ndarray:
        make = DOMAINS[self.domain] if isinstance(self.domain, str) else self.domain
        array = np.asarray(make(rng, self.shape))
        if is_inexact(array.dtype):
            if self.complex or dtype.kind == "c":
                array = np.asarray(array + 1j * np.asarray(make(rng, self.shape)))
                return array.astype(np.complex128 if dtype.itemsize > 4 or dtype.kind == "c" else np.complex64)
            return array.astype(dtype)
        return array


def draw(domain: Domain, shape: Sequence[int], complex: bool = False) -> Draw:
    """An argument from another domain than the case's: `S((3, 4), draw("bool", (3, 4)))`.

    Args:
        domain: "any", "normal", "positive", "unit", "probability", "above 1", "square", "positive
            definite", "bool", `integers(high)`, or a function of (rng, shape).
        shape: the shape to draw.
        complex: draw real and imaginary part.
    """
    if isinstance(domain, str) and domain not in DOMAINS:
        raise ValueError(f"expected a domain of {sorted(DOMAINS)}, got {domain!r}")
    return Draw(domain, tuple(shape), complex)


@dataclass(frozen=True)
class Sample:
    """One call: positional arguments, of which shapes are drawn, and keyword arguments."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def __str__(self) -> str:
        spelled = [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return ", ".join([*map(_spell_argument, self.args), *spelled])


def S(*args: Any, **kwargs: Any) -> Sample:  # short, as it stands in every line of a table
    """A sample call of an op.

    A tuple of ints is the shape of an array to draw, `()` a 0-d one; a list of shapes is a list of
    arrays; `draw(...)` chooses a domain; arrays are used as they are; anything else, and every
    keyword argument, is passed on.

    >>> str(S((3, 4), (4,), dim=0))
    '(3, 4), (4,), dim=0'
    """
    return Sample(args, kwargs)


UNARY = (S((3, 4)), S(()), S((0, 3)), S((2, 1, 3)))
"""Samples for an elementwise op of one argument."""

BINARY = (S((3, 4), (3, 4)), S((3, 1), (4,)), S((), (2, 3)), S((0, 3), (3,)), S((2, 3), ()))
"""Samples for an elementwise op of two arguments: equal, broadcast, 0-d and empty shapes."""


def _spell_argument(argument: Any) -> str:
    if isinstance(argument, Draw):
        return str(argument.shape)
    if isinstance(argument, list):
        return f"[{', '.join(map(_spell_argument, argument))}]"
    return f"array{argument.shape}" if isinstance(argument, np.ndarray) else repr(argument)
