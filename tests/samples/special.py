"""Samples of the functions of autograd.special (autograd/ops/special.py)."""

from __future__ import annotations

import math

import numpy as np

import autograd as ag
from autograd.testing import OpCase, S, draw, integers


def special(name, *samples, **options):
    """A case of an op under its name in autograd.special and torch.special."""
    return OpCase(name, *samples, fn=f"special.{name}", torch=f"special.{name}", **options)


def upper(rng, shape):
    """Orders and arguments that are well above 1."""
    return rng.uniform(1.5, 4, shape)


def bessel_ratio(x, n, scaled):
    """By its power series."""
    terms = [(x / 2) ** (2 * k) / (math.factorial(k) * math.factorial(k + n) * 2**n) for k in range(16)]
    return sum(terms) * (np.exp(-np.abs(x)) if scaled else 1)


PAIR = (S((3, 4), (4,)), S((), (0, 3)), S((2,), ()))
DEGREE = (S((3, 4), draw(integers(6), (4,))), S((), draw(integers(6), (0, 3))), S((2, 3), draw(integers(9, 6), ())))

ERRORS = [
    special("erf"),
    special("erfc"),
    special("erfcx"),
    special("erfinv", domain="unit"),
    special("ndtr"),
    special("ndtri", domain="probability"),
    special("log_ndtr"),
    special("entr", domain="positive", reference=lambda x: -x * np.log(x)),
    special("xlog1py", *PAIR, S(2.0, (3,)), domain="positive", reference=lambda x, y: x * np.log1p(y)),
]

GAMMAS = [
    OpCase("lgamma", domain="positive"),
    # tol: torch's trigamma is good to nine digits only
    OpCase("digamma", domain="positive", tol=1e7),
    special(
        "polygamma", *(S(n, shape) for n, shape in enumerate([(3, 4), (), (0, 3), (2,)])), domain="positive", tol=1e7
    ),
    # Differentiable in q alone, as in PyTorch; torch has no second derivative of some of these.
    special("zeta", *PAIR, domain=upper, wrt=1),
    OpCase("igamma", *PAIR, domain=upper, wrt=1),
    OpCase("igammac", *PAIR, domain=upper, wrt=1),
]

_FLAT = """airy_ai bessel_j0 bessel_j1 modified_bessel_i0 modified_bessel_i1 spherical_bessel_j0"""
_POSITIVE = """bessel_y0 bessel_y1 modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0
    scaled_modified_bessel_k1"""
_POLYNOMIALS = """chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w
    shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v
    shifted_chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l
    legendre_polynomial_p"""

BESSEL = [
    *(special(name) for name in ("i0", "i1", "i0e", "i1e")),
    OpCase(
        "bessel_ratio",
        S((3, 4), 1, False),
        S((), 2, True),
        S((0, 3), 1, True),
        S((2, 1, 3), 3, False),
        fn=ag.ops.special.bessel_ratio,
        reference=bessel_ratio,
        torch=None,
    ),
    *(special(name, order=0) for name in _FLAT.split()),
    *(special(name, domain="positive", order=0, tol=1000) for name in _POSITIVE.split()),
    *(special(name, *DEGREE, domain="probability", order=0) for name in _POLYNOMIALS.split()),
]

CASES = [*ERRORS, *GAMMAS, *BESSEL]
