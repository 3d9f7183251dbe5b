"""``torch.signal.windows``: weights that fade a stretch of a signal in and out.

Each takes the number of elements `M`, and ``sym``: True for a window that is symmetric, False for one period of a periodic
one, as a Fourier transform takes it.

Source: https://docs.pytorch.org/docs/stable/signal.html

>>> hann(4, sym=False)
tensor([0.0000, 0.5000, 1.0000, 0.5000])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..creation import finished, float_dtype
from ..device import as_device, to_device
from ..tensor import Tensor

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann",
    "kaiser", "nuttall",
]  # fmt: skip


def _window(name: str, f: Callable, M: int, sym: bool, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    """`f(k, n)` at the places k = 0 … M − 1 of a window whose last place is n − 1."""
    target = float_dtype(dtype)
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if target.kind != "f":
        raise ValueError(f"{name} expects a floating-point dtype, got {target}")
    n = M if sym else M + 1
    values = np.ones(M) if M == 1 else f(np.arange(M, dtype=np.float64), n)
    return finished(to_device(np.asarray(values, target), as_device(device)), requires_grad)


def general_cosine(M: int, *, a: Sequence[float], sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
                   requires_grad: bool = False) -> Tensor:  # fmt: skip
    """The sum of cosines Σ (−1)ⁱ aᵢ cos(2πik / (M − 1))."""
    if not a:
        raise ValueError("Coefficients cannot be empty")
    f = lambda k, n: sum((-1) ** i * c * np.cos(2 * math.pi * i * k / (n - 1)) for i, c in enumerate(a))
    return _window("general_cosine", f, M, sym, dtype, device, requires_grad)


def general_hamming(M: int, *, alpha: float = 0.54, **options: Any) -> Tensor:
    """alpha − (1 − alpha) cos(2πk / (M − 1))."""
    return general_cosine(M, a=[alpha, 1 - alpha], **options)


def hamming(M: int, **options: Any) -> Tensor:
    """The Hamming window: `general_hamming` with alpha = 0.54."""
    return general_hamming(M, alpha=0.54, **options)


def hann(M: int, **options: Any) -> Tensor:
    """The Hann window: `general_hamming` with alpha = 0.5."""
    return general_hamming(M, alpha=0.5, **options)


def blackman(M: int, **options: Any) -> Tensor:
    """The Blackman window, of three cosines."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], **options)


def nuttall(M: int, **options: Any) -> Tensor:
    """The window of Nuttall with four cosines and a continuous first derivative."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], **options)


def bartlett(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A triangle."""
    f = lambda k, n: 1 - np.abs(2 * k / (n - 1) - 1)
    return _window("bartlett", f, M, sym, dtype, device, requires_grad)


def cosine(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Half a wave: sin(π(k + ½) / M)."""
    f = lambda k, n: np.sin(math.pi * (k + 0.5) / n)
    return _window("cosine", f, M, sym, dtype, device, requires_grad)


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None,
                layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """exp(−|k − center| / tau); the center is the middle, and only a periodic window may have another."""
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    f = lambda k, n: np.exp(-np.abs(k - ((n - 1) / 2 if center is None else center)) / tau)
    return _window("exponential", f, M, sym, dtype, device, requires_grad)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:  # fmt: skip
    """exp(−½ ((k − middle) / std)²)."""
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    f = lambda k, n: np.exp(-(((k - (n - 1) / 2) / std) ** 2) / 2)
    return _window("gaussian", f, M, sym, dtype, device, requires_grad)


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:  # fmt: skip
    """The Kaiser window: the Bessel function I₀ over a half circle."""
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    f = lambda k, n: np.i0(beta * np.sqrt(np.maximum(0, 1 - (2 * k / (n - 1) - 1) ** 2))) / np.i0(beta)
    return _window("kaiser", f, M, sym, dtype, device, requires_grad)
