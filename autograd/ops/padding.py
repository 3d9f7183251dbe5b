"""Padding, and taking elements along one axis."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..fast.threads import each_job
from ..op import function, op
from .indices import part
from .windows import batches

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
    place = tuple(slice(max(a, 0), n - max(b, 0)) for n, (a, b) in zip(shape, widths, strict=True))
    out = np.empty_like(x, shape=shape)  # keeps the order in memory
    around = any(a > 0 or b > 0 for a, b in widths)

    def work(images: Any) -> None:
        if around:
            out[images][...] = value
        out[images][place] = x[images][source]

    each_job(work, [...] if any(map(any, widths[:1])) else _images(out, 1), out)
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
        out[part(axis, ordered[starts])] = sums
    return out


# ---- along the last axes -----------------------------------------------------------------------------------------

FEW = 64  # blocks: more are copied more slowly than element by element


def take_grid(x: Any, indices: Sequence) -> Any:
    """The elements of x at indices (arrays of ints) along each of its last dimensions."""
    slices = [progressions(index.tobytes()) for index in indices]
    if math.prod(map(len, slices)) > FEW:
        for axis, index in enumerate(indices, x.ndim - len(indices)):
            x = take_along(x, index, axis)
        return x
    blocks = [tuple(zip(*pairs, strict=True)) for pairs in itertools.product(*slices)]
    return _take_blocks(x, tuple(map(len, indices)), blocks)


@op(method=False, x=lambda g, x_shape, sizes, blocks: _add_blocks(g, x_shape[-len(sizes) :], blocks))  # pyright: ignore[reportGeneralTypeIssues]
def _take_blocks(x, sizes, blocks):
    """An array of those last sizes: each block of it, a tuple of slices, is one of x."""
    out = np.empty_like(x, shape=(*x.shape[: -len(sizes)], *sizes))  # keeps the order in memory

    def work(images: Any) -> None:
        target, source = out[images], x[images]
        for places, elements in blocks:
            target[(..., *places)] = source[(..., *elements)]

    each_job(work, _images(out, len(sizes)), out)
    return out


@op(method=False, g=lambda g, g_shape, sizes, blocks: _take_blocks(g, g_shape[-len(sizes) :], blocks))  # pyright: ignore[reportGeneralTypeIssues]
def _add_blocks(g, sizes, blocks):
    """The adjoint of `_take_blocks`."""
    out = np.empty_like(g, shape=(*g.shape[: -len(sizes)], *sizes))

    def work(images: Any) -> None:
        target, source = out[images], g[images]
        target[...] = 0
        for places, elements in blocks:
            target[(..., *elements)] += source[(..., *places)]

    each_job(work, _images(out, len(sizes)), out)
    return out


def _images(x: Any, dims: int) -> list:
    """Indices of the first dimension, some at a time; of everything where one image is all there is."""
    return batches(len(x), math.prod(x.shape[1:])) if x.ndim > dims else [...]


@functools.lru_cache(64)
def progressions(index: bytes) -> list[tuple[slice, slice]]:
    """An index as pairs of slices, its places and what it names there: nothing twice in any of them."""
    names = np.frombuffer(index, np.int64)
    order = np.argsort(names, kind="stable")
    starts = np.flatnonzero(np.concatenate(([True], np.diff(names[order]) > 0)))
    counts = np.diff(starts, append=len(names))
    found = []
    for k in range(counts.max()):  # the places of what is named for the k-th time
        places = np.sort(order[starts[counts > k] + k])
        for line in _lines(zip(places.tolist(), names[places].tolist(), strict=True)):
            found.append(tuple(map(_progression, zip(*line, strict=True))))
    return found


def _lines(points: Iterable[tuple[int, int]]) -> Iterator[list]:
    """Points that follow each other at the same distance, as many as there are at a time."""
    line: list = []
    for x, y in points:
        if len(line) > 1 and (x - line[-1][0], y - line[-1][1]) != (line[1][0] - line[0][0], line[1][1] - line[0][1]):
            yield line
            line = []
        line.append((x, y))
    yield line


def _progression(numbers: Sequence[int]) -> slice:
    """Numbers at the same distance as a slice."""
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    stop = numbers[-1] + step
    return slice(numbers[0], None if stop < 0 else stop, step)


# ---- by elements of the input ------------------------------------------------------------------------------------


def _reflect(before: int, after: int, size: int) -> np.ndarray:
    return (size - 1) - np.abs((size - 1) - np.abs(np.arange(-before, size + after)))


def _replicate(before: int, after: int, size: int) -> np.ndarray:
    return np.clip(np.arange(-before, size + after), 0, size - 1)


def _circular(before: int, after: int, size: int) -> np.ndarray:
    # what is cut off does not come round again
    first, length = max(-before, 0), size - max(-after, 0) - max(-before, 0)
    return first + np.arange(-max(before, 0), length + max(after, 0)) % length


_WRAPS = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}


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
    pad = tuple(map(operator.index, pad))
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
    indices = []
    for axis in range(input.ndim - dims, input.ndim):
        before, after = pairs[axis]
        size = input.shape[axis]
        most = size - 1 if mode == "reflect" else size
        if mode != "replicate" and max(before, after) > most:
            raise RuntimeError(
                f"Padding size should be {'less than' if mode == 'reflect' else 'at most'} the corresponding input dimension, "
                f"but got: padding ({before}, {after}) at dimension {axis} of input {list(input.shape)}"
            )
        left = size + (min(before, 0) + min(after, 0) if mode == "circular" else before + after)
        if size == 0 or left <= 0:
            raise RuntimeError(f"pad: expected non-empty dimensions to pad, got input of shape {tuple(input.shape)}")
        indices.append(_WRAPS[mode](before, after, size))
    return take_grid(input, indices) if any(map(any, pairs)) else input


_pad = pad


@function(method=False)
def constant_pad_nd(input, pad, value=0):
    """`value` before and behind the last dimensions: `pad` in its "constant" mode, under an older name."""
    return _pad(input, pad, "constant", value)
