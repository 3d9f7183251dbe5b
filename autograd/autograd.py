"""``torch.autograd``'s names under ``autograd.autograd``, for programs that spell them out."""

from typing import Any

from . import functional
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
    "inference_mode",
    "no_grad",
    "once_differentiable",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def Variable(data: Tensor, requires_grad: bool = False) -> Tensor:
    """The tensor itself, as since PyTorch 0.4: every Tensor can require grad."""
    return data.requires_grad_() if requires_grad else data


def __getattr__(name: str) -> Any:
    if name in ("gradcheck", "gradgradcheck"):
        from . import testing

        return getattr(testing, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
