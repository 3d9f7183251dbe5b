"""``torch.linalg``: factorizations, solvers, norms and products of matrices, each with gradients.

>>> import autograd as ag
>>> A = ag.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
>>> ag.linalg.det(A).backward()
>>> A.grad
tensor([[ 3., -1.],
        [-1.,  2.]])
"""

from __future__ import annotations

from typing import Any

from .forward import LinAlgError
from .ops.diagonal import diagonal as _diagonal
from .ops.factorization import cholesky, cholesky_ex, householder_product, lu_factor, lu_factor_ex
from .ops.factorization import linalg_lu as lu
from .ops.factorization import linalg_lu_solve as lu_solve
from .ops.factorization import linalg_qr as qr
from .ops.ldl import ldl_factor, ldl_factor_ex, ldl_solve
from .ops.linalg import linalg_cross as cross
from .ops.linalg import linalg_vander as vander
from .ops.linalg import matmul, multi_dot, vecdot
from .ops.norms import cond, matrix_norm, matrix_rank, vector_norm
from .ops.norms import linalg_norm as norm
from .ops.solving import inv_ex, solve, solve_ex, solve_triangular, tensorinv, tensorsolve
from .ops.solving import inverse as inv
from .ops.spectral import (
    det,
    eig,
    eigh,
    eigvals,
    eigvalsh,
    lstsq,
    matrix_exp,
    matrix_power,
    pinv,
    slogdet,
    svdvals,
)
from .ops.spectral import linalg_svd as svd

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh", "eigvals", "eigvalsh",
    "householder_product", "inv", "inv_ex", "ldl_factor", "ldl_factor_ex", "ldl_solve", "lstsq", "lu", "lu_factor",
    "lu_factor_ex", "lu_solve", "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm",
    "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals", "tensorinv", "tensorsolve", "vander",
    "vecdot", "vector_norm",
]  # fmt: skip


def diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Any:
    """A diagonal of matrices, by default those in the last two dimensions.  A view."""
    return _diagonal(A, offset, dim1, dim2)
