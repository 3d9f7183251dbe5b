"""No false alarm on the project's own ops, all of whose gradients are right.

`pytest tests/testing/test_false_alarms.py --hypothesis-profile=thorough` draws 10,000 examples, new ones each time.
"""

import pytest

pytest.importorskip("hypothesis")
from hypothesis import assume, given
from hypothesis import strategies as hypothesis

from autograd.testing import gradcheck
from autograd.testing import strategies as st
from tests.samples import CASES


@given(st.op_calls(CASES), hypothesis.integers(0, 2**31), hypothesis.sampled_from(["fast", "auto"]))
def test_no_false_alarm_on_any_op(call, seed, mode):
    assume(call.differentiable)
    gradcheck(call, *call.args, **(call.options | {"seed": seed, "mode": mode}))
