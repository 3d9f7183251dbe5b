"""Transforms that move or cover pixels: images are ``(..., H, W)``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autograd.data.transforms.base import RandomTransform, Transform
from autograd.random import Generator

__all__ = [
    "CenterCrop",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
]

_PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


def _size_of(image: Any) -> tuple[int, int]:
    if image.ndim < 2:
        raise ValueError(f"expected an image (..., H, W), got the shape {image.shape}")
    return image.shape[-2], image.shape[-1]


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) == 1:
        pair = pair * 2
    if len(pair) != 2 or min(pair) <= 0:
        raise ValueError(f"expected a positive size or (height, width), got {size}")
    return pair  # type: ignore[return-value]


def _probability(p: float) -> float:
    if not 0 <= p <= 1:
        raise ValueError(f"p should be a probability in [0, 1], got {p}")
    return p


def _range(value: float | Sequence[float], name: str) -> tuple[float, float]:
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"If {name} is a single number, it must be positive, got {value}")
        return -value, value
    if len(value) != 2:
        raise ValueError(f"{name} should be a number or (low, high), got {value}")
    return value[0], value[1]


class Pad(Transform):
    """Add a border.

    Args:
        padding: pixels on every side, ``(left and right, top and bottom)``, or
            ``(left, top, right, bottom)``.
        fill: the border's value where ``padding_mode`` is "constant".
        padding_mode: "constant", "edge", "reflect" or "symmetric", as for ``np.pad``.

    Raises:
        ValueError: another padding or mode.

    Example:
        >>> Pad((1, 0))(np.ones((1, 2, 2))).tolist()
        [[[0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0]]]
    """

    def __init__(self, padding: int | Sequence[int], fill: float = 0, padding_mode: str = "constant") -> None:
        sides = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
        if len(sides) in (1, 2):
            sides = (sides[0], sides[-1]) * 2
        if len(sides) != 4 or min(sides) < 0:
            raise ValueError(f"padding should be 1, 2 or 4 numbers, none of them negative; got {padding}")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(f"padding_mode should be one of {_PADDING_MODES}, got {padding_mode}")
        self.padding, self.fill, self.padding_mode = sides, fill, padding_mode

    def apply(self, array: Any) -> Any:
        _size_of(array)
        left, top, right, bottom = self.padding
        widths = [(0, 0)] * (array.ndim - 2) + [(top, bottom), (left, right)]
        if self.padding_mode == "constant":
            return np.pad(array, widths, constant_values=self.fill)
        return np.pad(array, widths, mode=self.padding_mode)  # type: ignore[call-overload]


class CenterCrop(Transform):
    """The middle of the image; an image that is too small is padded with zeros.

    Args:
        size: side length, or ``(height, width)``.

    Example:
        >>> CenterCrop(2)(np.arange(16).reshape(4, 4)).tolist()
        [[5, 6], [9, 10]]
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = _pair(size)

    def apply(self, array: Any) -> Any:
        array = _padded_to(array, self.size)
        height, width = _size_of(array)
        top, left = (round((n - m) / 2) for n, m in zip((height, width), self.size, strict=True))
        return array[..., top : top + self.size[0], left : left + self.size[1]].copy()


def _padded_to(array: Any, size: tuple[int, int]) -> Any:
    missing = [max(0, n - m) for n, m in zip(size, _size_of(array), strict=True)]
    if not any(missing):
        return array
    (top, left), (bottom, right) = [n // 2 for n in missing], [(n + 1) // 2 for n in missing]
    return Pad((left, top, right, bottom)).apply(array)


class RandomCrop(RandomTransform):
    """A piece of the image, from a random place.

    Args:
        size: side length, or ``(height, width)``.
        padding: a border to add first, as for Pad.
        pad_if_needed: pad an image that is smaller than ``size``, on both sides.
        fill: the border's value.
        padding_mode: as for Pad.
        generator: where the place is drawn from; None is the default generator.

    Raises:
        ValueError: on use, an image smaller than ``size`` without ``pad_if_needed``.

    Example:
        >>> RandomCrop(8, padding=1)(np.ones((1, 8, 8))).shape
        (1, 8, 8)
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: float = 0,
        padding_mode: str = "constant",
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.size = _pair(size)
        self.padding, self.pad_if_needed = padding, pad_if_needed
        self.fill, self.padding_mode = fill, padding_mode
        Pad(padding or 0, fill, padding_mode)  # complains now of what it could not do later

    def apply(self, array: Any) -> Any:
        if self.padding is not None:
            array = Pad(self.padding, self.fill, self.padding_mode).apply(array)
        missing = [max(0, n - m) for n, m in zip(self.size, _size_of(array), strict=True)]
        if any(missing) and self.pad_if_needed:
            border = (missing[1], missing[0])
            array = Pad(border, self.fill, self.padding_mode).apply(array)
        elif any(missing):
            raise ValueError(
                f"Required crop size {self.size} is larger than input image size "
                f"{_size_of(array)}: pass padding or pad_if_needed=True"
            )
        top, left = (int(self._random.integers(n - m + 1)) for n, m in zip(_size_of(array), self.size, strict=True))
        return array[..., top : top + self.size[0], left : left + self.size[1]].copy()


class _RandomFlip(RandomTransform):
    axis = -1

    def __init__(self, p: float = 0.5, generator: Generator | None = None) -> None:
        super().__init__(generator)
        self.p = _probability(p)

    def apply(self, array: Any) -> Any:
        _size_of(array)
        if self._random.random() >= self.p:
            return array
        return np.ascontiguousarray(np.flip(array, self.axis))


class RandomHorizontalFlip(_RandomFlip):
    """Left and right changed over, with probability ``p``.

    Example:
        >>> RandomHorizontalFlip(p=1.0)(np.array([[1, 2]])).tolist()
        [[2, 1]]
    """


class RandomVerticalFlip(_RandomFlip):
    """Top and bottom changed over, with probability ``p``.

    Example:
        >>> RandomVerticalFlip(p=1.0)(np.array([[1], [2]])).tolist()
        [[2], [1]]
    """

    axis = -2


class RandomRotation(RandomTransform):
    """The image turned by a random angle.

    Args:
        degrees: the angle is between ``-degrees`` and ``degrees``, or in ``(low, high)``;
            counter-clockwise.
        interpolation: "nearest" or "bilinear".
        expand: make the result large enough to hold all of the image.
        center: ``(x, y)`` to turn about, in pixels from the top left; None is the middle.
        fill: the value of what comes in from outside.
        generator: where the angle is drawn from; None is the default generator.

    Example:
        >>> RandomRotation((90, 90))(np.array([[1, 2], [3, 4]])).tolist()
        [[2, 4], [1, 3]]
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: str = "nearest",
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: float = 0,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.degrees = _range(degrees, "degrees")
        self.interpolation = _interpolation(interpolation)
        self.expand, self.center, self.fill = expand, center, fill

    def apply(self, array: Any) -> Any:
        height, width = _size_of(array)
        angle = self._random.uniform(*self.degrees)
        matrix = affine_matrix(-angle, center=_from_middle(self.center, height, width))
        size = _extent(matrix, height, width) if self.expand else (height, width)
        return warp(array, matrix, size, self.interpolation, self.fill)


class RandomAffine(RandomTransform):
    """The image turned, moved, scaled and sheared at random, about its centre.

    Args:
        degrees: the angle is between ``-degrees`` and ``degrees``, or in ``(low, high)``; clockwise.
        translate: ``(a, b)``: moved by up to that share of the width and of the height.
        scale: ``(low, high)`` for the factor.
        shear: degrees, likewise: a number or ``(low, high)`` along x, or
            ``(x low, x high, y low, y high)``.
        interpolation: "nearest" or "bilinear".
        fill: the value of what comes in from outside.
        center: ``(x, y)`` to turn about, in pixels from the top left; None is the middle.
        generator: where all is drawn from; None is the default generator.

    Raises:
        ValueError: a share outside [0, 1], or a factor that is not positive.

    Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.RandomAffine.html

    Example:
        >>> RandomAffine(10, translate=(0.1, 0.1), scale=(0.9, 1.1))(np.ones((1, 8, 8))).shape
        (1, 8, 8)
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: str = "nearest",
        fill: float = 0,
        center: Sequence[float] | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.degrees = _range(degrees, "degrees")
        if translate is not None and (len(translate) != 2 or not _within(translate, 0, 1)):
            raise ValueError(f"translation values should be two in [0, 1], got {translate}")
        if scale is not None and (len(scale) != 2 or min(scale) <= 0):
            raise ValueError(f"scale values should be two positive numbers, got {scale}")
        self.translate, self.scale = translate, scale
        self.shear = None if shear is None else _shear_ranges(shear)
        self.interpolation = _interpolation(interpolation)
        self.fill, self.center = fill, center

    def apply(self, array: Any) -> Any:
        height, width = _size_of(array)
        uniform = self._random.uniform
        angle = uniform(*self.degrees)
        moved = (0, 0)
        if self.translate is not None:
            x, y = self.translate[0] * width, self.translate[1] * height
            moved = round(uniform(-x, x)), round(uniform(-y, y))
        factor = uniform(self.scale[0], self.scale[1]) if self.scale is not None else 1.0
        shear = (0.0, 0.0)
        if self.shear is not None:
            shear = uniform(*self.shear[:2]), uniform(*self.shear[2:])
        center = _from_middle(self.center, height, width)
        matrix = affine_matrix(angle, moved, factor, shear, center)
        return warp(array, matrix, (height, width), self.interpolation, self.fill)


def _within(values: Sequence[float], low: float, high: float) -> bool:
    return all(low <= value <= high for value in values)


def _shear_ranges(shear: float | Sequence[float]) -> tuple[float, float, float, float]:
    if not isinstance(shear, (int, float)) and len(shear) == 4:
        return shear[0], shear[1], shear[2], shear[3]
    return (*_range(shear, "shear"), 0.0, 0.0)


def _interpolation(name: Any) -> str:
    # torchvision's InterpolationMode is an enum whose values are these names.
    name = getattr(name, "value", name)
    if name not in ("nearest", "bilinear"):
        raise ValueError(f"interpolation should be 'nearest' or 'bilinear', got {name!r}")
    return name


def _from_middle(center: Sequence[float] | None, height: int, width: int) -> tuple[float, float]:
    return (0.0, 0.0) if center is None else (center[0] - width / 2, center[1] - height / 2)


def affine_matrix(
    angle: float,
    translate: Sequence[float] = (0, 0),
    scale: float = 1.0,
    shear: Sequence[float] = (0, 0),
    center: Sequence[float] = (0, 0),
) -> np.ndarray:
    """Where a pixel goes: a 2x3 matrix of ``(x, y, 1)``, x and y measured from the middle.

    Args:
        angle: degrees, clockwise (y points down).
        translate: pixels in x and y.
        scale: factor.
        shear: degrees in x and y.
        center: the fixed point of turning, scaling and shearing.
    """
    a, x, y = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    turn = np.array([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]])
    shear_y = np.array([[1, 0], [-math.tan(y), 1]])
    shear_x = np.array([[1, -math.tan(x)], [0, 1]])
    linear = scale * turn @ shear_y @ shear_x
    c = np.asarray(center, float)
    return np.column_stack([linear, c + np.asarray(translate, float) - linear @ c])


def _extent(matrix: np.ndarray, height: int, width: int) -> tuple[int, int]:
    """The size of what holds the whole image, as ``(height, width)``."""
    x, y = width / 2, height / 2
    corners = matrix[:, :2] @ np.array([[-x, x, -x, x], [-y, -y, y, y]])
    wide, high = np.ceil(np.ptp(corners, axis=1) - 1e-4).astype(int)
    return int(high), int(wide)


def warp(image: Any, matrix: np.ndarray, size: tuple[int, int], interpolation: str, fill: float) -> Any:
    """The image after `affine_matrix`, as if ``fill`` went on for ever around it.

    Args:
        image: ``(..., H, W)``.
        matrix: 2x3, where a pixel goes.
        size: height and width of the result.
        interpolation: "nearest" or "bilinear".
        fill: a number.

    Returns:
        Array ``(..., *size)`` of the image's dtype; integers are rounded.
    """
    height, width = _size_of(image)
    back = np.linalg.inv(matrix[:, :2])
    x = np.arange(size[1]) - (size[1] - 1) / 2 - matrix[0, 2]
    y = (np.arange(size[0]) - (size[0] - 1) / 2 - matrix[1, 2])[:, None]
    # Where each pixel of the result comes from; rounding keeps right angles exact.
    source_x = np.round(back[0, 0] * x + back[0, 1] * y + (width - 1) / 2, 9)
    source_y = np.round(back[1, 0] * x + back[1, 1] * y + (height - 1) / 2, 9)
    if interpolation == "nearest":
        return _look_up(image, np.rint(source_y), np.rint(source_x), fill)
    top, left = np.floor(source_y), np.floor(source_x)
    down, right = source_y - top, source_x - left
    result = sum(
        share * _look_up(image, top + i, left + j, fill)
        for i, j, share in (
            (0, 0, (1 - down) * (1 - right)),
            (0, 1, (1 - down) * right),
            (1, 0, down * (1 - right)),
            (1, 1, down * right),
        )
    )
    return (np.rint(result) if image.dtype.kind in "iu" else result).astype(image.dtype)


def _look_up(image: Any, rows: np.ndarray, columns: np.ndarray, fill: float) -> Any:
    height, width = _size_of(image)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    rows = rows.clip(0, height - 1).astype(np.intp)
    columns = columns.clip(0, width - 1).astype(np.intp)
    return np.where(inside, image[..., rows, columns], np.asarray(fill, image.dtype))


class RandomErasing(RandomTransform):
    """Cutout: a random rectangle covered, with probability ``p``.

    Args:
        p: probability of covering anything.
        scale: ``(low, high)`` for the rectangle's share of the image's area.
        ratio: ``(low, high)`` for its height by its width.
        value: a number, one for each channel, or "random" for normally distributed noise.
        inplace: write into the image that is given.
        generator: where all is drawn from; None is the default generator.

    Raises:
        ValueError: a share outside [0, 1], a range that is not ordered, or on use another number
            of values than channels.

    Source: DeVries, Taylor, "Improved Regularization of Convolutional Neural Networks with
    Cutout", 2017; Zhong et al., "Random Erasing Data Augmentation", 2020.

    Example:
        >>> int(RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=(1, 1))(np.ones((1, 8, 8))).sum())
        48
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: float | Sequence[float] | str = 0,
        inplace: bool = False,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        self.p = _probability(p)
        if scale[0] > scale[1] or not _within(scale, 0, 1):
            raise ValueError(f"Scale should be (low, high) between 0 and 1, got {scale}")
        if ratio[0] > ratio[1] or ratio[0] <= 0:
            raise ValueError(f"ratio should be (low, high), both positive, got {ratio}")
        if isinstance(value, str) and value != "random":
            raise ValueError(f"If value is str, it should be 'random', got {value!r}")
        self.scale, self.ratio, self.value, self.inplace = scale, ratio, value, inplace

    def apply(self, array: Any) -> Any:
        image_size = _size_of(array)
        if self._random.random() >= self.p:
            return array
        rectangle = self._rectangle(*image_size)
        if rectangle is None:
            return array
        top, left, height, width = rectangle
        result = array if self.inplace else array.copy()
        hole = result[..., top : top + height, left : left + width]
        hole[...] = self._cover(hole.shape)
        return result

    def _rectangle(self, height: int, width: int) -> tuple[int, int, int, int] | None:
        random = self._random
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        for _ in range(10):  # a long thin one may not fit
            area = height * width * random.uniform(self.scale[0], self.scale[1])
            ratio = math.exp(random.uniform(low, high))
            h, w = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if h < height and w < width:
                top, left = random.integers(height - h + 1), random.integers(width - w + 1)
                return int(top), int(left), h, w
        return None

    def _cover(self, shape: tuple[int, ...]) -> Any:
        if isinstance(self.value, str):
            return self._random.standard_normal(shape)
        if isinstance(self.value, (int, float)):
            return self.value
        channels = shape[-3] if len(shape) > 2 else 1
        if len(self.value) not in (1, channels):
            raise ValueError(
                f"value should have a single value or {channels}, one for each channel; got {len(self.value)}"
            )
        return np.asarray(self.value)[:, None, None] if len(shape) > 2 else self.value[0]
