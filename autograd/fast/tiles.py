"""What compiled convolutions are made of: tiles of a matrix product whose matrices need not exist, and padded images.

A convolution is a product of its windows, as the rows of a matrix, with its weight.  `tile` computes eight rows of such a
product; where the elements of the rows lie is said by two tables, so that windows need not be copied, whatever the stride, the
dilation and the number of dimensions.  The sums stay in registers until they are complete.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ROWS", "copy_image", "tile"]

ROWS = (
    8  # of a tile; with 512 bits, 8 by 32 sums are 16 registers: enough to keep two units busy, with room for operands
)


def tile(width, count, x, rows, steps, b, apart, start, starts, out, places):
    """out[places[i] + j] = start[starts[i] + j] + Σ_k x[rows[i] + steps[k]] b[k apart + j], for 8 rows i.

    Args:
        width: how many j, 16 or 32.
        count: how many k.
        x, b, start, out: 1-d float32.
        rows, steps, starts, places: int64 tables.
        apart: the distance between rows of `b`.
    """
    columns = np.arange(width)
    matrix = b[np.arange(count)[:, None] * apart + columns]
    for i in range(ROWS):
        sums = x[rows[i] + steps[:count]] @ matrix
        out[places[i] + columns] = start[starts[i] + columns] + sums


def copy_image(image, padded, x, first, sizes, strides, before):
    """Write (D, H, W, C) at `first` in `x` into an image of sizes `padded`, zeros around it, channels last.

    Args:
        image: 1-d, D′·H′·W′·C elements.
        padded: D′, H′, W′.
        x: 1-d.
        first: where in `x` the elements begin.
        sizes: D, H, W, C.
        strides: of D, H, W, C in `x`.
        before: how many zeros come before, for D, H, W; negative where elements are left out.
    """
    channels = sizes[3]
    width = padded[2] * channels
    left = min(max(before[2], 0), padded[2])
    right = min(max(before[2] + sizes[2], left), padded[2])
    for d in range(padded[0]):
        for h in range(padded[1]):
            row = image[(d * padded[1] + h) * width : (d * padded[1] + h + 1) * width]
            if not (before[0] <= d < before[0] + sizes[0] and before[1] <= h < before[1] + sizes[1]):
                row[:] = 0.0
                continue
            row[: left * channels] = 0.0
            row[right * channels :] = 0.0
            source = first + (d - before[0]) * strides[0] + (h - before[1]) * strides[1] - before[2] * strides[2]
            if strides[3] == 1 and strides[2] == channels:
                row[left * channels : right * channels] = x[source + left * channels : source + right * channels]
            elif strides[3] == 1:
                for w in range(left, right):
                    pixel = source + w * strides[2]
                    row[w * channels : (w + 1) * channels] = x[pixel : pixel + channels]
            else:
                for c in range(channels):
                    for w in range(left, right):
                        row[w * channels + c] = x[source + w * strides[2] + c * strides[3]]


def teach(numba: Any) -> None:
    """Let Numba compile the functions above."""
    from llvmlite import binding
    from numba.extending import overload, register_jitable

    register_jitable(copy_image)
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
