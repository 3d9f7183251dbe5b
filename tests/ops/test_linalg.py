"""Factorizations and solvers: what PyTorch's database cannot compare by itself, and what each must satisfy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import autograd as ag
from autograd.testing import gradcheck
from tests.conftest import referee

SHAPES = [(3, 3), (4, 2), (2, 4), (2, 3, 3), (0, 3, 3), (1, 1)]


def draw(shape, kind="float64", seed=0):
    random = np.random.default_rng(seed)
    made = random.normal(size=shape)
    return made + 1j * random.normal(size=shape) if kind == "complex128" else made


def H(x):
    return x.mT.conj() if x.dtype.kind == "c" else x.mT


def t_H(x):
    return x.mH


def derivatives(module, f, array, g, gg):
    """A function's value, and its derivatives of first and second order along given directions."""
    x = module.tensor(array, requires_grad=True)
    y = f(module, x)
    (first,) = module.autograd.grad(y, x, module.tensor(g(y)), create_graph=True)
    second = module.autograd.grad(first, x, module.tensor(gg), allow_unused=True)[0]
    second = module.zeros(*x.shape, dtype=x.dtype) if second is None else second
    return [v.detach().resolve_conj().numpy() for v in (y, first, second)]


# Functions of factors that do not depend on the sign or phase of vectors.
INVARIANT = {
    "svd values": lambda m, x: m.linalg.svd(x, full_matrices=False)[1],
    "svd U": lambda m, x: (lambda U: (U @ U.mH) * 0.5 + (U[..., :1] @ U[..., :1].mH))(m.linalg.svd(x, full_matrices=False)[0]),
    "svd V": lambda m, x: (lambda V: V[..., :1, :].mH @ V[..., :1, :])(m.linalg.svd(x, full_matrices=False)[2]),
    "svd full": lambda m, x: (lambda U: U[..., :, :1] @ U[..., :, :1].mH)(m.linalg.svd(x, full_matrices=True)[0]),
    "svd both": lambda m, x: (lambda U, S, V: U[..., :1] @ V[..., :1, :])(*m.linalg.svd(x, full_matrices=False)),
    "eigh": lambda m, x: (lambda L, V: (V * (L * L)[..., None, :]) @ (V.abs() ** 2).mT.to(x.dtype) * 0
                          + (V * (L**3)[..., None, :]) @ V.mH)(*m.linalg.eigh(x @ x.mH)),
    "eigh vectors": lambda m, x: (lambda V: V[..., -1:] @ V[..., -1:].mH)(m.linalg.eigh(x @ x.mH)[1]),
    "eigvalsh U": lambda m, x: m.linalg.eigvalsh(x @ x.mH, UPLO="U"),
    "pinv of products": lambda m, x: m.linalg.pinv(x[..., :, :1] @ x[..., :1, :], rtol=1e-6),
    "det": lambda m, x: m.linalg.det(x @ x.mH),
    "cholesky_solve": lambda m, x: m.cholesky_solve(
        x, m.linalg.cholesky(x @ x.mH + m.eye(x.shape[-2], dtype=x.dtype))),
    "cholesky_inverse": lambda m, x: m.cholesky_inverse(m.linalg.cholesky(x @ x.mH + m.eye(x.shape[-2], dtype=x.dtype))),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize("name", INVARIANT)
@pytest.mark.filterwarnings("ignore")
def test_factors_agree_with_pytorch(name, kind):
    torch = referee()
    for shape in SHAPES:
        if name == "det" and shape[-2] > shape[-1]:
            continue  # singular
        if name.startswith("eig") and shape[-2] > shape[-1]:
            continue  # eigenvalues that are equal
        array = draw(shape, kind)
        g = lambda y: draw(tuple(y.shape), kind if y.is_complex() else "float64", 1)
        gg = draw(shape, kind, 2)
        expected = derivatives(torch, INVARIANT[name], array, g, gg)
        got = derivatives(ag, INVARIANT[name], array, g, gg)
        for e, o, what in zip(expected, got, ("value", "first", "second"), strict=True):
            np.testing.assert_allclose(o, e, rtol=1e-6, atol=1e-7, err_msg=f"{name} {shape} {what}")


@pytest.mark.parametrize("kind", ["float64", "complex128"])
def test_eig(kind):
    """Eigenvectors have length 1 and a phase of their own: compare the spectrum, and projections that the phase leaves."""
    torch = referee()
    f = lambda m, x: (lambda L, V: ((V[..., :, None, :] * V.conj()[..., None, :, :]) * L).sum(-1))(*m.linalg.eig(x))
    array = draw((4, 4), kind)
    g = lambda y: draw(tuple(y.shape), "complex128", 1)
    for e, o in zip(derivatives(torch, f, array, g, draw((4, 4), kind, 2)), derivatives(ag, f, array, g, draw((4, 4), kind, 2)),
                    strict=True):  # fmt: skip
        np.testing.assert_allclose(o, e, rtol=1e-6, atol=1e-7)


def test_a_loss_that_depends_on_the_phase_is_refused():
    x = ag.tensor(draw((3, 3), "complex128"), requires_grad=True)
    with pytest.raises(RuntimeError, match="ill-defined"):
        ag.linalg.eigh(x @ x.mH)[1].real.sum().backward()


@pytest.mark.parametrize("driver", ["gels", "gelsy", "gelsd", "gelss"])
@pytest.mark.parametrize(("m", "n"), [(3, 3), (4, 2), (2, 4)])
@pytest.mark.filterwarnings("ignore")
def test_lstsq(driver, m, n):
    torch = referee()
    A, B = draw((m, n)), draw((m, 2), seed=1)
    expected = torch.linalg.lstsq(torch.tensor(A), torch.tensor(B), driver=driver)
    got = ag.linalg.lstsq(ag.tensor(A), ag.tensor(B), driver=driver)
    for field in ("solution", "residuals", "rank", "singular_values"):
        e, o = getattr(expected, field).numpy(), getattr(got, field).numpy()
        assert (e.shape, e.dtype) == (o.shape, o.dtype), field
        np.testing.assert_allclose(o, e, rtol=1e-8, atol=1e-10, err_msg=field)
    a, b = ag.tensor(A, requires_grad=True), ag.tensor(B, requires_grad=True)
    gradcheck(lambda a, b: ag.linalg.lstsq(a, b).solution, a, b)


def test_singular_matrices_have_a_determinant_and_its_gradient():
    torch = referee()
    for rank in (2, 3):
        array = draw((4, rank)) @ draw((rank, 4), seed=1)
        x, t = ag.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
        ag.linalg.det(x).backward()
        torch.linalg.det(t).backward()
        np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-6, atol=1e-9)


def test_what_has_no_inverse_or_factor_says_so():
    with pytest.raises(np.linalg.LinAlgError):
        ag.linalg.inv(ag.zeros(2, 2))
    with pytest.raises(np.linalg.LinAlgError, match="not positive-definite"):
        ag.linalg.cholesky(ag.tensor([[1.0, 2.0], [2.0, 1.0]]))
    with pytest.raises(RuntimeError, match="square"):
        ag.linalg.det(ag.zeros(2, 3))
    info = ag.linalg.cholesky_ex(ag.tensor([[1.0, 2.0], [2.0, 1.0]])).info
    assert info.item() == 2
    loss = ag.linalg.qr(ag.tensor(draw((3, 2)), requires_grad=True), "complete")[0].sum()
    with pytest.raises(RuntimeError, match="mode='complete'"):
        loss.backward()


@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_ldl(n, kind):
    """A = L D Lᵀ, whatever the pivots are."""
    torch = referee()
    for hermitian, seed in itertools.product((False, True), range(5)):
        A = draw((2, n, n), kind, seed)
        A = A + np.swapaxes(A.conj() if hermitian else A, -1, -2)
        B = draw((2, n, 2), kind, 9)
        LD, pivots = ag.linalg.ldl_factor(ag.tensor(A), hermitian=hermitian)
        X = ag.linalg.ldl_solve(LD, pivots, ag.tensor(B), hermitian=hermitian)
        np.testing.assert_allclose(A @ X.numpy(), B, rtol=1e-7, atol=1e-8)
        expected = torch.linalg.ldl_factor(torch.tensor(A), hermitian=hermitian)
        np.testing.assert_array_equal(pivots.numpy(), expected.pivots.numpy())
        np.testing.assert_allclose(LD.numpy(), np.tril(expected.LD.numpy()), rtol=1e-6, atol=1e-8)


def test_multi_dot_takes_the_cheapest_order():
    sizes = [10, 1, 10, 1, 10, 1]
    matrices = [ag.tensor(draw((n, m), seed=n + 7 * m + i)) for i, (n, m) in enumerate(itertools.pairwise(sizes))]
    expected = np.linalg.multi_dot([x.numpy() for x in matrices])
    np.testing.assert_allclose(ag.linalg.multi_dot(matrices).numpy(), expected, rtol=1e-10)
    x = ag.tensor(draw((3,)), requires_grad=True)
    gradcheck(lambda x: ag.linalg.multi_dot([x, ag.tensor(draw((3, 4))), ag.tensor(draw((4,)))]), x)


EQUATIONS = [
    ("ij,jk->ik", (2, 3), (3, 4)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("...ij,jk->...ik", (2, 3, 4), (4, 5)),
    ("ii->i", (3, 3)), ("ii", (3, 3)), ("iij->j", (3, 3, 2)), ("ij->", (2, 3)), ("ij,k->", (2, 3), (4,)), ("i,i", (3,), (3,)),
    ("ij,ij,ij->j", (2, 3), (2, 3), (2, 3)), ("ij,jk,kl,lm->im", (2, 3), (3, 4), (4, 2), (2, 5)), ("a...b->...a", (2, 3, 4)),
    ("ab,b...->a...", (2, 3), (3, 4, 5)), ("ij,ij->ji", (1, 3), (2, 3)), ("bhqd,bhkd->bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
    ("iij,jk->ik", (3, 3, 2), (2, 4)), ("...,...->...", (2, 3), (3,)), ("ba,dc->", (2, 3), (4, 5)),
]  # fmt: skip


@pytest.mark.parametrize("equation", EQUATIONS, ids=lambda e: e[0])
def test_einsum(equation):
    torch = referee()
    text, *shapes = equation
    results = []
    for m in (torch, ag):
        xs = [m.tensor(draw(s, "complex128", i), requires_grad=True) for i, s in enumerate(shapes)]
        out = m.einsum(text, *xs)
        g = m.tensor(draw(tuple(out.shape), "complex128", 9))
        grads = m.autograd.grad(out, xs, g, create_graph=True)
        results.append([v.detach().resolve_conj().numpy() for v in (out, *grads)])
    for e, o in zip(*results, strict=True):
        np.testing.assert_allclose(o, e, rtol=1e-9, atol=1e-12)


def test_einsum_says_what_is_wrong():
    x = ag.zeros(2, 3)
    for equation, message in (("ijk", "does not match the number of dimensions"), ("i!", "invalid subscript"),
                              ("ij->ijk", "does not appear"), ("ij->ii", "more than once"), ("ij,jk", "operands were provided")):  # fmt: skip
        with pytest.raises(RuntimeError, match=message):
            ag.einsum(equation, x)


def test_matmul_of_different_types_is_an_error():
    with pytest.raises(RuntimeError, match="same dtype"):
        ag.ones(2, 2) @ ag.ones(2, 2, dtype=ag.float64)
    with pytest.raises(RuntimeError, match=r"\(2, 3\) and \(2, 3\) cannot be multiplied"):
        ag.ones(2, 3) @ ag.ones(2, 3)
