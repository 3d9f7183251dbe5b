"""Products of matrices, inverses, norms: values, gradients of both orders, every layout, off the CPU."""

from __future__ import annotations

import pytest

from autograd.testing.cases import OpCase, each_check
from autograd.testing.samples import S, draw

PRODUCTS = [
    OpCase(
        "matmul", S((3, 4), (4, 5)), S((2, 3, 4), (4,)), S((2, 3, 4), (4, 2)), S((4,), (4,)), S((2, 1, 3, 4), (5, 4, 2))
    ),
    OpCase("mm", S((2, 3), (3, 2))),
    OpCase("bmm", S((2, 2, 3), (2, 3, 2))),
    OpCase("mv", S((2, 3), (3,))),
    OpCase("dot", S((3,), (3,))),
    OpCase("outer", S((2,), (3,))),
    OpCase("inner", S((2, 3), (4, 3))),
    OpCase("kron", S((2, 2), (1, 3)), S((2,), (2, 2))),
    OpCase("addmm", S((2, 2), (2, 3), (3, 2), beta=0.5, alpha=2.0)),
    OpCase("baddbmm", S((2, 2, 2), (2, 2, 3), (2, 3, 2))),
    OpCase("tensordot", S((2, 3, 4), (3, 4, 2)), S((2, 3), (4, 3), dims=([1], [1]))),
]
LINALG = [
    OpCase("linalg.inv", S((3, 3)), S((2, 2, 2)), domain="square"),
    OpCase("linalg.det", S((3, 3)), S((2, 2, 2)), domain="square"),
    OpCase("linalg.slogdet", S((3, 3)), domain="square"),
    OpCase("linalg.solve", S((3, 3), (3, 2)), S((3, 3), draw("normal", (3,))), domain="square"),
    OpCase("linalg.cholesky", S((3, 3)), domain="positive definite", order=0),
    OpCase("linalg.matrix_exp", S((3, 3)), domain="square", tol=2000),
    OpCase("linalg.matrix_power", S((3, 3), 3), S((2, 2), -2), domain="square"),
    OpCase("linalg.pinv", S((3, 2)), S((2, 3)), domain="square", dtypes=("float64",)),
    OpCase("linalg.svdvals", S((3, 2)), domain="square", dtypes=("float64",)),
    OpCase(
        "linalg.vector_norm",
        S((3, 4)),
        S((3, 4), ord=3, dim=1),
        S((3, 4), ord=1),
        S((3, 4), ord=2, dim=0, keepdim=True),
    ),
    OpCase("linalg.matrix_norm", S((3, 3)), S((3, 3), ord=1), domain="square", dtypes=("float64",)),
    OpCase("norm", S((3, 4)), S((3, 4), dim=1)),
    OpCase("dist", S((3,), (3,))),
    OpCase("cdist", S((3, 2), (4, 2)), order=1),
    OpCase("linalg.cross", S((2, 3), (2, 3))),
]
CASES = [*PRODUCTS, *LINALG]


@pytest.mark.parametrize("check", each_check(CASES), ids=str)
def test_op(check):
    check()
