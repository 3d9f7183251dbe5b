"""Products from panels, in Python and compiled."""

import numpy as np
import pytest

from autograd.fast import linalg
from autograd.fast.panel_products import blocks_from_panels, panel_product
from tests.fast.common import normal, with_loops


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=with_loops)])
@pytest.mark.parametrize(("n", "k", "m"), [(12, 9, 32), (37, 30, 70), (5, 1, 3), (24, 16, 64), (13, 33, 31)])
@pytest.mark.parametrize(("down", "columns", "deep", "wide"), [(12, 96, 8, 64), (8, 32, 30, 32), (100, 64, 3, 32)])
def test_every_size(compiled, n, k, m, down, columns, deep, wide):
    product = blocks_from_panels if compiled else blocks_from_panels.__wrapped__
    a, b, start = normal(n, k), normal(k, m), normal(96)
    expected = a.astype(float) @ b + start[:m]
    for transpose_a, transpose_b in [(False, False), (False, True), (True, False), (True, True)]:
        out = np.full((n, m), np.nan, np.float32)
        left, right = (x.T.copy() if turned else x for x, turned in ((a, transpose_a), (b, transpose_b)))
        product(transpose_a, left, transpose_b, right, start, out, down, columns, deep, wide)
        np.testing.assert_allclose(out, expected, atol=1e-4)


@with_loops
@pytest.mark.parametrize(("n", "k", "m"), [(40, 1100, 700), (700, 1100, 40)])
def test_longer_sums_and_wider_matrices_than_the_cache_holds(n, k, m):
    a, b, bias = normal(n, k), normal(k, m), normal(m)
    np.testing.assert_allclose(panel_product(False, a, False, b, bias, 2), a.astype(float) @ b + bias, atol=2e-3)


@with_loops
def test_a_matrix_of_which_a_part_is_multiplied(monkeypatch):
    used = []
    monkeypatch.setattr(linalg, "panel_product", lambda *args: used.append(1) or panel_product(*args))
    a, b = normal(1200, 300), normal(1200, 150)
    found = linalg.matmul(a[:, 10:100].T, b[:, 7:77])
    np.testing.assert_allclose(found, a[:, 10:100].astype(float).T @ b[:, 7:77], atol=1e-3)
    assert used == [1]
