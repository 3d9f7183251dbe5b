"""Joining and splitting: values, gradients of both orders, every layout, off the CPU."""

from __future__ import annotations

import pytest

import autograd as ag
from autograd.testing.cases import OpCase, each_check
from autograd.testing.samples import S

CASES = [
    OpCase("cat", S([(2, 3), (1, 3)]), S([(2, 3), (2, 2)], dim=1)),
    OpCase("stack", S([(2, 3), (2, 3)]), S([(3,), (3,)], dim=-1)),
    OpCase("hstack", S([(2,), (3,)]), S([(2, 1), (2, 3)])),
    OpCase("vstack", S([(3,), (2, 3)])),
    OpCase("dstack", S([(2, 3), (2, 3)])),
    OpCase("column_stack", S([(2,), (2, 3)])),
    OpCase("block_diag", S((2, 3), (1, 2), ())),
    OpCase("split", S((5, 2), 2), S((5, 2), [1, 4])),
    OpCase("chunk", S((5, 2), 2), S((2, 6), 3, dim=1)),
    OpCase("tensor_split", S((5, 2), 3)),
    OpCase("unbind", S((2, 3)), S((2, 3), dim=1)),
    OpCase("cartesian_prod", S((2,), (3,))),
    OpCase("broadcast_tensors", S((2, 1), (3,))),
]


@pytest.mark.parametrize("check", each_check(CASES), ids=str)
def test_op(check):
    check()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: x.split([1, 2]), "sum exactly to 2"),
        (lambda x: ag.cat([x, x[0]]), "same number of dimensions"),
        (lambda x: ag.cat([x, ag.ones(1, 4)]), "Sizes of tensors must match except in dimension 0"),
        (lambda x: ag.stack([x, x[0]]), "equal size"),
    ],
)
def test_errors(call, message):
    with pytest.raises((RuntimeError, IndexError), match=message):
        call(ag.zeros(2, 3))
