"""Elements chosen by conditions: where, masks, and the places that are not zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dtypes import result_type
from ..fast import fused
from ..inplace import inplace
from ..op import cast, function, op
from ..tensor import Tensor, unwrap, wrap
from .indexing import indexed
from .shape import expanded

__all__ = ["argwhere", "masked_fill", "masked_scatter", "masked_select", "nonzero", "nonzero_static", "where"]

# ---- where and masks ---------------------------------------------------------------------------------------------

_choose = fused(lambda condition, x, y: np.where(condition, x, y))


@op(
    "where",
    method=False,
    promote=("x", "y"),
    x=fused(lambda g, condition: np.where(condition, g, 0)),
    y=fused(lambda g, condition: np.where(condition, 0, g)),
)
def _where(condition, x, y):
    return _choose(condition, x, y)


@function(method=False, numpy=np.where)
def where(condition, input=None, other=None, *, x=None, y=None):
    """Elements of `input` where the condition holds, of `other` elsewhere; without them the places where it holds.

    >>> import autograd as ag
    >>> x = ag.tensor([-1.0, 2.0])
    >>> ag.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    input, other = (x if input is None else input), (y if other is None else other)
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise TypeError("where: expected both input and other, got None as one of them")
    if condition.dtype.kind != "b":
        if condition.dtype != np.uint8:
            raise RuntimeError(
                f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype}"
            )
        condition = condition != 0
    tensors = [v for v in (condition, input, other) if isinstance(v, Tensor)]
    if not tensors:
        return _where(condition, input, other)
    operands = [v if isinstance(v, Tensor) else _number_like(v, (input, other)) for v in (input, other)]
    return _where(condition, *operands)


def _number_like(value: Any, operands: Sequence) -> Any:
    """A number or array as an operand that takes part in the promotion of types as PyTorch has it."""
    if hasattr(value, "shape") and not isinstance(value, np.generic):
        return wrap(value)
    value = value.item() if isinstance(value, np.generic) else value
    return wrap(result_type(*(v for v in operands if v is not None)).type(value))


def _or_else(self: Tensor, condition: Any, other: Any = None, *, y: Any = None) -> Any:
    """Itself where `condition` holds, else `other` (or `y`, its other name)."""
    return where(condition, self, other if y is None else y)


Tensor.where = _or_else  # type: ignore[attr-defined]


def _mask(mask: Any, name: str) -> Any:
    if mask.dtype.kind != "b":
        raise RuntimeError(f"{name} only supports boolean masks, but got mask with dtype {mask.dtype}")
    return mask


def _scalar(value: Any, input: Any, name: str) -> Any:
    """A value to fill with, as a 0-d tensor or number that fits the type of `input`."""
    if isinstance(value, Tensor) or hasattr(value, "ndim"):
        if value.ndim:
            raise RuntimeError(
                f"{name} only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
            )
        value = value if isinstance(value, Tensor) else value.item()
    kind = value.dtype.kind if isinstance(value, Tensor) else "c" if isinstance(value, complex) else "b"
    if kind == "c" and input.dtype.kind != "c":
        raise RuntimeError(f"value cannot be converted to type {input.dtype} without overflow")
    return value


@op(
    "masked_fill",
    method=False,
    x=lambda g, mask: np.where(mask, 0, g),
    value=lambda g, mask: np.where(mask, g, 0).sum(),
)
def _masked_fill(x, mask, value):
    return np.where(mask, cast(value, x.dtype) if hasattr(value, "dtype") else x.dtype.type(value), x)


@function()
def masked_fill(input, mask, value):
    """`value` where the mask is True, `input` elsewhere."""
    return _masked_fill(input, _mask(mask, "masked_fill"), _scalar(value, input, "masked_fill"))


@function()
def masked_select(input, mask):
    """The elements where the mask is True, in one dimension."""
    mask = _mask(mask, "masked_select")
    shape = np.broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    mask = np.broadcast_to(unwrap(mask), shape)
    input = input if tuple(input.shape) == shape else expanded(input, shape)
    return indexed(input, (mask,)) if shape else indexed(input.reshape(1), (mask.reshape(1),))


@op("masked_scatter", x=lambda g, mask: np.where(mask, 0, g), source=lambda g, mask, source_shape:
    _masked_source(g, mask, source_shape))  # fmt: skip
def masked_scatter(x, mask, source):
    """`x` with the elements of `source`, one after the other, where the mask is True."""
    if source.dtype != x.dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {x.dtype} and {source.dtype}"
        )
    shape = np.broadcast_shapes(x.shape, mask.shape)
    mask, out = np.broadcast_to(mask, shape), np.broadcast_to(x, shape).copy()
    count = int(mask.sum())
    if count > math.prod(source.shape):
        raise RuntimeError(
            f"masked_scatter: the mask has {count} elements, but the source only {math.prod(source.shape)}"
        )
    out[mask] = source.reshape(-1)[:count]
    return out


def _masked_source(g: Any, mask: Any, shape: tuple) -> Any:
    mask = np.broadcast_to(unwrap(mask), tuple(g.shape))
    chosen = g.reshape(-1)[mask.reshape(-1)]
    missing = math.prod(shape) - chosen.shape[0]
    return np.concatenate([chosen, np.zeros_like(chosen, shape=(missing,))]).reshape(shape)


Tensor.masked_fill_ = inplace(masked_fill, "masked_fill_")  # type: ignore[attr-defined]
Tensor.masked_scatter_ = inplace(masked_scatter, "masked_scatter_")  # type: ignore[attr-defined]

# ---- where elements are not zero ---------------------------------------------------------------------------------


@function()
def nonzero(input, *, as_tuple=False):
    """The places of the elements that are not zero: one row each, or with `as_tuple` one vector per dimension."""
    array = unwrap(input)
    found = np.nonzero(array) if array.ndim else ()
    if as_tuple:
        return tuple(map(wrap, found)) if array.ndim else (wrap(np.nonzero(array.reshape(1))[0]),)
    if not array.ndim:
        return wrap(np.zeros_like(array, shape=(int(bool(array)), 0), dtype=np.int64))
    return wrap(np.stack(found, 1))


@function(method=False, numpy=np.nonzero)
def _numpy_nonzero(a):
    return nonzero(a, as_tuple=True)


@function(numpy=np.argwhere)
def argwhere(input):
    """The places of the elements that are not zero, one row each."""
    return nonzero(input)


@function()
def nonzero_static(input, *, size, fill_value=-1):
    """`nonzero` with exactly `size` rows: the first ones, filled up with `fill_value`."""
    found = nonzero(input).array[:size]
    missing = size - found.shape[0]
    return wrap(np.concatenate([found, np.full_like(found, fill_value, shape=(missing, found.shape[1]))]))
