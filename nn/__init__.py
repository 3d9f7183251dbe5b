"""Neural networks: PyTorch's `torch.nn` on this library's tensors.

>>> import autograd as ag, nn
>>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
>>> model(ag.ones(2, 4)).shape
autograd.Size([2, 1])
"""

from __future__ import annotations

import importlib
from typing import Any

from . import functional, init, parallel, utils
from .activation import *
from .adaptive import *
from .attention import *
from .batch_norm import *
from .containers import *
from .conv import *
from .distance import *
from .dropout import *
from .embedding import *
from .linear import *
from .loss import *
from .margin_loss import *
from .module import Module
from .normalization import *
from .padding import *
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter
from .parameter_containers import *
from .pooling import *
from .rearrange import *
from .recurrent import *
from .transformer import *

# What is built on top, loaded when first asked for.
_LAZY = {
    "Trainer": "nn.trainer",
    "callbacks": "nn.callbacks",
    "interpret": "nn.interpret",
    "metrics": "nn.metrics",
    "modules": "nn.modules",  # found by autograd.paths
    "privacy": "nn.privacy",
    "quantization": "nn.quantization",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'nn' has no attribute {name!r}")
    module = importlib.import_module(_LAZY[name])
    return getattr(module, name) if name[0].isupper() else module
