"""Arithmetic of each element: sums, products, quotients, powers, the larger of two, and Python's operators for them."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from ..dtypes import expect_real, float64, result_type
from ..elementwise import elementwise, same
from ..fast import fused
from ..fast.deferred import deferring
from ..fast.scalars import kept
from ..op import function, op
from ..tensor import Tensor
from .places import zeros

__all__ = [
    "add", "addcdiv", "addcmul", "clamp", "clamp_max", "clamp_min", "clip", "copysign", "div", "divide", "float_power",
    "floor_divide", "fmax", "fmin", "fmod", "gcd", "heaviside", "hypot", "lcm", "ldexp", "lerp", "maximum", "minimum", "mul",
    "multiply", "neg", "negative", "nextafter", "positive", "pow", "reciprocal", "remainder", "rsqrt", "rsub", "sqrt",
    "square", "sub", "subtract", "true_divide",
]  # fmt: skip


def refused(name: str) -> Any:
    """The rule of what has a derivative that neither PyTorch nor we know."""

    def rule(g: Any) -> Any:
        raise NotImplementedError(f"the derivative of {name} is not implemented, here as in PyTorch; use .detach()")

    return rule


# ---- sums, products, quotients -----------------------------------------------------------------------------------

_add = elementwise(np.add, compute=operator.add, fast=True, method=False, x=same, y=same)
_subtract = elementwise(np.subtract, compute=operator.sub, fast=True, method=False, x=same, y=lambda g: -g)
multiply = elementwise(np.multiply, compute=operator.mul, fast=True, x=lambda g, y: g * y, y=lambda g, x: g * x)
_divide = elementwise(
    np.divide,
    compute=operator.truediv,
    fast=True,
    method=False,
    dtype="float",
    x=lambda g, y: g / y,
    y=lambda g, x, y: -g * (x / y) / y,  # not of `out`, which programs change in place: x /= norm
)
negative = elementwise(np.negative, compute=operator.neg, fast=True, x=lambda g: -g)
reciprocal = elementwise(
    np.reciprocal, compute=lambda x: 1 / x, fast=True, dtype="float", x=lambda g, out: -g * out * out
)
square = elementwise(
    lambda x: x * x if x.dtype.kind != "b" else x.astype(np.int64),
    "square",
    numpy=np.square,
    fast=lambda x: x * x,
    x=lambda g, x: (g + g) * x,
)
sqrt = elementwise(np.sqrt, fast=True, dtype="float", x=lambda g, out: g / (out + out))
rsqrt = elementwise(
    lambda x: 1 / np.sqrt(x), "rsqrt", fast=True, dtype="float", x=lambda g, out: g * (out * out * out * -0.5)
)
mul = Tensor.mul = multiply  # type: ignore[attr-defined]
neg = Tensor.neg = negative  # type: ignore[attr-defined]


def _scaled(base: Any, name: str) -> Any:
    def call(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
        return base(input, other if alpha == 1 else other * alpha, out=out)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"`input` {'+' if name == 'add' else '-'} `alpha` × `other`."
    return call


add, sub = _scaled(_add, "add"), _scaled(_subtract, "sub")


@function(method=False)
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """`other` - `alpha` × `input`."""
    return sub(other, input, alpha=alpha)


@function(numpy=np.positive)
def positive(input: Any) -> Any:
    """`input` itself."""
    if input.dtype.kind == "b":
        raise RuntimeError("positive: expected numbers, got bool; convert it, for example with .int()")
    return input


def _whole(x: Any, y: Any) -> bool:
    """Are both operands integers (and the result too)?  A zero divisor among them is an error then."""
    if (
        getattr(x, "dtype", np.dtype(type(x))).kind not in "biu"
        or getattr(y, "dtype", np.dtype(type(y))).kind not in "biu"
    ):
        return False
    if (y == 0).any() if hasattr(y, "dtype") else y == 0:
        raise RuntimeError(
            "ZeroDivisionError: integers cannot be divided by zero; convert them with .float() for infinities"
        )
    return True


def _floor_divide(x: Any, y: Any) -> Any:
    _whole(x, y)
    return x // y


def _remainder(x: Any, y: Any) -> Any:
    _whole(x, y)
    return x % y


def _fmod(x: Any, y: Any) -> Any:
    _whole(x, y)
    return np.fmod(x, y)


def _trunc_divide(x: Any, y: Any) -> Any:
    if not _whole(x, y):
        return np.trunc(x / y)
    return x // y + ((x % y != 0) & ((x < 0) != (y < 0)))  # floor, one up where it went down past the truth


def _rounds_down(g: Any, x: Any, y: Any) -> Any:
    return -g * _div_floor(x, y)


floor_divide = elementwise(_floor_divide, "floor_divide", numpy=np.floor_divide)
_div_floor = elementwise(_floor_divide, "div_floor", method=False, x=zeros, y=zeros)
_div_trunc = elementwise(_trunc_divide, "div_trunc", method=False, x=zeros, y=zeros)
remainder = elementwise(_remainder, "remainder", numpy=np.remainder, x=lambda g: g, y=_rounds_down)
fmod = elementwise(_fmod, "fmod", numpy=np.fmod, x=lambda g: g, y=lambda g, x, y: -g * _div_trunc(x, y))


@function()
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """`input` / `other`; with `rounding_mode` "trunc" or "floor" rounded towards zero or down.

    >>> import autograd as ag
    >>> ag.div(ag.tensor([-3, 3]), 2, rounding_mode="trunc")
    tensor([-1,  1])
    """
    if rounding_mode is None:
        return _divide(input, other)
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
        )
    return (_div_trunc if rounding_mode == "trunc" else _div_floor)(input, other)


divide = Tensor.divide = div  # type: ignore[attr-defined]
true_divide = Tensor.true_divide = _divide


@op(
    promote=("input", "tensor1", "tensor2"),
    input=lambda g: g,
    tensor1=lambda g, tensor2, value: g * tensor2 if value == 1 else g * tensor2 * value,
    tensor2=lambda g, tensor1, value: g * tensor1 if value == 1 else g * tensor1 * value,
)
def addcmul(input, tensor1, tensor2, *, value=1):
    """`input` + `value` × `tensor1` × `tensor2`."""
    product = tensor1 * tensor2
    return input + (product if value == 1 else product * value)


@op(
    promote=("input", "tensor1", "tensor2"),
    floating=True,
    input=lambda g: g,
    tensor1=lambda g, tensor2, value: g * value / tensor2,
    tensor2=lambda g, tensor1, tensor2, value: -g * value * tensor1 / (tensor2 * tensor2),
)
def addcdiv(input, tensor1, tensor2, *, value=1):
    """`input` + `value` × `tensor1` / `tensor2`."""
    quotient = tensor1 / tensor2
    return input + (quotient if value == 1 else quotient * value)


def _factor_second(function: Any, factor: str, operands: int) -> Any:
    """A function that also takes its factor before its operands, as programs wrote it before PyTorch 1.5: ``add_(-lr, g)``."""

    @functools.wraps(function)
    def call(input: Any, *args: Any, **options: Any) -> Any:
        if len(args) == operands + 1 and isinstance(args[-1], Tensor):
            options[factor], *args = args  # type: ignore[assignment]
        return function(input, *args, **options)

    setattr(Tensor, function.__name__, call)
    return call


add, sub = _factor_second(add, "alpha", 1), _factor_second(sub, "alpha", 1)
subtract = Tensor.subtract = sub  # type: ignore[attr-defined]
addcmul, addcdiv = _factor_second(addcmul, "value", 2), _factor_second(addcdiv, "value", 2)


@op(
    "lerp",
    promote=("input", "end", "weight"),
    input=lambda g, weight: g * (1 - weight),
    end=lambda g, weight: g * weight,
    weight=lambda g, input, end: g * (end - input),
)
def lerp(input, end, weight):
    """`input` + `weight` × (`end` - `input`): `input` itself at weight 0, `end` itself at weight 1."""
    way = end - input
    near = np.abs(weight) < 0.5
    if not hasattr(near, "dtype") or not near.ndim:  # a number
        return input + weight * way if near else end - way * (1 - weight)
    return np.where(near, input + weight * way, end - way * (1 - weight))


# ---- powers ------------------------------------------------------------------------------------------------------


_squared = fused(lambda x: x * x)
_cubed = fused(lambda x: x * x * x)
_squared_slope = fused(lambda g, x: (g + g) * x)
_power_slope = fused(lambda g, power, y: g * (y * power))


def _power(x: Any, y: Any) -> Any:
    """x ** y.  Small whole powers are products: NumPy's own is some 20 times slower for float32."""
    if type(y) is int or (type(y) is float and y.is_integer()):
        if y == 2:
            return _squared(x) if x.dtype.kind != "b" else x.astype(np.int64)
        if y == 3:
            return _cubed(x)
        if y == 1:
            return +x
        if y == 4:
            x = x * x
            return x * x
        if y == -1 and x.dtype.kind in "fc":
            return 1 / x
    elif type(y) is float and x.dtype.kind == "f":
        if y == 0.5:
            return np.sqrt(x)
        if y == -0.5:
            return 1 / np.sqrt(x)
    elif hasattr(y, "dtype") and y.dtype.kind in "iu" and bool((y < 0).any()):
        return _whole_power(x, y)
    return x**y


def _whole_power(x: Any, y: Any) -> Any:
    """x ** y of integers, rounded towards zero where y is negative."""
    fraction = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y & 1), 0))
    return np.where(y < 0, fraction, x ** np.maximum(y, 0))


@deferring
def _power_x(g: Any, x: Any, y: Any) -> Any:
    if type(y) is int or type(y) is float:
        if y == 2:
            return _squared_slope(g, x)
        return _power_slope(g, _power(x, y - 1), y) if y != 0 else zeros(g)
    return np.where(y == 0, 0, g * (y * np.power(x, y - 1)))  # 0 at y = 0, whatever x is


def _power_y(g: Any, x: Any, y: Any, out: Any) -> Any:
    if type(x) in (int, float) and x > 0:
        return g * (out * math.log(x))
    zero = (x == 0) & (np.real(y) >= 0)  # the limit there is 0, where log has none
    return g * (out * np.log(np.where(zero, 1, x)))


_pow = elementwise(_power, "pow", method=False, numpy=np.power, x=_power_x, y=_power_y)


@function()
def pow(input: Any, exponent: Any) -> Any:
    """`input` to the power `exponent`."""
    return _pow(input, exponent)


@function(numpy=np.float_power)
def float_power(input: Any, exponent: Any) -> Any:
    """`input` to the power `exponent`, computed in float64 or complex128."""
    wide = np.promote_types(result_type(input, exponent), float64)
    return _pow(*(v.to(wide) if isinstance(v, Tensor) else v for v in (input, exponent)))


@function(numpy=np.ldexp)
def ldexp(input: Any, other: Any) -> Any:
    """`input` × 2 to the power `other`."""
    if not isinstance(other, Tensor):
        return multiply(input, 2.0**other)
    power = _pow(2.0, other)
    if other.dtype.kind in "biu" and isinstance(input, Tensor) and input.dtype.kind in "fc":
        power = power.to(input.dtype)  # whole powers of 2 are exact in any type
    return multiply(input, power)


gcd = elementwise(np.gcd)
lcm = elementwise(lambda x, y: np.abs(np.lcm(x, y)), "lcm", numpy=np.lcm)
hypot = elementwise(np.hypot, x=lambda g, x, out: g * (x / out), y=lambda g, y, out: g * (y / out))
copysign = elementwise(
    np.copysign,
    dtype="float",
    x=lambda g, x, out: np.where(x == 0, 0, g * (out / x)),
    y=zeros,
)
nextafter = elementwise(np.nextafter, x=lambda g, x, y: g * (x != y), y=zeros)
heaviside = elementwise(np.heaviside, real=True, compute=lambda x, y: np.where(x == 0, y, (x > 0).astype(y.dtype)))

# ---- the larger and the smaller ----------------------------------------------------------------------------------
# At ties maximum and minimum share the gradient, fmax and fmin give it to the first, as PyTorch does.

maximum = elementwise(
    np.maximum,
    real=True,
    fast=True,
    x=lambda g, x, y: np.where(x == y, g / 2, kept(g, np.logical_not(x < y))),
    y=lambda g, x, y: np.where(x == y, g / 2, kept(g, np.logical_not(y < x))),
)
minimum = elementwise(
    np.minimum,
    real=True,
    fast=True,
    x=lambda g, x, y: np.where(x == y, g / 2, kept(g, np.logical_not(x > y))),
    y=lambda g, x, y: np.where(x == y, g / 2, kept(g, np.logical_not(y > x))),
)
fmax = elementwise(
    np.fmax,
    real=True,
    x=lambda g, x, y: kept(g, (x >= y) | np.isnan(y)),
    y=lambda g, x, y: kept(g, np.logical_not((x >= y) | np.isnan(y))),
)
fmin = elementwise(
    np.fmin,
    real=True,
    x=lambda g, x, y: kept(g, (x <= y) | np.isnan(y)),
    y=lambda g, x, y: kept(g, np.logical_not((x <= y) | np.isnan(y))),
)


_low = fused(lambda g, x, limit: kept(g, x <= limit))
_high = fused(lambda g, x, limit: kept(g, x >= limit))
_between = fused(lambda g, x, low, high: kept(g, (x >= low) & (x <= high)))
_larger, _smaller = fused(np.maximum), fused(np.minimum)
_limited = fused(lambda x, low, high: np.minimum(np.maximum(x, low), high))


def _inside(g: Any, input: Any, min: Any, max: Any) -> Any:
    if min is None:
        return _low(g, input, max)
    return _high(g, input, min) if max is None else _between(g, input, min, max)


def _below(g: Any, input: Any, min: Any, max: Any) -> Any:
    return kept(g, input < min if max is None else (input < min) & (min < max))


def _above(g: Any, input: Any, min: Any, max: Any) -> Any:
    return kept(g, input > max if min is None else (input > max) | (max < min))


@op("clamp", promote=("input", "min", "max"), input=_inside, min=_below, max=_above)
def clamp(input, min=None, max=None):
    """`input` where it lies between `min` and `max`, else the nearer of the two: numbers, tensors, or None.

    Where `min` exceeds `max` the result is `max`.

    >>> import autograd as ag
    >>> ag.clamp(ag.tensor([-2.0, 0.5, 3.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    if min is None and max is None:
        raise RuntimeError("clamp: at least one of min= and max= must be given")
    expect_real("clamp", input, min, max)
    if min is not None and max is not None:
        return _limited(input, min, max)
    out = input if min is None else _larger(input, min)
    return out if max is None else _smaller(out, max)


@function()
def clamp_min(input: Any, min: Any) -> Any:
    """`input`, or `min` where that is larger."""
    return clamp(input, min)


@function()
def clamp_max(input: Any, max: Any) -> Any:
    """`input`, or `max` where that is smaller."""
    return clamp(input, None, max)


clip = Tensor.clip = clamp
