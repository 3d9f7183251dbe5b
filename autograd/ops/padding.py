"""Padding, and taking elements along one axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..op import function, op

__all__ = ["constant_pad_nd"]

# ---- zeros and constants -----------------------------------------------------------------------------------------


@op(
    "constant_pad",
    method=False,
    x=lambda g, widths: constant_pad(g, tuple((-a, -b) for a, b in widths), 0),  # pyright: ignore[reportGeneralTypeIssues]
)
def constant_pad(x, widths, value):
    """`value` around x, (before, after) for each dimension; negative widths cut off.  Padding's adjoint is cutting."""
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
    source = tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(x.shape, widths, strict=True))
    if all(a <= 0 and b <= 0 for a, b in widths):
        return x[source].copy()
    out = np.empty_like(x, shape=shape)  # keeps the order in memory
    out[...] = value
    out[tuple(slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(shape, widths, strict=True))] = x[source]
    return out


# ---- along one axis ----------------------------------------------------------------------------------------------


@op("take_along", method=False, x=lambda g, x_shape, index, axis: add_along(g, index, axis, x_shape[axis]))  # pyright: ignore[reportGeneralTypeIssues]
def take_along(x, index, axis):
    """The elements of x at `index` (an array of ints) along an axis."""
    return np.take(x, np.asarray(index, like=x), axis=axis)


@op("add_along", method=False, g=lambda g, index, axis: take_along(g, index, axis))  # pyright: ignore[reportGeneralTypeIssues]
def add_along(g, index, axis, size):
    """The adjoint of `take_along`: `g` added at `index` along an axis of that size; sorted, so that each is one sum."""
    index = np.asarray(index, like=g)
    out = np.zeros_like(g, shape=(*g.shape[:axis], size, *g.shape[axis + 1 :]))
    if index.size:
        order = np.argsort(index, kind="stable")
        ordered = index[order]
        starts = np.flatnonzero(np.concatenate((np.ones_like(ordered[:1], bool), ordered[1:] != ordered[:-1])))
        sums = np.add.reduceat(np.take(g, order, axis=axis), starts, axis=axis)
        out[(*(slice(None),) * axis, ordered[starts])] = sums
    return out


def _reflect(places: Any, size: int) -> Any:
    return (size - 1) - np.abs((size - 1) - np.abs(places))


_WRAPS = {
    "reflect": _reflect,
    "replicate": lambda places, size: np.clip(places, 0, size - 1),
    "circular": lambda places, size: places % size,
}


@function(method=False)
def pad(input, pad, mode="constant", value=None):
    """Elements before and behind the last dimensions.

    Args:
        input: any shape; for the other modes than "constant" (N, C, ...) or (C, ...).
        pad: (before, after) of the last dimension, then of the one before it, and so on; negative numbers cut off.
        mode: "constant", "reflect", "replicate" or "circular".
        value: of the constant; 0 unless given.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.pad.html

    >>> import autograd as ag
    >>> pad(ag.tensor([1, 2, 3]), (1, 2))
    tensor([0, 1, 2, 3, 0, 0])
    """
    pad = tuple(int(p) for p in pad)
    if len(pad) % 2:
        raise RuntimeError(f"Padding length must be divisible by 2, got {pad}")
    if len(pad) // 2 > input.ndim:
        raise RuntimeError(
            f"Padding length should be less than or equal to two times the input dimension but got padding length {len(pad)} "
            f"and input of dimension {input.ndim}"
        )
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2)
    pairs += [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    for n, (a, b) in zip(input.shape, pairs, strict=True):
        if n + a + b < 0 or n < max(-a, 0) or n < max(-b, 0):
            raise RuntimeError(
                f"pad: the padding {pad} cuts more off than there is, input has shape {tuple(input.shape)}"
            )
    if mode == "constant":
        return constant_pad(input, tuple(pairs), 0 if value is None else value)
    if value:
        raise ValueError(f"Padding mode {mode!r} doesn't take in value argument")
    if mode not in _WRAPS:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    return _wrapped(input, pairs, len(pad) // 2, mode)


def _wrapped(input: Any, pairs: Sequence, dims: int, mode: str) -> Any:
    """Padding by other elements of the input."""
    if dims not in (1, 2, 3) or input.ndim not in (dims + 1, dims + 2):
        raise NotImplementedError(
            f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: got {dims} padded dimensions of an "
            f"input of shape {tuple(input.shape)}"
        )
    for axis in range(input.ndim - dims, input.ndim):
        before, after = pairs[axis]
        size = input.shape[axis]
        most = size - 1 if mode == "reflect" else size
        if mode != "replicate" and max(before, after) > most:
            raise RuntimeError(
                f"Padding size should be {'less than' if mode == 'reflect' else 'at most'} the corresponding input dimension, "
                f"but got: padding ({before}, {after}) at dimension {axis} of input {list(input.shape)}"
            )
        if size == 0 or size + before + after <= 0:
            raise RuntimeError(f"pad: expected non-empty dimensions to pad, got input of shape {tuple(input.shape)}")
        if mode == "circular" and min(before, after) < 0:  # what is cut off does not come round again
            input = input[(*(slice(None),) * axis, slice(max(-before, 0), size - max(-after, 0)))]
            before, after, size = max(before, 0), max(after, 0), input.shape[axis]
        if before or after:
            input = take_along(input, _WRAPS[mode](np.arange(-before, size + after), size), axis)
    return input


_pad = pad


@function(method=False)
def constant_pad_nd(input, pad, value=0):
    """`value` before and behind the last dimensions: `pad` in its "constant" mode, under an older name."""
    return _pad(input, pad, "constant", value)
