"""What each elementwise op computes: the first line of its docstring, and for some an example."""

from __future__ import annotations

from ..op import REGISTRY
from . import activation, arithmetic, comparison, complexes, functions, special  # noqa: F401  (they fill the registry)

FORMULAS = {
    # exponentials and logarithms
    "exp": "eˣ",
    "expm1": "eˣ - 1, exact near 0",
    "exp2": "2ˣ",
    "log": "The natural logarithm",
    "log2": "The logarithm to base 2",
    "log10": "The logarithm to base 10",
    "log1p": "log(1 + x), exact near 0",
    "sigmoid": "1 / (1 + e⁻ˣ)",
    "logaddexp": "log(eˣ + eʸ), without overflow",
    "logaddexp2": "log₂(2ˣ + 2ʸ), without overflow",
    "xlogy": "x log y, and 0 where x is 0",
    "xlog1py": "x log(1 + y), and 0 where x is 0",
    # trigonometry
    "sin": "The sine of angles in radians",
    "cos": "The cosine of angles in radians",
    "tan": "The tangent of angles in radians",
    "asin": "The inverse of `sin`, in [-π/2, π/2]",
    "acos": "The inverse of `cos`, in [0, π]",
    "atan": "The inverse of `tan`, in (-π/2, π/2)",
    "atan2": "The angle in [-π, π] of the point (other, input): its tangent is input / other",
    "sinh": "(eˣ - e⁻ˣ) / 2",
    "cosh": "(eˣ + e⁻ˣ) / 2",
    "tanh": "The hyperbolic tangent, sinh x / cosh x",
    "asinh": "The inverse of `sinh`",
    "acosh": "The inverse of `cosh`, at least 0",
    "atanh": "The inverse of `tanh`",
    "deg2rad": "Degrees in radians: x π / 180",
    "rad2deg": "Radians in degrees: x 180 / π",
    "sinc": "sin(πx) / (πx), and 1 at 0",
    # rounding
    "floor": "The largest whole number that is not above x",
    "ceil": "The smallest whole number that is not below x",
    "trunc": "x without its fraction: rounded towards zero",
    "frac": "x - trunc(x), with the sign of x",
    # arithmetic
    "multiply": "`input` × `other`",
    "divide": "`input` / `other`",
    "negative": "-x",
    "reciprocal": "1 / x",
    "square": "x²",
    "sqrt": "√x",
    "rsqrt": "1 / √x",
    "floor_divide": "`input` / `other`, rounded down",
    "remainder": "What is left of `input` / `other` rounded down: Python's %, with the sign of `other`",
    "fmod": "What is left of `input` / `other` rounded towards zero: C's fmod, with the sign of `input`",
    "gcd": "The greatest common divisor of integers",
    "lcm": "The least common multiple of integers",
    "hypot": "√(x² + y²), without overflow",
    "copysign": "The size of `input` with the sign of `other`",
    "nextafter": "The next number that the type has after `input` in the direction of `other`",
    "heaviside": "0 where `input` is negative, 1 where it is positive, `other` where it is 0",
    "maximum": "The larger of both, NaN where one is; equal ones share the gradient",
    "minimum": "The smaller of both, NaN where one is; equal ones share the gradient",
    "fmax": "The larger of both, the other one where one is NaN",
    "fmin": "The smaller of both, the other one where one is NaN",
    "relu": "max(x, 0)",
    # questions
    "eq": "Is `input` equal to `other`?",
    "ne": "Is `input` not equal to `other`?",
    "lt": "Is `input` less than `other`?",
    "le": "Is `input` at most `other`?",
    "gt": "Is `input` greater than `other`?",
    "ge": "Is `input` at least `other`?",
    "isnan": "Is it NaN?",
    "isinf": "Is it plus or minus infinity?",
    "isfinite": "Is it neither NaN nor infinite?",
    "isposinf": "Is it plus infinity?",
    "isneginf": "Is it minus infinity?",
    "isreal": "Is its imaginary part 0?",
    "signbit": "Is its sign bit set: is it negative, or -0.0?",
    "logical_and": "Are both not 0?",
    "logical_or": "Is one of them not 0?",
    "logical_xor": "Is just one of them not 0?",
    "logical_not": "Is it 0?",
    "bitwise_and": "The bits that are set in both integers",
    "bitwise_or": "The bits that are set in one of the integers",
    "bitwise_xor": "The bits that are set in just one of the integers",
    "bitwise_not": "The other bits of an integer; of a bool the opposite",
    "bitwise_left_shift": "`input` × 2 to the power `other`, of integers",
    "bitwise_right_shift": "`input` / 2 to the power `other` rounded down, of integers",
    # complex numbers
    "sgn": "x / |x|, and 0 at 0",
    "absolute": "|x|",
    "angle": "The angle of a complex number in (-π, π]; of a real one 0, or π where it is negative",
    "polar": "The complex number of size `input` at the angle `other`, in radians",
    # the error function and its relatives
    "erf": "2/√π times the integral of exp(-t²) from 0 to x",
    "erfc": "1 - erf(x), exact where that is small",
    "erfcx": "exp(x²) erfc(x), which neither overflows nor vanishes",
    "erfinv": "The inverse of `erf`",
    "ndtr": "The normal distribution function: the probability of a standard normal number below x",
    "ndtri": "The inverse of `ndtr`: the quantiles of the standard normal distribution",
    "log_ndtr": "log(ndtr(x)), exact where that is tiny",
    "entr": "-x log x, 0 at 0, minus infinity below",
    # gamma functions
    "lgamma": "log |Γ(x)|; Γ(n + 1) = n!",
    "digamma": "The derivative of `lgamma`",
    "zeta": "Hurwitz' zeta function, Σ (y + k)⁻ˣ over k ≥ 0",
    "igamma": "The lower regularised incomplete gamma function P(x, y)",
    "igammac": "The upper regularised incomplete gamma function 1 - P(x, y)",
    # Airy's and Bessel's functions
    "airy_ai": "Airy's function Ai",
    "bessel_j0": "Bessel's function of the first kind, of order 0",
    "bessel_j1": "Bessel's function of the first kind, of order 1",
    "bessel_y0": "Bessel's function of the second kind, of order 0",
    "bessel_y1": "Bessel's function of the second kind, of order 1",
    "spherical_bessel_j0": "The spherical Bessel function of the first kind, of order 0: sin(x) / x",
    "modified_bessel_i0": "The modified Bessel function of the first kind, of order 0; without a gradient, as in PyTorch: see `i0`",
    "modified_bessel_i1": "The modified Bessel function of the first kind, of order 1; without a gradient, as in PyTorch: see `i1`",
    "modified_bessel_k0": "The modified Bessel function of the second kind, of order 0",
    "modified_bessel_k1": "The modified Bessel function of the second kind, of order 1",
    "scaled_modified_bessel_k0": "eˣ modified_bessel_k0(x), which does not vanish",
    "scaled_modified_bessel_k1": "eˣ modified_bessel_k1(x), which does not vanish",
    "i0": "The modified Bessel function of the first kind, of order 0",
    "i0e": "e^-|x| i0(x), which does not overflow",
    "i1": "The modified Bessel function of the first kind, of order 1",
    "i1e": "e^-|x| i1(x), which does not overflow",
}

EXAMPLES = {
    "exp": ("ag.exp(ag.tensor([0.0, 1.0]))", "tensor([1.0000, 2.7183])"),
    "log": ("ag.log(ag.tensor([1.0, 0.0]))", "tensor([0., -inf])"),
    "sigmoid": ("ag.sigmoid(ag.tensor([0.0, 100.0]))", "tensor([0.5000, 1.0000])"),
    "logaddexp": ("ag.logaddexp(ag.tensor(1000.0), ag.tensor(1000.0))", "tensor(1000.6932)"),
    "atan2": ("ag.atan2(ag.tensor([1.0, -1.0]), ag.tensor([-1.0, -1.0]))", "tensor([ 2.3562, -2.3562])"),
    "floor": ("ag.floor(ag.tensor([1.5, -1.5]))", "tensor([ 1., -2.])"),
    "trunc": ("ag.trunc(ag.tensor([1.5, -1.5]))", "tensor([ 1., -1.])"),
    "floor_divide": ("ag.floor_divide(ag.tensor([-3, 3]), 2)", "tensor([-2,  1])"),
    "remainder": ("ag.remainder(ag.tensor([-3, 3]), 2)", "tensor([1, 1])"),
    "fmod": ("ag.fmod(ag.tensor([-3, 3]), 2)", "tensor([-1,  1])"),
    "maximum": ("ag.maximum(ag.tensor([1.0, float('nan')]), ag.tensor([2.0, 0.0]))", "tensor([2., nan])"),
    "fmax": ("ag.fmax(ag.tensor([1.0, float('nan')]), ag.tensor([2.0, 0.0]))", "tensor([2., 0.])"),
    "relu": ("ag.relu(ag.tensor([-1.0, 2.0]))", "tensor([0., 2.])"),
    "eq": ("ag.eq(ag.tensor([1, 2]), 2)", "tensor([False,  True])"),
    "bitwise_and": ("ag.bitwise_and(ag.tensor(6), 3)", "tensor(2)"),
    "absolute": ("ag.abs(ag.tensor([-1.0, 2.0]))", "tensor([1., 2.])"),
    "sgn": ("ag.sgn(ag.tensor(3 + 4j))", "tensor(0.6000+0.8000j)"),
    "erf": ("ag.erf(ag.tensor([0.0, 1.0]))", "tensor([0.0000, 0.8427])"),
    "lgamma": ("ag.lgamma(ag.tensor([3.0, 5.0]))", "tensor([0.6931, 3.1781])"),
}

__test__: dict[str, str] = {}  # the examples, for doctest

for _name, _formula in FORMULAS.items():
    _op = REGISTRY[_name]
    _arguments = "x is `input`" if len(_op.names) == 1 else "x is `input`, y is `other`, and they broadcast"
    _doc = f"{_formula}{'' if _formula.endswith('?') else '.'}\n\nElement by element: {_arguments}.\n"
    if _name in EXAMPLES:
        __test__[_name] = ">>> import autograd as ag\n>>> {}\n{}\n".format(*EXAMPLES[_name])
        _doc += "\n" + __test__[_name]
    _op.call.__doc__ = _doc
