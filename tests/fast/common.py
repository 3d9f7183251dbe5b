"""What tests of compiled loops share: numbers, and the same call with the loops and without them."""

import contextlib

import numpy as np
import pytest

from autograd import fast

with_loops = pytest.mark.skipif(not fast.available(), reason="needs the extra 'fast'")
both = pytest.mark.parametrize("compiled", [True, False])


def using(compiled):
    return contextlib.nullcontext() if compiled else fast.disabled()


def normal(*shape, seed=None):
    """The same numbers each time for a shape, and for a seed."""
    return np.random.default_rng(sum(shape) if seed is None else seed).standard_normal(shape, dtype=np.float32)


def close(found, wanted, rtol=2e-5, atol=4e-6):
    """Are arrays of float32 what others are, of float64 and up to any size?"""
    for got, want in zip(found, wanted, strict=True):
        assert got.dtype == np.float32
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol * max(1, np.abs(want).max(initial=0)))
