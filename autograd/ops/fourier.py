"""Fourier transforms, and transforms over windows of a signal.

One complex transform and one from real numbers, each with its adjoint, carry all of them: the gradient of a transform is a
transform back.
"""

from __future__ import annotations

import operator

# pyright: reportGeneralTypeIssues=false
# (a rule may name its own op: the adjoint of an adjoint)
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..device import as_device, on
from ..dtypes import as_dtype, complex_of, get_default_dtype, real_of
from ..op import function, op
from ..tensor import Tensor, unwrap, wrap
from .dims import wrap_dims
from .padding import pad
from .views import unfold_adjoint, view_as_real

__all__ = ["istft", "stft"]

# ---- the ops -----------------------------------------------------------------------------------------------------
# A transform of float32 is complex64, although NumPy may compute in double.
# `norm` is NumPy's: "forward" divides the forward transform by n, "backward" the one back, "ortho" both by √n.

_OTHER: dict[str, Any] = {"forward": "backward", "backward": "forward", "ortho": "ortho"}


@op("fft", method=False, holomorphic=False, x=lambda g, dims, norm: _ifft(g, dims, _OTHER[norm]))
def _fft(x, dims, norm):
    return np.fft.fftn(x, axes=dims, norm=norm).astype(complex_of(x.dtype), copy=False)


@op("ifft", method=False, holomorphic=False, x=lambda g, dims, norm: _fft(g, dims, _OTHER[norm]))
def _ifft(x, dims, norm):
    return np.fft.ifftn(x, axes=dims, norm=norm).astype(complex_of(x.dtype), copy=False)


def _padded(x: Any, shape: tuple[int, ...]) -> Any:
    """`x` with zeros at the end of dimensions, up to `shape`."""
    out = np.zeros_like(x, shape=shape)
    out[tuple(slice(0, n) for n in x.shape)] = x
    return out


@op("resize_dims", method=False, x=lambda g, x_shape: _resized(g, x_shape))
def _resized(x, shape):
    """Dimensions cut off or filled up with zeros at their end."""
    x = x[tuple(slice(0, n) for n in shape)]
    return x if x.shape == tuple(shape) else _padded(x, tuple(shape))


@op("rfft", method=False, holomorphic=False, x=lambda g, x_shape, dim, norm: _rfft_adjoint(g, x_shape[dim], dim, norm))
def _rfft(x, dim, norm):
    return np.fft.rfft(x, axis=dim, norm=norm).astype(complex_of(x.dtype), copy=False)


@op(method=False, holomorphic=False, x=lambda g, dim, norm: _rfft(g, dim, norm))
def _rfft_adjoint(x, n, dim, norm: Any):
    """The real part of the whole transform back of half a spectrum with nothing in the other half."""
    shape = (*x.shape[:dim], n, *x.shape[dim + 1 :])
    return np.fft.ifft(_padded(x, shape), axis=dim, norm=_OTHER[norm]).real.astype(real_of(x.dtype), copy=False)


def _irfft_gradient(g: Any, x_shape: tuple, n: int, dim: int, norm: str) -> Any:
    """Each frequency but the first (and the last of an even n) stands for its mirror image too."""
    spectrum = _rfft(g, dim, _OTHER[norm])
    half = spectrum.shape[dim]
    weight = np.full_like(unwrap(spectrum), 2, shape=(half,), dtype=g.dtype)
    weight[0] = 1
    if n % 2 == 0:
        weight[-1] = 1
    weight = weight.reshape((-1,) + (1,) * (len(x_shape) - 1 - dim))
    return _resized(spectrum * (wrap(weight) if isinstance(g, Tensor) else weight), x_shape)


@op("irfft", method=False, holomorphic=False, x=_irfft_gradient)
def _irfft(x, n, dim, norm):
    return np.fft.irfft(x, n, dim, norm).astype(real_of(x.dtype), copy=False)


# ---- arguments ---------------------------------------------------------------------------------------------------


def _norm(norm: str | None, name: str) -> str:
    if norm not in (None, "backward", "forward", "ortho"):
        raise RuntimeError(f'{name}: Invalid normalization mode: "{norm}"; use "forward", "backward" or "ortho"')
    return norm or "backward"


def _ready(input: Any, name: str, real: bool = False) -> Any:
    """`input` as floating-point numbers, complex ones only where they belong."""
    if input.dtype.kind in "biu":
        return input.to(get_default_dtype()) if isinstance(input, Tensor) else input.astype(get_default_dtype())
    if real and input.dtype.kind == "c":
        raise RuntimeError(f"{name} expects a real input tensor, but got {input.dtype}")
    if input.dtype == np.float16:
        raise RuntimeError(f"Unsupported dtype {input.dtype} for {name}; convert to float32")
    return input


def _sized(input: Any, s: Sequence[int | None], dims: Sequence[int], name: str) -> Any:
    """`input` cut or filled up to the lengths `s` along `dims` (None or −1: as it is)."""
    shape = list(input.shape)
    for d, n in zip(dims, s, strict=True):
        if n is not None and n != -1:
            shape[d] = operator.index(n)
        if shape[d] < 1:
            raise RuntimeError(f"{name}: Invalid number of data points ({shape[d]}) specified")
    return input if tuple(shape) == tuple(input.shape) else _resized(input, tuple(shape))


def _lengths(input: Any, s: Any, dim: Any, name: str) -> tuple[list, tuple[int, ...]]:
    """PyTorch's `s` and `dim` of a transform over several dimensions: lengths (None: as they are), and dimensions."""
    if s is not None:
        s = [s] if isinstance(s, int) else list(s)
        if dim is None:
            if len(s) > input.ndim:
                raise RuntimeError(
                    f"{name}: Got shape with {len(s)} values but input tensor only has {input.ndim} dimensions."
                )
            dim = tuple(range(input.ndim - len(s), input.ndim))
    dims = tuple(range(input.ndim)) if dim is None else wrap_dims(dim, input.ndim)
    s = [None] * len(dims) if s is None else s
    if len(s) != len(dims):
        raise RuntimeError(f"{name}: When given, dim and shape arguments must have the same length, got {dims} and {s}")
    return s, dims


def _outlength(n: int | None, half: int, name: str) -> int:
    """The length of the real signal that half a spectrum stands for."""
    n = 2 * (half - 1) if n is None or n == -1 else operator.index(n)
    if n < 1:
        raise RuntimeError(f"{name}: Invalid number of data points ({n}) specified")
    return n


# ---- one dimension -----------------------------------------------------------------------------------------------


@function(method=False, numpy=np.fft.fft)
def fft(input, n=None, dim=-1, norm=None):
    """The discrete Fourier transform along a dimension, of `n` elements (cut off, or filled up with zeros)."""
    return fftn(input, (n,), (dim,), norm)


@function(method=False, numpy=np.fft.ifft)
def ifft(input, n=None, dim=-1, norm=None):
    """The inverse of `fft`."""
    return ifftn(input, (n,), (dim,), norm)


@function(method=False, numpy=np.fft.rfft)
def rfft(input, n=None, dim=-1, norm=None):
    """`fft` of real numbers: the first half of the spectrum, whose other half mirrors it."""
    return rfftn(input, (n,), (dim,), norm)


@function(method=False, numpy=np.fft.irfft)
def irfft(input, n=None, dim=-1, norm=None):
    """The real signal of `n` elements (2 × (length − 1) unless given) with this half of a spectrum."""
    return irfftn(input, (n,), (dim,), norm)


def _conj(x: Any) -> Any:
    return x.conj() if x.dtype.kind == "c" else x


@function(method=False, numpy=np.fft.hfft)
def hfft(input, n=None, dim=-1, norm=None):
    """The real spectrum of a signal of which this is the half, the other being its conjugate mirror image."""
    return irfft(_conj(_ready(input, "hfft")), n, dim, _OTHER[_norm(norm, "hfft")])


@function(method=False, numpy=np.fft.ihfft)
def ihfft(input, n=None, dim=-1, norm=None):
    """The inverse of `hfft`."""
    return rfft(input, n, dim, _OTHER[_norm(norm, "ihfft")]).conj()


# ---- several dimensions ------------------------------------------------------------------------------------------


def _complex(transform: Any, name: str, input: Any, s: Any, dim: Any, norm: Any) -> Any:
    norm, input = _norm(norm, name), _ready(input, name)
    s, dims = _lengths(input, s, dim, name)
    input = _sized(input, s, dims, name)
    if not dims:
        return input if input.dtype.kind == "c" else input + 0j
    return transform(input, dims, norm)


@function(method=False, numpy=np.fft.fftn)
def fftn(input, s=None, dim=None, norm=None):
    """The discrete Fourier transform over several dimensions (all unless given)."""
    return _complex(_fft, "fftn", input, s, dim, norm)


@function(method=False, numpy=np.fft.ifftn)
def ifftn(input, s=None, dim=None, norm=None):
    """The inverse of `fftn`."""
    return _complex(_ifft, "ifftn", input, s, dim, norm)


@function(method=False, numpy=np.fft.rfftn)
def rfftn(input, s=None, dim=None, norm=None):
    """`fftn` of real numbers: half of the spectrum in the last dimension."""
    norm, input = _norm(norm, "rfftn"), _ready(input, "rfftn", real=True)
    s, dims = _lengths(input, s, dim, "rfftn")
    if not dims:
        raise RuntimeError("rfftn must transform at least one axis")
    half = _rfft(_sized(input, s, dims, "rfftn"), dims[-1], norm)
    return _fft(half, dims[:-1], norm) if len(dims) > 1 else half


@function(method=False, numpy=np.fft.irfftn)
def irfftn(input, s=None, dim=None, norm=None):
    """The inverse of `rfftn`; `s` says how long the last dimension was (2 × (length − 1) unless given)."""
    norm, input = _norm(norm, "irfftn"), _ready(input, "irfftn")
    s, dims = _lengths(input, s, dim, "irfftn")
    if not dims:
        raise RuntimeError("irfftn must transform at least one axis")
    n = _outlength(s[-1], input.shape[dims[-1]], "irfftn")
    input = _sized(input, [*s[:-1], n // 2 + 1], dims, "irfftn")
    if input.dtype.kind != "c":
        input = input + 0j
    return _irfft(_ifft(input, dims[:-1], norm) if len(dims) > 1 else input, n, dims[-1], norm)


@function(method=False)
def hfftn(input, s=None, dim=None, norm=None):
    """`fftn` of a signal that is its own conjugate mirror image, of which this is the half in the last dimension."""
    norm, input = _norm(norm, "hfftn"), _ready(input, "hfftn")
    return irfftn(_conj(input), s, dim, _OTHER[norm])


@function(method=False)
def ihfftn(input, s=None, dim=None, norm=None):
    """The inverse of `hfftn`."""
    norm, input = _norm(norm, "ihfftn"), _ready(input, "ihfftn", real=True)
    return rfftn(input, s, dim, _OTHER[norm]).conj()


def _two(transform: Any, name: str, doc: str, numpy: Any = None) -> Any:
    def two(input: Any, s: Any = None, dim: Any = (-2, -1), norm: Any = None) -> Any:
        return transform(input, s, dim, norm)

    two.__name__ = two.__qualname__ = name
    two.__doc__ = f"`{doc}` over the last two dimensions."
    return function(method=False, numpy=numpy)(two)


fft2, ifft2 = _two(fftn, "fft2", "fftn", np.fft.fft2), _two(ifftn, "ifft2", "ifftn", np.fft.ifft2)
rfft2, irfft2 = _two(rfftn, "rfft2", "rfftn", np.fft.rfft2), _two(irfftn, "irfft2", "irfftn", np.fft.irfft2)
hfft2, ihfft2 = _two(hfftn, "hfft2", "hfftn"), _two(ihfftn, "ihfft2", "ihfftn")

# ---- frequencies -------------------------------------------------------------------------------------------------


def _frequencies(numpy_function: Any, n: int, d: float, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    target = get_default_dtype() if dtype is None else as_dtype(dtype)
    with on(as_device(device)) as xp:
        made = wrap(xp.asarray(numpy_function(n, d).astype(target)))
    return made.requires_grad_() if requires_grad else made


def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of the elements of `fft` of `n` samples, `d` apart."""
    return _frequencies(np.fft.fftfreq, n, d, dtype, device, requires_grad)


def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """The frequencies of the elements of `rfft` of `n` samples, `d` apart."""
    return _frequencies(np.fft.rfftfreq, n, d, dtype, device, requires_grad)


@function(method=False, numpy=np.fft.fftshift)
def fftshift(input, dim=None):
    """A spectrum with frequency 0 in the middle."""
    dims = tuple(range(input.ndim)) if dim is None else wrap_dims(dim, input.ndim)
    return input.roll([input.shape[d] // 2 for d in dims], dims) if dims else input


@function(method=False, numpy=np.fft.ifftshift)
def ifftshift(input, dim=None):
    """The inverse of `fftshift`."""
    dims = tuple(range(input.ndim)) if dim is None else wrap_dims(dim, input.ndim)
    return input.roll([-(input.shape[d] // 2) for d in dims], dims) if dims else input


# ---- over windows ------------------------------------------------------------------------------------------------


def _window(window: Any, win_length: int, n_fft: int, like: Any) -> Any:
    """The window in the middle of `n_fft` elements."""
    if window is None:
        window = wrap(np.ones_like(like.array, shape=(win_length,), dtype=real_of(like.dtype)))
    if tuple(window.shape) != (win_length,):
        raise RuntimeError(
            f"expected a 1D window tensor of size equal to win_length={win_length}, but got {tuple(window.shape)}"
        )
    before = (n_fft - win_length) // 2
    return pad(window, (before, n_fft - win_length - before))


@function()
def stft(input, n_fft, hop_length=None, win_length=None, window=None, center=True, pad_mode="reflect", normalized=False,
         onesided=None, return_complex=None, align_to_window=None):  # fmt: skip
    """The Fourier transforms of windows of a signal, `hop_length` apart.

    Args:
        input: (time,) or (batch, time).
        n_fft: elements of each transform.
        hop_length: from window to window; n_fft // 4 unless given.
        win_length, window: what the signal is multiplied by before each transform; ones unless given.
        center: fill up the signal so that window t has its middle at t × hop_length.
        return_complex: must be true for a real input (False gives pairs of real numbers).

    Returns:
        (…, frequencies, windows).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.stft.html
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    is_complex = input.is_complex() or (window is not None and window.is_complex())
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs; use return_complex=True"
            )
        return_complex = True
    if input.ndim not in (1, 2):
        raise RuntimeError(f"stft: expected a 1D or 2D tensor, got the shape {tuple(input.shape)}")
    if hop <= 0 or not 0 < win_length <= n_fft:
        raise RuntimeError(
            f"stft: expected hop_length > 0 and 0 < win_length <= n_fft, got {hop}, {win_length} and {n_fft}"
        )
    signal = pad(input[None], (n_fft // 2, n_fft // 2), pad_mode)[0] if center else input
    if not 0 < n_fft <= signal.shape[-1]:
        raise RuntimeError(f"stft: expected 0 < n_fft <= {signal.shape[-1]}, but got n_fft={n_fft}")
    frames = signal.unfold(-1, n_fft, hop) * _window(window, win_length, n_fft, input)
    norm = "ortho" if normalized else "backward"
    onesided = not is_complex if onesided is None else onesided
    if onesided and is_complex:
        raise RuntimeError("Cannot have onesided output if window or input is complex")
    out = (rfft if onesided else fft)(frames, None, -1, norm).transpose(-1, -2)
    if return_complex:
        return out
    return view_as_real(out.contiguous())


@function()
def istft(input, n_fft, hop_length=None, win_length=None, window=None, center=True, normalized=False, onesided=None,
          length=None, return_complex=False):  # fmt: skip
    """The signal of which `input` is the `stft`: windows transformed back, multiplied by the window, and added up."""
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    if not input.is_complex():
        raise RuntimeError(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True"
        )
    if input.ndim not in (2, 3):
        raise RuntimeError(f"istft: expected a tensor with 2 or 3 dimensions, got the shape {tuple(input.shape)}")
    onesided = input.shape[-2] != n_fft if onesided is None else onesided
    if onesided and input.shape[-2] != n_fft // 2 + 1:
        raise RuntimeError(f"istft: expected the frequency dimension to be {n_fft // 2 + 1}, but got {input.shape[-2]}")
    norm = "ortho" if normalized else "backward"
    spectra = input.transpose(-1, -2)
    if return_complex:
        frames = ifft(spectra, None, -1, norm)
    else:
        half = spectra if onesided else spectra[..., : n_fft // 2 + 1]
        frames = irfft(half, n_fft, -1, norm)
    weights = _window(window, win_length, n_fft, frames)
    total = n_fft + hop * (frames.shape[-2] - 1)
    lead = tuple(input.shape[:-2])
    signal = unfold_adjoint(frames * weights, (*lead, total), len(lead), n_fft, hop)
    squares = (weights * weights).expand(frames.shape[-2], n_fft)
    envelope = unfold_adjoint(squares, (total,), 0, n_fft, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - (n_fft // 2 if center else 0)
    known = min(end, total)
    signal, envelope = signal[..., start:known], envelope[start:known]
    if float(envelope.detach().abs().min()) < 1e-11:
        raise RuntimeError("istft: window overlap add min: the windows do not cover every element")
    signal = signal / envelope
    return _resized(signal, (*lead, end - start)) if end > known else signal
