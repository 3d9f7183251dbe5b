"""Softmax and its relatives: one forward, one backward, no graph in between."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import as_dtype, expect_floating
from ..fast import ready
from ..fast import rows as loops
from ..op import function, op
from ..tensor import Tensor
from . import ufuncs
from .places import by_lines

__all__ = ["log_softmax", "softmax"]


def _shifted(x: Any, dim: int) -> Any:
    """`x` minus its maximum along `dim`; at least in float32."""
    if x.dtype == np.float16:
        x = x.astype(np.float32)
    return x - ufuncs.reduce(np.maximum, x, dim, True, initial=-np.inf)


def rowwise(loop: Any, dim: int, *arrays: Any) -> Any:
    """What a compiled loop over rows makes of arrays; None where it is not for them."""
    x = arrays[-1]
    if dim not in (-1, x.ndim - 1) or not ready(*arrays):
        return None
    out = np.empty_like(x)
    loop(*[a.reshape((-1, x.shape[-1])) for a in (*arrays, out)])
    return out


def _softmax_rule(g: Any, out: Any, dim: int) -> Any:
    if (made := rowwise(loops.softmax_gradient, dim, g, out)) is not None:
        return made
    return by_lines(_softmax_formula, dim, g, out)


def _softmax_formula(g: Any, out: Any, dim: int) -> Any:
    weighted = g * out
    total = weighted.sum(axis=dim, keepdims=True)
    if isinstance(weighted, np.ndarray):
        weighted -= out * total
        return weighted
    return weighted - out * total


def _log_softmax_rule(g: Any, out: Any, dim: int) -> Any:
    if (made := rowwise(loops.log_softmax_gradient, dim, g, out)) is not None:
        return made
    return by_lines(_log_softmax_formula, dim, g, out)


def _log_softmax_formula(g: Any, out: Any, dim: int) -> Any:
    total = g.sum(axis=dim, keepdims=True)
    share = np.exp(out)
    if isinstance(share, np.ndarray):
        share *= total
        return np.subtract(g, share, out=share)
    return g - share * total


@op("softmax", method=False, x=_softmax_rule)
def _softmax(x, dim):
    if (made := rowwise(loops.softmax, dim, x)) is not None:
        return made
    return by_lines(_shares, dim, x)


def _shares(x: Any, dim: int) -> Any:
    out = _shifted(x, dim)
    out = np.exp(out, out=out) if isinstance(out, np.ndarray) else np.exp(out)
    out /= np.add.reduce(out, axis=dim, keepdims=True)
    return out.astype(x.dtype, copy=False)


@op("log_softmax", method=False, x=_log_softmax_rule)
def _log_softmax(x, dim):
    if (made := rowwise(loops.log_softmax, dim, x)) is not None:
        return made
    return by_lines(_log_shares, dim, x)


def _log_shares(x: Any, dim: int) -> Any:
    out = _shifted(x, dim)
    out -= np.log(np.add.reduce(np.exp(out), axis=dim, keepdims=True))
    return out.astype(x.dtype, copy=False)


def _prepared(name: str, input: Any, dim: Any, dtype: Any) -> tuple[Any, int]:
    """The input in its type, and the dimension, checked."""
    if dtype is not None:
        dtype = as_dtype(dtype)
        input = input.to(dtype) if isinstance(input, Tensor) else input.astype(dtype, copy=False)
    expect_floating(name, input, "f")
    n = input.ndim
    if dim is None:  # PyTorch's old guess: classes come after the batch
        dim = 0 if n in (0, 1, 3) else 1
    if not -max(n, 1) <= dim < max(n, 1):
        raise IndexError(
            f"{name}: dimension out of range (expected to be in [{-max(n, 1)}, {max(n, 1) - 1}], but got {dim})"
        )
    return input, dim


@function()
def softmax(input: Any, dim: int | None = None, dtype: Any = None, _stacklevel: int = 3) -> Any:
    """exp(`input`), divided by its sum along `dim`.

    >>> import autograd as ag
    >>> ag.softmax(ag.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    input, dim = _prepared("softmax", input, dim, dtype)
    if not input.ndim:
        return _softmax(input.reshape(1), 0).reshape(())
    return _softmax(input, dim)


@function()
def log_softmax(input: Any, dim: int | None = None, dtype: Any = None, _stacklevel: int = 3) -> Any:
    """log(softmax(`input`)), without the detour that would lose small probabilities."""
    input, dim = _prepared("log_softmax", input, dim, dtype)
    if not input.ndim:
        return _log_softmax(input.reshape(1), 0).reshape(())
    return _log_softmax(input, dim)
