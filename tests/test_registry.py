"""Every op has samples, and is what they show: values, gradients of both orders, dtypes, memory layouts, device, PyTorch.

The samples are in tests/samples, a line for each op.
"""

from __future__ import annotations

import pytest

import autograd as ag
from autograd.formulas import FORMULAS
from autograd.op import REGISTRY, observers
from autograd.testing import OpCase, each_check, uncovered
from tests.conftest import OPS, referee
from tests.samples import CASES
from tests.samples.compositions import COMPOSITIONS

BY_NAME = {case.name: case for case in CASES}


def ops_called(case: OpCase) -> set[str]:
    """The names of the ops that the samples of a case go through."""
    called = set()

    def observer(op, call, *args, **kwargs):
        called.add(op.name)
        return call(*args, **kwargs)

    observers.append(observer)
    try:
        case.check("dtypes")
    finally:
        observers.remove(observer)
    return called


@pytest.mark.parametrize("name", OPS)
def test_every_op_has_samples(name):
    assert name in BY_NAME, f"there is no line for the op {name!r} in tests/samples: add an OpCase with samples"
    assert name in ops_called(BY_NAME[name]), f"the samples of {name!r} in tests/samples do not reach that op"


def test_every_line_is_for_an_op():
    assert uncovered([OpCase(name) for name in OPS], BY_NAME) == []
    assert len(BY_NAME) == len(CASES), "an op has two lines"


def test_no_op_is_excused_from_staying_on_its_device():
    assert [case for case in CASES if not case.strict] == []


def test_what_every_elementwise_function_computes_is_said():
    elementwise = {f.op.name for f in vars(ag).values() if hasattr(getattr(f, "op", None), "dtype")}
    assert elementwise <= set(FORMULAS) <= set(REGISTRY)
    assert ag.fmax.__doc__.startswith("The larger of both, the other one where one is NaN.")


@pytest.mark.parametrize("check", each_check(CASES), ids=str)
def test_op(check):
    if check.check == "torch":
        referee()
    check()


@pytest.mark.parametrize("case", COMPOSITIONS, ids=str)
def test_a_composition_stays_on_its_device_and_takes_every_layout(case):
    case.check("layouts", "strict")


def test_a_new_op_without_samples_is_noticed():
    from autograd.op import op

    @op("without_samples", method=False)
    def forward(x):
        return x + 1

    try:
        with pytest.raises(AssertionError, match="no line for the op 'without_samples'"):
            test_every_op_has_samples("without_samples")
    finally:
        del REGISTRY["without_samples"]
    assert isinstance(forward(ag.ones(2)), ag.Tensor)
