"""Python's operators on Tensors, and the operations in place of the families of this package that work element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import numpy_protocol  # noqa: F401  (Tensors answer NumPy's functions from here on)
from ..inplace import inplace
from ..tensor import Tensor
from . import activation, arithmetic, comparison, complexes, functions, numpy_names, scan, special  # noqa: F401  (their ops must be there)
from .arithmetic import _add, _divide, _pow, _subtract

__all__ = [
    "abs_", "acos_", "acosh_", "arccos_", "arccosh_", "arcsin_", "arcsinh_", "arctan_", "arctanh_", "asin_",
    "asinh_", "atan_", "atanh_", "ceil_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "conj_physical_", "cos_",
    "cosh_", "deg2rad_", "erf_", "erfc_", "exp_", "exp2_", "expm1_", "fix_", "floor_", "frac_", "gcd_", "i0_",
    "lcm_", "ldexp_", "log_", "log10_", "log1p_", "log2_", "logit_", "nan_to_num_", "neg_", "negative_", "rad2deg_",
    "reciprocal_", "relu_", "round_", "rsqrt_", "sigmoid_", "sin_", "sinc_", "sinh_", "sqrt_", "square_", "tan_", "tanh_",
    "trunc_", "xlogy_",
]  # fmt: skip

_OPERAND = (Tensor, int, float, complex, np.generic, np.ndarray)


def _reflected(f: Any) -> Any:
    return lambda self, other: f(other, self)


def _polite(f: Any) -> Any:
    """`f` that gives another kind of operand its turn: NotImplemented makes Python ask it."""

    def method(self: Tensor, other: Any) -> Any:
        return f(self, other) if isinstance(other, _OPERAND) or hasattr(other, "__array_ufunc__") else NotImplemented

    return method


# The ones that training loops use most are methods themselves: no call in between.
for _name, _f in {
    "add": _add,
    "sub": _subtract,
    "mul": arithmetic.multiply,
    "truediv": _divide,
    "div": _divide,
    "pow": _pow,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "and": comparison.bitwise_and,
    "or": comparison.bitwise_or,
    "xor": comparison.bitwise_xor,
    "lshift": comparison.bitwise_left_shift,
    "rshift": comparison.bitwise_right_shift,
}.items():
    setattr(Tensor, f"__{_name}__", _f)
    setattr(Tensor, f"__r{_name}__", _reflected(_f))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Tensor, f"__{_name}__", getattr(comparison, _name))
for _name in ("eq", "ne"):
    setattr(Tensor, f"__{_name}__", _polite(getattr(comparison, _name)))
Tensor.__neg__ = arithmetic.negative  # type: ignore[attr-defined]
Tensor.__pos__ = arithmetic.positive  # type: ignore[attr-defined]
Tensor.__abs__ = complexes.absolute  # type: ignore[attr-defined]
Tensor.__invert__ = comparison.bitwise_not  # type: ignore[attr-defined]

# ---- in place ----------------------------------------------------------------------------------------------------

INPLACE = (
    "abs", "absolute", "acos", "acosh", "add", "addcdiv", "addcmul", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctan2", "arctanh", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "ceil", "clamp", "clamp_max", "clamp_min",
    "clip", "conj_physical", "copysign", "cos", "cosh", "cumprod", "cumsum", "deg2rad", "digamma", "div", "divide",
    "eq", "erf", "erfc", "erfinv", "exp", "exp2", "expm1", "fix", "float_power", "floor", "floor_divide", "fmod",
    "frac", "gcd", "ge", "greater", "greater_equal", "gt", "heaviside", "hypot", "i0", "igamma", "igammac", "lcm",
    "ldexp", "le", "lerp", "less", "less_equal", "lgamma", "log", "log10", "log1p", "log2", "logical_and",
    "logical_not", "logical_or", "logical_xor", "logit", "lt", "mul", "multiply", "mvlgamma", "nan_to_num", "ne",
    "neg", "negative", "nextafter", "not_equal", "polygamma", "pow", "rad2deg", "reciprocal", "relu", "remainder", "round",
    "rsqrt", "sgn", "sigmoid", "sign", "sin", "sinc", "sinh", "sqrt", "square", "sub", "subtract", "tan", "tanh",
    "true_divide", "trunc", "xlogy",
)  # fmt: skip
for _name in INPLACE:
    setattr(Tensor, f"{_name}_", inplace(getattr(Tensor, _name), f"{_name}_"))
for _name, _f in {
    "add": "add_",
    "sub": "sub_",
    "mul": "mul_",
    "truediv": "div_",
    "pow": "pow_",
    "floordiv": "floor_divide_",
    "mod": "remainder_",
    "and": "bitwise_and_",
    "or": "bitwise_or_",
    "xor": "bitwise_xor_",
    "lshift": "bitwise_left_shift_",
    "rshift": "bitwise_right_shift_",
}.items():
    setattr(Tensor, f"__i{_name}__", getattr(Tensor, _f))

# Those that PyTorch has as functions too: `autograd.exp_(x)`.
(
    abs_, acos_, acosh_, arccos_, arccosh_, arcsin_, arcsinh_, arctan_, arctanh_, asin_, asinh_, atan_, atanh_,
    ceil_, clamp_, clamp_max_, clamp_min_, clip_, conj_physical_, cos_, cosh_, deg2rad_, erf_, erfc_, exp_, exp2_,
    expm1_, fix_, floor_, frac_, gcd_, i0_, lcm_, ldexp_, log_, log10_, log1p_, log2_, logit_, nan_to_num_, neg_,
    negative_, rad2deg_, reciprocal_, relu_, round_, rsqrt_, sigmoid_, sin_, sinc_, sinh_, sqrt_, square_, tan_, tanh_,
    trunc_, xlogy_,
) = (getattr(Tensor, name) for name in __all__)  # fmt: skip
