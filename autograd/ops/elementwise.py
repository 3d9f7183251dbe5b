"""Arithmetic and functions of each element."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..dtypes import complex_of
from ..inplace import inplace
from ..op import elementwise, function
from ..tensor import Tensor

__all__ = [
    "absolute", "abs", "add", "cos", "div", "divide", "eq", "exp", "ge", "gt", "imag", "le", "log", "lt", "maximum", "minimum",
    "mul", "multiply", "ne", "neg", "negative", "pow", "real", "sigmoid", "sin", "sqrt", "square", "sub", "subtract", "tanh",
]  # fmt: skip

# ---- arithmetic --------------------------------------------------------------------------------------------------

_add = elementwise(np.add, compute=operator.add, method=False, x=lambda g: g, y=lambda g: g)
_subtract = elementwise(np.subtract, compute=operator.sub, method=False, x=lambda g: g, y=lambda g: -g)
multiply = elementwise(np.multiply, compute=operator.mul, x=lambda g, y: g * y, y=lambda g, x: g * x)
_divide = elementwise(
    np.divide,
    compute=operator.truediv,
    method=False,
    dtype="float",
    x=lambda g, y: g / y,
    y=lambda g, y, out: -g * out / y,
)
negative = elementwise(np.negative, compute=operator.neg, x=lambda g: -g)
square = elementwise(np.square, x=lambda g, x: (g + g) * x)


def _power(x: Any, y: Any) -> Any:
    """x ** y.  Small whole powers are products: NumPy's own is some 20 times slower for float32."""
    if type(y) is int or (type(y) is float and y.is_integer()):
        if y == 2:
            return x * x
        if y == 3:
            return x * x * x
        if y == 1:
            return +x
    elif type(y) is float and y == 0.5 and x.dtype.kind == "f":
        return np.sqrt(x)
    return x**y


def _power_x(g: Any, x: Any, y: Any) -> Any:
    if type(y) is int or type(y) is float:
        if y == 2:
            return (g + g) * x
        return g * (y * _power(x, y - 1)) if y != 0 else g * 0
    return g * (y * np.power(x, np.where(y == 0, 1, y - 1)))  # 0 at y = 0, whatever x is


def _power_y(g: Any, x: Any, y: Any, out: Any) -> Any:
    zero = (x == 0) & (np.real(y) >= 0)  # the limit there is 0, where log has none
    return g * out * np.log(np.where(zero, 1, x))


_pow = elementwise(_power, "pow", method=False, numpy=(np.power, np.float_power), x=_power_x, y=_power_y)


def _scaled(base: Any, name: str) -> Any:
    def call(input: Any, other: Any, *, alpha: Any = 1, out: Any = None) -> Any:
        return base(input, other if alpha == 1 else other * alpha, out=out)

    call.__name__ = name
    call.__doc__ = f"`input` {'+' if name == 'add' else '-'} `alpha` × `other`."
    setattr(Tensor, name, call)
    return call


add, sub = _scaled(_add, "add"), _scaled(_subtract, "sub")
subtract = Tensor.subtract = sub  # type: ignore[attr-defined]
mul = Tensor.mul = multiply  # type: ignore[attr-defined]
neg = Tensor.neg = negative  # type: ignore[attr-defined]


@function()
def pow(input: Any, exponent: Any) -> Any:
    """`input` to the power `exponent`."""
    return _pow(input, exponent)


@function()
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """`input` / `other`; with `rounding_mode` "trunc" or "floor" rounded towards zero or down."""
    if rounding_mode is None:
        return _divide(input, other)
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
        )
    return (_trunc_divide if rounding_mode == "trunc" else floor_divide)(input, other)


divide = Tensor.divide = div  # type: ignore[attr-defined]
floor_divide = elementwise(np.floor_divide)
_trunc_divide = elementwise(lambda x, y: np.trunc(x / y).astype(x.dtype), "trunc_divide", method=False)

# ---- functions ---------------------------------------------------------------------------------------------------

exp = elementwise(np.exp, dtype="float", x=lambda g, out: g * out)
log = elementwise(np.log, dtype="float", x=lambda g, x: g / x)
sqrt = elementwise(np.sqrt, dtype="float", x=lambda g, out: g / (out + out))
sin = elementwise(np.sin, dtype="float", x=lambda g, x: g * np.cos(x))
cos = elementwise(np.cos, dtype="float", x=lambda g, x: -g * np.sin(x))
tanh = elementwise(np.tanh, dtype="float", x=lambda g, out: g * (1 - out * out))
sigmoid = elementwise(lambda x: 1 / (1 + np.exp(-x)), "sigmoid", dtype="float", x=lambda g, out: g * (out * (1 - out)))


def _sign(x: Any) -> Any:
    """x / |x|, and 0 at 0."""
    if x.dtype.kind != "c":
        return np.sign(x)
    size = np.abs(x)
    return x / np.where(size == 0, 1, size)


absolute = elementwise(np.absolute, dtype="real", numpy=np.abs, holomorphic=False, x=lambda g, x: g * _sign(x))
abs = Tensor.abs = absolute  # type: ignore[attr-defined]
maximum = elementwise(
    np.maximum, x=lambda g, x, y: g * _share_of_ties(x > y, x == y), y=lambda g, x, y: g * _share_of_ties(y > x, x == y)
)
minimum = elementwise(
    np.minimum, x=lambda g, x, y: g * _share_of_ties(x < y, x == y), y=lambda g, x, y: g * _share_of_ties(y < x, x == y)
)


def _share_of_ties(wins: Any, ties: Any) -> Any:
    """1 where this argument wins, 1/2 where both are equal."""
    wins, ties = (v.array if isinstance(v, Tensor) else v for v in (wins, ties))
    return (wins + wins.dtype.type(0)) * 1.0 + 0.5 * ties


# ---- complex numbers ---------------------------------------------------------------------------------------------

_real = elementwise(
    lambda x: x.real.copy(), "real", dtype="real", method=False, numpy=np.real, holomorphic=False, x=lambda g: g + 0j
)
_imag = elementwise(
    lambda x: x.imag.copy(), "imag", dtype="real", method=False, numpy=np.imag, holomorphic=False, x=lambda g: g * 1j
)
make_complex = elementwise(
    lambda x, y: (x + 1j * y).astype(complex_of(x.dtype)),
    "complex",
    method=False,
    holomorphic=False,
    x=lambda g: np.real(g),
    y=lambda g: np.imag(g),
)


def real(input: Any) -> Any:
    """The real part; a real tensor itself."""
    return _real(input) if input.is_complex() else input


def imag(input: Any) -> Any:
    """The imaginary part of a complex tensor."""
    if not input.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes")
    return _imag(input)


# ---- comparisons -------------------------------------------------------------------------------------------------

eq = elementwise(np.equal, "eq", compute=operator.eq, dtype="bool")
ne = elementwise(np.not_equal, "ne", compute=operator.ne, dtype="bool")
lt = elementwise(np.less, "lt", compute=operator.lt, dtype="bool")
le = elementwise(np.less_equal, "le", compute=operator.le, dtype="bool")
gt = elementwise(np.greater, "gt", compute=operator.gt, dtype="bool")
ge = elementwise(np.greater_equal, "ge", compute=operator.ge, dtype="bool")

# ---- Python's operators ------------------------------------------------------------------------------------------


def _reflected(f: Any) -> Any:
    return lambda self, other: f(other, self)


def _operator(name: str, f: Any, swap: bool = True) -> None:
    """`f` as Python's operator.  Another kind of operand gets its turn: NotImplemented makes Python ask it."""
    known = (Tensor, int, float, complex, np.generic, np.ndarray)

    def method(self: Tensor, other: Any) -> Any:
        return f(self, other) if isinstance(other, known) else NotImplemented

    setattr(Tensor, f"__{name}__", method)
    if swap:
        setattr(
            Tensor, f"__r{name}__", lambda self, other: f(other, self) if isinstance(other, known) else NotImplemented
        )


for _name, _f in {"add": _add, "sub": _subtract, "mul": multiply, "truediv": _divide, "pow": _pow}.items():
    setattr(Tensor, f"__{_name}__", _f)
    setattr(Tensor, f"__r{_name}__", _reflected(_f))
for _name, _f in {"eq": eq, "ne": ne}.items():
    _operator(_name, _f, swap=False)
for _name, _f in {"lt": lt, "le": le, "gt": gt, "ge": ge}.items():
    setattr(Tensor, f"__{_name}__", _f)
Tensor.__neg__ = negative  # type: ignore[attr-defined]
Tensor.__pos__ = lambda self: self  # type: ignore[attr-defined]
Tensor.__abs__ = absolute  # type: ignore[attr-defined]
for _name, _f in {"add": add, "sub": sub, "mul": multiply, "div": div, "pow": pow}.items():
    setattr(Tensor, f"{_name}_", inplace(_f, f"{_name}_"))
for _name, _f in {"iadd": "add_", "isub": "sub_", "imul": "mul_", "itruediv": "div_", "ipow": "pow_"}.items():
    setattr(Tensor, f"__{_name}__", getattr(Tensor, _f))
