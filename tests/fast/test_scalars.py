"""The polynomials of compiled loops against float64, over all of float32 and at its edges."""

import math

import numpy as np
import pytest

from autograd.fast import available, disabled, fused, load, scalars

REFERENCE = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(0, x),
    "erf": np.vectorize(math.erf, otypes=[float]),
    "normal_cdf": np.vectorize(lambda x: math.erfc(-x / math.sqrt(2)) / 2, otypes=[float]),
    "normal_density": lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    "sqrt": np.sqrt,
    "absolute": np.abs,
    "sign": np.sign,
}
ULPS = dict.fromkeys(REFERENCE, 3.0) | {"exp": 1.5, "log": 1.5, "sqrt": 0.5, "absolute": 0, "sign": 0}


def numbers():
    """Of all sizes, and the special ones."""
    random = np.random.default_rng(0)
    sizes = 10.0 ** random.uniform(-44, 38, 20_000)
    special = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 88.7, 88.8, -87.4, -103.9, -104.1]
    parts = np.linspace(-110, 95, 20_000), random.standard_normal(20_000), sizes, -sizes, special
    with np.errstate(over="ignore"):
        return np.concatenate(parts).astype(np.float32)


def distance(got, wanted):
    """In units of the last place of float32; equal infinities and two NaNs are no distance apart."""
    with np.errstate(all="ignore"):
        rounded = wanted.astype(np.float32)
        units = np.abs(got.astype(np.float64) - wanted) / np.spacing(np.abs(rounded)).astype(np.float64)
    return np.where((got == rounded) | (np.isnan(got) & np.isnan(rounded)), 0, units)


@pytest.mark.parametrize("name", REFERENCE)
def test_polynomial(name):
    pytest.importorskip("numba")
    if not available():
        pytest.skip("the environment switches kernels off")
    load()
    formula = {
        "exp": lambda x: scalars.exp(x),
        "expm1": lambda x: scalars.expm1(x),
        "log": lambda x: scalars.log(x),
        "tanh": lambda x: scalars.tanh(x),
        "sigmoid": lambda x: scalars.sigmoid(x),
        "softplus": lambda x: scalars.softplus(x),
        "erf": lambda x: scalars.erf(x),
        "normal_cdf": lambda x: scalars.normal_cdf(x),
        "normal_density": lambda x: scalars.normal_density(x),
        "sqrt": lambda x: scalars.sqrt(x),
        "absolute": lambda x: scalars.absolute(x),
        "sign": lambda x: scalars.sign(x),
    }[name]
    x = numbers()
    got = fused(formula)(x)
    assert got.dtype == np.float32
    with np.errstate(all="ignore"):
        wanted = REFERENCE[name](x.astype(np.float64))
    assert np.array_equal(np.isnan(got), np.isnan(wanted))
    tolerance = np.full(x.shape, ULPS[name])
    if name == "normal_cdf":  # a relative error of 1e-5, four standard deviations out
        tolerance[x < 0] = 200
    if name == "normal_density":  # the square is rounded, and multiplied by up to 50
        tolerance[np.abs(x) > 1] = 100
    if name in ("sigmoid", "normal_cdf", "normal_density"):  # the smallest become 0
        small = np.abs(wanted) < (1e-11 if name == "normal_cdf" else 1e-25)
        tolerance[small] = np.inf
        assert (np.abs(got[small] - wanted[small]) < 1e-15).all()
    units = distance(got, wanted)
    worst = np.argmax(units - tolerance)
    assert units[worst] <= tolerance[worst], f"{name}({x[worst]!r}) = {got[worst]!r}, not {wanted[worst]!r}"


@pytest.mark.parametrize("name", REFERENCE)
def test_on_arrays(name):
    """The same names on NumPy arrays are what they say."""
    x = np.array([0.5, 1.5, 3.0])
    np.testing.assert_allclose(getattr(scalars, name)(x), REFERENCE[name](x), rtol=1e-12)


def test_order_of_floats():
    x = np.array([-np.inf, -3.0, -1e-42, -0.0, 0.0, 1e-42, 2.0, np.inf, np.nan], np.float32)
    keys = [int(scalars.order_key(v)) for v in x]
    assert keys == sorted(keys)
    for v, key in zip(x, keys, strict=True):
        np.testing.assert_equal(scalars.from_order(np.int32(key)), v)


def test_choices_where_nan_wins():
    x = np.tile(np.array([1, 2, np.nan, 3, np.inf], np.float32), 8000)
    y = np.tile(np.array([2, 1, 1, np.nan, -np.inf], np.float32), 8000)
    np.testing.assert_array_equal(fused(np.maximum)(x, y), np.maximum(x, y))
    np.testing.assert_array_equal(fused(np.minimum)(x, y), np.minimum(x, y))
    pick = fused(lambda condition, x, y: np.where(condition, x, y))
    np.testing.assert_array_equal(pick(x > y, x, y), np.where(x > y, x, y))
    with disabled():
        np.testing.assert_array_equal(pick(x > y, x, y), np.where(x > y, x, y))


@pytest.mark.parametrize(
    "x", [np.float32(2), np.array(2, np.float32), np.array([2, -np.inf], np.float32), np.ones((2, 2))]
)
def test_kept_or_nothing(x):
    np.testing.assert_array_equal(scalars.kept(x, x > 0), np.where(x > 0, x, 0), strict=True)
    np.testing.assert_array_equal(scalars.kept(np.asarray(x), np.bool_(False)), np.zeros_like(x), strict=True)
