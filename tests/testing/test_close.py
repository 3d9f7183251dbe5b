"""`assert_close` accepts and refuses what PyTorch's does."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
from autograd.testing import assert_close
from tests.conftest import referee

torch = referee()

NAN = float("nan")
CASES = {
    "same": ([1.0, 2.0], [1.0, 2.0], {}),
    "near": ([1.0, 2.0], [1.0, 2.000001], {}),
    "apart": ([1.0, 2.0], [1.0, 2.1], {}),
    "looser": ([1.0, 2.0], [1.0, 2.1], {"rtol": 0.1, "atol": 0}),
    "whole numbers": ([1, 2], [1, 3], {}),
    "shapes": ([1.0, 2.0], [[1.0, 2.0]], {}),
    "types": ([1, 2], [1.0, 2.0], {}),
    "types that may differ": ([1, 2], [1.0, 2.0], {"check_dtype": False}),
    "nan": ([1.0, NAN], [1.0, NAN], {}),
    "equal nan": ([1.0, NAN], [1.0, NAN], {"equal_nan": True}),
    "infinity": ([float("inf")], [float("inf")], {}),
    "truth": ([True, False], [True, True], {}),
    "complex": ([1 + 1j], [1 + 1.1j], {}),
    "nothing": ([], [], {}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is_pytorchs(name):
    actual, expected, options = CASES[name]
    try:
        torch.testing.assert_close(torch.tensor(actual), torch.tensor(expected), **options)
    except AssertionError:
        with pytest.raises(AssertionError, match=r"do not match|not close"):
            assert_close(ag.tensor(actual), ag.tensor(expected), **options)
    else:
        assert_close(ag.tensor(actual), ag.tensor(expected), **options)


def test_nested_values_and_messages():
    x = ag.tensor([1.0, 2.0])
    assert_close({"a": [x, 1.0]}, {"a": [x.clone(), 1.0]})
    assert_close(np.ones(2), ag.ones(2, dtype=ag.float64))
    with pytest.raises(
        AssertionError, match=r"not close at item \['a'\]\[1\]: 1 of 2 elements, by up to 1 at index \(0,\)"
    ):
        assert_close({"a": [x, x]}, {"a": [x, x + ag.tensor([1.0, 0.0])]})
    with pytest.raises(AssertionError, match="keys"):
        assert_close({"a": x}, {"b": x})
    with pytest.raises(AssertionError, match="length"):
        assert_close([x], [x, x])
    with pytest.raises(AssertionError, match=r"^mine: Tensor"):
        assert_close(x, x + 1, msg=lambda text: f"mine: {text}")
    with pytest.raises(ValueError, match="both rtol and atol"):
        assert_close(x, x, rtol=1.0)
