"""Complex numbers, and size and sign, whose gradients follow PyTorch's convention: of a real result, the conjugate of the
derivative, so that a step against it descends."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import complex_of
from ..elementwise import elementwise
from ..fast import fused
from ..op import function, op
from ..tensor import Tensor
from .places import zeros

__all__ = [
    "abs", "absolute", "angle", "complex", "conj", "conj_physical", "imag", "is_conj", "is_neg", "polar", "real", "resolve_conj",
    "resolve_neg", "sgn", "sign",
]  # fmt: skip


def _sgn(x: Any) -> Any:
    """x / |x|, and 0 at 0."""
    if x.dtype.kind == "c":
        size = np.abs(x)
        return x / np.where(size == 0, 1, size)
    return np.subtract(x > 0, x < 0, dtype=x.dtype) if x.dtype.kind != "b" else x.copy()  # 0 for NaN


def _sgn_slope(g: Any, x: Any, out: Any) -> Any:
    if x.dtype.kind != "c":
        return zeros(g)
    size = np.abs(x)
    return np.where(size == 0, 0, (g - out * np.real(np.conj(out) * g)) / np.where(size == 0, 1, size))


sgn = elementwise(_sgn, "sgn", numpy=np.sign, holomorphic=False, x=_sgn_slope)
_sign = elementwise(_sgn, "sign", method=False, x=zeros)


@function()
def sign(input: Any) -> Any:
    """-1, 0 or 1: which side of zero each element is on."""
    if input.dtype.kind == "c":
        raise RuntimeError("sign is not for complex tensors; use sgn, which is x / |x|")
    return _sign(input)


_with_sign = fused(lambda g, x: g * np.sign(x))


def _absolute_slope(g: Any, x: Any) -> Any:
    return g * sgn(x) if x.dtype.kind == "c" else _with_sign(g, x)


absolute = elementwise(np.absolute, compute=fused(np.absolute), dtype="real", holomorphic=False, x=_absolute_slope)
abs = Tensor.abs = absolute  # type: ignore[attr-defined]


def _angle(x: Any) -> Any:
    if x.dtype.kind == "c":
        return np.arctan2(x.imag, x.real)
    return np.where(np.isnan(x), x, np.where(x < 0, np.pi, 0.0)).astype(x.dtype if x.dtype.kind == "f" else np.float64)


def _angle_slope(g: Any, x: Any) -> Any:
    if x.dtype.kind != "c":
        return zeros(g)
    square = np.real(x) * np.real(x) + np.imag(x) * np.imag(x)
    return np.where(square == 0, 0, g * 1j * x / np.where(square == 0, 1, square))


angle = elementwise(_angle, "angle", dtype="real", holomorphic=False, x=_angle_slope)
_conj = elementwise(
    np.conjugate, "conj_physical", method=False, numpy=np.conj, holomorphic=False, x=lambda g: np.conj(g)
)


@function()
def conj_physical(input: Any) -> Any:
    """The complex conjugate; of a real tensor itself."""
    return _conj(input) if input.dtype.kind == "c" else input


conj = Tensor.conj = conj_physical


@function()
def resolve_conj(input: Any) -> Any:
    """`input` itself: conjugation is never postponed here."""
    return input


@function()
def resolve_neg(input: Any) -> Any:
    """`input` itself: negation is never postponed here."""
    return input


@function()
def is_conj(input: Any) -> bool:
    """False: conjugation is never postponed here."""
    return False


@function()
def is_neg(input: Any) -> bool:
    """False: negation is never postponed here."""
    return False


# ---- parts, as views ---------------------------------------------------------------------------------------------


@op("real", method=False, view=True, holomorphic=False, x=lambda g: g + 0j)
def _real(x):
    return x.real


@op("imag", method=False, view=True, holomorphic=False, x=lambda g: g * 1j)
def _imag(x):
    return x.imag


@function(method=False, numpy=np.real)
def real(input: Any) -> Any:
    """The real part, a view; a real tensor itself."""
    return _real(input) if input.dtype.kind == "c" else input


@function(method=False, numpy=np.imag)
def imag(input: Any) -> Any:
    """The imaginary part of a complex tensor, a view."""
    if input.dtype.kind != "c":
        raise RuntimeError(f"imag is for complex tensors, this one is {input.dtype}")
    return _imag(input)


Tensor.real, Tensor.imag = property(real), property(imag)  # type: ignore[attr-defined]

# ---- of two parts ------------------------------------------------------------------------------------------------

_complex = elementwise(
    lambda x, y: (x + 1j * y).astype(complex_of(x.dtype), copy=False),
    "complex",
    method=False,
    holomorphic=False,
    x=lambda g: np.real(g),
    y=lambda g: np.imag(g),
)


@function(method=False)
def complex(real: Tensor, imag: Tensor, *, out: Any = None) -> Tensor:
    """A complex tensor of a real and an imaginary part of the same type."""
    if real.dtype != imag.dtype or real.dtype.kind != "f":
        raise RuntimeError(f"complex() expects two float tensors of one type, got {real.dtype} and {imag.dtype}")
    return _complex(real, imag, out=out)


def _polar(x: Any, y: Any) -> Any:
    return (x * np.cos(y) + 1j * (x * np.sin(y))).astype(complex_of(x.dtype), copy=False)


polar = elementwise(
    _polar,
    "polar",
    method=False,
    holomorphic=False,
    real=True,
    x=lambda g, y: np.real(g) * np.cos(y) + np.imag(g) * np.sin(y),
    y=lambda g, out: np.imag(g * np.conj(out)),
)
