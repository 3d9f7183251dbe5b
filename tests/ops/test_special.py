"""Special functions: to a few roundings of float64, against SciPy; orthogonal polynomials."""

from __future__ import annotations

import functools
import subprocess
import sys

import numpy as np
import pytest

import autograd as ag
from tests.conftest import referee


def points(low: float, high: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    tiny = 10 ** rng.uniform(-200, 0, 200)
    return np.clip(np.concatenate([rng.uniform(low, high, 4000), tiny, -tiny, [0.0, 1.0, 2.0]]), low, high)


@pytest.mark.parametrize(
    ("name", "theirs", "low", "high"),
    [
        ("erf", "erf", -8, 8), ("erfc", "erfc", -8, 20), ("special.erfcx", "erfcx", -20, 100), ("special.ndtr", "ndtr", -30, 9),
        ("special.log_ndtr", "log_ndtr", -100, 8), ("i0", "i0", -50, 50), ("special.i0e", "i0e", -500, 500), ("special.i1", "i1", -50, 50),
        ("special.i1e", "i1e", -500, 500), ("erfinv", "erfinv", -1, 1), ("special.ndtri", "ndtri", 0, 1), ("lgamma", "gammaln", -20, 200),
        ("digamma", "digamma", 0, 200), ("special.bessel_j0", "j0", 0, 50), ("special.bessel_y1", "y1", 0, 50),
    ],
)  # fmt: skip
def test_accuracy(name, theirs, low, high):
    """The relative error is some 1e-13 where the function is well-conditioned, the absolute error 1e-14 near its zeros."""
    special = pytest.importorskip("scipy.special")
    x = points(low, high)
    function = functools.reduce(getattr, name.split("."), ag)
    np.testing.assert_allclose(function(ag.from_numpy(x)).numpy(), getattr(special, theirs)(x), rtol=5e-13, atol=1e-14)


def test_far_tails_keep_their_relative_accuracy():
    special = pytest.importorskip("scipy.special")
    p = 10.0 ** -np.arange(1, 300, 7)
    np.testing.assert_allclose(ag.special.ndtri(ag.from_numpy(p)).numpy(), special.ndtri(p), rtol=1e-14)
    x = np.linspace(10, 26, 50)
    np.testing.assert_allclose(ag.erfc(ag.from_numpy(x)).numpy(), special.erfc(x), rtol=1e-12, atol=0)


def test_float32_erf():
    special = pytest.importorskip("scipy.special")
    x = np.linspace(-5, 5, 50_001).astype(np.float32)  # more than one block
    out = ag.erf(ag.from_numpy(x))
    assert out.dtype == ag.float32
    np.testing.assert_allclose(out.numpy(), special.erf(x.astype(float)), atol=3e-7)
    assert np.abs(out.numpy()).max() <= 1


POLYNOMIALS = [
    "chebyshev_polynomial_t", "chebyshev_polynomial_u", "chebyshev_polynomial_v", "chebyshev_polynomial_w",
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
    "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u", "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
]  # fmt: skip


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name):
    torch = referee()
    x, n = np.linspace(-0.9, 2, 12), np.arange(-1, 6.0)
    expected = getattr(torch.special, name)(torch.from_numpy(x)[:, None], torch.from_numpy(n)).numpy()
    np.testing.assert_allclose(
        getattr(ag.special, name)(ag.from_numpy(x)[:, None], ag.from_numpy(n)).numpy(), expected, rtol=1e-10, atol=1e-12
    )
    expected = getattr(torch.special, name)(torch.from_numpy(x), 3).numpy()
    np.testing.assert_allclose(getattr(ag.special, name)(ag.from_numpy(x), 3).numpy(), expected, rtol=1e-10, atol=1e-12)


def test_the_namespace_is_complete():
    torch = referee()
    theirs = {n for n in dir(torch.special) if not n.startswith("_")} - {
        "Tensor",
        "torch",
        "common_args",
        "multi_dim_common",
    }
    assert theirs <= set(ag.special.__all__)
    assert all(callable(getattr(ag.special, n)) for n in ag.special.__all__)


def test_gradients_nobody_knows_raise():
    a = ag.ones(2, requires_grad=True)
    out = ag.igamma(a, ag.ones(2))
    with pytest.raises(NotImplementedError, match="igamma"):
        out.sum().backward()


def test_what_networks_use_needs_no_scipy():
    """erf, lgamma, digamma and the like work where SciPy cannot be imported; the rare functions name the extra to install."""
    program = """
import sys
sys.modules["scipy"] = None
import autograd as ag
x = ag.tensor([0.3, 0.6])
for name in "erf erfc erfinv lgamma digamma i0".split():
    getattr(ag, name)(x)
for name in "erfcx ndtr ndtri log_ndtr i0e i1 i1e entr".split():
    getattr(ag.special, name)(x)
ag.polygamma(2, x), ag.special.zeta(x + 2, x), ag.mvlgamma(x + 3, 2)
try:
    ag.special.bessel_j0(x)
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "scipy" in done.stdout


EDGES = [
    0.0,
    -0.0,
    np.inf,
    -np.inf,
    np.nan,
    5e-324,
    1e-45,
    -1e-45,
    1e-300,
    1e10,
    -1e10,
    1e30,
    -1e30,
    1e300,
    4.0,
    -4.0,
    10.0,
    -10.0,
    700.5,
    -700.5,
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("erf", "erf"), ("erfc", "erfc"), ("special.erfcx", "erfcx"), ("special.ndtr", "ndtr"), ("special.log_ndtr", "log_ndtr"),
        ("i0", "i0"), ("special.i0e", "i0e"), ("special.i1", "i1"), ("special.i1e", "i1e"), ("erfinv", "erfinv"),
        ("special.ndtri", "ndtri"), ("special.entr", "entr"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("repeats", [1, 1000])
def test_at_the_edges(name, theirs, dtype, repeats):
    """At infinities, at NaN, at zeros of either sign and among the smallest and largest numbers: alone and in large arrays."""
    special = pytest.importorskip("scipy.special")
    function = functools.reduce(getattr, name.split("."), ag)
    with np.errstate(all="ignore"):
        x = np.tile(np.array(EDGES).astype(dtype), repeats)
        wanted = getattr(special, theirs)(x.astype(float)).astype(dtype)
    got = function(ag.from_numpy(x)).numpy()
    np.testing.assert_allclose(
        got, wanted, rtol=1e-5 if dtype is np.float32 else 1e-12, atol=np.finfo(dtype).smallest_subnormal
    )
    if name == "erf":
        assert (np.abs(got[np.abs(x) >= 10]) == 1).all()


def test_gamma_functions_at_the_edges():
    x = ag.tensor([np.inf, -np.inf, 0.0, 5e-324, -5e-324], dtype=ag.float64)
    smallest = -np.log(5e-324)
    np.testing.assert_allclose(ag.lgamma(x).numpy(), [np.inf, np.inf, np.inf, smallest, smallest], rtol=1e-15)
    x = ag.tensor([np.inf, -1e10 - 0.5, -2.0, 1e-300], dtype=ag.float64)
    np.testing.assert_allclose(ag.polygamma(1, x).numpy(), [0, np.pi**2, np.inf, np.inf], rtol=1e-10)
    np.testing.assert_array_equal(ag.polygamma(2, x[::2]).numpy(), [0, -np.inf])
