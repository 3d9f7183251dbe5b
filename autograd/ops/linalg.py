"""Products of vectors and matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..elementwise import elementwise
from ..fast import linalg as fast
from ..inplace import inplace
from ..op import function
from ..tensor import Tensor
from .dims import wrap_dim
from .einsum import contraction
from .joining import stack
from .shape import broadcast_to

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bmm", "chain_matmul", "cross", "dot", "ger", "inner", "kron", "matmul",
    "mm", "mv", "outer", "tensordot", "vander", "vdot",
]  # fmt: skip

# ---- matmul ------------------------------------------------------------------------------------------------------


def rows(x: Any) -> Any:
    """All leading dimensions folded into one: one GEMM instead of a batch of them."""
    return x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))


def _folded(x: Any, y: Any) -> Any:
    return fast.matmul(rows(x), y).reshape((*x.shape[:-1], y.shape[-1]))


_matmul = elementwise(
    np.matmul,
    "matmul",
    compute=fast.matmul,
    method=False,
    numpy=(),
    x=lambda g, y: fast.matmul(g, y.swapaxes(-1, -2)),
    y=lambda g, x: fast.matmul(x.swapaxes(-1, -2), g),
)
_matmul_folded = elementwise(
    _folded,
    "matmul_folded",
    method=False,
    x=lambda g, y: _folded(g, y.swapaxes(-1, -2)),
    y=lambda g, x: fast.matmul(rows(x).swapaxes(0, 1), rows(g)),
)
_mv = elementwise(
    lambda x, y: x @ y, "mv", method=False, x=lambda g, y: g[:, None] * y, y=lambda g, x: x.swapaxes(0, 1) @ g
)
_dot = elementwise(lambda x, y: x @ y, "dot", method=False, x=lambda g, y: g * y, y=lambda g, x: g * x)


def _fit(input: Any, other: Any, name: str) -> None:
    """Raise unless the two can be multiplied."""
    if input.dtype != other.dtype:
        raise RuntimeError(f"{name}: expected both to have the same dtype, but got: {input.dtype} != {other.dtype}")
    if not input.ndim or not other.ndim:
        raise RuntimeError(
            f"both arguments to {name} need to be at least 1D, but they are {input.ndim}D and {other.ndim}D"
        )
    if input.shape[-1] != other.shape[-2 if other.ndim > 1 else -1]:
        raise RuntimeError(
            f"{name}: the shapes {tuple(input.shape)} and {tuple(other.shape)} cannot be multiplied: the last dimension of the "
            f"first must be the {'second to last' if other.ndim > 1 else 'only'} one of the second"
        )


@function(numpy=np.matmul)
def matmul(input, other):
    """The matrix product; a vector is a row on the left and a column on the right.

    >>> import autograd as ag
    >>> ag.matmul(ag.tensor([[1.0, 2.0]]), ag.tensor([3.0, 4.0]))
    tensor([11.])
    """
    n, m = input.ndim, other.ndim
    if input.dtype is not other.dtype or not n or not m or input.shape[-1] != other.shape[-2 if m > 1 else -1]:
        _fit(input, other, "matmul")
    if m == 2:
        if n == 2:
            return _matmul(input, other)
        return _mv(other.swapaxes(0, 1), input) if n == 1 else _matmul_folded(input, other)
    if m == 1:
        if n == 1:
            return _dot(input, other)
        return _mv(input, other) if n == 2 else _mv(rows(input), other).reshape(tuple(input.shape[:-1]))
    if n == 1:
        return _matmul(input.reshape(1, -1), other).squeeze(-2)
    return _matmul(input, other)


def _operator(self: Tensor, other: Any) -> Any:
    return matmul(self, other) if hasattr(other, "ndim") else NotImplemented


def _reflected(self: Tensor, other: Any) -> Any:
    return matmul(other, self) if hasattr(other, "ndim") else NotImplemented


Tensor.__matmul__, Tensor.__rmatmul__ = _operator, _reflected  # type: ignore[attr-defined]


def _of(name: str, input: Any, other: Any, left: int, right: int) -> None:
    if input.ndim != left or other.ndim != right:
        raise RuntimeError(
            f"{name}: expected {left}D and {right}D tensors, got the shapes {tuple(input.shape)} and {tuple(other.shape)}"
        )
    _fit(input, other, name)


@function()
def mm(input, mat2):
    """The product of two matrices.

    >>> import autograd as ag
    >>> ag.mm(ag.tensor([[1.0, 2.0]]), ag.tensor([[3.0], [4.0]]))
    tensor([[11.]])
    """
    _of("mm", input, mat2, 2, 2)
    return _matmul(input, mat2)


@function()
def bmm(input, mat2):
    """The products of two batches of matrices.

    >>> import autograd as ag
    >>> ag.bmm(ag.ones(5, 2, 3), ag.ones(5, 3, 4)).shape
    autograd.Size([5, 2, 4])
    """
    _of("bmm", input, mat2, 3, 3)
    if input.shape[0] != mat2.shape[0]:
        raise RuntimeError(f"bmm: expected batches of one size, got {tuple(input.shape)} and {tuple(mat2.shape)}")
    return _matmul(input, mat2)


@function()
def mv(input, vec):
    """The product of a matrix and a vector."""
    _of("mv", input, vec, 2, 1)
    return _mv(input, vec)


@function()
def dot(input, tensor):
    """The sum of the products of two vectors' elements."""
    _of("dot", input, tensor, 1, 1)
    return _dot(input, tensor)


@function(numpy=np.vdot)
def vdot(input, other):
    """`dot`, of the conjugate of the first vector."""
    _of("vdot", input, other, 1, 1)
    return _dot(input.conj() if input.dtype.kind == "c" else input, other)


@function()
def outer(input, vec2):
    """The products of each element of one vector with each of another."""
    if input.ndim != 1 or vec2.ndim != 1:
        raise RuntimeError(
            f"outer: Expected 1-D arguments, got the shapes {tuple(input.shape)} and {tuple(vec2.shape)}"
        )
    return input.reshape(-1, 1) * vec2


ger = Tensor.ger = outer  # type: ignore[attr-defined]


@function(numpy=np.inner)
def inner(input, other):
    """The sums of products over the last dimension of both."""
    if not input.ndim or not other.ndim:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and "
            f"{list(other.shape)}"
        )
    return tensordot(input, other, ([-1], [-1]))


# ---- products added to something ---------------------------------------------------------------------------------


def _sum(input: Any, beta: Any, product: Any, alpha: Any, shape: tuple) -> Any:
    """beta × input + alpha × product; with beta 0 whatever is in `input`, even NaN, does not matter."""
    if np.broadcast_shapes(tuple(input.shape), shape) != shape:
        raise RuntimeError(
            f"The expanded size of the tensor {list(input.shape)} must match the size {list(shape)} of the product"
        )
    if product.dtype.kind in "biu":
        alpha, beta = (product.dtype.type(k).item() for k in (alpha, beta))
    product = product if alpha in (1, True) else product * alpha
    if beta == 0:
        return product
    return (input if beta == 1 else input * beta) + product


@function()
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """`beta` × `input` + `alpha` × `mat1` @ `mat2`."""
    product = mm(mat1, mat2)
    return _sum(input, beta, product, alpha, tuple(product.shape))


@function()
def addmv(input, mat, vec, *, beta=1, alpha=1):
    """`beta` × `input` + `alpha` × `mat` @ `vec`."""
    product = mv(mat, vec)
    return _sum(input, beta, product, alpha, tuple(product.shape))


@function()
def addr(input, vec1, vec2, *, beta=1, alpha=1):
    """`beta` × `input` + `alpha` × the outer product of two vectors."""
    product = outer(vec1, vec2)
    return _sum(input, beta, product, alpha, tuple(product.shape))


@function()
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """`beta` × `input` + `alpha` × the products of two batches of matrices."""
    product = bmm(batch1, batch2)
    return _sum(input, beta, product, alpha, tuple(product.shape))


@function()
def addbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """`beta` × `input` + `alpha` × the sum of the products of two batches of matrices."""
    product = bmm(batch1, batch2).sum(0)
    return _sum(input, beta, product, alpha, tuple(product.shape))


for _f in (addmm, addmv, addr, baddbmm, addbmm):
    setattr(Tensor, f"{_f.__name__}_", inplace(_f, f"{_f.__name__}_"))

# ---- over any dimensions -----------------------------------------------------------------------------------------


@function(method=False)
def tensordot(a, b, dims: Any = 2):
    """The sums of products over dimensions of both: the last `dims` of `a` and first of `b`, or those of two lists."""
    dims = dims.tolist() if isinstance(dims, (Tensor, np.ndarray)) else dims
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        dims = (range(a.ndim - dims, a.ndim), range(dims))
    left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(left) != len(right):
        raise RuntimeError(f"both dimension lists should have same length, got {left} and {right}")
    left, right = [wrap_dim(d, a.ndim) for d in left], [wrap_dim(d, b.ndim) for d in right]
    for d, e in zip(left, right, strict=True):
        if a.shape[d] != b.shape[e] and 1 not in (a.shape[d], b.shape[e]):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[d]} in dim {d} and second has size "
                f"{b.shape[e]} in dim {e}"
            )
    a_letters = [chr(ord("a") + d) for d in range(a.ndim)]
    b_letters = [chr(ord("a") + a.ndim + e) for e in range(b.ndim)]
    for d, e in zip(left, right, strict=True):
        b_letters[e] = a_letters[d]
    out = [k for i, k in enumerate(a_letters) if i not in left] + [k for i, k in enumerate(b_letters) if i not in right]
    return contraction([a, b], [a_letters, b_letters], out)


@function(numpy=np.kron)
def kron(input, other):
    """The Kronecker product: each element of one times the whole other, in blocks."""
    n = max(input.ndim, other.ndim)
    a = (1,) * (n - input.ndim) + tuple(input.shape)
    b = (1,) * (n - other.ndim) + tuple(other.shape)
    left = input.reshape(tuple(k for m in a for k in (m, 1)))
    right = other.reshape(tuple(k for m in b for k in (1, m)))
    return (left * right).reshape(tuple(p * q for p, q in zip(a, b, strict=True)))


# ---- of several matrices -----------------------------------------------------------------------------------------


def _best_order(sizes: Sequence[int]) -> dict:
    """Where to split each chain i…j of matrices (of shapes sizes[i] × sizes[i + 1]) for the fewest multiplications."""
    n = len(sizes) - 1
    cost, split = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            costs = [cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)]
            cost[i, j] = min(costs)
            split[i, j] = i + costs.index(cost[i, j])
    return split


@function(method=False, numpy=np.linalg.multi_dot)
def multi_dot(tensors):
    """The product of several matrices in the order that costs least; the first and last may be vectors."""
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    first, last = tensors[0].ndim == 1, tensors[-1].ndim == 1
    if first:
        tensors[0] = tensors[0].reshape(1, -1)
    if last:
        tensors[-1] = tensors[-1].reshape(-1, 1)
    for i, x in enumerate(tensors):
        if x.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {x.ndim}D")
    split = _best_order([tensors[0].shape[0], *(x.shape[1] for x in tensors)])
    # Intervals in the order in which their products can be computed: the short ones first.
    done = {(i, i): x for i, x in enumerate(tensors)}
    wanted, waiting = [], [(0, len(tensors) - 1)]
    while waiting:
        i, j = waiting.pop()
        if i < j:
            wanted.append((i, j))
            waiting += [(i, split[i, j]), (split[i, j] + 1, j)]
    for i, j in reversed(wanted):
        done[i, j] = matmul(done[i, split[i, j]], done[split[i, j] + 1, j])
    out = done[0, len(tensors) - 1]
    return out.reshape(()) if first and last else out.reshape(-1) if first or last else out


@function(method=False)
def chain_matmul(*matrices):
    """The product of several matrices, in the cheapest order."""
    return multi_dot(matrices)


# ---- of vectors --------------------------------------------------------------------------------------------------


@function(method=False)
def vecdot(x, y, *, dim=-1):
    """The sum of products along a dimension; the first vector is conjugated."""
    return ((x.conj() if x.is_complex() else x) * y).sum(dim)


@function(method=False)
def linalg_cross(input, other, *, dim=-1):
    """The cross product of vectors of three elements along a dimension."""
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    if input.shape[wrap_dim(dim, input.ndim)] != 3 or other.shape[wrap_dim(dim, other.ndim)] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {tuple(input.shape)} and {tuple(other.shape)}"
        )
    shape = np.broadcast_shapes(tuple(input.shape), tuple(other.shape))
    x, y = (broadcast_to(v, shape) if tuple(v.shape) != shape else v for v in (input, other))
    turn = lambda v, k: v.roll(k, dim)
    return turn(x, -1) * turn(y, -2) - turn(x, -2) * turn(y, -1)


@function()
def cross(input, other, dim=None):
    """The cross product of vectors of three elements along `dim`, or the first dimension of length 3."""
    if dim is None:
        dim = next((d for d, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError(f"no dimension of size 3 in input of shape {tuple(input.shape)}")
    return linalg_cross(input, other, dim=dim)


def _powers(x: Any, n: int) -> Any:
    """x⁰ … xⁿ⁻¹ in a new last dimension, each from the one before."""
    powers = [x * 0 + 1]
    for _ in range(n - 1):
        powers.append(powers[-1] * x)
    return stack(powers, -1)


@function(method=False)
def linalg_vander(x, N=None):
    """The powers 0 … N − 1 of each element, in a new last dimension."""
    if N is not None and N <= 1:
        raise RuntimeError(f"linalg.vander: N must be greater than 1, got {N}")
    x = x if x.ndim else x.reshape(1)
    return _powers(x, x.shape[-1] if N is None else N)


@function(method=False, numpy=np.vander)
def vander(x, N=None, increasing=False):
    """The powers N − 1 … 0 of each element of a vector, in a new last dimension; from 0 up if `increasing`."""
    n = x.shape[0] if N is None else N
    if x.ndim != 1 or n < 0:
        raise RuntimeError(f"vander: expected a vector and N of at least 0, got shape {tuple(x.shape)} and N={n}")
    powers = _powers(x, n)[:, :n]
    return powers if increasing else powers.flip(-1)
