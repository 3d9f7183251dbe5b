"""What compiled convolutions are made of: tiles of a matrix product whose matrices need not exist, and padded images.

A convolution is a product of its windows, as the rows of a matrix, with its weight.  A tile is eight rows of such a product; where
the elements of the rows lie is said by two tables, so that windows need not be copied, whatever the stride, the dilation and
the number of dimensions.  The sums stay in registers until they are complete.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .external import external, memory

__all__ = ["ROWS", "copy_image", "tiles"]

# Of a tile.  With 512 bits, 8 by 32 sums are 16 registers: enough to keep two units busy, with room for operands.
ROWS = 8


@external(
    x="float32",
    rows="int64",
    steps="int64",
    b="float32",
    start="float32",
    starts="int64",
    out="float32",
    places="int64",
)
def tiles(width, height, count, x, rows, steps, b, apart, start, starts, out, places):
    """out[places[i] + j] = start[starts[i] + j] + Σ_k x[rows[i] + steps[k]] b[k apart + j], for rows i < height.

    Args:
        width: how many j, 16 or 32.
        height: a multiple of 8.
        count: how many k.
        x, b, start, out: 1-d float32.
        rows, steps, starts, places: int64 tables.
        apart: the distance between rows of `b`.
    """
    x, rows, steps, b = memory(x), memory(rows), memory(steps), memory(b)
    start, starts, out, places = memory(start), memory(starts), memory(out), memory(places)
    for i in range(0, height, ROWS):
        tile(width, count, x, rows[i:], steps, b, apart, start, starts[i:], out, places[i:])


def tile(width, count, x, rows, steps, b, apart, start, starts, out, places):
    """`tiles` for 8 rows."""
    columns = np.arange(width)
    matrix = b[np.arange(count)[:, None] * apart + columns]
    for i in range(ROWS):
        sums = x[rows[i] + steps[:count]] @ matrix
        out[places[i] + columns] = start[starts[i] + columns] + sums


@external(image="float32", x="float32")
def copy_image(
    image, depth, height, width, x, first, d, h, w, channels, d_step, h_step, w_step, c_step, above, before, left
):
    """Write (d, h, w, channels) at `first` in `x` into an image of depth × height × width, zeros around it, channels last.

    Args:
        image, x: 1-d.
        first: where in `x` the elements begin; `d_step` … are how far they are apart.
        above, before, left: how many zeros come before, for d, h, w; negative where elements are left out.
    """
    image, x = memory(image), memory(x)
    start = min(max(left, 0), width) * channels
    stop = max(min(max(left + w, 0), width) * channels, start)
    for i in range(depth):
        for j in range(height):
            row = (i * height + j) * width * channels
            inside = above <= i < above + d and before <= j < before + h
            for k in range(row, row + (start if inside else width * channels)):
                image[k] = 0.0
            if not inside:
                continue
            for k in range(row + stop, row + width * channels):
                image[k] = 0.0
            source = first + (i - above) * d_step + (j - before) * h_step - left * w_step
            if c_step == 1 and w_step == channels:
                for k in range(start, stop):
                    image[row + k] = x[source + k]
            elif channels == 1:
                for k in range(start, stop):
                    image[row + k] = x[source + k * w_step]
            else:
                for c in range(channels):
                    for k in range(start // channels, stop // channels):
                        image[row + k * channels + c] = x[source + k * w_step + c * c_step]


def teach(numba: Any) -> None:
    """Let Numba compile the functions above."""
    from llvmlite import binding
    from numba.extending import overload

    wide = bool(binding.get_host_cpu_features().get("avx512f"))
    # Half the registers, of half the length: fewer rows at a time.
    tile16, tile32 = generate(16, 8 if wide else 4), generate(32, 8 if wide else 2)

    @overload(tile)
    def _tile(width, count, x, rows, steps, b, apart, start, starts, out, places):
        def call(width, count, x, rows, steps, b, apart, start, starts, out, places):
            if width == 32:
                tile32(count, x, rows, steps, b, apart, start, starts, out, places)
            else:
                tile16(count, x, rows, steps, b, apart, start, starts, out, places)

        return call


def generate(width: int, together: int) -> Any:
    """The instructions of `tile` for one width, `together` rows at a time.

    A compiler does not find these by itself in loops: that sums are to be kept in vectors, each row's element to be
    multiplied with all of them.
    """
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    single, integer = ir.FloatType(), ir.IntType(64)
    vector = ir.VectorType(single, width)
    empty, lane = ir.Constant(vector, ir.Undefined), ir.IntType(32)(0)
    every = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)

    @intrinsic
    def instructions(typing, count, x, rows, steps, b, apart, start, starts, out, places):
        def write(context, builder, signature, values):
            def memory(i):
                return context.make_array(signature.args[i])(context, builder, values[i]).data

            def entry(table, i):
                return builder.load(builder.gep(table, [integer(i)]))

            def vector_at(array, place):
                return builder.bitcast(builder.gep(array, [place]), vector.as_pointer())

            count, apart = values[0], values[5]
            x, rows, steps, b, start, starts, out, places = (memory(i) for i in (1, 2, 3, 4, 6, 7, 8, 9))
            name = f"llvm.fmuladd.v{width}f32"
            multiply_add = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)
            for top in range(0, ROWS, together):
                block = range(top, top + together)
                bases = [builder.gep(x, [entry(rows, i)]) for i in block]
                sums = [cgutils.alloca_once(builder, vector) for _ in block]
                for i, total in zip(block, sums, strict=True):
                    builder.store(builder.load(vector_at(start, entry(starts, i)), align=4), total)
                with cgutils.for_range(builder, count) as loop:
                    step = builder.load(builder.gep(steps, [loop.index]))
                    factor = builder.load(vector_at(b, builder.mul(loop.index, apart)), align=4)
                    for base, total in zip(bases, sums, strict=True):
                        element = builder.load(builder.gep(base, [step]))
                        spread = builder.shuffle_vector(builder.insert_element(empty, element, lane), empty, every)
                        builder.store(builder.call(multiply_add, [spread, factor, builder.load(total)]), total)
                for i, total in zip(block, sums, strict=True):
                    builder.store(builder.load(total), vector_at(out, entry(places, i)), align=4)
            return context.get_dummy_value()

        return types.void(count, x, rows, steps, b, apart, start, starts, out, places), write

    return instructions
