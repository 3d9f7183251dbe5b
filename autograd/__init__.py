"""gradloom: reverse-mode automatic differentiation with PyTorch's API on NumPy and CuPy.

>>> import autograd as ag
>>> x = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
>>> (x**2).sum().backward()
>>> x.grad
tensor([2., 4., 6.])
"""

from __future__ import annotations

import importlib
from typing import Any

from . import autograd, creation, cuda, dtypes, functional, ops, special, version
from .absent import ABSENT as _ABSENT
from .anomaly import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from .backward import grad
from .creation import *
from .device import device, get_default_device, set_default_device
from .display import set_printoptions
from .dtypes import *
from .fast import get_num_threads, set_num_threads
from .function import Function
from .graph import enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, set_grad_enabled
from .memory import keep_freed_memory as _keep_freed_memory
from .ops.activation import *
from .ops.arithmetic import *
from .ops.arrange import *
from .ops.assignment import *
from .ops.comparison import *
from .ops.complexes import *
from .ops.conversion import *
from .ops.convolution import *
from .ops.diagonal import *
from .ops.distance import *
from .ops.dropout import *
from .ops.einsum import *
from .ops.factorization import *
from .ops.fourier import *
from .ops.functions import *
from .ops.gather import *
from .ops.indexing import *
from .ops.joining import *
from .ops.linalg import *
from .ops.linear import *
from .ops.lowrank import *
from .ops.masks import *
from .ops.normalization import *
from .ops.norms import *
from .ops.operators import *
from .ops.padding import *
from .ops.pooling import *
from .ops.recurrent import *
from .ops.reduction import *
from .ops.scan import *
from .ops.scatter import *
from .ops.shape import *
from .ops.softmax import *
from .ops.solving import *
from .ops.sorting import *
from .ops.special import *
from .ops.spectral import *
from .ops.splitting import *
from .ops.statistics import *
from .ops.unfold import *
from .ops.views import *
from .paths import install as _find_paths
from .queries import *
from .random import Generator, default_generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state
from .sampling import *
from .serialization import load, save
from .switches import *
from .switches import _assert as _assert
from .switches import _check as _check
from .switches import foreach as _foreach
from .tensor import Size, Tensor
from .version import __version__ as __version__

_keep_freed_memory()
_find_paths()

# What PyTorch programs reach through the name `torch`, and what is loaded when first asked for.
_LAZY = {
    "accelerator": "autograd.accelerator",
    "amp": "autograd.amp",
    "_C": "autograd._C",
    "_dynamo": "autograd._dynamo",
    "backends": "autograd.backends",
    "compiler": "autograd.compiler",
    "data": "autograd.data",
    "distributed": "autograd.distributed",
    "distributions": "autograd.distributions",
    "draw": "autograd.draw",
    "fft": "autograd.fft",
    "func": "autograd.func",
    "fx": "autograd.fx",
    "hub": "autograd.hub",
    "jit": "autograd.jit",
    "linalg": "autograd.linalg",
    "masked": "autograd.masked",
    "mps": "autograd.mps",
    "nn": "nn",
    "optim": "optim",
    "profiler": "autograd.profiler",
    "signal": "autograd.signal",
    "special": "autograd.special",
    "testing": "autograd.testing",
    "utils": "autograd.utils",
    "xpu": "autograd.xpu",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(_LAZY[name])
    if name == "vmap":
        return importlib.import_module("autograd.func").vmap
    if name in ("autocast", "GradScaler"):
        return getattr(importlib.import_module("autograd.amp"), name)
    if name.startswith("_foreach_"):
        return _foreach(name)
    if name in _ABSENT:
        raise AttributeError(f"gradloom has no {name!r}: {_ABSENT[name]}")
    raise AttributeError(f"module 'autograd' has no attribute {name!r}")
