"""Panels: matrices copied so that a product reads them in the order they lie, and the product of two panels.

Of the left matrix a panel is up to 12 rows, element k of all of them side by side; of the right one it is 32 columns.
The 12 by 32 sums of a product of two panels stay in registers until they are complete.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["COLUMNS", "ROWS", "aligned", "multiply", "multiply_all", "pack_left", "pack_right"]

ROWS, COLUMNS = 12, 32  # with 512 bits 24 registers of sums, 2 of the right matrix, and room for the left one


def multiply(rows, depth, left, right, start, start_row, out, out_row):
    """out[i, j] = start[i, j] + Σ_k left[k, i] right[k, j] for i < rows (up to the next multiple of four), j < 32.

    All are 1-d; the rows of `start` and `out` are `start_row` and `out_row` elements apart.
    """
    count = (rows + 3) // 4 * 4
    columns, places = np.arange(COLUMNS), np.arange(count)[:, None]
    product = left[: depth * count].reshape((depth, count)).T @ right[: depth * COLUMNS].reshape((depth, COLUMNS))
    out[places * out_row + columns] = start[places * start_row + columns] + product


def pack_left(transposed, a, a_row, rows, depth, panel):
    """Copy the first `rows` rows and `depth` columns of a matrix (of its transpose) into a panel, zeros for missing rows.

    `a_row` is how many elements apart the rows of `a` are.
    """
    count = (rows + 3) // 4 * 4
    places = panel[: count * depth].reshape((depth, count))
    places[:, :rows] = a[:depth, :rows] if transposed else a[:rows, :depth].T
    places[:, rows:] = 0.0


def pack_right(transposed, b, b_row, columns, depth, panel):
    """Copy the first `depth` rows and `columns` columns of a matrix (of its transpose) into a panel, zeros for missing columns."""
    places = panel[: depth * COLUMNS].reshape((depth, COLUMNS))
    places[:, :columns] = b[:columns, :depth].T if transposed else b[:depth, :columns]
    places[:, columns:] = 0.0


def multiply_all(rows, depth, left, right, start, out):
    """Each row of out = start + the product of a panel with all panels of a right matrix, which are as wide as `start`."""
    width = start.size
    for column in range(0, width, COLUMNS):
        multiply(rows, depth, left, right[column * depth :], start[column:], 0, out[column:], width)


def aligned(size):
    """An empty array that begins with a line of the cache: vectors that cross two lines take twice as long to read."""
    space = np.empty(size + 16, np.float32)
    start = -space.ctypes.data % 64 // 4
    return space[start : start + size]


def teach(numba: Any) -> None:
    """Let Numba compile the functions above."""
    from llvmlite import binding
    from numba.extending import overload, register_jitable

    register_jitable(aligned)
    register_jitable(multiply_all)
    wide = bool(binding.get_host_cpu_features().get("avx512f"))
    # Half the registers, of half the length: two rows at a time.
    multiply4, multiply8, multiply12 = (generate(count, count if wide else 2) for count in (4, 8, 12))

    @overload(multiply)
    def _multiply(rows, depth, left, right, start, start_row, out, out_row):
        def call(rows, depth, left, right, start, start_row, out, out_row):
            if rows > 8:
                multiply12(depth, left, right, start, start_row, out, out_row)
            elif rows > 4:
                multiply8(depth, left, right, start, start_row, out, out_row)
            else:
                multiply4(depth, left, right, start, start_row, out, out_row)

        return call

    copies = {count: generate_copy(count) for count in (4, 8, ROWS, COLUMNS)}
    transposes = {count: generate_transpose(count) for count in (4, 8, ROWS, COLUMNS)}
    copy4, copy8, copy12, copy32 = (copies[count] for count in (4, 8, ROWS, COLUMNS))
    transpose4, transpose8, transpose12, transpose32 = (transposes[count] for count in (4, 8, ROWS, COLUMNS))

    @overload(pack_left)
    def _pack_left(transposed, a, a_row, rows, depth, panel):
        def call(transposed, a, a_row, rows, depth, panel):
            if rows == 12:
                copy12(depth, a, a_row, panel) if transposed else transpose12(depth, a, a_row, panel)
            elif rows == 8:
                copy8(depth, a, a_row, panel) if transposed else transpose8(depth, a, a_row, panel)
            elif rows == 4:
                copy4(depth, a, a_row, panel) if transposed else transpose4(depth, a, a_row, panel)
            else:
                count = (rows + 3) // 4 * 4
                for k in range(depth):
                    for i in range(rows):
                        panel[k * count + i] = a[k, i] if transposed else a[i, k]
                    for i in range(rows, count):
                        panel[k * count + i] = 0.0

        return call

    @overload(pack_right)
    def _pack_right(transposed, b, b_row, columns, depth, panel):
        def call(transposed, b, b_row, columns, depth, panel):
            if columns == 32:
                transpose32(depth, b, b_row, panel) if transposed else copy32(depth, b, b_row, panel)
            else:
                for k in range(depth):
                    for j in range(columns):
                        panel[k * COLUMNS + j] = b[j, k] if transposed else b[k, j]
                    for j in range(columns, COLUMNS):
                        panel[k * COLUMNS + j] = 0.0

        return call


def generate_copy(count: int) -> Any:
    """The instructions that copy the first `count` elements of each of the rows of a matrix."""
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    integer, part = ir.IntType(64), ir.VectorType(ir.FloatType(), 4)

    @intrinsic
    def instructions(typing, depth, a, a_row, panel):
        def write(context, builder, signature, values):
            a, panel = (context.make_array(signature.args[i])(context, builder, values[i]).data for i in (1, 3))
            with cgutils.for_range(builder, values[0]) as loop:
                for i in range(0, count, 4):
                    source = builder.gep(a, [builder.add(builder.mul(loop.index, values[2]), integer(i))])
                    target = builder.gep(panel, [builder.add(builder.mul(loop.index, integer(count)), integer(i))])
                    found = builder.load(builder.bitcast(source, part.as_pointer()), align=4)
                    builder.store(found, builder.bitcast(target, part.as_pointer()), align=4)
            return context.get_dummy_value()

        return types.void(depth, a, a_row, panel), write

    return instructions


def generate_transpose(count: int) -> Any:
    """The instructions that copy `count` rows of a matrix side by side: four by four elements at a time, in registers."""
    from llvmlite import ir
    from numba.core import cgutils, types
    from numba.extending import intrinsic

    single, integer = ir.FloatType(), ir.IntType(64)
    part = ir.VectorType(single, 4)

    def picked(builder, x, y, *lanes):
        return builder.shuffle_vector(x, y, ir.Constant(ir.VectorType(ir.IntType(32), 4), list(lanes)))

    @intrinsic
    def instructions(typing, depth, a, a_row, panel):
        def write(context, builder, signature, values):
            a, panel = (context.make_array(signature.args[i])(context, builder, values[i]).data for i in (1, 3))
            depth, row = values[0], values[2]
            fours = builder.sdiv(depth, integer(4))

            def place(base, index):
                return builder.gep(base, [index])

            with cgutils.for_range(builder, fours) as loop:
                k = builder.mul(loop.index, integer(4))
                for i in range(0, count, 4):
                    r0, r1, r2, r3 = (
                        builder.load(
                            builder.bitcast(
                                place(a, builder.add(builder.mul(row, integer(i + n)), k)), part.as_pointer()
                            ),
                            align=4,
                        )
                        for n in range(4)
                    )
                    low, high = picked(builder, r0, r1, 0, 4, 1, 5), picked(builder, r2, r3, 0, 4, 1, 5)
                    low2, high2 = picked(builder, r0, r1, 2, 6, 3, 7), picked(builder, r2, r3, 2, 6, 3, 7)
                    columns = (
                        picked(builder, low, high, 0, 1, 4, 5), picked(builder, low, high, 2, 3, 6, 7),
                        picked(builder, low2, high2, 0, 1, 4, 5), picked(builder, low2, high2, 2, 3, 6, 7),
                    )  # fmt: skip
                    for n, column in enumerate(columns):
                        index = builder.add(builder.mul(builder.add(k, integer(n)), integer(count)), integer(i))
                        builder.store(column, builder.bitcast(place(panel, index), part.as_pointer()), align=4)
            with cgutils.for_range(builder, builder.srem(depth, integer(4))) as loop:
                k = builder.add(builder.mul(fours, integer(4)), loop.index)
                for i in range(count):
                    element = builder.load(place(a, builder.add(builder.mul(row, integer(i)), k)))
                    builder.store(element, place(panel, builder.add(builder.mul(k, integer(count)), integer(i))))
            return context.get_dummy_value()

        return types.void(depth, a, a_row, panel), write

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
