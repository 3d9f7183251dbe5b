"""Questions about each element: comparisons, logic and bits."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..elementwise import elementwise
from ..op import function
from ..tensor import Tensor

__all__ = [
    "allclose", "bitwise_and", "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "eq",
    "equal", "ge", "greater", "greater_equal", "gt", "isclose", "isfinite", "isinf", "isnan", "isneginf", "isposinf", "isreal",
    "le", "less", "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor", "lt", "ne", "not_equal", "signbit",
]  # fmt: skip

eq = elementwise(np.equal, "eq", compute=operator.eq, dtype="bool")
ne = elementwise(np.not_equal, "ne", compute=operator.ne, dtype="bool")
lt = elementwise(np.less, "lt", compute=operator.lt, real=True, dtype="bool")
le = elementwise(np.less_equal, "le", compute=operator.le, real=True, dtype="bool")
gt = elementwise(np.greater, "gt", compute=operator.gt, real=True, dtype="bool")
ge = elementwise(np.greater_equal, "ge", compute=operator.ge, real=True, dtype="bool")
not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge

isnan = elementwise(np.isnan, dtype="bool")
isinf = elementwise(np.isinf, dtype="bool")
isfinite = elementwise(np.isfinite, dtype="bool")
isposinf = elementwise(lambda x: x == np.inf, "isposinf", numpy=np.isposinf, real=True, dtype="bool")
isneginf = elementwise(lambda x: x == -np.inf, "isneginf", numpy=np.isneginf, real=True, dtype="bool")
isreal = elementwise(lambda x: x.imag == 0, "isreal", numpy=np.isreal, dtype="bool")
signbit = elementwise(
    lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0, "signbit", numpy=np.signbit, real=True, dtype="bool"
)


def true(x: Any) -> Any:
    """Numbers as what they are in logic; CuPy knows that of real ones."""
    return x != 0 if isinstance(x, complex) or getattr(x, "dtype", np.dtype(bool)).kind == "c" else x


logical_and = elementwise(np.logical_and, compute=lambda x, y: np.logical_and(true(x), true(y)), dtype="bool")
logical_or = elementwise(np.logical_or, compute=lambda x, y: np.logical_or(true(x), true(y)), dtype="bool")
logical_xor = elementwise(np.logical_xor, compute=lambda x, y: np.logical_xor(true(x), true(y)), dtype="bool")
logical_not = elementwise(np.logical_not, compute=lambda x: np.logical_not(true(x)), dtype="bool")

bitwise_and = elementwise(np.bitwise_and, compute=operator.and_)
bitwise_or = elementwise(np.bitwise_or, compute=operator.or_)
bitwise_xor = elementwise(np.bitwise_xor, compute=operator.xor)
bitwise_not = elementwise(np.invert, "bitwise_not", compute=operator.invert)
bitwise_left_shift = elementwise(np.left_shift, "bitwise_left_shift", compute=operator.lshift)
bitwise_right_shift = elementwise(np.right_shift, "bitwise_right_shift", compute=operator.rshift)


@function()
def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Where |`input` - `other`| <= `atol` + `rtol` × |`other`|; equal infinities are close, NaNs only with `equal_nan`."""
    _same_dtype("isclose", input, other)
    if rtol < 0 or atol < 0:
        raise RuntimeError(f"isclose: expected rtol and atol >= 0, got {rtol} and {atol}")
    close = _isclose(input, other, rtol, atol)
    return close | (isnan(input) & isnan(other)) if equal_nan else close


def _isclose(x: Any, y: Any, rtol: float, atol: float) -> Any:
    x, y = x.detach(), y.detach()
    if x.dtype.kind == "b":
        return x == y
    allowed = atol + (rtol * y).abs()
    return (x == y) | (((x - y).abs() <= allowed) & isfinite(allowed) & isfinite(x))


def _same_dtype(name: str, x: Any, y: Any) -> None:
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"{name}: expected tensors of the same dtype, got {x.dtype} and {y.dtype}; convert one with .to()"
        )


@function()
def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Is `isclose` true everywhere?

    >>> import autograd as ag
    >>> ag.allclose(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 2.000001]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).array.all())


@function()
def equal(input: Any, other: Any) -> bool:
    """Do both have the same shape and the same elements?"""
    return input.shape == other.shape and bool((input.array == other.array).all())


for _name in ("not_equal", "less", "less_equal", "greater", "greater_equal"):
    setattr(Tensor, _name, globals()[_name])
