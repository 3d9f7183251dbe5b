"""Images at other sizes and at other places: interpolate, affine_grid, grid_sample.

Interpolation works one axis after the other (`bands`).
"""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np

from ..device import device_of, to_device
from ..op import function, op
from ..tensor import wrap
from . import pooling
from .bands import cubic_far, cubic_near, mix, weights_matrix
from .indexing import indexed
from .joining import stack
from .padding import take_grid
from .places import steps

__all__: list[str] = []


def nearest_index(size: int, out: int, factor: float | None, exact: bool) -> np.ndarray:
    """Which input each output is, computed in single precision as PyTorch does."""
    scale = np.float32(1 / factor) if factor else np.float32(size / out)
    i = np.arange(out, dtype=np.float32)
    places = (i + np.float32(0.5)) * scale if exact else i * scale
    return np.minimum(np.floor(places).astype(np.int64), size - 1)


# ---- interpolate -------------------------------------------------------------------------------------------------

_MODES = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}


def _target(input: Any, size: Any, scale_factor: Any, recompute: bool | None) -> tuple[tuple, tuple]:
    """The output's spatial size, and the scale factors to take coordinates from (None: from the sizes)."""
    dims = input.ndim - 2
    if (size is None) == (scale_factor is None):
        raise ValueError(
            "either size or scale_factor should be defined"
            if size is None
            else "only one of size or scale_factor should be defined"
        )
    if size is not None:
        size = (size,) * dims if isinstance(size, (int, np.integer)) else tuple(int(n) for n in size)
        if len(size) != dims:
            raise ValueError(
                f"Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of "
                f"{list(input.shape[2:])} and output size of {size}"
            )
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return size, (None,) * dims
    factors = (
        (float(scale_factor),) * dims if isinstance(scale_factor, (int, float)) else tuple(map(float, scale_factor))
    )
    if len(factors) != dims:
        raise ValueError(
            f"Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of "
            f"{list(input.shape[2:])} and scale_factor of shape {factors}"
        )
    size = tuple(math.floor(n * f) for n, f in zip(input.shape[2:], factors, strict=True))
    return size, (None,) * dims if recompute else factors


@function(method=False)
def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """The same image at another size.

    Args:
        input: (N, C, ...) with 1 to 3 spatial dimensions.
        size: the output's, an int or one for each dimension; or else
        scale_factor: the factor to the input's.
        mode: "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear" or "area".
        align_corners: put the centers of the corner elements of input and output in the same place.
        recompute_scale_factor: take the coordinates from the rounded sizes, not from `scale_factor`.
        antialias: when making smaller, average what an output covers ("bilinear" and "bicubic").

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.interpolate.html
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"
            )
    elif mode not in _MODES or input.ndim != _MODES[mode]:
        raise NotImplementedError(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: nearest | linear | "
            f"bilinear | bicubic | trilinear | area | nearest-exact (got {mode})"
        )
    if not 3 <= input.ndim <= 5:
        raise NotImplementedError(
            f"interpolate: expected (N, C, ...) with 1 to 3 spatial dimensions, got {tuple(input.shape)}"
        )
    if antialias and not (mode in ("bilinear", "bicubic") and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input"
        )
    out, factors = _target(input, size, scale_factor, recompute_scale_factor)
    if min(out) < 1 or 0 in input.shape[1:]:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input (size {tuple(input.shape[2:])}) output (size {out})"
        )
    if mode == "area":
        return getattr(pooling, f"adaptive_avg_pool{input.ndim - 2}d")(input, out)
    axes = list(zip(input.shape[2:], out, factors, strict=True))
    if mode.startswith("nearest"):
        return take_grid(input, [nearest_index(*axis, mode == "nearest-exact") for axis in axes])
    x = input
    for axis, (n, m, factor) in enumerate(axes, 2):
        if n != m or factor not in (None, 1.0):
            matrix = weights_matrix(mode == "bicubic", n, m, bool(align_corners), factor, antialias, np.dtype(x.dtype))
            x = mix(x, matrix, axis)
    return x if x is not input else input * 1


@function(method=False)
def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Any:
    """The old name of `interpolate`."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)
    return interpolate(input, size, scale_factor, mode, align_corners)


@function(method=False)
def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """`interpolate` with mode "nearest"."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3
    )
    return interpolate(input, size, scale_factor, mode="nearest")


@function(method=False)
def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """`interpolate` with mode "bilinear" and aligned corners."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


# ---- sampling at given places ------------------------------------------------------------------------------------


@function(method=False)
def affine_grid(theta, size, align_corners=None):
    """The places, in coordinates from −1 to 1, that an affine map makes of those of an image of that size.

    Args:
        theta: (N, 2, 3) for images, (N, 3, 4) for volumes.
        size: of the output, (N, C, H, W) or (N, C, D, H, W).
        align_corners: −1 and 1 are the centers of the corner elements, not their outer edges.

    Returns:
        (N, H, W, 2) or (N, D, H, W, 3), x first, for `grid_sample`.

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.affine_grid.html
    """
    size = tuple(int(n) for n in size)
    dims = len(size) - 2
    if dims not in (2, 3) or tuple(theta.shape[1:]) != (dims, dims + 1):
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size {list(size)}. Got {list(theta.shape)}."
        )
    if theta.shape[0] != size[0] or min(size) < 1:
        raise ValueError(f"Expected non-zero, positive output size with a batch of {theta.shape[0]}. Got {size}")
    axes = []
    for n in size[2:]:
        places = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        axes.append(places if align_corners else places * ((n - 1) / n))
    grid = np.meshgrid(*axes, indexing="ij")
    base = np.stack([*(a.reshape(-1) for a in reversed(grid)), np.ones(grid[0].size)], -1).astype(theta.dtype)
    out = wrap(to_device(base, device_of(theta.array)))[None] @ theta.transpose(1, 2)
    return out.reshape(size[0], *size[2:], dims)


@op("piecewise_linear", method=False, x=lambda g, slope: g * slope)
def piecewise_linear(x, value, slope):
    """`value`, computed from x, with that slope."""
    return value


def _reflected(x: Any, low: float, span: float) -> tuple:
    """x reflected at low and low + span until it is between them, and the sign of the slope."""
    if span == 0:
        return x * 0, x * 0
    distance = np.abs(x - low)
    turns = np.floor(distance / span)
    rest = distance - turns * span
    even = turns % 2 == 0
    sign = np.where(x < low, -1.0, 1.0) * np.where(even, 1.0, -1.0)
    return np.where(even, rest, span - rest) + low, sign


def _inside(x: Any, size: int, padding_mode: str, align_corners: bool) -> tuple:
    """Coordinates, brought inside as `padding_mode` says, and the slope of that."""
    slope = np.ones_like(x)
    if padding_mode == "reflection":
        low, span = (0.0, size - 1.0) if align_corners else (-0.5, float(size))
        x, slope = _reflected(x, low, span)
    if padding_mode != "zeros":
        slope = slope * ((x > 0) & (x < size - 1))
        x = np.clip(x, 0, size - 1)
    return x, slope


def _sum_at(input: Any, terms: list) -> Any:
    """The sum of weighted elements of (N, C, *S): for each term integer places (N, *O) per dimension, and the weights; zeros outside.

    Channels are rows meanwhile: all are taken from the same places.
    """
    n, c, *sizes = input.shape
    indices, weights = [], []
    for at, weight in terms:
        valid, flat = True, steps(n, input.array).reshape((n, *(1,) * (at[0].ndim - 1)))
        for place, size in zip(at, sizes, strict=True):
            valid = valid & (place >= 0) & (place < size)
            flat = flat * size + np.clip(place, 0, size - 1)
        indices.append(flat)
        weights.append(weight * wrap(valid.astype(input.dtype)))
    table = input.reshape(n, c, -1).transpose(1, 2).reshape(-1, c)
    rows = indexed(table, (np.stack(indices),))  # (terms, N, *O, C)
    out = (rows * stack(weights)[..., None]).sum(0)
    return out.permute(0, out.ndim - 1, *range(1, out.ndim - 1))


@function(method=False)
def grid_sample(
    input: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Any:
    """An image at given places.

    Args:
        input: (N, C, H, W) or (N, C, D, H, W).
        grid: (N, *O, 2) or (N, *O, 3): x first, from −1 to 1.
        mode: "bilinear", "nearest", or (images only) "bicubic".
        padding_mode: what lies outside: "zeros", "border" or "reflection".
        align_corners: −1 and 1 are the centers of the corner elements, not their outer edges.

    Returns:
        (N, C, *O).

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.grid_sample.html
    """
    _check_grid(input, grid, mode, padding_mode)
    if align_corners is None:
        warnings.warn(
            "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
            "align_corners=True if the old behavior is desired.",
            stacklevel=3,
        )
    dims, align, coordinates = input.ndim - 2, bool(align_corners), []
    for d, n in enumerate(input.shape[2:]):
        unit = grid[..., dims - 1 - d]
        coordinates.append((unit + 1) * ((n - 1) / 2) if align else ((unit + 1) * n - 1) * 0.5)
    if mode == "bicubic":
        return _bicubic(input, coordinates, padding_mode, align)
    inside = []
    for x, n in zip(coordinates, input.shape[2:], strict=True):
        value, slope = _inside(x.array, n, padding_mode, align)
        inside.append(piecewise_linear(x, wrap(value.astype(x.dtype)), wrap(slope.astype(x.dtype))))
    if mode == "nearest":
        return _sum_at(input, [([np.rint(x.array).astype(np.int64) for x in inside], 1)])
    return _linear(input, inside)


def _check_grid(input: Any, grid: Any, mode: str, padding_mode: str) -> None:
    """Raise unless the image, the places and the modes go together."""
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(f"expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: {mode!r}")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(f"expected padding_mode to be 'zeros', 'border', or 'reflection', but got: {padding_mode!r}")
    dims = input.ndim - 2
    if dims not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != dims or grid.shape[0] != input.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected input (N, C, *S) with 2 or 3 spatial dimensions and grid (N, *O, {dims}), got "
            f"{tuple(input.shape)} and {tuple(grid.shape)}"
        )
    if mode == "bicubic" and dims != 2:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


def _linear(input: Any, coordinates: list) -> Any:
    """Between its neighbours, in proportion to how near they are."""
    bases = [np.floor(x.array) for x in coordinates]
    fractions = [x - wrap(b) for x, b in zip(coordinates, bases, strict=True)]
    terms = []
    for corner in itertools.product((0, 1), repeat=len(bases)):
        weight: Any = None
        for c, f in zip(corner, fractions, strict=True):
            part = f if c else 1 - f
            weight = part if weight is None else weight * part
        terms.append(([(b + c).astype(np.int64) for b, c in zip(bases, corner, strict=True)], weight))
    # zeros also inside: the far corner of the last element has no weight, and may not exist
    return _sum_at(input, terms)


def _bicubic(input: Any, coordinates: list, padding_mode: str, align: bool) -> Any:
    weights, bases = [], []
    for x in coordinates:
        base = np.floor(x.array)
        t = x - wrap(base)
        weights.append([cubic_far(t + 1), cubic_near(t), cubic_near(1 - t), cubic_far(2 - t)])
        bases.append(base)
    terms = []
    for i, j in itertools.product(range(4), repeat=2):
        places = []
        for base, tap, n in zip(bases, (i, j), input.shape[2:], strict=True):
            at, _ = _inside(base + (tap - 1), n, padding_mode, align)
            places.append(at.astype(np.int64))
        terms.append((places, weights[0][i] * weights[1][j]))
    return _sum_at(input, terms)
