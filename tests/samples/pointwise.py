"""Samples of the ops that work element by element: autograd/ops/arithmetic, comparison, complexes, functions, activation."""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn.functional as F
from autograd.testing import BINARY, UNARY, OpCase, S, draw, integers

PAIR = (S((3, 4), (3, 4)), S((3, 1), (4,)), S((), (0, 3)))
"""Equal shapes; broadcast ones; 0-d beside an empty one."""

INTEGERS = integers(20, 1)
WHOLE = (S(draw(INTEGERS, (3, 4)), draw(INTEGERS, (3, 1))), S(draw(INTEGERS, ()), draw(INTEGERS, (0, 3))))
"""Arguments of ops that are for integers alone."""

FLAGS = (S(draw("bool", (3, 4)), draw("bool", (4,))), S((3, 4), (3, 4)), S((), (0, 3)))


def above_minus_one(rng, shape):
    return rng.uniform(-0.8, 2, shape)


def moderate(rng, shape):
    """Values of both signs that are no integers and no halves."""
    return rng.integers(-3, 3, shape) + rng.uniform(0.1, 0.4, shape)


def functional(name, *samples, **options):
    """A case of an op that is a function of nn.functional, under the same name in torch."""
    return OpCase(name, *samples, fn=getattr(F, name), torch=f"nn.functional.{name}", **options)


ARITHMETIC = [
    OpCase("add", *PAIR, S((2, 3), 2.5), reference=np.add, complex=True),
    OpCase("subtract", *PAIR, S((2, 3), 2), reference=np.subtract, complex=True),
    OpCase("multiply", *PAIR, S((2, 3), -1.5), reference=np.multiply, complex=True),
    OpCase("divide", *PAIR, S((2, 3), 4), reference=np.divide, complex=True),
    OpCase("negative", reference=np.negative, complex=True),
    OpCase("reciprocal", reference=np.reciprocal, complex=True),
    OpCase("square", reference=np.square, complex=True),
    OpCase("sqrt", domain="positive", reference=np.sqrt, complex=True),
    OpCase("rsqrt", domain="positive", reference=lambda x: 1 / np.sqrt(x)),
    OpCase("floor_divide", *PAIR, *WHOLE[:1], reference=np.floor_divide, order=0),
    OpCase("div_floor", *PAIR, domain=moderate, fn=lambda x, y: ag.div(x, y, rounding_mode="floor"),
           torch=lambda x, y: x.div(y, rounding_mode="floor"), reference=lambda x, y: np.floor(x / y)),
    OpCase("div_trunc", *PAIR, domain=moderate, fn=lambda x, y: ag.div(x, y, rounding_mode="trunc"),
           torch=lambda x, y: x.div(y, rounding_mode="trunc"), reference=lambda x, y: np.trunc(x / y)),
    OpCase("remainder", *PAIR, S((3, 4), 0.7), reference=np.remainder, domain=moderate),
    OpCase("fmod", *PAIR, S((3, 4), 0.7), reference=np.fmod, domain=moderate),
    OpCase("pow", *PAIR, S((3, 4), 3), S((3, 4), -0.5), S(2.0, (3, 4)), domain="positive", reference=np.power),
    OpCase("gcd", *WHOLE, reference=np.gcd, order=0),
    OpCase("lcm", *WHOLE, reference=np.lcm, order=0),
    OpCase("hypot", *PAIR, reference=np.hypot),
    OpCase("copysign", *PAIR, S((3, 4), -2.0), reference=np.copysign),
    OpCase("nextafter", *PAIR, reference=np.nextafter, order=0),
    OpCase("heaviside", *PAIR, reference=np.heaviside, order=0),
    OpCase("maximum", *PAIR, reference=np.maximum),
    OpCase("minimum", *PAIR, reference=np.minimum),
    OpCase("fmax", *PAIR, reference=np.fmax),
    OpCase("fmin", *PAIR, reference=np.fmin),
    OpCase("addcmul", S((3, 4), (3, 4), (4,)), S((), (2, 1), (3,), value=0.5), S((0, 3), (3,), (1,)),
           reference=lambda x, a, b, value=1: x + value * a * b),
    OpCase("addcdiv", S((3, 4), (3, 4), (4,)), S((), (2, 1), (3,), value=0.5), S((0, 3), (3,), (1,)),
           reference=lambda x, a, b, value=1: x + value * a / b),
    OpCase("lerp", S((3, 4), (4,), 0.3), S((3, 4), (3, 1), (4,)), S((), (0, 3), 0.7),
           reference=lambda x, end, weight: x + weight * (end - x)),
    OpCase("clamp", S((3, 4), -1.0, 1.0), S((3, 4), min=0.3), S((3, 4), (4,), None), S((), None, 0.2), S((0, 3), 0.0),
           kinks=(-1.0, 0.0, 0.2, 0.3, 1.0), reference=lambda x, low=None, high=None, min=None: np.clip(
               x, low if min is None else min, high)),
]  # fmt: skip

COMPARISONS = [
    *(OpCase(name, *PAIR, S(draw(INTEGERS, (5, 4)), draw(INTEGERS, (4,))), reference=reference, order=0)
      for name, reference in {"eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal,
                              "gt": np.greater, "ge": np.greater_equal}.items()),
    *(OpCase(name, *UNARY[1:], S(np.array([1.0, np.nan, np.inf, -np.inf, -0.0])), reference=reference, order=0)
      for name, reference in {"isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "isposinf": np.isposinf,
                              "isneginf": np.isneginf, "signbit": np.signbit}.items()),
    OpCase("isreal", *UNARY, reference=np.isreal, order=0, complex=True),
    *(OpCase(name, *FLAGS, reference=getattr(np, name), order=0)
      for name in ("logical_and", "logical_or", "logical_xor")),
    OpCase("logical_not", S(draw("bool", (3, 4))), *UNARY, reference=np.logical_not, order=0),
    *(OpCase(name, *WHOLE, *FLAGS[:1], reference=getattr(np, name), order=0)
      for name in ("bitwise_and", "bitwise_or", "bitwise_xor")),
    OpCase("bitwise_not", S(draw(INTEGERS, (3, 4))), S(draw("bool", (4,))), reference=np.bitwise_not, order=0),
    *(OpCase(f"bitwise_{way}_shift", S(draw(INTEGERS, (3, 4)), draw(integers(5), (4,))), S(draw(INTEGERS, ()), 2),
             reference=getattr(np, f"{way}_shift"), order=0) for way in ("left", "right")),
]  # fmt: skip

COMPLEX = [
    # + 0 x: torch's gradient of sgn alone is a ZeroTensor, which does not become a NumPy array
    OpCase("sgn", reference=np.sign, complex=True, torch=lambda x: x.sgn() + 0 * x),
    OpCase("sign", reference=np.sign),
    OpCase("absolute", reference=np.absolute, complex=True),
    OpCase("angle", reference=np.angle, complex=True),
    OpCase("conj_physical", reference=np.conjugate, complex=True),
    OpCase("complex", *PAIR, reference=lambda x, y: x + 1j * y),
    # positive: torch's gradient by the length has the wrong sign where that is negative
    OpCase("polar", *PAIR, domain="positive", reference=lambda x, y: x * np.exp(1j * y)),
    OpCase("real", dtypes=("complex64", "complex128"), reference=np.real),
    OpCase("imag", dtypes=("complex64", "complex128"), reference=np.imag),
]

_EXPONENTIALS = ("exp", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh")
FUNCTIONS = [
    *(OpCase(name, reference=getattr(np, name), analytic=True, complex=name == "exp") for name in _EXPONENTIALS),
    *(OpCase(name, domain="unit", reference=getattr(np, f"arc{name[1:]}")) for name in ("asin", "acos", "atanh")),
    *(OpCase(name, reference=getattr(np, f"arc{name[1:]}")) for name in ("atan", "asinh")),
    OpCase("acosh", domain="above 1", reference=np.arccosh),
    OpCase("exp2", reference=np.exp2),
    *(OpCase(name, domain="positive", reference=getattr(np, name)) for name in ("log", "log2", "log10")),
    OpCase("log1p", domain=above_minus_one, reference=np.log1p),
    OpCase("sigmoid", reference=lambda x: 1 / (1 + np.exp(-x)), complex=True),
    OpCase("logaddexp", *PAIR, reference=np.logaddexp),
    OpCase("logaddexp2", *PAIR, reference=np.logaddexp2),
    OpCase("xlogy", *PAIR, S(2.0, (3,)), domain="positive", reference=lambda x, y: x * np.log(y)),
    OpCase("atan2", *PAIR, reference=np.arctan2),
    OpCase("deg2rad", reference=np.deg2rad),
    OpCase("rad2deg", reference=np.rad2deg),
    OpCase("sinc", reference=np.sinc, order=3),
    OpCase("sinc_derivative", S((3, 4), 1), S((), 2), S((0, 3), 3), S((2, 1, 3), 4), fn=ag.ops.functions.sinc_derivative, torch=None),
    *(OpCase(name, domain=moderate, reference=getattr(np, name)) for name in ("floor", "ceil", "trunc")),
    OpCase("frac", domain=moderate, reference=lambda x: x - np.trunc(x)),
    OpCase("logit", *UNARY, S((3, 4), eps=0.2), domain="probability", kinks=(0.2, 0.8),
           reference=lambda x, eps=0.0: np.log(np.clip(x, eps, 1 - eps) / (1 - np.clip(x, eps, 1 - eps)))),
    OpCase("round", *UNARY, S((3, 4), decimals=1), domain=moderate,
           reference=lambda x, decimals=0: np.round(x, decimals)),
    OpCase("nan_to_num", *UNARY, reference=np.nan_to_num),
    OpCase("frexp", reference=np.frexp),
]  # fmt: skip

ACTIVATIONS = [
    OpCase("relu", kinks=(0.0,), reference=lambda x: np.maximum(x, 0)),
    functional("hardtanh", *UNARY, S((3, 4), min_val=-0.5, max_val=0.3), kinks=(-1.0, -0.5, 0.3, 1.0)),
    functional(
        "leaky_relu",
        *UNARY,
        S((3, 4), negative_slope=0.3),
        reference=lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
    ),
    OpCase("prelu", S((2, 3, 4), (3,)), S((3, 4), (1,)), S((0, 3), (3,)), S((), ())),
    functional("threshold", S((3, 4), 0.5, 2.0), S((), 0.5, 2.0), S((0, 3), 0.5, 2.0), kinks=(0.5,)),
    functional("softshrink", *UNARY, S((3, 4), lambd=0.2), kinks=(-0.5, -0.2, 0.2, 0.5)),
    functional("hardshrink", *UNARY, S((3, 4), lambd=0.2), kinks=(-0.5, -0.2, 0.2, 0.5)),
    OpCase("hardsigmoid", fn=F.hardsigmoid, torch=lambda x: (x + 3).clamp(0, 6) / 6),  # torch's own slope is float32
    functional("hardswish"),
    functional("elu", *UNARY, S((3, 4), alpha=0.7)),
    functional("silu", reference=lambda x: x / (1 + np.exp(-x))),
    functional("softplus", *UNARY, S((3, 4), beta=2.0, threshold=3.0), kinks=(1.5,)),
    functional("logsigmoid", reference=lambda x: -np.log1p(np.exp(-x))),
    functional("mish", reference=lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    functional("gelu", *UNARY, S((3, 4), approximate="tanh")),
]

CASES = [*ARITHMETIC, *COMPARISONS, *COMPLEX, *FUNCTIONS, *ACTIVATIONS, OpCase("matmul", *BINARY[:0],
    S((3, 4), (4, 5)), S((2, 3, 4), (4,)), S((4,), (4,)), S((2, 1, 3, 4), (5, 4, 2)), S((0, 3), (3, 2)), S((2, 0), (0, 3)),
    reference=np.matmul, complex=True)]  # fmt: skip
