"""Other shapes of the same elements, joined and split ones: errors, and memory that is laid out in another order."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.view(5), "shape '\\[5\\]' is invalid for input of size 6"),
        (lambda x: x.t().view(6), "Use .reshape"),
        (lambda x: x.squeeze(5), "Dimension out of range"),
        (lambda x: x.expand(2, 4), "must match the existing size"),
        (lambda x: x.permute(0, 0), "duplicate dims"),
        (lambda x: x.narrow(0, 1, 5), "exceeds dimension size"),
        (lambda x: x.reshape(-1, -1), "only one dimension can be inferred"),
        (lambda x: x.split([1, 2]), "sum exactly to 2"),
        (lambda x: ag.cat([x, x[0]]), "same number of dimensions"),
        (lambda x: ag.cat([x, ag.ones(1, 4)]), "Sizes of tensors must match except in dimension 0"),
        (lambda x: ag.stack([x, x[0]]), "equal size"),
    ],
)
def test_errors(call, message):
    with pytest.raises((RuntimeError, IndexError), match=message):
        call(ag.zeros(2, 3))


def test_view_of_a_convolution():
    """Its result lies in memory channels last; programs that take views of it know nothing of that."""
    x = ag.randn(2, 3, 8, 8)
    w = ag.randn(4, 3, 3, 3, requires_grad=True)
    out = ag.max_pool2d(ag.conv2d(x, w).relu(), 2)
    flat = out.view(2, -1)
    np.testing.assert_array_equal(flat.detach().numpy(), out.detach().numpy().reshape(2, -1))
    flat.mul_(2)
    np.testing.assert_array_equal(flat.detach().numpy(), out.detach().numpy().reshape(2, -1))
    with ag.no_grad():
        flat = ag.max_pool2d(ag.conv2d(x, w).relu(), 2).view(2, -1)
        with pytest.raises(RuntimeError, match="clone"):
            flat.add_(1)
