"""What CuPy's ufuncs have no method for is computed in other words: the same numbers, on the stand-in for its arrays."""

import numpy as np
import pytest

from autograd.ops import ufuncs
from autograd.testing import StrictArray, strict, to_numpy

pytestmark = pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # NaN in NumPy's maximum

RNG = np.random.default_rng(0)
TYPES = ["float64", "float16", "complex128", "int8", "int64", "bool"]


def numbers(shape, dtype):
    values = RNG.integers(-3, 4, shape)
    return (values + (1j * RNG.integers(-3, 4, shape) if dtype == "complex128" else 0)).astype(dtype)


def same(found, expected):
    assert isinstance(found, StrictArray)
    np.testing.assert_array_equal(to_numpy(found), expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum, np.logical_and, np.logical_or, np.bitwise_xor])
def test_reduce(ufunc, axis, keepdims):
    x = numbers((3, 4, 5), "int64")
    same(ufuncs.reduce(ufunc, strict(x), axis, keepdims), np.asarray(ufunc.reduce(x, axis=axis, keepdims=keepdims)))


def test_reduce_nothing():
    x = np.zeros((3, 0))
    for array in (x, strict(x)):
        assert to_numpy(ufuncs.reduce(np.maximum, array, 1, initial=-np.inf)).tolist() == [-np.inf] * 3
        with pytest.raises(ValueError, match="no identity"):
            ufuncs.reduce(np.maximum, array, 1)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 8])
def test_accumulate(n):
    x = RNG.standard_normal((2, n, 3))
    x[:, 3:4, 0] = np.nan
    for ufunc in (np.maximum, np.minimum):
        same(ufuncs.accumulate(ufunc, strict(x), 1), ufunc.accumulate(x, axis=1))
    found = to_numpy(ufuncs.accumulate(np.logaddexp, strict(x), 1))
    np.testing.assert_allclose(found, np.logaddexp.accumulate(x, axis=1), rtol=1e-14)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum])
def test_at(ufunc, dtype):
    index = RNG.integers(-5, 5, (4, 6)), RNG.integers(0, 3, (1, 6))
    x, y = numbers((5, 3), dtype), numbers((4, 6), dtype)
    expected, out = x.copy(), strict(x)
    ufunc.at(expected, index, y)
    ufuncs.at(ufunc, out, index, strict(y))
    same(out, expected)


def test_at_with_nan_a_broadcast_value_and_no_index():
    x = np.array([1.0, np.nan, 3.0])
    for index, value in [([0, 0, 1, 2], [np.nan, 0, 5, 4]), ([0, 2], 7.0), (np.zeros(0, int), np.zeros(0))]:
        expected, out = x.copy(), strict(x)
        np.maximum.at(expected, (np.asarray(index),), np.asarray(value))
        ufuncs.at(np.maximum, out, (np.asarray(index),), strict(value))
        same(out, expected)
