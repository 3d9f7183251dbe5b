"""Orthogonal polynomials of degree n at x, each by its recurrence; the degree may differ from element to element."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..elementwise import elementwise
from .special import float_of

__all__: list[str] = []


def _recurrence(name: str, first: Callable, step: Callable) -> Any:
    """The op that computes p_n(x) from p_0 = 1, p_1 = `first(x)` and p_(k+1) = `step(k, x, p_k, p_(k-1))`."""

    def forward(x: Any, y: Any) -> Any:
        n = np.trunc(y) if hasattr(y, "dtype") else float(int(y))
        one = x * 0 + 1
        before, current = one, first(x) * one
        out = np.where(n < 0, 0, np.where(n == 0, one, current))
        for k in range(1, int(np.max(n)) if np.size(n) else 0):
            before, current = current, step(k, x, current, before)
            out = np.where(n == k + 1, current, out)
        return out.astype(float_of(x, y))[()]

    forward.__doc__ = f"The {name.replace('_', ' ')} of degree `y` at `x`."
    return elementwise(forward, name, method=False, dtype="float")


def _chebyshev(k: int, x: Any, p: Any, before: Any) -> Any:
    return 2 * x * p - before


def _shifted(k: int, x: Any, p: Any, before: Any) -> Any:
    return (4 * x - 2) * p - before


chebyshev_polynomial_t = _recurrence("chebyshev_polynomial_t", lambda x: x, _chebyshev)
chebyshev_polynomial_u = _recurrence("chebyshev_polynomial_u", lambda x: 2 * x, _chebyshev)
chebyshev_polynomial_v = _recurrence("chebyshev_polynomial_v", lambda x: 2 * x - 1, _chebyshev)
chebyshev_polynomial_w = _recurrence("chebyshev_polynomial_w", lambda x: 2 * x + 1, _chebyshev)
shifted_chebyshev_polynomial_t = _recurrence("shifted_chebyshev_polynomial_t", lambda x: 2 * x - 1, _shifted)
shifted_chebyshev_polynomial_u = _recurrence("shifted_chebyshev_polynomial_u", lambda x: 4 * x - 2, _shifted)
shifted_chebyshev_polynomial_v = _recurrence("shifted_chebyshev_polynomial_v", lambda x: 4 * x - 3, _shifted)
shifted_chebyshev_polynomial_w = _recurrence("shifted_chebyshev_polynomial_w", lambda x: 4 * x - 1, _shifted)
hermite_polynomial_h = _recurrence(
    "hermite_polynomial_h", lambda x: 2 * x, lambda k, x, p, before: 2 * x * p - 2 * k * before
)
hermite_polynomial_he = _recurrence("hermite_polynomial_he", lambda x: x, lambda k, x, p, before: x * p - k * before)
laguerre_polynomial_l = _recurrence(
    "laguerre_polynomial_l", lambda x: 1 - x, lambda k, x, p, before: ((2 * k + 1 - x) * p - k * before) / (k + 1)
)
legendre_polynomial_p = _recurrence(
    "legendre_polynomial_p", lambda x: x, lambda k, x, p, before: ((2 * k + 1) * x * p - k * before) / (k + 1)
)
