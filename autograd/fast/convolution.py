"""Convolution and its adjoints as products whose rows are found by tables, see `tiles`.

`products` computes a convolution and, with the roles of the channels exchanged, its adjoint in the input; a stride makes the
latter as many convolutions as the stride has phases, each with the taps of the weight that its elements meet.
`weight_sums` computes the adjoint in the weight.  Images are (D, H, W) with channels last; with fewer dimensions the first
are 1.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from . import available, compiled, get_num_threads, order_of, prange
from .pooling import three
from .tiles import ROWS, copy_image, tile

__all__ = ["convolution", "input_gradient", "ready", "weight_gradient"]

Ints = tuple[int, ...]
WORTHWHILE = 1 << 18  # multiplications: below, the tables and the call cost more than they bring
PIXELS = 256  # of an image in a block, and
DEPTH = 128  # rows of the weight: they and their operands stay in the cache
CHUNK = 128  # pixels that are summed at a time


# ---- loops -------------------------------------------------------------------------------------------------------


@compiled
def products(out, x, sizes, strides, before, padded, as_it_lies, weight, channels, tap_list, rows, places, steps, bias):
    """out[n, places[p] + o] = bias[o] + Σ_k image_n[rows[p] + steps[k]] weight[o, k] for all images, groups and channels.

    Args:
        out: (N, ·), x: 1-d with `sizes` N, D, H, W, C and `strides`.
        before, padded: zeros in front of D, H, W, and the sizes with them.
        as_it_lies: whether `x` is already what the image would be.
        weight: 1-d; channels: (groups, outputs, inputs, how far apart outputs, inputs and groups are in `weight`).
        tap_list: (T,) which places of the kernel take part.
        rows, places: (P,), a multiple of 8; steps: (T · inputs,).
        bias: (groups · panels · width,).
    """
    groups, outputs, inputs = channels[0], channels[1], channels[2]
    width = 32 if outputs > 16 else 16
    panels = (outputs + width - 1) // width
    depth = tap_list.size * inputs
    packed = np.empty((groups * panels, depth * width), np.float32)
    for panel in prange(groups * panels):
        group, first = panel // panels, panel % panels * width
        columns = min(width, outputs - first)
        for t in range(tap_list.size):
            for i in range(inputs):
                k = (t * inputs + i) * width
                place = group * channels[5] + first * channels[3] + i * channels[4] + tap_list[t]
                for j in range(columns):
                    packed[panel, k + j] = weight[place + j * channels[3]]
                packed[panel, k + columns : k + width] = 0.0
    count, elements = sizes[0], padded[0] * padded[1] * padded[2] * sizes[4]
    blocks = (rows.size + PIXELS - 1) // PIXELS
    parts = 1 if count >= 8 else min(blocks, 8)  # of one image, where there are few
    for job in prange(count * parts):
        n, part = job // parts, job % parts
        image = x[n * elements : (n + 1) * elements] if as_it_lies else np.empty(elements, np.float32)
        if not as_it_lies:
            copy_image(image, padded, x, n * strides[0], sizes[1:], strides[1:], before)
        beside = np.empty(PIXELS * width, np.float32)  # where a panel has more columns than the result
        beside_places = np.arange(PIXELS) * width
        constant = np.zeros(ROWS, np.int64)
        for first in range(part * blocks // parts * PIXELS, (part + 1) * blocks // parts * PIXELS, PIXELS):
            stop = min(first + PIXELS, rows.size)
            for panel in range(groups * panels):
                group, column = panel // panels, panel % panels * width
                columns = min(width, outputs - column)
                source, total = image[group * inputs :], out[n, group * outputs + column :]
                where = places[first:stop]
                if columns < width:
                    total, where = beside, beside_places
                for k in range(0, depth, DEPTH):
                    block, these = packed[panel, k * width :], steps[k : k + DEPTH]
                    for p in range(0, stop - first, ROWS):
                        if k == 0:
                            start, starts = bias[panel * width :], constant
                        else:
                            start, starts = total, where[p:]
                        tile(
                            width,
                            these.size,
                            source,
                            rows[first + p :],
                            these,
                            block,
                            width,
                            start,
                            starts,
                            total,
                            where[p:],
                        )
                if columns < width:
                    for p in range(stop - first):
                        place = places[first + p] + group * outputs + column
                        out[n, place : place + columns] = beside[p * width : p * width + columns]


@compiled
def weight_sums(
    sums,
    x,
    sizes,
    strides,
    before,
    padded,
    as_it_lies,
    g,
    g_sizes,
    g_strides,
    g_as_it_lies,
    channels,
    rows,
    places,
    steps,
):
    """sums[job, group, panel, k, j] = Σ_p image[rows[k] + steps[p]] g[p, j] over the job's part of all pixels p.

    Args:
        sums: (jobs, groups · panels, K · width).
        x, sizes, strides, before, padded, as_it_lies: as in `products`; the same for the pixels of `g`, without zeros.
        channels: (groups, outputs, inputs).
        rows, places: (K,), a multiple of 8; steps: (P,).
    """
    groups, outputs, inputs = channels[0], channels[1], channels[2]
    width = 32 if outputs > 16 else 16
    panels = (outputs + width - 1) // width
    jobs, pixels, all_outputs = sums.shape[0], steps.size, groups * outputs
    elements = padded[0] * padded[1] * padded[2] * sizes[4]
    chunks = (pixels + CHUNK - 1) // CHUNK
    for job in prange(jobs):
        sums[job] = 0.0
        image_space = np.empty(0 if as_it_lies else elements, np.float32)
        g_space = np.zeros(0 if g_as_it_lies else pixels * all_outputs + width, np.float32)
        last = -1
        image, other = image_space, g_space
        for unit in range(sizes[0] * chunks * job // jobs, sizes[0] * chunks * (job + 1) // jobs):
            n, first = unit // chunks, unit % chunks * CHUNK
            if n != last:
                last = n
                if as_it_lies:
                    image = x[n * elements : (n + 1) * elements]
                else:
                    copy_image(image, padded, x, n * strides[0], sizes[1:], strides[1:], before)
                if g_as_it_lies:
                    other = g[n * pixels * all_outputs : (n + 1) * pixels * all_outputs]
                else:
                    copy_image(other, g_sizes[1:4], g, n * g_strides[0], g_sizes[1:], g_strides[1:], (0, 0, 0))
            these = steps[first : min(first + CHUNK, pixels)]
            for panel in range(groups * panels):
                group, column = panel // panels, panel % panels * width
                factors = other[first * all_outputs + group * outputs + column :]
                source, total = image[group * inputs :], sums[job, panel]
                for k in range(0, rows.size, ROWS):
                    tile(
                        width, these.size, source, rows[k:], these, factors, all_outputs,
                        total, places[k:], total, places[k:],
                    )  # fmt: skip


@compiled
def add_sums(out, sums, channels, taps):
    """The sums of all jobs, as a weight (groups · outputs, inputs, taps)."""
    groups, outputs, inputs = channels[0], channels[1], channels[2]
    width = 32 if outputs > 16 else 16
    panels = (outputs + width - 1) // width
    for o in prange(groups * outputs):
        group, column = o // outputs, o % outputs
        panel, j = group * panels + column // width, column % width
        for i in range(inputs):
            for t in range(taps):
                total = sums[0, panel, (t * inputs + i) * width + j]
                for job in range(1, sums.shape[0]):
                    total += sums[job, panel, (t * inputs + i) * width + j]
                out[o, i, t] = total


# ---- where things lie --------------------------------------------------------------------------------------------


class Pixels(NamedTuple):
    """An array of images: its memory, (N, D, H, W, C), and the distances between elements."""

    memory: np.ndarray
    sizes: Ints
    strides: Ints


def pixels(x: np.ndarray) -> Pixels:
    """(N, C, *S) in any order of memory."""
    order = order_of(x)
    lying = x.transpose(order)
    if not lying.flags.c_contiguous or not lying.flags.writeable:
        x = np.array(x, order="C")
        lying = x
    ones = (1,) * (5 - x.ndim)
    sizes, strides = x.shape, [s // x.itemsize for s in x.strides]
    return Pixels(
        lying.reshape(-1),
        (sizes[0], *ones, *sizes[2:], sizes[1]),
        (strides[0], *(0 for _ in ones), *strides[2:], strides[1]),
    )


def is_dense(x: Pixels) -> bool:
    """Whether the images lie one after the other, channels last."""
    expected = 1
    for size, stride in zip(reversed(x.sizes), reversed(x.strides), strict=True):
        if size > 1 and stride != expected:
            return False
        expected *= size
    return True


class Tables(NamedTuple):
    """How one product goes through its image."""

    before: Ints
    padded: Ints
    taps: np.ndarray
    rows: np.ndarray
    places: np.ndarray
    steps: np.ndarray


def grid(*axes: Any) -> np.ndarray:
    """All sums of one element from each."""
    return functools.reduce(np.add.outer, [np.asarray(a, np.int64) for a in axes]).reshape(-1)


def distances(sizes: Ints, channels: int) -> Ints:
    return (sizes[1] * sizes[2] * channels, sizes[2] * channels, channels)


def whole_tiles(table: np.ndarray) -> np.ndarray:
    """A table with its last entry repeated up to a multiple of eight."""
    return np.concatenate([table, np.repeat(table[-1:], -len(table) % ROWS)])


@functools.lru_cache(maxsize=64)
def forward_tables(
    size: Ints, kernel: Ints, stride: Ints, before: Ints, dilation: Ints, all_inputs: int, inputs: int, all_outputs: int
) -> Tables:
    """A convolution: pixels of the output as rows, what a window holds as steps."""
    padded = tuple((n - 1) * t + d * (k - 1) + 1 for n, t, d, k in zip(size, stride, dilation, kernel, strict=True))
    apart = distances(padded, all_inputs)
    rows = grid(*(np.arange(n) * t * a for n, t, a in zip(size, stride, apart, strict=True)))
    steps = grid(*(np.arange(k) * d * a for k, d, a in zip(kernel, dilation, apart, strict=True)), np.arange(inputs))
    places = np.arange(math.prod(size)) * all_outputs
    return Tables(before, padded, np.arange(math.prod(kernel)), rows, places, steps)


@functools.lru_cache(maxsize=64)
def backward_tables(
    sizes: Ints,
    kernel: Ints,
    stride: Ints,
    before: Ints,
    dilation: Ints,
    all_inputs: int,
    inputs: int,
    all_outputs: int,
) -> list[Tables]:
    """The adjoint in the input of that size, a product for each phase of the stride; `inputs` are what is given, g's channels."""
    lines = []  # for each dimension and phase: which elements, their rows, which taps, their steps, zeros before, padded size
    for s, k, t, b, d in zip(sizes, kernel, stride, before, dilation, strict=True):
        phases = []
        for phase in range(min(t, s)):
            elements = np.arange(phase, s, t)
            at = elements + b  # in the padded input, where tap · d + place · t leads
            taps = np.array([tap for tap in range(k) if (at[0] - tap * d) % t == 0], np.int64)
            back = (at[0] - taps * d) // t  # the first element's place in g, under each tap
            low = int(back.min(initial=0))
            steps = back - low
            high = int(steps.max(initial=0)) + len(elements)
            phases.append((elements, np.arange(len(elements)), taps, steps, -low, high))
        lines.append(phases)
    tables = []
    out_apart = distances(sizes, all_outputs)
    for choice in itertools.product(*lines):
        elements, starts, taps, steps, zeros, padded = zip(*choice, strict=True)
        apart = distances(padded, all_inputs)
        kernel_apart = distances(kernel, 1)
        tables.append(
            Tables(
                zeros,
                padded,
                grid(*(t * a for t, a in zip(taps, kernel_apart, strict=True))),
                whole_tiles(grid(*(s * a for s, a in zip(starts, apart, strict=True)))),
                whole_tiles(grid(*(e * a for e, a in zip(elements, out_apart, strict=True)))),
                grid(*(s * a for s, a in zip(steps, apart, strict=True)), np.arange(inputs)),
            )
        )
    return tables


# ---- the three ---------------------------------------------------------------------------------------------------


def ready(x: Any, w: Any, multiplications: int) -> bool:
    """Whether there are compiled loops for these arrays, and enough to do."""
    return (
        multiplications >= WORTHWHILE
        and available()
        and all(type(a) is np.ndarray and a.dtype == np.float32 for a in (x, w))
        and x.ndim <= 5
        and 0 not in x.shape
    )


def padded_bias(bias: Any, groups: int, outputs: int) -> np.ndarray:
    """A bias for each column of each panel."""
    width = 32 if outputs > 16 else 16
    start = np.zeros((groups, -(-outputs // width) * width), np.float32)
    if bias is not None:
        start[:, :outputs] = bias.reshape((groups, outputs))
    return start.reshape(-1)


def empty_images(shape: tuple, zeros: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(N, C, *S), channels last in memory, and the memory as (N, ·)."""
    n, c, *sizes = shape
    memory = (np.zeros if zeros else np.empty)((n, *sizes, c), np.float32)
    return memory.transpose((0, memory.ndim - 1, *range(1, memory.ndim - 1))), memory.reshape((n, -1))


def multiply(
    memory: np.ndarray, x: Pixels, weight: np.ndarray, channels: Ints, tables: Tables, bias: np.ndarray
) -> None:
    as_it_lies = is_dense(x) and tables.padded == x.sizes[1:4] and not any(tables.before)
    products(
        memory, x.memory, x.sizes, x.strides, tables.before, tables.padded, as_it_lies, weight, channels, tables.taps,
        tables.rows, tables.places, tables.steps, bias,
    )  # fmt: skip


def convolution(x, weight, bias, size, stride, padding, dilation, groups) -> np.ndarray:
    """(N, C, *S) and (O, C/groups, *K) to (N, O, *size)."""
    outputs, inputs, taps = weight.shape[0] // groups, weight.shape[1], math.prod(weight.shape[2:])
    tables = forward_tables(
        three(size), three(weight.shape[2:]), three(stride), three(tuple(b for b, _ in padding), 0), three(dilation),
        x.shape[1], inputs, weight.shape[0],
    )  # fmt: skip
    tables = tables._replace(rows=whole_tiles(tables.rows), places=whole_tiles(tables.places))
    out, memory = empty_images((x.shape[0], weight.shape[0], *size))
    channels = (groups, outputs, inputs, inputs * taps, taps, outputs * inputs * taps)
    flat = np.ascontiguousarray(weight).reshape(-1)
    multiply(memory, pixels(x), flat, channels, tables, padded_bias(bias, groups, outputs))
    return out


def input_gradient(g, weight, shape, stride, padding, dilation, groups) -> np.ndarray:
    """The adjoint of `convolution` in its input of that shape."""
    inputs, outputs, taps = weight.shape[0] // groups, weight.shape[1], math.prod(weight.shape[2:])
    phases = backward_tables(
        three(tuple(shape[2:])), three(weight.shape[2:]), three(stride), three(tuple(b for b, _ in padding), 0),
        three(dilation), g.shape[1], inputs, shape[1],
    )  # fmt: skip
    out, memory = empty_images(shape, zeros=any(tables.taps.size == 0 for tables in phases))
    channels = (groups, outputs, inputs, taps, outputs * taps, inputs * outputs * taps)
    x, flat, bias = pixels(g), np.ascontiguousarray(weight).reshape(-1), padded_bias(None, groups, outputs)
    for tables in phases:
        if tables.taps.size:
            multiply(memory, x, flat, channels, tables, bias)
    return out


def weight_gradient(x, g, shape, stride, padding, dilation, groups) -> np.ndarray:
    """The adjoint of `convolution` in its weight of that shape."""
    outputs, inputs, taps = shape[0] // groups, shape[1], math.prod(shape[2:])
    tables = forward_tables(
        three(g.shape[2:]), three(tuple(shape[2:])), three(stride), three(tuple(b for b, _ in padding), 0), three(dilation),
        x.shape[1], inputs, shape[0],
    )  # fmt: skip
    width = 32 if outputs > 16 else 16
    rows = whole_tiles(tables.steps)
    jobs = get_num_threads() * 2
    sums = np.empty((jobs, groups * -(-outputs // width), len(rows) * width), np.float32)
    given, other = pixels(x), pixels(g)
    channels = (groups, outputs, inputs)
    weight_sums(
        sums, given.memory, given.sizes, given.strides, tables.before, tables.padded,
        is_dense(given) and tables.padded == given.sizes[1:4] and not any(tables.before),
        other.memory, other.sizes, other.strides, is_dense(other) and outputs % width == 0,
        channels, rows, np.arange(len(rows)) * width, tables.rows,
    )  # fmt: skip
    out = np.empty((shape[0], inputs, taps), np.float32)
    add_sums(out, sums, channels, taps)
    return out.reshape(shape)
