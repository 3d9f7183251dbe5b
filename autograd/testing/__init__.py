"""Unit tests for gradients: a checker that finds and names the wrong element.

Everything here also works on functions of other libraries, and on plain callables.

>>> import numpy as np
>>> from autograd.testing import gradcheck
>>> gradcheck(lambda x: x**3, np.array([1.0, 2.0]), vjp=lambda g, x: 3 * g * x**2).ok
True
"""

from autograd.testing.cases import OpCase, each_check, uncovered
from autograd.testing.checks import DEFAULT_CHECKS
from autograd.testing.close import assert_close
from autograd.testing.compare import assert_grads_close, assert_matches
from autograd.testing.findings import Failure
from autograd.testing.gradcheck import gradcheck, gradgradcheck, numeric_grad, numeric_jvp
from autograd.testing.models import (
    assert_all_parameters_get_gradients,
    assert_batch_independent,
    assert_causal,
    assert_deterministic,
    assert_overfits,
)
from autograd.testing.result import GradCheckError, GradCheckResult
from autograd.testing.samples import BINARY, UNARY, S, draw, integers
from autograd.testing.strict import StrictArray, strict, to_numpy

__all__ = [
    "BINARY",
    "DEFAULT_CHECKS",
    "Failure",
    "GradCheckError",
    "GradCheckResult",
    "OpCase",
    "S",
    "StrictArray",
    "UNARY",
    "assert_all_parameters_get_gradients",
    "assert_batch_independent",
    "assert_causal",
    "assert_close",
    "assert_deterministic",
    "assert_grads_close",
    "assert_matches",
    "assert_overfits",
    "draw",
    "each_check",
    "gradcheck",
    "gradgradcheck",
    "integers",
    "numeric_grad",
    "numeric_jvp",
    "strict",
    "to_numpy",
    "uncovered",
]
