"""StrictArray computes like NumPy, stays itself, and refuses to become a NumPy array."""

import copy

import numpy as np
import pytest

import autograd as ag
from autograd.testing import StrictArray, strict, to_numpy

A = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "f",
    [
        np.exp,
        np.sort,
        np.transpose,
        lambda a: a @ a.T,
        lambda a: a.sum(axis=0),
        lambda a: np.add.reduce(a, 0),
        lambda a: np.concatenate([a, a]),
        lambda a: np.where(a > 2, a, 0),
        lambda a: np.einsum("ij,kj->ik", a, a),
        lambda a: np.zeros(3, like=a),
        lambda a: np.zeros_like(a, shape=(2, 2)),
        lambda a: 2 - a / 4 + a**2 % 3,
        lambda a: a[1:, ::2],
        lambda a: a[a > 2],
        lambda a: a[np.array([0, 1, 1])],
        lambda a: a.reshape(-1)[0],
        lambda a: a.astype("float32").mean(),
        lambda a: -a,
        lambda a: np.linalg.norm(a),
        lambda a: np.float64(2) * a,
        lambda a: a.T.real,
    ],
)
def test_results_are_numpys_and_stay_on_the_device(f):
    result, expected = f(strict(A)), np.asarray(f(A))
    assert isinstance(result, StrictArray)
    np.testing.assert_array_equal(result.get(), expected)
    assert result.dtype == expected.dtype


@pytest.mark.parametrize(
    "f",
    [
        np.asarray,
        lambda a: np.array([a[0, 0]]),
        lambda a: a + np.ones(3),
        lambda a: np.ones(3) * a,
        lambda a: np.concatenate([a, A]),
        lambda a: np.lib.stride_tricks.as_strided(a, (2,), (8,)),
        lambda a: memoryview(a),
        lambda a: ag.from_numpy(a),
        lambda a: np.add.at(a, (0, 0), np.ones(1)),
    ],
)
def test_the_way_to_numpy_is_closed(f):
    with pytest.raises(TypeError):
        f(strict(A))


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.maximum.reduce(a, axis=0),
        lambda a: np.logaddexp.accumulate(a, axis=0),
        lambda a: np.add.reduce(a, axis=0, initial=1),
        lambda a: np.max(a, initial=0),
        lambda a: a.sum(where=a > 0),
        lambda a: np.add.at(a.astype(np.int8), (0, 0), 1),
        lambda a: np.add.at(a + 0j, (0, 0), 1),
        lambda a: np.multiply.at(a, (0, 0), 1),
        lambda a: np.add(a, a, where=a > 0),
        lambda a: np.add(a, np.ones(())),
        lambda a: np.logical_not(a + 1j),
        lambda a: np.frexp(a, out=(a, a)),
        lambda a: np.linalg.inv(a @ a.T),
        lambda a: np.linalg.vector_norm(a),
        lambda a: np.eye(2, like=a),
        lambda a: np.take(a, [5], mode="clip"),
        lambda a: np.sort(a, kind="heapsort"),
        lambda a: np.lib.stride_tricks.sliding_window_view(a, 2, 0, writeable=True),
        lambda a: a.astype("float32", casting="safe"),
        lambda a: a.flags.writeable,
        lambda a: a.ctypes,
        lambda a: range(a[0, 0].astype(int)),
    ],
)
def test_what_cupy_has_not_is_not_there(f):
    with pytest.raises((TypeError, ValueError, AttributeError, NotImplementedError)):
        f(strict(A))


def test_in_place_and_scalars():
    a = strict(A)
    same = a
    a += 1
    a[0, 0] = 10
    a[1] = strict([7, 8, 9])
    assert a is same
    np.testing.assert_array_equal(a.get(), [[10, 2, 3], [7, 8, 9]])
    out = strict(np.zeros((2, 3)))
    assert np.add(a, a, out=out) is out
    assert float(a[0, 0]) == 10
    assert int(a[0, 1]) == 2
    assert bool(a[0, 0] > 3)
    assert a[0, 0].item() == 10
    assert len(a) == 2
    assert [row.shape for row in a] == [(3,), (3,)]
    np.diagonal(a)[...] = 0  # read-only in NumPy alone
    a.diagonal(1)[...] = 5
    assert a[0].tolist() == [0, 5, 3]
    a[0, 0], a[1, 1], a[0, 1] = 10, 8, 2
    np.testing.assert_array_equal(copy.deepcopy(a).get(), a.get())


def test_it_is_a_copy_and_get_copies():
    host = A.copy()
    a = strict(host)
    a += 1
    np.testing.assert_array_equal(host, A)
    a.get()[...] = 0
    assert to_numpy(a).sum() == A.sum() + 6


def test_others_get_their_turn():
    class Other:
        __array_ufunc__ = None

        def __radd__(self, left):
            return "mine"

    assert strict(A) + Other() == "mine"
    assert isinstance(ag.ones(2).exp(), ag.Tensor)
