"""Activation functions: each with the rule for its slope.

Rules are written with functions that accept arrays and Tensors alike, so they hold for every order of derivative.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import expect_floating, expect_real
from ..elementwise import elementwise
from ..fast import compiles, fused
from ..fast.deferred import deferring
from ..fast.scalars import kept, normal_cdf, normal_density, sigmoid, tanh
from ..fast.scalars import softplus as log_1_exp
from ..graph import state
from ..op import function, op
from ..random import Generator
from ..tensor import Tensor

__all__ = ["celu", "hardshrink", "prelu", "relu", "rrelu", "selu", "threshold"]


def floats(forward: Callable) -> Callable:
    """A forward that refuses integers, as PyTorch's kernels do: their results would be in a type that nobody asked for.

    Complex numbers are refused, too.
    """

    name = forward.__name__.strip("_")

    @functools.wraps(forward)
    def checked(x: Any, *options: Any) -> Any:
        expect_floating(name, x, "f")
        return forward(x, *options)

    return checked


# ---- made of straight pieces -------------------------------------------------------------------------------------

relu = elementwise(lambda x: np.maximum(x, 0), "relu", fast=True, real=True, x=lambda g, out: kept(g, out != 0))


_clipped = fused(lambda x, low, high: np.minimum(np.maximum(x, low), high))


@op(method=False, x=fused(lambda g, x, min_val, max_val: kept(g, np.logical_not((x <= min_val) | (x >= max_val)))))
def hardtanh(x, min_val=-1.0, max_val=1.0):
    """x, cut off below `min_val` and above `max_val`."""
    expect_real("hardtanh", x)
    if min_val > max_val:
        raise RuntimeError(f"hardtanh: min_val cannot be greater than max_val, got {min_val} and {max_val}")
    return _clipped(x, x.dtype.type(min_val), x.dtype.type(max_val))


@function(method=False)
def relu6(input):
    """x between 0 and 6."""
    return hardtanh(input, 0.0, 6.0)


_steep = fused(lambda x, slope: np.where(x > 0, x, x * slope))


@op(method=False, x=fused(lambda g, x, negative_slope: np.where(x > 0, g, g * negative_slope)))
@floats
def leaky_relu(x, negative_slope=0.01):
    """x where positive, `negative_slope` · x elsewhere."""
    return _steep(x, negative_slope)


def slope(g: Any, positive: Any, negative: Any) -> Any:
    """`g` where `positive`, `g` times the slope `negative` elsewhere."""
    return np.where(positive, g, g * negative)


@op(
    "prelu",
    method=False,
    x=lambda g, x, weight: slope(g, x > 0, weight),
    weight=lambda g, x: g * np.where(x > 0, x.dtype.type(0), x),
)
def _prelu(x, weight):
    expect_real("prelu", x, weight)
    return np.where(x > 0, x, x * weight)


@function()
def prelu(input, weight):
    """x where positive, `weight` · x elsewhere: one weight for all, or one for each channel (dimension 1)."""
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels):
        raise RuntimeError(
            f"prelu: weight must have 1 element, or one for each of the {channels} channels of input, got shape "
            f"{tuple(weight.shape)} for input of shape {tuple(input.shape)}"
        )
    if input.dtype != weight.dtype:
        raise RuntimeError(f"prelu: expected input and weight of one dtype, got {input.dtype} and {weight.dtype}")
    if weight.ndim == 1:
        weight = weight.reshape(-1, *(1,) * max(input.ndim - 2, 0))
        if input.ndim < 2:
            weight = weight.reshape(()) if input.ndim == 0 else weight
    return _prelu(input, weight)


@function()
def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, *, generator: Generator | None = None):
    """x where positive, a · x elsewhere: a is drawn from [lower, upper] in training, and their mean otherwise."""
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    from ..sampling import rand_like

    return _prelu(input, rand_like(input.detach(), generator=generator) * (upper - lower) + lower)


@op(method=False, x=lambda g, x, threshold: kept(g, np.logical_not(x <= threshold)))
def threshold(x, threshold, value):
    """x where it is above `threshold`, `value` elsewhere."""
    expect_real("threshold", x)
    return np.where(x <= threshold, x.dtype.type(value), x)


@op(method=False, x=lambda g, x, lambd: kept(g, np.logical_not(np.abs(x) <= lambd)))
@floats
def softshrink(x, lambd=0.5):
    """x moved towards 0 by `lambd`, and 0 where it would pass it."""
    if lambd < 0:
        raise RuntimeError(f"softshrink: lambda must be greater or equal to 0, but found to be {lambd}")
    return np.where(x > lambd, x - lambd, np.where(x < -lambd, x + lambd, x * 0))


@op(x=lambda g, x, lambd: kept(g, np.logical_not(np.abs(x) <= lambd)))
@floats
def hardshrink(x, lambd=0.5):
    """x, and 0 where it is within `lambd` of 0."""
    return np.where((x >= -lambd) & (x <= lambd), x.dtype.type(0), x)


_hardsigmoid = fused(lambda x: np.minimum(np.maximum(x + 3, 0), 6) / 6)
_hardswish = fused(lambda x: x * np.minimum(np.maximum(x + 3, 0), 6) / 6)


@op(method=False, x=fused(lambda g, x: kept(g / 6, (x > -3) & (x < 3))))
@floats
def hardsigmoid(x):
    """(x + 3) / 6 between 0 and 1."""
    return _hardsigmoid(x)


@op(method=False, x=fused(lambda g, x: kept(np.where(x >= 3, g, g * (x / 3 + 0.5)), np.logical_not(x <= -3))))
@floats
def hardswish(x):
    """x · hardsigmoid(x)."""
    return _hardswish(x)


# ---- made of exponentials ----------------------------------------------------------------------------------------


@fused
def _elu_slope(g: Any, x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    low = np.exp(np.minimum(x, 0) * input_scale) * (alpha * input_scale)
    return g * np.where(x > 0, 1.0, low) * scale


@fused
def _elu_of(x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0) * input_scale) * alpha) * scale


@op("elu", method=False, x=_elu_slope)
@floats
def _elu(x, alpha=1.0, scale=1.0, input_scale=1.0):
    return _elu_of(x, alpha, scale, input_scale)


@function(method=False)
def elu(input, alpha=1.0):
    """x where positive, alpha · (eˣ − 1) elsewhere."""
    return _elu(input, alpha)


@function()
def celu(input, alpha=1.0):
    """x where positive, alpha · (e^(x/alpha) − 1) elsewhere."""
    if alpha == 0:
        raise RuntimeError("celu: ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu(input, alpha, 1.0, 1.0 / alpha)


@function()
def selu(input):
    """ELU with the scale that keeps mean and variance from layer to layer (arXiv:1706.02515)."""
    return _elu(input, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946)


def _silu_gradient(g: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s + x * s * (1 - s))


def _silu(x: Any) -> Any:
    out = np.exp(-x)
    out += 1
    return np.divide(x, out, out=out) if isinstance(out, np.ndarray) else x / out


_silu = fused(_silu, lambda x: x * sigmoid(x))


@op(method=False, x=fused(_silu_gradient))
def silu(x):
    """x · sigmoid(x), also called swish."""
    expect_floating("silu", x)
    return _silu(x)


_softplus = fused(lambda x, beta, threshold: np.where(x * beta > threshold, x, log_1_exp(x * beta) / beta))


@op(method=False, x=fused(lambda g, x, beta, threshold: g * np.where(x * beta > threshold, 1.0, sigmoid(x * beta))))
@floats
def softplus(x, beta=1.0, threshold=20.0):
    """log(1 + e^(beta · x)) / beta; x itself where beta · x is above `threshold`."""
    return _softplus(x, beta, threshold)


_logsigmoid = fused(lambda x: -log_1_exp(-x))


@op(method=False, x=fused(lambda g, x: g * sigmoid(-x)))
@floats
def logsigmoid(x):
    """log(sigmoid(x))."""
    return _logsigmoid(x)


@fused
def _mish_slope(g: Any, x: Any) -> Any:
    x = np.minimum(x, 20)  # beyond, the slope is 1
    e = np.exp(x)
    n = e * (e + 2)
    return g * (n / (n + 2) + x * (e / (e + 1)) * (4 * (n + 1) / ((n + 2) * (n + 2))))


@fused
def _mish(x: Any) -> Any:
    e = np.exp(np.minimum(x, 20))  # tanh(log(1 + e)) = n / (n + 2); from 20 on it is 1
    n = e * (e + 2)
    return x * (n / (n + 2))


@op(method=False, x=_mish_slope)
@floats
def mish(x):
    """x · tanh(softplus(x)) (arXiv:1908.08681)."""
    return _mish(x)


@function(method=False)
def tanhshrink(input):
    """x − tanh(x)."""
    return input - np.tanh(input)


@function(method=False)
def softsign(input):
    """x / (1 + |x|)."""
    return input / (1 + abs(input))


# ---- gelu --------------------------------------------------------------------------------------------------------

_ROOT_2_OVER_PI = math.sqrt(2 / math.pi)

_exact = fused(lambda x: x * normal_cdf(x))
_exact_gradient = fused(lambda g, x: g * (normal_cdf(x) + x * normal_density(x)))
_approximate = fused(lambda x: (tanh((x + x * x * x * 0.044715) * _ROOT_2_OVER_PI) + 1) * (x * 0.5))


@fused
def _approximate_gradient(g: Any, x: Any) -> Any:
    t = tanh((x + x * x * x * 0.044715) * _ROOT_2_OVER_PI)
    return g * ((t + 1) * 0.5 + x * (1 - t * t) * ((x * x * (3 * 0.044715) + 1) * (0.5 * _ROOT_2_OVER_PI)))


@fused
def _exact_and_slope(x: Any) -> tuple:
    below = normal_cdf(x)
    return x * below, below + x * normal_density(x)


@fused
def _approximate_and_slope(x: Any) -> tuple:
    square, half = x * x, x * 0.5
    t = tanh((square * (0.044715 * _ROOT_2_OVER_PI) + _ROOT_2_OVER_PI) * x)
    inner = square * (3 * 0.044715 * _ROOT_2_OVER_PI) + _ROOT_2_OVER_PI
    return (t + 1) * half, (t + 1) * 0.5 + (1 - t * t) * half * inner


_times = fused(np.multiply)


@deferring
def _gelu_gradient(g: Any, x: Any, approximate: str, memo: list | None) -> Any:
    if memo and not isinstance(g, Tensor):
        return _times(g, memo[0])
    return (_exact_gradient if approximate == "none" else _approximate_gradient)(g, x)


@op("gelu", method=False, x=_gelu_gradient)
@floats
def _gelu(x, approximate, memo):
    """`memo`, if it is a list, gets the derivative where that is cheap now."""
    cheap = isinstance(x, np.ndarray) and (x.dtype == np.float32 or (approximate == "tanh" and x.dtype == np.float64))
    if memo is not None and cheap and not compiles(x):
        out, slope = (_exact_and_slope if approximate == "none" else _approximate_and_slope)(x)
        memo.append(slope)
        return out
    return (_exact if approximate == "none" else _approximate)(x)


@function(method=False)
def gelu(input, approximate="none"):
    """x · Φ(x), Φ being the normal distribution function; "tanh" approximates it (arXiv:1606.08415).

    In float32, Φ of a large array is within 2e-7, as in PyTorch, where Numba is not installed; else to its last digits.
    """
    if approximate not in ("none", "tanh"):
        raise RuntimeError(f"gelu: approximate argument must be either none or tanh, got {approximate!r}")
    return _gelu(input, approximate, [] if state.grad and isinstance(input, Tensor) and input.needs_grad else None)


@function(method=False)
def glu(input, dim=-1):
    """The first half along `dim` times the sigmoid of the second (arXiv:1612.08083)."""
    if input.ndim == 0:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    expect_floating("glu", input, "f")
    size = input.shape[dim]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {dim} is size {size}")
    at = (slice(None),) * (dim % input.ndim)
    return input[(*at, slice(0, size // 2))] * sigmoid(input[(*at, slice(size // 2, None))])
