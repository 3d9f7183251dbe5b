"""Tensors out of data and out of nothing, and what carries them in and out of the library."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import autograd as ag
from tests.conftest import referee

SAME = [
    "m.tensor(3)", "m.tensor(1.5)", "m.tensor(True)", "m.tensor(1j)", "m.tensor([])", "m.tensor([[1, 2.5], [3, 4]])",
    "m.tensor([True, False])", "m.tensor([1, True])", "m.tensor([[], []])", "m.tensor(np.arange(3))",
    "m.tensor(np.float64(2))", "m.tensor([np.float64(2), 1])", "m.tensor([np.int32(2)])", "m.tensor(np.ones(2, 'float32'))",
    "m.tensor([1.7, -1.7], dtype=m.int64)", "m.tensor([m.tensor(1), m.tensor(2)])", "m.tensor(range(3))", "m.tensor((1, 2))",
    "m.as_tensor([1, 2])", "m.as_tensor(np.arange(2.0))", "m.asarray([1.0])", "m.scalar_tensor(2)", "m.zeros(2, 3)", "m.zeros((2, 3))",
    "m.zeros(size=(2,))", "m.zeros([])", "m.zeros(0)", "m.ones(2, dtype=m.int32)", "m.full((2,), 3)", "m.full((2,), 3.5)",
    "m.full((), True)", "m.full((1,), 2, dtype=m.float64)", "m.full_like(m.ones(2), 7)", "m.zeros_like(m.ones(2, dtype=m.int16))",
    "m.ones_like(m.ones(2), dtype=m.bool)", "m.arange(5)", "m.arange(1, 4)", "m.arange(0, 1, 0.25)", "m.arange(5.0)",
    "m.arange(5, 0, -2)", "m.arange(3, dtype=m.float64)", "m.arange(0, 5, 2)", "m.linspace(0, 1, 5)", "m.linspace(3, -3, 4)",
    "m.linspace(0, 1, 1)", "m.linspace(0, 1, 0)", "m.logspace(0, 2, 3)", "m.logspace(0, 3, 4, base=2)", "m.eye(3)", "m.eye(2, 3)",
    "m.eye(2, dtype=m.bool)", "m.tril_indices(3, 3)", "m.triu_indices(3, 4, 1)", "m.ones(2).new_zeros(3)", "m.ones(2, dtype=m.int64).new_ones((1, 2))",
    "m.ones(2).new_full((2,), 5)", "m.ones(2, dtype=m.float64).new_tensor([1, 2])", "m.complex(m.ones(2), m.zeros(2))",
    "m.FloatTensor([1, 2])", "m.LongTensor([1, 2])", "m.Tensor([1, 2])", "m.Tensor([[1.5]])", "m.BoolTensor([True])",
    "m.cartesian_prod(m.tensor([1, 2]), m.tensor([3]))", "m.hann_window(5)", "m.hamming_window(4, periodic=False)",
    "m.nn.functional.one_hot(m.tensor([0, 2]))" , "m.zeros(2, requires_grad=True)", "m.frombuffer(bytearray(8), dtype=m.int32)",
    *(f"m.asarray(m.ones(2, requires_grad=True) * 2{options})" for options in ("", ", requires_grad=False", ", copy=True", ", dtype=m.float64")),
    "m.asarray(m.ones(2), requires_grad=True)",
]  # fmt: skip


@pytest.mark.parametrize("code", SAME)
@pytest.mark.filterwarnings("ignore")
def test_same_as_pytorch(code):
    torch = referee()
    expected, got = (eval(code, {"m": m, "np": np}) for m in (torch, ag))
    assert tuple(got.shape) == tuple(expected.shape)
    assert str(got.dtype) == str(expected.dtype).removeprefix("torch.")
    assert got.requires_grad == expected.requires_grad
    np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), rtol=1e-6)


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        ("ag.zeros(-1)", RuntimeError, "negative dimension"),
        ("ag.zeros(2.5)", TypeError, "whole numbers"),
        ("ag.zeros(2, shape=3)", TypeError, "unexpected argument 'shape'"),
        ("ag.tensor(300, dtype=ag.uint8)", RuntimeError, "without overflow"),
        ("ag.tensor(2**80)", RuntimeError, "int64"),
        ("ag.arange(0, 3, 0)", RuntimeError, "nonzero"),
        ("ag.arange(0, 3, -1)", RuntimeError, "inconsistent with step sign"),
        ("ag.full((2,), 1j, dtype=ag.float32)", RuntimeError, "without overflow"),
        ("ag.from_numpy([1])", TypeError, "expected np.ndarray"),
        ("ag.randint(3, 3, (2,))", RuntimeError, "'from' to be less than 'to'"),
        ("ag.multinomial(ag.tensor([0.0, 0.0]), 1)", RuntimeError, "positive sum"),
        ("ag.bernoulli(ag.tensor([1.5]))", RuntimeError, "between 0 and 1"),
        ("ag.zeros(2, device='tpu')", RuntimeError, "'cpu' or 'cuda'"),
    ],
)
def test_errors(code, error, message):
    with pytest.raises(error, match=message):
        eval(code, {"ag": ag})


def test_out():
    out = ag.empty(2, 2)
    assert ag.zeros(2, 2, out=out) is out
    assert out.tolist() == [[0, 0], [0, 0]]
    assert ag.arange(3, out=ag.empty(3, dtype=ag.int64)).tolist() == [0, 1, 2]


@pytest.mark.cpu("memory that NumPy has too")
def test_memory_is_shared_where_it_is_said_to_be():
    array = np.zeros(3)
    ag.from_numpy(array)[0] = 1
    ag.as_tensor(array)[1] = 2
    ag.tensor(array)[2] = 3
    assert array.tolist() == [1, 2, 0]
    x = ag.zeros(2)
    x.numpy()[0] = 5
    x.detach()[1] = 6
    assert x.tolist() == [5, 6]


# ---- in and out --------------------------------------------------------------------------------------------------


@pytest.mark.cpu("memory that PyTorch has too")
def test_dlpack_both_ways():
    torch = referee()
    x = ag.arange(6.0).reshape(2, 3)
    theirs = torch.from_dlpack(x)
    theirs[0, 0] = 9
    assert x[0, 0].item() == 9
    back = ag.from_dlpack(theirs)
    back[1, 1] = 7
    assert theirs[1, 1].item() == 7
    assert np.from_dlpack(x).tolist() == x.tolist()
    with pytest.raises(BufferError, match="requires grad"):
        np.from_dlpack(ag.ones(2, requires_grad=True))


def test_numpy_gets_values_only_where_no_gradient_is_lost():
    x = ag.ones(2, requires_grad=True)
    for convert in (np.asarray, np.array, lambda t: np.asarray(t * 2), lambda t: t.numpy()):
        with pytest.raises(RuntimeError, match=r"requires grad.*detach"):
            convert(x)
    assert np.asarray(x.detach()).tolist() == [1, 1]
    assert np.shares_memory(np.asarray(x.detach()), x.detach().numpy())
    assert np.asarray(ag.ones(2), dtype=np.int64).dtype == np.int64
    assert x.numpy(force=True).tolist() == [1, 1]


@pytest.mark.parametrize("carry", [lambda x: pickle.loads(pickle.dumps(x)), copy.deepcopy])
def test_pickle_and_deepcopy(carry):
    x = ag.tensor([[1.0, 2.0]], requires_grad=True)
    x.name = "weight"
    y = carry(x)
    assert y is not x
    assert (y.tolist(), y.requires_grad, y.dtype, y.name) == (x.tolist(), True, x.dtype, "weight")
    with ag.no_grad():
        y[0, 0] = 5
    assert x[0, 0].item() == 1
    with pytest.raises(RuntimeError, match="leaf"):
        carry(x * 2)


# ---- at random ---------------------------------------------------------------------------------------------------


def test_a_seed_gives_the_same_numbers():
    draws = []
    for _ in range(2):
        ag.manual_seed(3)
        draws.append(
            [ag.rand(2).tolist(), ag.randn(2).tolist(), ag.randperm(5).tolist(), ag.zeros(2).uniform_().tolist()]
        )
    assert draws[0] == draws[1]
    assert (
        ag.rand(2, generator=ag.Generator().manual_seed(1)).tolist()
        == ag.rand(2, generator=ag.Generator().manual_seed(1)).tolist()
    )


@pytest.mark.parametrize(
    ("draw", "mean", "std"),
    [
        (lambda n: ag.rand(n), 0.5, 12**-0.5),
        (lambda n: ag.randn(n), 0, 1),
        (lambda n: ag.randint(0, 10, (n,)).float(), 4.5, 8.25**0.5),
        (lambda n: ag.normal(2.0, 3.0, (n,)), 2, 3),
        (lambda n: ag.normal(ag.full((n,), 1.0), 0.5), 1, 0.5),
        (lambda n: ag.bernoulli(ag.full((n,), 0.3)), 0.3, 0.21**0.5),
        (lambda n: ag.poisson(ag.full((n,), 4.0)), 4, 2),
        (lambda n: ag.empty(n).exponential_(2.0), 0.5, 0.5),
        (lambda n: ag.empty(n).geometric_(0.5), 2, 2**0.5),
        (lambda n: ag.empty(n).normal_(1, 2), 1, 2),
        (lambda n: ag.empty(n).uniform_(-1, 1), 0, 3**-0.5),
        (lambda n: ag.empty(n).log_normal_(0, 0.25), np.exp(0.03125), 0.2586),
        (lambda n: ag.multinomial(ag.tensor([1.0, 3.0]), n, replacement=True).float(), 0.75, 0.1875**0.5),
        (lambda n: ag.binomial(ag.full((n,), 10.0), ag.full((n,), 0.5)), 5, 2.5**0.5),
    ],
)
def test_distributions(draw, mean, std):
    x = draw(40_000).detach().numpy().astype(np.float64)
    assert abs(x.mean() - mean) < 5 * std / 200
    assert abs(x.std() - std) < 0.05 * max(std, 0.1)


def test_without_replacement_no_index_comes_twice():
    drawn = ag.multinomial(ag.tensor([[1.0, 2.0, 0.0, 4.0], [1.0, 1.0, 1.0, 1.0]]), 3)
    assert sorted(drawn[0].tolist()) == [0, 1, 3]
    assert len(set(drawn[1].tolist())) == 3
    assert sorted(ag.randperm(10).tolist()) == list(range(10))


def test_random_numbers_in_place_are_changes_in_place():
    w = ag.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        w.normal_()
    with ag.no_grad():
        assert w.normal_() is w
    y = w * 2
    y.uniform_()
    y.sum().backward()
    assert w.grad.tolist() == [0, 0, 0]
