"""``torch.autograd``'s names under ``autograd.autograd``, for programs that spell them out."""

from .backward import backward, grad
from .graph import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = ["backward", "enable_grad", "grad", "inference_mode", "no_grad", "set_grad_enabled"]
