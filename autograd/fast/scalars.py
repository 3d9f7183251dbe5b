"""The functions that formulas for one element are made of.

On arrays and Tensors they are NumPy's and our own.  Inside compiled loops they are short polynomials in float32, within
two units in the last place: there the C library would be called for one element after the other, and these vectorise.
(The coefficients are minimax fits of the relative error.)  In a `fused` formula ``np`` is this module, so that one that is
written with NumPy's names compiles, too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import Symbol

__all__ = [
    "abs", "absolute", "erf", "exp", "expm1", "float32", "from_order", "isnan", "kept", "log", "logical_not", "maximum", "minimum", "normal_cdf",
    "normal_density", "order_key", "sigmoid", "sign", "softplus", "sqrt", "tanh", "where",
]  # fmt: skip

float32 = np.float32


def exp(x: Any) -> Any:
    return np.exp(x)


def expm1(x: Any) -> Any:
    return np.expm1(x)


def log(x: Any) -> Any:
    return np.log(x)


def tanh(x: Any) -> Any:
    return np.tanh(x)


def sigmoid(x: Any) -> Any:
    from ..ops.functions import sigmoid

    return sigmoid(x)


def softplus(x: Any) -> Any:
    """log(1 + eˣ) without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def erf(x: Any) -> Any:
    from ..ops.special import erf

    return erf(x)


def powers(x: Any, coefficients: tuple) -> Any:
    """A polynomial without a constant, its highest power first."""
    total = x * coefficients[0]
    for c in coefficients[1:]:
        total += c
        total *= x
    return total


def normal_cdf(x: Any) -> Any:
    """The share of a normal distribution that lies below x."""
    if type(x) is Symbol and x.dtype == np.float32:  # many elements: in few steps, to the last digit of 1
        return 1 / (np.exp2((powers(x * x, ODDS[:-1]) + ODDS[-1]) * x) + 1)
    if type(x) is np.ndarray and x.dtype == np.float32:
        size = np.abs(x)
        tail = powers(1 / (size + TAIL_SHIFT), TAIL)
        tail *= np.exp2(x * x * BELL)
        return np.abs((x > 0) - tail)  # 1 - tail, or the tail itself to its last digit
    from ..ops.special import ndtr

    return ndtr(x)  # (1 + erf(x / √2)) / 2 would be nothing but rounding below -8


def normal_density(x: Any) -> Any:
    """Its derivative."""
    return np.exp2(x * x * BELL) * INVERSE_ROOT_2PI


def sqrt(x: Any) -> Any:
    return np.sqrt(x)


def absolute(x: Any) -> Any:
    return np.absolute(x)


def isnan(x: Any) -> Any:
    return np.isnan(x)


def logical_not(x: Any) -> Any:
    return np.logical_not(x)


def sign(x: Any) -> Any:
    return np.sign(x)


def where(condition: Any, x: Any, y: Any) -> Any:
    return np.where(condition, x, y)


def kept(x: Any, condition: Any) -> Any:
    """x where a condition holds, and 0 elsewhere.  (The product of both would be NaN where x is infinite.)"""
    if type(x) is type(condition) is np.ndarray and x.dtype.char == "f" and x.shape == condition.shape:
        bits = condition.astype(np.int32)  # as for `select` of a program: np.where would guess at each element
        np.negative(bits, out=bits)
        bits &= x.view(np.int32)
        return bits.view(np.float32)
    return np.where(condition, x, 0)


def maximum(x: Any, y: Any) -> Any:
    return np.maximum(x, y)


def minimum(x: Any, y: Any) -> Any:
    return np.minimum(x, y)


abs = absolute
INVERSE_ROOT_2PI = 0.3989422804014327
BELL = -0.7213475204444817  # exp(-x²/2) = 2^(BELL x²), which NumPy computes in half the time
# Φ(−z) e^(z²/2) as a polynomial in t = 1 / (z + 4.3), highest power first, without a constant: relative error below
# 5e-08 (1 + z²/10) for all z ≥ 0.  Least squares at Chebyshev points, with weights that follow the error (Lawson's iteration).
TAIL_SHIFT = 4.3
TAIL = (
    -8035.929613, 6441.130045, -1166.794004, 309.0900288, 7.346755293,
    7.996777654, 1.686034173, 0.3992952181,
)  # fmt: skip
# Φ(x) = 1 / (1 + 2^(x q(x²))) with a polynomial q, highest power first: in few steps, within 3e-08 for all x.  (A linear program
# that minimizes the largest error of Φ up to x = 5; beyond, the first term decides, and has the right sign.)
ODDS = (
    -5.067237717e-09, 3.816313229e-07, -1.143983397e-05, 1.595799395e-04, 9.404923448e-05, -0.1048351219, -2.302209296,
)  # fmt: skip


# NumPy's functions as formulas
UFUNCS: dict = {
    np.add: lambda x, y: x + y, np.subtract: lambda x, y: x - y, np.multiply: lambda x, y: x * y,
    np.divide: lambda x, y: x / y, np.negative: lambda x: -x, np.reciprocal: lambda x: 1 / x, np.square: lambda x: x * x,
    np.sqrt: lambda x: sqrt(x), np.exp: lambda x: exp(x), np.expm1: lambda x: expm1(x), np.log: lambda x: log(x),
    np.tanh: lambda x: tanh(x), np.absolute: lambda x: absolute(x), np.maximum: lambda x, y: maximum(x, y),
    np.minimum: lambda x, y: minimum(x, y),
}  # fmt: skip


def order_key(x: Any) -> Any:
    """A 32-bit integer for each float32, in the same order: NaN above infinity."""
    key = np.asarray(x, np.float32).view(np.int32)
    return key ^ ((key >> 31) & np.int32(0x7FFFFFFF))


def from_order(x: Any) -> Any:
    """The number of that key."""
    return np.asarray(x ^ ((x >> 31) & np.int32(0x7FFFFFFF)), np.int32).view(np.float32)[()]


def at(x: Any, i: int) -> Any:
    """The element of an array, or a number itself."""
    return x[i] if hasattr(x, "shape") else x


# ---- inside compiled loops ---------------------------------------------------------------------------------------

F, i32 = np.float32, np.int32
LOG2E, LN2_HIGH, LN2_LOW = F(1.4426950408889634), F(0.693359375), F(-2.12194440e-4)
ONE, HALF, TWO, BIAS, BITS = F(1), F(0.5), F(2), i32(127), i32(23)
# Added to a number, it makes it whole; the last bits of the sum are those of the exponent of that power of two.
WHOLE, WHOLE_LESS_ONE = F(12582912.0 + 127), F(12582912.0 + 126)


def bits(x):
    return F(x).view(np.int32)


def power(n):
    """Two to the power n, from the bits of n + WHOLE."""
    return i32(n << BITS).view(np.float32)


def sign_(x):
    return ONE if x > F(0) else (F(-1) if x < F(0) else x)


def order_key_(x):
    key = bits(x)
    return i32(key ^ i32((key >> i32(31)) & i32(0x7FFFFFFF)))


def from_order_(x):
    return i32(x ^ i32((x >> i32(31)) & i32(0x7FFFFFFF))).view(np.float32)


def rest(x, n):
    """exp(x - n log 2) - 1 for that difference in ±0.35, by terms that do not wait for each other."""
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    z = r * r
    p = (F(1.381454058e-3) * z + (F(8.368745446e-3) * r + F(4.166838899e-2))) * z
    return (p + (F(1.666652113e-1) * r + F(4.999999404e-1))) * z + r


def exp_(x):
    x = F(-104) if x < F(-104) else x
    x = F(89) if x > F(89) else x
    shifted = x * LOG2E + WHOLE_LESS_ONE
    tiny = x < F(-86)  # towards denormals, in two steps
    half = power(bits(shifted) + (i32(64) if tiny else i32(0)))  # the largest power is too large
    y = (rest(x, shifted - WHOLE_LESS_ONE) * half + half) * TWO
    return y * F(5.421010862e-20) if tiny else y


def exp_within(x):
    """exp(x) for x from -86 to 88."""
    shifted = x * LOG2E + WHOLE
    t = power(bits(shifted))
    return rest(x, shifted - WHOLE) * t + t


def exp_less_one_(x):
    """exp(x) - 1 for x up to 88."""
    x = F(-20) if x < F(-20) else x
    shifted = x * LOG2E + WHOLE
    t = power(bits(shifted))
    return rest(x, shifted - WHOLE) * t + (t - ONE)


def expm1_(x):
    return exp_less_one_(x if x < F(20) else F(20)) if x < F(20) else exp_(x)


def log_near_1(f):
    """log(1 + f) - f for f from -0.3 to 0.42."""
    z = f * f
    p = (F(-7.634493024e-2) * f + F(1.276157564e-1)) * z + (F(-1.316018306e-1) * f + F(1.420175823e-1))
    q = (F(-1.662335730e-1) * f + F(2.000122687e-1)) * z + (F(-2.500082104e-1) * f + F(3.333333171e-1))
    return ((p * (z * z) + q) * f) * z - HALF * z


def log_(x):
    tiny = x < F(1.17549435e-38)
    m = bits(x * F(8388608.0) if tiny else x)  # denormals
    e = F((m >> BITS) - BIAS) - (F(23) if tiny else F(0))
    m = i32((m & i32(0x007FFFFF)) | i32(0x3F800000)).view(np.float32)
    large = m > F(1.41421356)
    m = m * HALF if large else m
    e = e + ONE if large else e
    f = m - ONE
    y = ((log_near_1(f) + e * LN2_LOW) + f) + e * LN2_HIGH
    y = y if x < F(np.inf) else x  # infinity and NaN
    y = y if x > F(0) else (F(-np.inf) if x == F(0) else (F(np.nan) if x < F(0) else y))
    return y


def softplus_(x):
    e = exp_(-abs(x))
    large = e > F(0.41421356)  # 1 + e is halved
    f = (e - ONE) * HALF if large else e
    y = (log_near_1(f) + (LN2_LOW if large else F(0))) + f
    y = y + (LN2_HIGH if large else F(0))
    return y + (x if x > F(0) else F(0))


def tanh_(x):
    x = F(10) if x > F(10) else x
    e = exp_less_one_(x + x)
    return e / (e + TWO)


def sigmoid_(x):
    e = exp_within(-(F(86) if x > F(86) else x))
    return ONE / (ONE + (F(np.inf) if x < F(-88) else e))


def normal_cdf_(x):
    a = F(11.5) if abs(x) > F(11.5) else abs(x)  # the share above it is the exponential of minus a polynomial
    z = a * a
    p = F(8.222229120e-9) * z + (F(-2.870942239e-7) * a + F(4.227092631e-6))
    q = (F(-3.294079579e-5) * a + F(1.235322270e-4)) * z + (F(1.482640946e-4) * a + F(-4.999154247e-3))
    r = (F(3.647550941e-2) * a + F(3.182657063e-1)) * z + (F(7.978897691e-1) * a + F(6.931470633e-1))
    share = exp_within(-((p * (z * z) + q) * (z * z) + r))
    share = F(0) if x < F(-11.5) else share
    return share if x < F(0) else ONE - share


def normal_density_(x):
    return exp_((x * x) * -HALF) * F(INVERSE_ROOT_2PI)


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
    for function in (bits, power, rest, exp_, exp_within, exp_less_one_, log_near_1):
        register_jitable(**exact)(function)
    polynomials = {
        exp: exp_, expm1: expm1_, log: log_, tanh: tanh_, sigmoid: sigmoid_, softplus: softplus_, erf: erf_,
        normal_cdf: normal_cdf_, normal_density: normal_density_, sqrt: lambda x: np.sqrt(x), absolute: lambda x: np.abs(x),
        isnan: lambda x: x != x, sign: sign_, order_key: order_key_, from_order: from_order_, logical_not: lambda x: not x,
    }  # fmt: skip
    for function, polynomial in polynomials.items():
        overload(function, jit_options=exact)(always(polynomial))
    overload(where, jit_options=exact)(lambda condition, x, y: lambda condition, x, y: x if condition else y)
    overload(kept, jit_options=exact)(lambda x, condition: lambda x, condition: x if condition else F(0))
    # NaN wins, as in NumPy
    overload(maximum, jit_options=exact)(lambda x, y: lambda x, y: y if (y > x or y != y) else x)
    overload(minimum, jit_options=exact)(lambda x, y: lambda x, y: y if (y < x or y != y) else x)

    @overload(at)
    def _at(x, i):
        return (lambda x, i: x[i]) if isinstance(x, types.Array) else (lambda x, i: x)
