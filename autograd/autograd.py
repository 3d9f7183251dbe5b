"""``torch.autograd``'s names under ``autograd.autograd``, for programs that spell them out."""

from typing import Any

from . import functional, paths
from .anomaly import detect_anomaly, set_detect_anomaly
from .backward import backward, grad
from .function import Function, once_differentiable
from .graph import enable_grad, inference_mode, no_grad, set_grad_enabled
from .tensor import Tensor

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]


__path__: list[str] = []  # what PyTorch has in modules below, such as ``function``, `autograd.paths` finds


def Variable(data: Tensor, requires_grad: bool = False) -> Tensor:
    """The tensor itself, as since PyTorch 0.4: every Tensor can require grad."""
    return data.requires_grad_() if requires_grad else data


def gradcheck(func: Any, inputs: Any, *, raise_exception: bool = True, nondet_tol: float = 0.0, **_: Any) -> bool:
    """`autograd.testing.gradcheck` with PyTorch's arguments; steps and tolerances are its own, and tighter.

    >>> import autograd as ag
    >>> gradcheck(lambda x: x * x, (ag.ones(2),), eps=1e-6, atol=1e-4)
    True
    """
    return _checked("gradcheck", func, inputs, raise_exception, nondet_tol)


def gradgradcheck(
    func: Any, inputs: Any, grad_outputs: Any = None, *, raise_exception: bool = True, nondet_tol: float = 0.0, **_: Any
) -> bool:
    """The same for second derivatives.

    >>> import autograd as ag
    >>> gradgradcheck(lambda x: x**3, ag.ones(2))
    True
    """
    return _checked("gradgradcheck", func, inputs, raise_exception, nondet_tol)


def _checked(name: str, func: Any, inputs: Any, raises: bool, nondet_tol: float) -> bool:
    from . import testing

    inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    return getattr(testing, name)(func, *inputs, raises=raises, nondet_tol=nondet_tol).ok


def __getattr__(name: str) -> Any:
    return paths.below(__name__, name)
