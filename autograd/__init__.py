"""gradloom: reverse-mode automatic differentiation with PyTorch's API on NumPy and CuPy.

>>> import autograd as ag
>>> x = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x**2).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

from __future__ import annotations

from . import autograd, creation, dtypes, ops
from .creation import *
from .device import cuda, device, get_default_device, set_default_device
from .display import set_printoptions
from .dtypes import *
from .graph import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from .ops.elementwise import *
from .ops.indexing import *
from .ops.linalg import *
from .ops.reduction import *
from .ops.shape import *
from .random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .tensor import Size, Tensor

__version__ = "0.1.0"
