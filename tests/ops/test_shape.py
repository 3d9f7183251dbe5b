"""Shapes, joining, indices, diagonals, products, transforms: values, gradients of both orders, every layout, off the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from autograd.testing.cases import OpCase, each_check
from autograd.testing.samples import S, draw
from tests.conftest import referee

I = np.array([2, 0, 2])  # noqa: E741
GRID = np.array([[0, 1], [2, 0]])
MASK = np.array([[True, False, True], [False, False, True]])

VIEWS = [
    OpCase("ravel", S((2, 3)), S(())),
    OpCase("flatten", S((2, 3, 4)), S((2, 3, 4), start_dim=1), S(())),
    OpCase("unflatten", S((2, 6), dim=1, sizes=(2, -1))),
    OpCase("squeeze", S((2, 1, 3, 1)), S((2, 1, 3, 1), dim=1), S((2, 1, 3, 1), dim=(1, 3))),
    OpCase("unsqueeze", S((2, 3), dim=-1), S((), dim=0)),
    OpCase("permute", S((2, 3, 4), dims=(2, 0, 1))),
    OpCase("transpose", S((2, 3, 4), 0, 2)),
    OpCase("t", S((2, 3)), S((3,))),
    OpCase("movedim", S((2, 3, 4), 0, -1)),
    OpCase("narrow", S((4, 3), 0, 1, 2), S((0, 3), 0, 0, 0)),
    OpCase("select", S((2, 3), 1, 2), S((3,), 0, -1)),
    OpCase("Tensor.unfold", S((7,), 0, 3, 2), S((2, 7), 1, 2, 3), S((2, 3), 1, 3, 1), torch="Tensor.unfold"),
    OpCase("diagonal", S((3, 4)), S((2, 3, 3), offset=1, dim1=1, dim2=2)),
    OpCase("view_as_complex", S((3, 2)), layouts=False),
]
COPIES = [
    OpCase("flip", S((2, 3), dims=(0, 1)), S((0, 3), dims=(0,))),
    OpCase("roll", S((2, 3), 1, 1), S((2, 3), 2)),
    OpCase("rot90", S((2, 3)), S((2, 3, 2), k=2)),
    OpCase("Tensor.repeat", S((2, 3), 2, 1, 2), torch="Tensor.repeat"),
    OpCase("tile", S((2, 3), dims=(2,))),
    OpCase("repeat_interleave", S((2, 3), 2), S((2, 3), 2, dim=1)),
    OpCase("clone", S((2, 3))),
    OpCase("tril", S((3, 4)), S((2, 3, 3), 1)),
    OpCase("triu", S((3, 4)), S((2, 3, 3), -1)),
    OpCase("diag", S((3, 4)), S((3,), 1)),
    OpCase("diag_embed", S((2, 3)), S((2, 3), offset=-1)),
    OpCase("diagflat", S((2, 2))),
    OpCase("trace", S((3, 3)), S((2, 4))),
    OpCase("combinations", S((4,)), S((3,), r=2, with_replacement=True)),
]
JOINING = [
    OpCase("cat", S([(2, 3), (1, 3)]), S([(2, 3), (2, 2)], dim=1)),
    OpCase("stack", S([(2, 3), (2, 3)]), S([(3,), (3,)], dim=-1)),
    OpCase("hstack", S([(2,), (3,)]), S([(2, 1), (2, 3)])),
    OpCase("vstack", S([(3,), (2, 3)])),
    OpCase("dstack", S([(2, 3), (2, 3)])),
    OpCase("column_stack", S([(2,), (2, 3)])),
    OpCase("block_diag", S((2, 3), (1, 2), ())),
    OpCase("split", S((5, 2), 2), S((5, 2), [1, 4])),
    OpCase("chunk", S((5, 2), 2), S((2, 6), 3, dim=1)),
    OpCase("tensor_split", S((5, 2), 3)),
    OpCase("unbind", S((2, 3)), S((2, 3), dim=1)),
    OpCase("cartesian_prod", S((2,), (3,))),
    OpCase("broadcast_tensors", S((2, 1), (3,))),
]
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
FOURIER = [
    *(OpCase(f"fft.{n}", S((6,)), S((2, 5)), S((5,), norm="ortho"), complex=n == "fft") for n in ("fft", "rfft")),
    *(OpCase(f"fft.{n}", S((6,)), S((2, 5)), torch=None) for n in ("ifft", "ihfft")),  # PyTorch's are conjugated lazily
    *(OpCase(f"fft.{n}", S((3, 4)), dtypes=("float64",)) for n in ("fft2", "ifftn", "rfftn", "irfft2", "hfft2")),
    OpCase("fft.fftshift", S((5,)), S((2, 4), dim=1)),
]
CASES = [*VIEWS, *COPIES, *JOINING, *PRODUCTS, *LINALG, *FOURIER]


@pytest.mark.parametrize("check", each_check(CASES), ids=str)
def test_op(check):
    check()


# ---- with indices, which PyTorch wants as tensors ---------------------------------------------------------------

WITH_INDICES = {
    "gather": lambda m, x: m.gather(x, 1, m.tensor([[0, 0], [2, 1]])),
    "take_along_dim": lambda m, x: m.take_along_dim(x, m.tensor([[0, 2, 1]]), 1),
    "take": lambda m, x: m.take(x, m.tensor([0, 5, 0])),
    "index_select": lambda m, x: m.index_select(x, 1, m.tensor(I)),
    "index_add": lambda m, x: m.index_add(x, 1, m.tensor(I), x * 2, alpha=3),
    "index_copy": lambda m, x: m.index_copy(x, 1, m.tensor([2, 0]), x[:, :2] * 2),
    "index_fill": lambda m, x: m.index_fill(x, 1, m.tensor([1]), 2.0),
    "index_put": lambda m, x: x.index_put((m.tensor([0, 0]), m.tensor([1, 1])), x[0, :2] * 3, accumulate=True),
    "scatter": lambda m, x: m.scatter(x, 1, m.tensor([[0, 2], [1, 0]]), x[:, :2] * 2),
    "scatter number": lambda m, x: m.scatter(x, 1, m.tensor([[0, 2], [1, 0]]), 5.0),
    "scatter_add": lambda m, x: m.scatter_add(x, 1, m.tensor([[0, 0], [1, 1]]), x[:, :2] * 2),
    "scatter_reduce prod": lambda m, x: m.scatter_reduce(x, 1, m.tensor([[0, 0], [1, 1]]), x[:, 1:], "prod"),
    "scatter_reduce mean": lambda m, x: m.scatter_reduce(x, 1, m.tensor([[0, 0], [1, 1]]), x[:, 1:], "mean", include_self=False),
    "scatter_reduce amax": lambda m, x: m.scatter_reduce(x, 1, m.tensor([[0, 0], [1, 1]]), x[:, 1:] * 2, "amax"),
    "masked_fill": lambda m, x: m.masked_fill(x, m.tensor(MASK), 3.0),
    "masked_select": lambda m, x: m.masked_select(x, m.tensor(MASK)),
    "masked_scatter": lambda m, x: m.masked_scatter(x, m.tensor(MASK), x * 2),
    "where": lambda m, x: m.where(m.tensor(MASK), x, x[0] * 2),
    "put": lambda m, x: m.Tensor.put(x, m.tensor([0, 0]), x[0, :2], True),
    "select_scatter": lambda m, x: m.select_scatter(x, x[0] * 2, 0, 1),
    "slice_scatter": lambda m, x: m.slice_scatter(x, x[:, :2] * 2, 1, 0, 3, 2),
    "diagonal_scatter": lambda m, x: m.diagonal_scatter(x, x[0, :2] * 2),
    "meshgrid": lambda m, x: m.meshgrid(x[0], x[1], indexing="xy")[0],
    "as_strided": lambda m, x: m.as_strided(x * 1, (2, 2), (1, 2), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_INDICES)
def test_with_indices(name):
    torch = referee()
    data = np.array([[0.3, -1.2, 2.0], [1.5, 0.7, -0.4]])
    results = []
    for m in (torch, ag):
        x = m.tensor(data, requires_grad=True)
        out = WITH_INDICES[name](m, x)
        (g,) = m.autograd.grad((out**3).sum(), x, create_graph=True)
        (gg,) = m.autograd.grad((g * g).sum(), x)
        results.append([v.detach().numpy() for v in (out, g, gg)])
    for e, o in zip(*results, strict=True):
        np.testing.assert_allclose(o, e, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.view(5), "shape '\\[5\\]' is invalid for input of size 6"),
        (lambda x: x.t().view(6), "Use .reshape"),
        (lambda x: x.squeeze(5), "Dimension out of range"),
        (lambda x: x.expand(2, 4), "must match the existing size"),
        (lambda x: x.permute(0, 0), "duplicate dims"),
        (lambda x: x.narrow(0, 1, 5), "exceeds dimension size"),
        (lambda x: x.split([1, 2]), "sum exactly to 2"),
        (lambda x: ag.cat([x, x[0]]), "same number of dimensions"),
        (lambda x: ag.cat([x, ag.ones(1, 4)]), "Sizes of tensors must match except in dimension 0"),
        (lambda x: ag.stack([x, x[0]]), "equal size"),
        (lambda x: x.reshape(-1, -1), "only one dimension can be inferred"),
        (lambda x: ag.gather(x, 1, ag.tensor([[7]])), "out of bounds"),
        (lambda x: x.scatter(1, ag.tensor([[0]]), ag.ones(1, 1, dtype=ag.float64)), "dtype"),
        (lambda x: x.index_select(0, ag.tensor([2])), "out of bounds"),
        (lambda x: x.masked_fill(ag.tensor([1, 0, 1]), 0.0), "boolean"),
    ],
)
def test_errors(call, message):
    with pytest.raises((RuntimeError, IndexError), match=message):
        call(ag.zeros(2, 3))


NUMPY = {
    "concatenate": lambda x: np.concatenate([x, np.ones((1, 3))]),
    "stack": lambda x: np.stack([x, x], axis=1),
    "where": lambda x: np.where(MASK, x, 0.0),
    "reshape": lambda x: np.reshape(x, (3, 2)),
    "transpose": lambda x: np.transpose(x),
    "einsum": lambda x: np.einsum("ij,kj->ik", x, x),
    "dot": lambda x: np.dot(x, x.T),
    "linalg.norm": lambda x: np.linalg.norm(x),
    "linalg.svd": lambda x: np.linalg.svd(x, full_matrices=False)[1],
    "fft.rfft": lambda x: np.abs(np.fft.rfft(x)),
    "take": lambda x: np.take(x, [0, 2], axis=1),
    "repeat": lambda x: np.repeat(x, 2, axis=0),
    "split": lambda x: np.split(x, 3, axis=1)[1],
    "array_split": lambda x: np.array_split(x, 2, axis=1)[0],
    "squeeze": lambda x: np.squeeze(x[:1]),
    "expand_dims": lambda x: np.expand_dims(x, 1),
    "broadcast_to": lambda x: np.broadcast_to(x, (4, 2, 3)),
    "tril": lambda x: np.tril(x),
    "flip": lambda x: np.flip(x),
    "roll": lambda x: np.roll(x, 1),
    "tile": lambda x: np.tile(x, 2),
    "trace": lambda x: np.trace(x),
    "kron": lambda x: np.kron(x, x),
    "moveaxis": lambda x: np.moveaxis(x, 0, 1),
    "meshgrid": lambda x: np.meshgrid(x[0], x[1])[0],
}


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_functions_record(name):
    data = np.array([[0.3, -1.2, 2.0], [1.5, 0.7, -0.4]])
    x = ag.tensor(data, requires_grad=True)
    out = NUMPY[name](x)
    assert isinstance(out, ag.Tensor)
    assert out.requires_grad
    np.testing.assert_allclose(out.detach().numpy(), NUMPY[name](data), rtol=1e-12, atol=1e-12)


def test_a_numpy_function_without_gradient_raises_by_name():
    with pytest.raises(TypeError, match="lexsort"):
        np.lexsort((ag.ones(3),))
    with pytest.raises(TypeError, match=r"np\.interp"):
        np.interp(ag.ones(3), ag.arange(3.0), ag.arange(3.0))


def test_view_of_a_convolution():
    """Its result lies in memory channels last; programs that take views of it know nothing of that."""
    x = ag.randn(2, 3, 8, 8)
    w = ag.randn(4, 3, 3, 3, requires_grad=True)
    out = ag.max_pool2d(ag.conv2d(x, w).relu(), 2)
    flat = out.view(2, -1)
    np.testing.assert_array_equal(flat.detach().numpy(), out.detach().numpy().reshape(2, -1))
    flat.mul_(2)
    np.testing.assert_array_equal(flat.detach().numpy(), out.detach().numpy().reshape(2, -1))
    with ag.no_grad():
        flat = ag.max_pool2d(ag.conv2d(x, w).relu(), 2).view(2, -1)
        with pytest.raises(RuntimeError, match="clone"):
            flat.add_(1)
