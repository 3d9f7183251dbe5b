"""Data types under PyTorch's names, and PyTorch's rules for mixing them."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

float16 = half = np.dtype("float16")
float32 = float = np.dtype("float32")
float64 = double = np.dtype("float64")
complex64 = cfloat = np.dtype("complex64")
complex128 = cdouble = np.dtype("complex128")
uint8 = np.dtype("uint8")
uint16 = np.dtype("uint16")
uint32 = np.dtype("uint32")
uint64 = np.dtype("uint64")
int8 = np.dtype("int8")
int16 = short = np.dtype("int16")
int32 = int = np.dtype("int32")
int64 = long = np.dtype("int64")
bool = np.dtype("bool")


class _Bfloat16:
    """A type that programs name, to compare with or to choose among, and that no tensor has."""

    def __repr__(self) -> str:
        return "autograd.bfloat16"


bfloat16 = _Bfloat16()
NAMES = {dtype.name for dtype in tuple(globals().values()) if isinstance(dtype, np.dtype)} | {"bfloat16"}

__all__ = [
    "bfloat16", "bool", "cdouble", "cfloat", "complex128", "complex64", "double", "finfo", "float", "float16", "float32", "float64",
    "get_default_dtype", "half", "iinfo", "int", "int16", "int32", "int64", "int8", "long", "promote_types", "result_type",
    "set_default_dtype", "short", "uint16", "uint32", "uint64", "uint8",
]  # fmt: skip

# A category of numbers outranks all types of the categories before it.
CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
_PYTHON = {"float": float64, "int": int64, "bool": bool, "complex": complex128}
_COMPLEX_OF = {float16: complex64, float32: complex64, float64: complex128}
_REAL_OF = {complex64: float32, complex128: float64}

_default = float32


def get_default_dtype() -> np.dtype:
    """The floating-point type of new tensors made from Python numbers: float32 unless set otherwise."""
    return _default


def set_default_dtype(dtype: Any) -> None:
    """Set the floating-point type of new tensors made from Python numbers.

    Raises TypeError for a type that is not floating-point.
    """
    global _default
    dtype = as_dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"expected a floating-point dtype as the default, got {dtype}; for example autograd.float64")
    _default = dtype


def as_dtype(dtype: Any) -> np.dtype:
    """The NumPy dtype that `dtype` names: ours, NumPy's, a Python type, or a string such as ``"float32"``."""
    if isinstance(dtype, np.dtype):
        return dtype
    if str(dtype).endswith("bfloat16"):
        raise TypeError("NumPy has no bfloat16: use autograd.float16 or autograd.float32")
    made = _PYTHON.get(getattr(dtype, "__name__", "")) if isinstance(dtype, type) else None
    made = made or np.dtype(str(dtype).removeprefix("torch.") if not isinstance(dtype, type) else dtype)
    if made.kind not in CATEGORY:
        raise TypeError(f"expected a number type such as autograd.float32, got {dtype!r}")
    return made


def complex_of(dtype: np.dtype) -> np.dtype:
    """The complex type with the precision of `dtype`."""
    return _COMPLEX_OF.get(dtype, dtype)


def real_of(dtype: np.dtype) -> np.dtype:
    """The real type with the precision of `dtype`."""
    return _REAL_OF.get(dtype, dtype)


def promote_types(a: Any, b: Any) -> np.dtype:
    """The smallest type that both convert to by PyTorch's rules: an integer never widens a float.

    >>> promote_types("int64", "float32")
    dtype('float32')
    """
    a, b = as_dtype(a), as_dtype(b)
    rank_a, rank_b = CATEGORY[a.kind], CATEGORY[b.kind]
    if rank_a < rank_b:
        a, b, rank_a, rank_b = b, a, rank_b, rank_a
    if rank_a == rank_b or rank_a == 1:
        both = np.promote_types(a, b)
        if both.kind == "f" and rank_a == 1:
            raise RuntimeError(f"promotion of {a} with {b} is not defined; convert one of them")
        return both
    if rank_a == 3 and rank_b == 2:
        return np.promote_types(a, b) if b != float16 else a
    return a


def number_dtype(value: Any) -> np.dtype:
    """The type that a Python number stands for where no tensor decides."""
    if isinstance(value, complex):
        return complex_of(_default)
    if isinstance(value, builtins.float):
        return _default
    return bool if isinstance(value, (builtins.bool, np.bool_)) else int64


def result_type(*operands: Any) -> np.dtype:
    """The type of an operation on `operands` (arrays, Tensors, Python numbers) by PyTorch's rules.

    Tensors with dimensions decide; a 0-d tensor, and then a Python number, only raises the category.

    >>> result_type(np.ones(2, np.int64), 1.5)
    dtype('float32')
    """
    levels: list[np.dtype | None] = [None, None, None]
    for operand in operands:
        operand = getattr(operand, "array", operand)
        dtype = getattr(operand, "dtype", None)
        level = 2 if dtype is None else 0 if operand.ndim else 1
        dtype = number_dtype(operand) if dtype is None else dtype
        before = levels[level]
        levels[level] = dtype if before is None else promote_types(before, dtype)
    result = levels[0]
    for lower in levels[1:]:
        if lower is None:
            continue
        if result is None:
            result = lower
        elif CATEGORY[lower.kind] > CATEGORY[result.kind]:
            result = complex_of(result) if lower.kind == "c" and result.kind == "f" else lower
    assert result is not None, "result_type needs at least one operand"
    return result


def expect_real(name: str, *operands: Any) -> None:
    """Raise RuntimeError where an op is given complex numbers, which have no order."""
    for v in operands:
        if type(v) is complex or (hasattr(v, "dtype") and v.dtype.kind == "c"):
            raise RuntimeError(
                f"{name} is not for complex tensors, which have no order; take abs(), real or imag first"
            )


def expect_floating(name: str, x: Any, kinds: str = "fc") -> None:
    """Raise RuntimeError where an op that PyTorch has for floating-point numbers only is given others."""
    if x.dtype.kind not in kinds:
        expect_real(name, x)
        raise RuntimeError(f"{name}: expected a floating-point tensor, got {x.dtype}; convert it with .float()")


class finfo:
    """Limits of a floating-point type, as ``torch.finfo``.

    >>> finfo(float32).bits
    32
    """

    def __init__(self, dtype: Any = None):
        self.dtype = _default if dtype is None else real_of(as_dtype(dtype))
        if self.dtype.kind != "f":
            raise TypeError(f"finfo takes a floating-point type, got {self.dtype}; use iinfo for integers")
        info = np.finfo(self.dtype)
        self.bits = info.bits
        self.eps, self.max, self.min = info.eps.item(), info.max.item(), info.min.item()
        self.tiny = self.smallest_normal = info.tiny.item()
        self.resolution = 10.0**-info.precision

    def __repr__(self) -> str:
        numbers = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{name}={getattr(self, name):g}' for name in numbers)}, dtype={self.dtype})"


class iinfo:
    """Limits of an integer type, as ``torch.iinfo``."""

    def __init__(self, dtype: Any):
        self.dtype = as_dtype(dtype)
        info = np.iinfo(self.dtype)
        self.bits, self.min, self.max = info.bits, info.min, info.max

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
