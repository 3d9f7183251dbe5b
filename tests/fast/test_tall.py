"""The product of two tall matrices, in Python and compiled."""

import numpy as np
import pytest

from autograd import fast
from autograd.fast import linalg
from autograd.fast.tall import tall_product

with_loops = pytest.mark.skipif(not fast.available(), reason="needs the extra 'fast'")


def normal(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=with_loops)])
@pytest.mark.parametrize(("rows", "n", "m"), [(9, 12, 32), (30, 37, 70), (1, 5, 3), (16, 24, 64), (33, 13, 31)])
@pytest.mark.parametrize(("share", "deep"), [(12, 8), (7, 30), (100, 3)])
def test_every_size(compiled, rows, n, m, share, deep):
    a, b = normal(rows, n), normal(rows, m)
    out = np.full((n, m), np.nan, np.float32)
    (tall_product if compiled else tall_product.__wrapped__)(a, b, np.zeros(32, np.float32), out, share, deep)
    np.testing.assert_allclose(out, a.astype(float).T @ b, atol=1e-4)


@with_loops
def test_a_matrix_of_which_a_part_is_multiplied(monkeypatch):
    used = []
    monkeypatch.setattr(linalg, "tall_product", lambda *args: used.append(1) or tall_product(*args))
    a, b = normal(1200, 300), normal(1200, 150)
    found = linalg.matmul(a[:, 10:100].T, b[:, 7:77])
    np.testing.assert_allclose(found, a[:, 10:100].astype(float).T @ b[:, 7:77], atol=1e-3)
    assert used == [1]
