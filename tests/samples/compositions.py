"""Samples of functions that are made of ops: their values and gradients are compared in tests/parity, here what is not seen there."""

from __future__ import annotations

import numpy as np

from autograd.testing import OpCase, S, draw

PAIR, ROWS = S((3, 1), (4,)), S((3, 4), dim=1)

COMPOSITIONS = [
    *(OpCase(name, PAIR) for name in ("sub", "div", "rsub", "true_divide")),
    *(OpCase(name) for name in ("positive", "conj", "ravel", "flatten", "diagflat")),
    OpCase("float_power", S(draw("positive", (3, 4)), 1.5)),
    OpCase("ldexp", S((3, 4), np.array([1, 2, -1, 0]))),
    *(OpCase(name, S((3, 4), 0.2), kinks=(0.2,)) for name in ("clamp_min", "clamp_max")),
    OpCase("mvlgamma", S(draw("above 1", (3,)), 3)),
    # along dimensions
    *(OpCase(name, S((3, 4)), ROWS) for name in ("nanmean", "var_mean", "std_mean", "diff", "trapezoid", "gradient", "norm")),
    *(OpCase(name, ROWS) for name in ("aminmax", "argsort", "cumulative_trapezoid", "fft.fftshift")),
    OpCase("msort", S((4, 3))),
    *(OpCase(name, S((3, 5), 0.3), S((3, 5), 0.6, dim=1, keepdim=True)) for name in ("quantile", "nanquantile")),
    OpCase("cov", S((3, 5)), S((5,))),
    # shapes
    OpCase("unflatten", S((2, 6), dim=1, sizes=(2, -1))),
    OpCase("movedim", S((2, 3, 4), 0, -1)),
    OpCase("t", S((2, 3)), S((3,))),
    OpCase("rot90", S((2, 3)), S((2, 3, 2), k=2)),
    OpCase("tile", S((2, 3), dims=(2,))),
    OpCase("diag", S((3, 4)), S((3,), 1)),
    OpCase("diag_embed", S((2, 3)), S((2, 3), offset=-1)),
    OpCase("combinations", S((4,)), S((3,), r=2, with_replacement=True)),
    *(OpCase(name, S([(2, 3), (2, 3)])) for name in ("hstack", "vstack", "dstack", "column_stack")),
    OpCase("chunk", S((5, 2), 2), S((2, 6), 3, dim=1)),
    OpCase("tensor_split", S((5, 2), 3)),
    OpCase("cartesian_prod", S((2,), (3,))),
    OpCase("broadcast_tensors", S((2, 1), (3,))),
    # products and matrices
    OpCase("mm", S((2, 3), (3, 2))),
    OpCase("bmm", S((2, 2, 3), (2, 3, 2))),
    OpCase("outer", S((2,), (3,))),
    OpCase("inner", S((2, 3), (4, 3))),
    OpCase("kron", S((2, 2), (1, 3)), S((2,), (2, 2))),
    OpCase("addmm", S((2, 2), (2, 3), (3, 2), beta=0.5, alpha=2.0)),
    OpCase("baddbmm", S((2, 2, 2), (2, 2, 3), (2, 3, 2))),
    OpCase("tensordot", S((2, 3, 4), (3, 4, 2)), S((2, 3), (4, 3), dims=([1], [1]))),
    OpCase("linalg.matrix_power", S((3, 3), 3), S((2, 2), -2), domain="square"),
    *(OpCase(f"linalg.{name}", S((3, 3)), domain="square") for name in ("svdvals", "matrix_norm")),
    OpCase("dist", S((3,), (3,))),
    OpCase("linalg.cross", S((2, 3), (2, 3))),
    *(OpCase(f"fft.{name}", S((3, 4))) for name in ("ihfft", "fft2", "ifftn", "rfftn", "irfft2", "hfft2")),
]  # fmt: skip
