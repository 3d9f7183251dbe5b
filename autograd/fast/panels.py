"""Panels: matrices copied so that a product reads them in the order they lie, and the product of panels.

Of the left matrix a panel is up to 12 rows, element k of all of them side by side; of the right one it is 32 columns, and one
panel follows the other.  The 12 by 32 sums of a product of two panels stay in registers until they are complete.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .external import external, memory

__all__ = ["COLUMNS", "ROWS", "aligned", "multiply", "pack_left", "pack_right", "whole"]

ROWS, COLUMNS = 12, 32  # with 512 bits 24 registers of sums, 2 of the right matrix, and room for the left one


def whole(size: int, step: int) -> int:
    """The next multiple of `step`."""
    return (size + step - 1) // step * step


@external(left="float32", right="float32", start="float32", out="float32")
def multiply(rows, depth, columns, left, right, start, start_row, out, out_row):
    """out[i, j] = start[i, j] + Σ_k left[k, i] right[k, j] for i < rows ≤ 12 and j < columns.

    The rows of `start` and `out` are `start_row` and `out_row` elements apart.
    """
    left, right, start, out = memory(left), memory(right), memory(start), memory(out)
    for j in range(0, columns, COLUMNS):
        panel, width = right[j * depth :], min(COLUMNS, columns - j)
        if rows == height(rows) and width == COLUMNS:
            add_product(rows, depth, left, panel, start[j:], start_row, out[j:], out_row)
            continue
        sums = np.empty(ROWS * COLUMNS, np.float32)
        for r in range(rows):
            for c in range(width):
                sums[r * COLUMNS + c] = start[r * start_row + j + c]
        add_product(rows, depth, left, panel, sums, COLUMNS, sums, COLUMNS)
        for r in range(rows):
            for c in range(width):
                out[r * out_row + j + c] = sums[r * COLUMNS + c]


@external(a="float32", panel="float32")
def pack_left(transposed, a, a_row, rows, depth, panel):
    """Copy the first `rows` rows and `depth` columns of a matrix (of its transpose) into a panel.

    `a_row` is how many elements apart the rows of `a` are.
    """
    pack(not transposed, memory(a), a_row, rows, depth, memory(panel), height(rows))


@external(b="float32", panels="float32")
def pack_right(transposed, b, b_row, columns, depth, panels):
    """Copy the first `depth` rows and `columns` columns of a matrix (of its transpose) into panels."""
    b, panels = memory(b), memory(panels)
    apart = b_row if transposed else 1
    for j in range(0, columns, COLUMNS):
        pack(transposed, b[j * apart :], b_row, min(COLUMNS, columns - j), depth, panels[j * depth :], COLUMNS)


def pack(turned, x, row, count, depth, panel, width):
    """panel[k, i] = x[k, i] (x[i, k] where it is turned) for k < depth and i < count, and zeros up to `width`."""
    down, across = (1, row) if turned else (row, 1)
    fours, wide = depth // 4 * 4, count // 4 * 4
    for k in range(0, fours, 4):
        for i in range(0, wide, 4):
            copy_four_by_four(turned, x[k * down + i * across :], row, panel[k * width + i :], width)
    for k in range(depth):
        for i in range(wide if k < fours else 0, width):
            panel[k * width + i] = x[k * down + i * across] if i < count else 0.0


def height(rows: int) -> int:
    """The rows of a panel that has so many of a matrix."""
    return ROWS if rows > 8 else 8


def aligned(size):
    """An empty array that begins with a line of the cache: vectors that cross two lines take twice as long to read."""
    space = np.empty(size + 16, np.float32)
    start = -space.ctypes.data % 64 // 4
    return space[start : start + size]


# ---- what a compiler does not find in loops ----------------------------------------------------------------------


def add_product(rows, depth, left, right, start, start_row, out, out_row):
    """`multiply` for whole panels."""
    count = height(rows)
    columns, places = np.arange(COLUMNS), np.arange(count)[:, None]
    product = left[: depth * count].reshape((depth, count)).T @ right[: depth * COLUMNS].reshape((depth, COLUMNS))
    out[places * out_row + columns] = start[places * start_row + columns] + product


def copy_four_by_four(turned, x, row, panel, width):
    """Copy a block, or its transpose; `row` and `width` are how many elements apart the rows are."""
    places, columns = np.arange(4)[:, None], np.arange(4)
    block = x[places * row + columns]
    panel[places * width + columns] = block.T if turned else block


def teach(numba: Any) -> None:
    """Let Numba compile the functions above."""
    from llvmlite import binding
    from numba.extending import overload, register_jitable

    for function in (aligned, height, pack, whole):
        register_jitable(function)
    wide = bool(binding.get_host_cpu_features().get("avx512f"))
    # Half the registers, of half the length: two rows at a time.
    product8, product12 = (generate(count, count if wide else 2) for count in (8, 12))
    copied, transposed = generate_copy(False), generate_copy(True)

    @overload(add_product)
    def _add_product(rows, depth, left, right, start, start_row, out, out_row):
        def call(rows, depth, left, right, start, start_row, out, out_row):
            if rows > 8:
                product12(depth, left, right, start, start_row, out, out_row)
            else:
                product8(depth, left, right, start, start_row, out, out_row)

        return call

    @overload(copy_four_by_four)
    def _copy_four_by_four(turned, x, row, panel, width):
        def call(turned, x, row, panel, width):
            if turned:
                transposed(x, row, panel, width)
            else:
                copied(x, row, panel, width)

        return call


def generate_copy(turned: bool) -> Any:
    """The instructions of `copy_four_by_four`."""
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    integer, part = ir.IntType(64), ir.VectorType(ir.FloatType(), 4)

    @intrinsic
    def instructions(typing, x, row, panel, width):
        def write(context, builder, signature, values):
            x, panel = (context.make_array(signature.args[i])(context, builder, values[i]).data for i in (0, 2))

            def row_of(array, distance, n):
                place = builder.gep(array, [builder.mul(distance, integer(n))])
                return builder.bitcast(place, part.as_pointer())

            def picked(x, y, *lanes):
                return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(ir.IntType(32), 4), list(lanes)))

            found = [builder.load(row_of(x, values[1], n), align=4) for n in range(4)]
            if turned:
                low, high = (picked(found[n], found[n + 1], 0, 4, 1, 5) for n in (0, 2))
                low2, high2 = (picked(found[n], found[n + 1], 2, 6, 3, 7) for n in (0, 2))
                halves = (0, 1, 4, 5), (2, 3, 6, 7)
                found = [picked(*pair, *lanes) for pair in ((low, high), (low2, high2)) for lanes in halves]
            for n, line in enumerate(found):
                builder.store(line, row_of(panel, values[3], n), align=4)
            return context.get_dummy_value()

        return types.void(x, row, panel, width), write

    return instructions


def generate(count: int, together: int) -> Any:
    """The instructions of `multiply` for `count` rows, `together` at a time: a compiler does not find them in loops."""
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    single, integer = ir.FloatType(), ir.IntType(64)
    vector = ir.VectorType(single, COLUMNS)
    empty, lane = ir.Constant(vector, ir.Undefined), ir.IntType(32)(0)
    every = ir.Constant(ir.VectorType(ir.IntType(32), COLUMNS), [0] * COLUMNS)

    @intrinsic
    def instructions(typing, depth, left, right, start, start_row, out, out_row):
        def write(context, builder, signature, values):
            def memory(i):
                return context.make_array(signature.args[i])(context, builder, values[i]).data

            def vector_at(array, place):
                return builder.bitcast(builder.gep(array, [place]), vector.as_pointer())

            depth, start_row, out_row = values[0], values[4], values[6]
            fours = builder.sdiv(depth, integer(4))
            left, right, start, out = (memory(i) for i in (1, 2, 3, 5))
            name = f"llvm.fmuladd.v{COLUMNS}f32"
            multiply_add = cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector] * 3), name)

            def add(k, sums, top):
                factor = builder.load(vector_at(right, builder.mul(k, integer(COLUMNS))), align=4)
                base = builder.gep(left, [builder.mul(k, integer(count))])
                for i, total in enumerate(sums, top):
                    element = builder.load(builder.gep(base, [integer(i)]))
                    spread = builder.shuffle_vector(builder.insert_element(empty, element, lane), empty, every)
                    builder.store(builder.call(multiply_add, [spread, factor, builder.load(total)]), total)

            for top in range(0, count, together):
                sums = [cgutils.alloca_once(builder, vector) for _ in range(together)]
                for i, total in enumerate(sums, top):
                    place = builder.mul(start_row, integer(i))
                    builder.store(builder.load(vector_at(start, place), align=4), total)

                with cgutils.for_range(builder, fours) as loop:  # to count less often
                    for k in range(4):
                        add(builder.add(builder.mul(loop.index, integer(4)), integer(k)), sums, top)
                with cgutils.for_range(builder, builder.srem(depth, integer(4))) as loop:
                    add(builder.add(builder.mul(fours, integer(4)), loop.index), sums, top)
                for i, total in enumerate(sums, top):
                    builder.store(builder.load(total), vector_at(out, builder.mul(out_row, integer(i))), align=4)
            return context.get_dummy_value()

        return types.void(depth, left, right, start, start_row, out, out_row), write

    return instructions
