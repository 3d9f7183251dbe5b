"""Matrix products inside compiled loops: SciPy's BLAS, called with blocks of matrices where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["gemm"]

SYMBOL = "gradloom_sgemm"


def gemm(transpose_a, a, transpose_b, b, beta, c):
    """c = a @ b + beta * c for float32 matrices (a and b transposed first where it says so), on the calling thread.

    The rows of each may lie apart; the elements of a row may not.
    """
    product = (a.T if transpose_a else a) @ (b.T if transpose_b else b)
    c[...] = product + beta * c if beta else product  # whatever was in it


def teach(numba: Any) -> None:
    """Let Numba compile `gemm`."""
    import llvmlite.binding
    import threadpoolctl
    from numba.core import types
    from numba.extending import get_cython_function_address, overload

    # The threads are those of the loops, each multiplies blocks of its own.
    llvmlite.binding.add_symbol(SYMBOL, get_cython_function_address("scipy.linalg.cython_blas", "sgemm"))
    for library in threadpoolctl.ThreadpoolController().lib_controllers:
        if library.user_api == "blas" and "numpy" not in library.filepath:
            library.set_num_threads(1)
    sgemm = types.ExternalFunction(SYMBOL, types.void(*[types.voidptr] * 13))

    @overload(gemm)
    def _gemm(transpose_a, a, transpose_b, b, beta, c):
        def call(transpose_a, a, transpose_b, b, beta, c):
            # BLAS counts columns first, so it is given cᵀ = bᵀ aᵀ.
            flags = np.empty(2, np.uint8)
            flags[0] = 84 if transpose_b else 78  # "T", "N"
            flags[1] = 84 if transpose_a else 78
            sizes = np.empty(6, np.int32)
            sizes[0], sizes[1] = c.shape[1], c.shape[0]
            sizes[2] = a.shape[0] if transpose_a else a.shape[1]
            sizes[3], sizes[4], sizes[5] = b.strides[0] // 4, a.strides[0] // 4, c.strides[0] // 4
            factors = np.empty(2, np.float32)
            factors[0], factors[1] = 1, beta
            sgemm(
                flags.ctypes, flags[1:].ctypes, sizes.ctypes, sizes[1:].ctypes, sizes[2:].ctypes, factors.ctypes,
                b.ctypes, sizes[3:].ctypes, a.ctypes, sizes[4:].ctypes, factors[1:].ctypes, c.ctypes, sizes[5:].ctypes,
            )  # fmt: skip

        return call
