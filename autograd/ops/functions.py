"""Functions of each element: exponentials, logarithms, trigonometry, rounding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dtypes import expect_floating
from ..elementwise import elementwise
from ..fast import fused, scalars
from ..fast.threads import SHARED, by_blocks
from ..op import function, op
from ..return_types import named
from ..tensor import Tensor
from .places import zeros

__all__ = [
    "acos", "acosh", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "asin", "asinh", "atan", "atan2",
    "atanh", "ceil", "cos", "cosh", "deg2rad", "exp", "exp2", "expm1", "fix", "floor", "frac", "frexp", "log", "log10", "log1p",
    "log2", "logaddexp", "logaddexp2", "logit", "nan_to_num", "rad2deg", "round", "sigmoid", "sin", "sinc", "sinh", "tan", "tanh",
    "trunc", "xlogy",
]  # fmt: skip

LN2 = math.log(2)


def by_threads(ufunc: np.ufunc) -> Any:
    """A function that takes NumPy so long that threads share large arrays."""

    def call(x: Any) -> Any:
        if type(x) is not np.ndarray or x.size <= SHARED or x.dtype.kind != "f" or not x.flags.c_contiguous:
            return ufunc(x)
        out = np.empty_like(x)
        flat, values = out.reshape(-1), x.reshape(-1)
        by_blocks(lambda part: ufunc(values[part], out=flat[part]), x.size)
        return out

    return call


# ---- exponentials and logarithms ---------------------------------------------------------------------------------

exp = elementwise(np.exp, fast=True, dtype="float", x=lambda g, out: g * out)
expm1 = elementwise(np.expm1, fast=True, dtype="float", x=lambda g, out: g * (out + 1))
exp2 = elementwise(np.exp2, compute=lambda x: np.exp2(x), dtype="float", x=lambda g, out: g * out * LN2)
log = elementwise(np.log, fast=True, dtype="float", x=lambda g, x: g / x)
log2 = elementwise(np.log2, dtype="float", x=lambda g, x: g / (x * LN2))
log10 = elementwise(np.log10, dtype="float", x=lambda g, x: g / (x * math.log(10)))
log1p = elementwise(np.log1p, compute=by_threads(np.log1p), dtype="float", x=fused(lambda g, x: g / (x + 1)))


def _sigmoid(x: Any) -> Any:
    with np.errstate(over="ignore"):  # exp(-x) is infinite far to the left, where the result is 0 as it should be
        out = np.exp(-x)
    if isinstance(out, np.ndarray):
        out += 1
        return np.reciprocal(out, out=out)
    return 1 / (1 + out)


sigmoid = elementwise(
    _sigmoid, "sigmoid", fast=lambda x: scalars.sigmoid(x), dtype="float", x=lambda g, out: g * (out * (1 - out))
)


def _logaddexp(x: Any, y: Any) -> Any:
    if x.dtype.kind != "c":
        return np.logaddexp(x, y)
    larger = np.where(x.real >= y.real, x, y)
    smaller = np.where(x.real >= y.real, y, x)
    same = (x == y) & np.isinf(x.real)  # infinity minus itself
    return np.where(same, x, larger + np.log1p(np.exp(np.where(same, 0, smaller - larger))))


logaddexp = elementwise(
    _logaddexp,
    "logaddexp",
    numpy=np.logaddexp,
    x=lambda g, x, y: g / (1 + np.exp(y - x)),
    y=lambda g, x, y: g / (1 + np.exp(x - y)),
)
logaddexp2 = elementwise(
    np.logaddexp2,
    x=lambda g, x, y: g / (1 + np.exp2(y - x)),
    y=lambda g, x, y: g / (1 + np.exp2(x - y)),
)


def weak(result: Any, of: Any) -> Any:
    """NumPy's result of a function of a Python number as such a number, which leaves float32 what it is."""
    return result if hasattr(of, "dtype") else result.item()


def _xlogy(x: Any, y: Any) -> Any:
    return np.where((x == 0) & ~np.isnan(y), 0, x * weak(np.log(y), y))


xlogy = elementwise(
    _xlogy,
    "xlogy",
    dtype="float",
    x=lambda g, x, y: np.where((x == 0) & (y <= 0), 0, g * np.log(y)),
    y=lambda g, x, y: g * x / y,
)


@op("logit", promote=("input",), floating=True, input=lambda g, input, eps: _logit_slope(g, input, eps))
def logit(input, eps=None):
    """log(`input` / (1 - `input`)): the inverse of `sigmoid`, of `input` clamped to [`eps`, 1 - `eps`] if that is given."""
    p = input if eps is None else np.minimum(np.maximum(input, eps), 1 - eps)
    return np.log(p / (1 - p))


def _logit_slope(g: Any, p: Any, eps: float | None) -> Any:
    slope = g / (p * (1 - p))
    if eps is None:
        return np.where((p < 0) | (p > 1), np.nan, slope)
    return np.where((p < eps) | (p > 1 - eps), 0, slope)


# ---- trigonometry ------------------------------------------------------------------------------------------------

_sin, _cos = by_threads(np.sin), by_threads(np.cos)
sin = elementwise(np.sin, compute=_sin, dtype="float", x=lambda g, x: g * _cos(x))
cos = elementwise(np.cos, compute=_cos, dtype="float", x=lambda g, x: -g * _sin(x))
tan = elementwise(np.tan, dtype="float", x=lambda g, out: g * (1 + out * out))
asin = elementwise(np.arcsin, "asin", dtype="float", x=lambda g, x: g / np.sqrt(1 - x * x))
acos = elementwise(np.arccos, "acos", dtype="float", x=lambda g, x: -g / np.sqrt(1 - x * x))
atan = elementwise(np.arctan, "atan", dtype="float", x=lambda g, x: g / (1 + x * x))
sinh = elementwise(np.sinh, dtype="float", x=lambda g, x: g * np.cosh(x))
cosh = elementwise(np.cosh, dtype="float", x=lambda g, x: g * np.sinh(x))
tanh = elementwise(np.tanh, fast=True, dtype="float", x=lambda g, out: g * (1 - out * out))
asinh = elementwise(np.arcsinh, "asinh", dtype="float", x=lambda g, x: g / np.sqrt(x * x + 1))
acosh = elementwise(np.arccosh, "acosh", dtype="float", x=lambda g, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1)))
atanh = elementwise(np.arctanh, "atanh", dtype="float", x=lambda g, x: g / (1 - x * x))
arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh


def _over_square(g: Any, part: Any, x: Any, y: Any) -> Any:
    norm = x * x + y * y
    return g * np.where(norm == 0, 0, part / norm)


atan2 = elementwise(
    np.arctan2,
    "atan2",
    dtype="float",
    x=lambda g, x, y: _over_square(g, y, x, y),
    y=lambda g, x, y: _over_square(g, -x, x, y),
)
arctan2 = atan2
deg2rad = elementwise(np.deg2rad, numpy=np.radians, dtype="float", x=lambda g: g * (math.pi / 180))
rad2deg = elementwise(np.rad2deg, numpy=np.degrees, dtype="float", x=lambda g: g * (180 / math.pi))


def _sinc(x: Any) -> Any:
    angle = x * math.pi
    return np.where(x == 0, 1, np.sin(angle) / np.where(x == 0, 1, angle))


sinc = elementwise(_sinc, "sinc", numpy=np.sinc, dtype="float", x=lambda g, x: g * sinc_derivative(x, 1))


def _one_more(g: Any, x: Any, order: int) -> Any:
    return g * sinc_derivative(x, order + 1)


@op("sinc_derivative", method=False, x=_one_more)
def sinc_derivative(x, order):
    """The derivative of some order, from 1 up, of sin(πx) / (πx), as exact near 0 as elsewhere.

    With D for sin(z) / z, z Dⁿ + n Dⁿ⁻¹ is the n-th derivative of sin(z).  As n small numbers are divided by z, Dⁿ is
    the sum of its power series up to |z| = n.
    """
    z = x * math.pi
    near = np.abs(z) <= order
    far = np.where(near, 1, z)
    value = np.sin(far) / far
    for n in range(1, order + 1):
        value = ((np.sin, np.cos)[n % 2](far) * (-1) ** (n // 2) - n * value) / far
    small, odd = np.where(near, z, 0), order % 2
    series = small * 0
    for k in range(8 + 2 * order, -1, -1):  # z^m / (m! (m + n + 1)) for every other m, the signs in turn
        m = 2 * k + odd
        series = 1 / (m + order + 1) - series * small * small / ((m + 1) * (m + 2))
    series = series * (-1) ** ((order + 1) // 2) * (small if odd else 1)
    return np.where(near, series, value) * math.pi**order


# ---- rounding ----------------------------------------------------------------------------------------------------


def _keeping_integers(ufunc: Any) -> Any:
    """`ufunc` of floats; integers are whole already."""
    return lambda x: ufunc(x) if x.dtype.kind not in "biu" else x.copy()


floor = elementwise(_keeping_integers(np.floor), "floor", numpy=np.floor, x=zeros)
ceil = elementwise(_keeping_integers(np.ceil), "ceil", numpy=np.ceil, x=zeros)
trunc = elementwise(_keeping_integers(np.trunc), "trunc", numpy=(np.trunc, np.fix), x=zeros)
frac = elementwise(lambda x: x - np.trunc(x), "frac", x=lambda g: g)
fix = trunc


@op("round", input=zeros)
def round(input, *, decimals=0):
    """The nearest whole number, the even one of two; with `decimals` the nearest multiple of 10 to the power -`decimals`."""
    if not decimals:
        return np.rint(input) if input.dtype.kind not in "biu" else input.copy()
    if input.dtype.kind in "biu":
        raise RuntimeError(f"round: decimals= is for floating-point tensors, this one is {input.dtype}; use .float()")
    scale = 10.0 ** abs(decimals)
    return np.rint(input * scale) / scale if decimals > 0 else np.rint(input / scale) * scale


@op("nan_to_num", input=lambda g, input: g * np.isfinite(input))
def nan_to_num(input, nan=None, posinf=None, neginf=None):
    """`input` with numbers in the place of NaN (0 unless given) and of ±infinity (the largest and smallest number)."""
    return np.nan_to_num(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


_frexp = named("frexp", "mantissa exponent")


@op("frexp", method=False, x=lambda g, out: np.ldexp(g[0], -out[1]))
def _split_float(x):
    mantissa, exponent = np.frexp(x)
    return mantissa, exponent.astype(np.int32)


@function(numpy=np.frexp)
def frexp(input: Any) -> Any:
    """Mantissas in [0.5, 1) and exponents: `input` = mantissa × 2 to the power exponent."""
    expect_floating("frexp", input, "f")
    return _frexp(*_split_float(input))


for _name in ("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "arctan2", "fix"):
    setattr(Tensor, _name, globals()[_name])
