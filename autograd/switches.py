"""What PyTorch programs ask of its compiler and of the kernels it chooses: accepted where keeping on as before is an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = [
    "are_deterministic_algorithms_enabled", "compile", "get_float32_matmul_precision", "set_float32_matmul_precision",
    "use_deterministic_algorithms",
]  # fmt: skip

# What a program may name that has no answer, and what to write instead.
ABSENT = {
    "export": "autograd.draw shows a graph, autograd.save keeps a state_dict",
    "fx": "autograd.draw.graph(model, x) shows a model's graph",
    "benchmark": "use Python's timeit",
    "cpp_extension": "declare an op with autograd.op, or an autograd.Function",
    "forward_ad": "use autograd.func.jvp",
    "hub": "load a state_dict from a safetensors file with autograd.load",
    "library": "declare an op with autograd.op, or an autograd.Function",
    "model_zoo": "load a state_dict from a safetensors file with autograd.load",
    "multiprocessing": "autograd.data.DataLoader(num_workers=...) works in several processes",
    "nested": "pad the tensors: nn.utils.rnn.pad_sequence",
    "onnx": "autograd.save keeps a state_dict",
    "package": "autograd.save keeps a state_dict",
    "quantization": "see nn.quantization",
    "quantized": "see nn.quantization",
    "sparse": "use dense tensors: there is no sparse layout",
    "sparse_coo": "use dense tensors: there is no sparse layout",
    "sparse_coo_tensor": "use zeros(...).index_put_(indices, values, accumulate=True): there is no sparse layout",
    "sparse_csr_tensor": "use dense tensors: there is no sparse layout",
    "xpu": 'the devices are "cpu" and "cuda"',
    "mps": 'the devices are "cpu" and "cuda"',
}


def compile(model: Any = None, **options: Any) -> Any:
    """The function or module itself: there is nothing to compile, the answer is the same.

    Args:
        model: function or module; without it, a decorator that takes one.
        options: fullgraph, dynamic, backend, mode … accepted for PyTorch's sake.

    >>> @compile(dynamic=True)
    ... def double(x):
    ...     return 2 * x
    >>> double(3)
    6
    """
    keep: Callable = lambda model: model
    return keep if model is None else model


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted: float32 is multiplied as float32, ``"highest"``."""
    if precision not in ("highest", "high", "medium"):
        raise ValueError(f"expected 'highest', 'high' or 'medium', got {precision!r}")


def get_float32_matmul_precision() -> str:
    """``"highest"``, whatever was asked for."""
    return "highest"


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted: all algorithms are deterministic on the CPU."""


def are_deterministic_algorithms_enabled() -> bool:
    """True."""
    return True
