"""``torch.autograd``'s names under ``autograd.autograd``, for programs that spell them out."""

import warnings
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


class _Leaf(type):
    """The type of `Variable`: every Tensor is one."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Tensor, requires_grad: bool = False, volatile: Any = None) -> Tensor:
        if volatile is not None:
            warnings.warn("volatile has no effect, as since PyTorch 0.4: write with no_grad()", stacklevel=2)
        return data.detach().requires_grad_(requires_grad)


class Variable(metaclass=_Leaf):
    """PyTorch's old name of a Tensor: called on one it gives a leaf with the same memory, cut from the graph.

    >>> import autograd as ag
    >>> y = ag.ones(2, requires_grad=True) * 2
    >>> Variable(y).requires_grad, isinstance(y, Variable)
    (False, True)
    """


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
