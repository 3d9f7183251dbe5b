"""The functions that formulas for one element are made of.

On arrays and Tensors they are NumPy's and our own.  Inside compiled loops they are short polynomials in float32, within
two units in the last place: there the C library would be called for one element after the other, and these vectorise.
(The coefficients are minimax fits of the relative error.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["erf", "exp", "log", "maximum", "minimum", "sigmoid", "sqrt", "tanh", "where"]


def exp(x: Any) -> Any:
    return np.exp(x)


def log(x: Any) -> Any:
    return np.log(x)


def tanh(x: Any) -> Any:
    return np.tanh(x)


def sigmoid(x: Any) -> Any:
    from ..ops.functions import sigmoid

    return sigmoid(x)


def erf(x: Any) -> Any:
    from ..ops.special import erf

    return erf(x)


def sqrt(x: Any) -> Any:
    return np.sqrt(x)


def where(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)


def maximum(x: Any, y: Any) -> Any:
    return np.maximum(x, y)


def minimum(x: Any, y: Any) -> Any:
    return np.minimum(x, y)


def at(x: Any, i: int) -> Any:
    """The element of an array, or a number itself."""
    return x[i] if hasattr(x, "shape") else x


# ---- inside compiled loops ---------------------------------------------------------------------------------------

F, i32 = np.float32, np.int32
LOG2E, LN2_HIGH, LN2_LOW = F(1.4426950408889634), F(0.693359375), F(-2.12194440e-4)
ONE, HALF, TWO, BIAS, BITS = F(1), F(0.5), F(2), i32(127), i32(23)


def power_of_two(n):
    return i32((i32(n) + BIAS) << BITS).view(np.float32)


def exp_(x):
    x = min(max(x, F(-104)), F(89))
    n = np.floor(x * LOG2E + HALF)
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    p = F(1.381460184e-3)
    p = p * r + F(8.368715219e-3)
    p = p * r + F(4.166838789e-2)
    p = p * r + F(1.666652065e-1)
    p = p * r + F(4.999999345e-1)
    p = (p * r) * r + r + ONE
    half = np.floor(n * HALF)  # in two steps, so that the largest overflow and the smallest become denormal
    return (p * power_of_two(half)) * power_of_two(n - half)


def log_(x):
    tiny = x < F(1.17549435e-38)
    scaled = x * F(8388608.0) if tiny else x  # denormals
    bits = F(scaled).view(np.int32)
    e = F((bits >> BITS) - BIAS) - (F(23) if tiny else F(0))
    m = i32((bits & i32(0x007FFFFF)) | i32(0x3F800000)).view(np.float32)
    large = m > F(1.41421356)
    m = m * HALF if large else m
    e = e + ONE if large else e
    f = m - ONE
    p = F(-7.634493024e-2)
    p = p * f + F(1.276157564e-1)
    p = p * f + F(-1.316018306e-1)
    p = p * f + F(1.420175823e-1)
    p = p * f + F(-1.662335730e-1)
    p = p * f + F(2.000122687e-1)
    p = p * f + F(-2.500082104e-1)
    p = p * f + F(3.333333171e-1)
    z = f * f
    y = (p * f) * z + e * LN2_LOW
    y = (y - HALF * z) + f
    y = y + e * LN2_HIGH
    y = y if x < F(np.inf) else x  # infinity and NaN
    y = y if x > F(0) else (F(-np.inf) if x == F(0) else (F(np.nan) if x < F(0) else y))
    return y


def tanh_(x):
    z = x * x
    p = F(-5.704987419e-3)
    p = p * z + F(2.063908765e-2)
    p = p * z + F(-5.373971522e-2)
    p = p * z + F(1.333144220e-1)
    p = p * z + F(-3.333328194e-1)
    small = (p * z) * x + x
    a = abs(x)
    large = ONE - TWO / (exp_(a + a) + ONE)
    large = large if x > F(0) else -large
    return small if a < F(0.625) else large


def sigmoid_(x):
    return ONE / (ONE + exp_(-x))


def erf_(x):
    z = x * x
    p = F(7.853906722e-5)
    p = p * z + F(-8.010208501e-4)
    p = p * z + F(5.188329565e-3)
    p = p * z + F(-2.685381308e-2)
    p = p * z + F(1.128358518e-1)
    p = p * z + F(-3.761262583e-1)
    p = p * z + F(1.128379166)
    small = p * x
    a = min(abs(x), F(4))
    q = F(2.169758933e-5)
    q = q * a + F(-4.414723258e-4)
    q = q * a + F(4.205282961e-3)
    q = q * a + F(-2.521033440e-2)
    q = q * a + F(1.084220902e-1)
    q = q * a + F(6.332164064e-1)
    q = q * a + F(1.129580306)
    q = q * a + F(-1.884666037e-4)
    large = ONE - exp_(-q)
    large = large if x > F(0) else -large
    return small if abs(x) < ONE else (large if abs(x) >= ONE else x)


def always(polynomial: Any) -> Any:
    return lambda x: polynomial


def teach(numba: Any) -> None:
    """Let Numba compile the functions above."""
    from numba.core import types
    from numba.extending import overload, register_jitable

    exact: Any = {
        "fastmath": {"contract"},
        "error_model": "numpy",
    }  # nothing is reordered: the error bounds depend on it
    for function in (power_of_two, exp_):
        register_jitable(**exact)(function)
    polynomials = {exp: exp_, log: log_, tanh: tanh_, sigmoid: sigmoid_, erf: erf_, sqrt: lambda x: np.sqrt(x)}
    for function, polynomial in polynomials.items():
        overload(function, jit_options=exact)(always(polynomial))
    overload(where, jit_options=exact)(lambda condition, x, y: lambda condition, x, y: x if condition else y)
    # NaN wins, as in NumPy
    overload(maximum, jit_options=exact)(lambda x, y: lambda x, y: y if (y > x or y != y) else x)
    overload(minimum, jit_options=exact)(lambda x, y: lambda x, y: y if (y < x or y != y) else x)

    @overload(at)
    def _at(x, i):
        return (lambda x, i: x[i]) if isinstance(x, types.Array) else (lambda x, i: x)
