"""NumPy's functions on Tensors: recorded like our own, refused by name, and never zeros in silence."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import autograd as ag
from autograd.op import NUMPY
from autograd.testing import gradcheck

A = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.75]])
SQUARE = np.array([[2.0, 0.3], [-0.4, 1.5]])

CALLS = {
    "exp": lambda t: np.exp(t),
    "divide": lambda t: np.divide(t, A + 3),
    "maximum": lambda t: np.maximum(t, 0.1),
    "concatenate": lambda t: np.concatenate([t, A], axis=1),
    "concatenate, array first": lambda t: np.concatenate([A, t]),
    "stack": lambda t: np.stack([t, A, t], axis=-1),
    "where": lambda t: np.where(A > 0, t, 0.0),
    "sum": lambda t: np.sum(t, axis=1, keepdims=True),
    "mean": lambda t: np.mean(t, axis=0),
    "var": lambda t: np.var(t),
    "std": lambda t: np.std(t, axis=1),
    "clip": lambda t: np.clip(t, -1, 1),
    **{
        name: getattr(np, name)
        for name in ("max", "min", "ptp", "median", "prod", "cumprod", "nansum", "trapezoid", "corrcoef")
    },
    "max, keepdims": lambda t: np.max(t, axis=1, keepdims=True),
    "std, ddof": lambda t: np.std(t, axis=0, ddof=1),
    "round": lambda t: np.round(t / 7, 2) + t,
    "quantile": lambda t: np.quantile(t, 0.3, axis=1),
    "gradient": lambda t: np.gradient(t, axis=1),
    "cumsum, axis": lambda t: np.cumsum(t, axis=0),
    "sort": lambda t: np.sort(t, axis=0),
    "cumsum": lambda t: np.cumsum(t),
    "dot": lambda t: np.dot(t, A.T),
    "dot with a number": lambda t: np.dot(2.0, t),
    "rint": lambda t: np.rint(t * 0.7) + t,
    "fabs": lambda t: np.fabs(t),
    "heaviside": lambda t: np.heaviside(t, 0.5) * t,
    "ldexp": lambda t: np.ldexp(t, 2),
    "average": lambda t: np.average(t, axis=1, weights=[0.2, 0.3, 0.7]),
    "average of all": lambda t: np.average(t) + np.average(t, weights=abs(A)),
    "percentile": lambda t: np.percentile(t, [20, 70], axis=1),
    "pad": lambda t: np.pad(t, ((0, 1), (2, 0)), constant_values=3.0),
    "pad, edge": lambda t: np.pad(t, 2, mode="edge"),
    "pad, reflect": lambda t: np.pad(t, 1, mode="reflect"),
    "pad, wrap": lambda t: np.pad(t, (1, 2), mode="wrap"),
    "append": lambda t: np.append(t, 2 * t) + np.append(t, [3.0] * 6),
    "select": lambda t: np.select([A > 1, A < 0], [t, t * t], 0.5),
    "vecdot": lambda t: np.vecdot(t, A) + np.linalg.vecdot(A, t),
    "linalg.vector_norm": lambda t: np.linalg.vector_norm(t, axis=1, ord=3),
    "linalg.cross": lambda t: np.linalg.cross(t, A[:, [1, 2, 0]]),
    "linalg.matrix_transpose": lambda t: np.linalg.matrix_transpose(t),
    "linalg.diagonal": lambda t: np.linalg.diagonal(t, offset=1),
    "linalg.trace": lambda t: np.linalg.trace(t),
    "linalg.outer": lambda t: np.linalg.outer(t[0], t[1]),
    "tensordot, axes": lambda t: np.tensordot(t, A, axes=([0, 1], [0, 1])),
    "cov, rowvar": lambda t: np.cov(t, rowvar=False),
    "fft.fftshift": lambda t: np.fft.fftshift(t, axes=1),
    "matmul": lambda t: np.matmul(A.T, t),
    "einsum": lambda t: np.einsum("ij,kj->ik", t, A, optimize=True),
    "tensordot": lambda t: np.tensordot(t, A, 2),
    "outer": lambda t: np.outer(t, A[0]),  # flattens, unlike torch.outer
    "transpose": lambda t: np.transpose(t),
    "reshape": lambda t: np.reshape(t, (3, 2)),
    "broadcast_to": lambda t: np.broadcast_to(t, (2, 2, 3)),
    "expand_dims": lambda t: np.expand_dims(t, 0),
    "repeat": lambda t: np.repeat(t, 2, axis=1),
    "tile": lambda t: np.tile(t, (2, 1)),
    "roll": lambda t: np.roll(t, 1, 0),
    "flip": lambda t: np.flip(t, 1),
    "moveaxis": lambda t: np.moveaxis(t, 0, 1),
    "squeeze": lambda t: np.squeeze(t[:1]),
    "take": lambda t: np.take(t, [0, 2], axis=1),
    "split": lambda t: np.split(t, 3, axis=1)[1],
    "array_split": lambda t: np.array_split(t, 2, axis=1)[0],
    "kron": lambda t: np.kron(t, t),
    "meshgrid": lambda t: np.meshgrid(t[0], t[1])[0],
    "linalg.norm": lambda t: np.linalg.norm(t),
    "linalg.norm, axis": lambda t: np.linalg.norm(t, axis=1),
    "fft.rfft": lambda t: abs(np.fft.rfft(t)) ** 2,
    "array * tensor": lambda t: A * t,
    "array - tensor": lambda t: A - t,
    "array @ tensor": lambda t: A.T @ t,
    "array ** tensor": lambda t: (abs(A) + 1) ** t,
    "number / tensor": lambda t: np.float64(2) / t,
    "tensor + array": lambda t: t + A[0],
}
MATRICES = {
    "inv": np.linalg.inv,
    "det": np.linalg.det,
    "solve": lambda t: np.linalg.solve(t, SQUARE),
    "svd": lambda t: np.linalg.svd(t)[1] * np.linalg.svd(t, compute_uv=False),
    "trace": np.trace,
    "tril": np.tril,
    "matrix_power": lambda t: np.linalg.matrix_power(t, 3),
}


@pytest.mark.parametrize(
    ("call", "values"),
    [*((f, A) for f in CALLS.values()), *((f, SQUARE) for f in MATRICES.values())],
    ids=[*CALLS, *MATRICES],
)
def test_numpy_functions_record(call, values):
    t = ag.tensor(values, requires_grad=True)
    out = call(t)
    assert isinstance(out, ag.Tensor)
    assert out.grad_fn is not None
    expected = np.asarray(call(values))
    assert out.dtype == expected.dtype
    np.testing.assert_allclose(out.detach().numpy(), expected, rtol=1e-13, atol=1e-14)
    gradcheck(call, values, checks=())


@pytest.mark.parametrize(
    "call", [np.argmax, np.argsort, np.unique, np.cov, lambda t: np.searchsorted(np.sort(t[1]), np.float64(0.5))]
)
def test_numpy_functions_keep_numpys_meaning(call):
    np.testing.assert_allclose(call(ag.tensor(A)).numpy(), call(A))


def test_what_a_tensor_is():
    t = ag.ones(2, 3)
    assert (np.shape(t), np.ndim(t), np.size(t), np.size(t, 1)) == ((2, 3), 2, 6, 3)


@pytest.mark.parametrize("compare", [operator.lt, operator.ge, operator.eq, operator.ne])
def test_comparisons_with_arrays_are_tensors(compare):
    for out, expected in (
        (compare(A, ag.tensor(A.T.copy()).T), compare(A, A)),
        (compare(ag.tensor(A), A), compare(A, A)),
    ):
        assert isinstance(out, ag.Tensor)
        np.testing.assert_array_equal(out.numpy(), expected)


def test_an_array_changed_in_place_by_a_tensor_is_refused():
    array, t = A.copy(), ag.ones(2, 3, dtype=ag.float64).requires_grad_()
    with pytest.raises(TypeError, match="add"):
        np.add(array, t, out=array)
    np.testing.assert_array_equal(array, A)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda t: np.cbrt(t), "np.cbrt"),
        (lambda t: np.spacing(t), "np.spacing"),
        (lambda t: np.add.reduce(t), "np.add.reduce"),
        (lambda t: np.multiply.outer(t, t), "np.multiply.outer"),
        (lambda t: np.exp(t, where=A > 0), "np.exp"),
        (lambda t: np.interp(t, A[0], A[1]), "np.interp"),
        (lambda t: np.convolve(t[0], t[1]), "np.convolve"),
        (lambda t: np.unwrap(t), "np.unwrap"),
        (lambda t: np.partition(t, 1), "np.partition"),
        (lambda t: np.lexsort((t,)), "np.lexsort"),
    ],
)
def test_a_function_without_gradient_is_refused_by_name(call, name):
    with pytest.raises(TypeError, match=name.replace(".", r"\.")):
        call(ag.tensor(A, requires_grad=True))


@pytest.mark.parametrize(
    ("call", "advice"),
    [
        (lambda t: np.sum(t, where=A > 0), "np.sum on a Tensor does not take where=; choose with np.where"),
        (lambda t: np.add(t, t, where=A > 0), "np.add on a Tensor does not take where=; choose with np.where"),
        (
            lambda t: np.max(t, initial=0),
            "np.max on a Tensor does not take initial=; put the initial value in afterwards",
        ),
        (lambda t: np.stack([t, t], dtype="f4"), "np.stack on a Tensor does not take dtype=; convert with tensor.to"),
        (
            lambda t: np.concatenate([t, t], casting="no"),
            "np.concatenate on a Tensor does not take casting=; leave it out",
        ),
        (lambda t: np.nan_to_num(t, copy=False), "use tensor.nan_to_num_"),
    ],
)
def test_a_keyword_without_gradient_is_refused_with_advice(call, advice):
    with pytest.raises(TypeError, match=advice):
        call(ag.tensor(A, requires_grad=True))


def test_what_is_refused_has_no_gradient_here():
    for function in (np.spacing, np.interp, np.convolve, np.unwrap, np.partition):
        assert function not in NUMPY


def test_numpy_under_no_grad_records_nothing():
    t = ag.tensor(A, requires_grad=True)
    with ag.no_grad():
        out = np.exp(t) * A
    assert out.grad_fn is None
    assert not out.requires_grad
