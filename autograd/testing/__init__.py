"""Unit tests for gradients: a checker that finds and names the wrong element.

Everything here also works on functions of other libraries, or on plain callables.
"""

from autograd.testing.checks import DEFAULT_CHECKS
from autograd.testing.gradcheck import gradcheck, gradgradcheck, numeric_grad, numeric_jvp
from autograd.testing.result import Failure, GradCheckError, GradCheckResult

__all__ = [
    "DEFAULT_CHECKS",
    "Failure",
    "GradCheckError",
    "GradCheckResult",
    "gradcheck",
    "gradgradcheck",
    "numeric_grad",
    "numeric_jvp",
]
