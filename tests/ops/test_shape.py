"""Other shapes, orders and arrangements of the same elements: values, gradients, every layout, off the CPU."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from autograd.testing.cases import OpCase, each_check
from autograd.testing.samples import S

VIEWS = [
    OpCase("ravel", S((2, 3)), S(())),
    OpCase("flatten", S((2, 3, 4)), S((2, 3, 4), start_dim=1), S(())),
    OpCase("unflatten", S((2, 6), dim=1, sizes=(2, -1))),
    OpCase("squeeze", S((2, 1, 3, 1)), S((2, 1, 3, 1), dim=1), S((2, 1, 3, 1), dim=(1, 3))),
    OpCase("unsqueeze", S((2, 3), dim=-1), S((), dim=0)),
    OpCase("permute", S((2, 3, 4), dims=(2, 0, 1))),
    OpCase("transpose", S((2, 3, 4), 0, 2)),
    OpCase("t", S((2, 3)), S((3,))),
    OpCase("movedim", S((2, 3, 4), 0, -1)),
    OpCase("narrow", S((4, 3), 0, 1, 2), S((0, 3), 0, 0, 0)),
    OpCase("select", S((2, 3), 1, 2), S((3,), 0, -1)),
    OpCase("Tensor.unfold", S((7,), 0, 3, 2), S((2, 7), 1, 2, 3), S((2, 3), 1, 3, 1), torch="Tensor.unfold"),
    OpCase("diagonal", S((3, 4)), S((2, 3, 3), offset=1, dim1=1, dim2=2)),
    OpCase("view_as_complex", S((3, 2)), layouts=False),
]
COPIES = [
    OpCase("flip", S((2, 3), dims=(0, 1)), S((0, 3), dims=(0,))),
    OpCase("roll", S((2, 3), 1, 1), S((2, 3), 2)),
    OpCase("rot90", S((2, 3)), S((2, 3, 2), k=2)),
    OpCase("Tensor.repeat", S((2, 3), 2, 1, 2), torch="Tensor.repeat"),
    OpCase("tile", S((2, 3), dims=(2,))),
    OpCase("repeat_interleave", S((2, 3), 2), S((2, 3), 2, dim=1)),
    OpCase("clone", S((2, 3))),
    OpCase("tril", S((3, 4)), S((2, 3, 3), 1)),
    OpCase("triu", S((3, 4)), S((2, 3, 3), -1)),
    OpCase("diag", S((3, 4)), S((3,), 1)),
    OpCase("diag_embed", S((2, 3)), S((2, 3), offset=-1)),
    OpCase("diagflat", S((2, 2))),
    OpCase("trace", S((3, 3)), S((2, 4))),
    OpCase("combinations", S((4,)), S((3,), r=2, with_replacement=True)),
]
CASES = [*VIEWS, *COPIES]


@pytest.mark.parametrize("check", each_check(CASES), ids=str)
def test_op(check):
    check()


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
