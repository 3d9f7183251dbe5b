"""What every transform shares, and those that work value by value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autograd.data.randomness import numpy_generator
from autograd.random import Generator
from autograd.tensor import Tensor, share, wrap

__all__ = [
    "Compose",
    "GaussianNoise",
    "MixUp",
    "Normalize",
    "OneHot",
    "Standardize",
    "ToTensor",
    "Transform",
]


class Transform:
    """Base class: an array gives an array, a Tensor gives a Tensor, and the input stays as it was.

    Subclasses define ``apply(array) -> array``.

    Raises:
        RuntimeError: the input requires grad: transforms record nothing.

    Example:
        >>> class Halve(Transform):
        ...     def apply(self, array):
        ...         return array / 2
        >>> Halve()(np.array([2.0, 4.0])).tolist()
        [1.0, 2.0]
    """

    def __call__(self, data: Any) -> Any:
        if isinstance(data, Tensor):
            return wrap(self.apply(plain(data)))
        return self.apply(np.asarray(data))

    def apply(self, array: Any) -> Any:
        """The transformed array."""
        raise NotImplementedError(f"{type(self).__name__} defines no apply(self, array)")

    def __repr__(self) -> str:
        options = ", ".join(
            f"{name}={value.tolist() if isinstance(value, np.ndarray) else value!r}"
            for name, value in vars(self).items()
            if not name.startswith("_") and value is not None
        )
        return f"{type(self).__name__}({options})"


class RandomTransform(Transform):
    """Base class of those that draw random numbers, from ``generator`` or the default one."""

    def __init__(self, generator: Generator | None = None) -> None:
        self.generator = generator

    @property
    def _random(self) -> np.random.Generator:
        return numpy_generator(self.generator)


def plain(data: Any) -> Any:
    """The array of a Tensor, or what was given."""
    if not isinstance(data, Tensor):
        return np.asarray(data)
    if data.requires_grad:
        raise RuntimeError("a transform records no gradient, but this tensor requires grad: pass tensor.detach()")
    return share(data)


def as_float(array: Any) -> Any:
    """Floating-point arrays as they are, others as float32."""
    return array if array.dtype.kind == "f" else array.astype(np.float32)


class Compose:
    """Several transforms one after the other.

    Args:
        transforms: callables.

    Example:
        >>> Compose([abs, str])(-4)
        '4'
    """

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)

    def __call__(self, data: Any) -> Any:
        for transform in self.transforms:
            data = transform(data)
        return data

    def __repr__(self) -> str:
        return f"Compose([{', '.join(map(repr, self.transforms))}])"


class ToTensor:
    """An image ``(H, W)`` or ``(H, W, C)`` as a Tensor ``(C, H, W)``; uint8 becomes float32 in [0, 1].

    Takes arrays and PIL images. A Tensor stays as it is.

    Raises:
        ValueError: an array of another number of dimensions.

    Example:
        >>> ToTensor()(np.full((2, 2), 255, np.uint8))
        tensor([[[1., 1.],
                 [1., 1.]]])
    """

    def __call__(self, image: Any) -> Tensor:
        if isinstance(image, Tensor):
            return image
        array = np.asarray(image)
        if array.ndim not in (2, 3):
            raise ValueError(f"ToTensor expects an image (H, W) or (H, W, C), got the shape {array.shape}")
        array = np.array(array[None] if array.ndim == 2 else array.transpose(2, 0, 1), order="C")
        if array.dtype == np.uint8:
            return wrap(array.astype(np.float32) / np.float32(255))
        return wrap(array)

    def __repr__(self) -> str:
        return "ToTensor()"


class Normalize(Transform):
    """Subtract each channel's mean and divide by its standard deviation.

    Args:
        mean: a number, or one for each channel.
        std: the same.
        inplace: write into the image that is given.

    Raises:
        ValueError: a standard deviation of zero, or another number of channels than the image's.
        TypeError: the image holds no floating-point numbers.

    Example:
        >>> Normalize(mean=[1.0, 0.0], std=[2.0, 1.0])(np.ones((2, 1, 1))).ravel().tolist()
        [0.0, 1.0]
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float], inplace: bool = False) -> None:
        self.mean = np.atleast_1d(np.asarray(mean, np.float64))
        self.std = np.atleast_1d(np.asarray(std, np.float64))
        if (self.std == 0).any():
            raise ValueError(f"std evaluated to zero, leading to division by zero: {std}")
        self.inplace = inplace

    def apply(self, array: Any) -> Any:
        if array.dtype.kind != "f":
            raise TypeError(f"Normalize expects floating-point numbers, got {array.dtype}: use ToTensor first")
        mean, std = (value.astype(array.dtype) for value in (self.mean, self.std))
        if max(mean.size, std.size) > 1:
            channels = array.shape[-3] if array.ndim > 2 else None
            if any(value.size not in (1, channels) for value in (mean, std)):
                raise ValueError(
                    f"Normalize has {max(mean.size, std.size)} channels, but the image has the shape {array.shape}"
                )
            mean, std = mean[:, None, None], std[:, None, None]
        if not self.inplace:
            return (array - mean) / std
        array -= mean
        array /= std
        return array


class Standardize(Transform):
    """Subtract a mean and divide by a standard deviation that broadcast against a sample or a batch.

    Args:
        mean: array.
        std: array.

    Example:
        >>> scale = Standardize.from_data(np.array([[0.0, 5.0], [2.0, 5.0]]))
        >>> scale(np.array([4.0, 6.0])).tolist(), scale.inverse(np.array([3.0, 1.0])).tolist()
        ([3.0, 1.0], [4.0, 6.0])
    """

    def __init__(self, mean: Any, std: Any) -> None:
        self.mean = np.asarray(plain(mean), np.float64)
        self.std = np.asarray(plain(std), np.float64)
        if (self.std == 0).any():
            raise ValueError("std holds a zero, by which nothing can be divided")

    @classmethod
    def from_data(cls, data: Any, axis: int | Sequence[int] = 0) -> Standardize:
        """Measure mean and standard deviation; what is constant is only centred.

        Args:
            data: training data ``(N, ...)``.
            axis: what to average over, the first axis among it: 0 keeps every feature apart,
                ``(0, 2, 3)`` every channel of ``(N, C, H, W)``.

        Raises:
            ValueError: no data, or ``axis`` is without 0.
        """
        array = plain(data)
        axes = (axis,) if isinstance(axis, int) else tuple(axis)
        if 0 not in axes or not array.size:
            raise ValueError(
                f"from_data averages over samples: axis must hold 0, and data not be empty; got "
                f"axis={axis} and the shape {array.shape}"
            )
        mean = array.mean(axes, dtype=np.float64, keepdims=True)[0]
        std = array.std(axes, dtype=np.float64, keepdims=True)[0]
        # Rounding leaves a constant with a standard deviation of some ulps.
        constant = std <= 1e-12 * np.maximum(1e-300, np.abs(mean))
        return cls(mean, np.where(constant, 1.0, std))

    def apply(self, array: Any) -> Any:
        array = as_float(array)
        return (array - self.mean.astype(array.dtype)) / self.std.astype(array.dtype)

    def inverse(self, data: Any) -> Any:
        """What was there before."""
        array = as_float(plain(data))
        restored = array * self.std.astype(array.dtype) + self.mean.astype(array.dtype)
        return wrap(restored) if isinstance(data, Tensor) else restored


class OneHot(Transform):
    """Class numbers as rows with a single 1.

    Args:
        num_classes: the length of a row.
        dtype: of the rows; float32, as losses take it.

    Raises:
        ValueError: a class outside ``[0, num_classes)``, or labels that are not integers.

    Example:
        >>> OneHot(3)(np.array([2, 0])).tolist()
        [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    def __init__(self, num_classes: int, dtype: Any = np.float32) -> None:
        self.num_classes = num_classes
        self.dtype = np.dtype(dtype)

    def apply(self, array: Any) -> Any:
        if array.dtype.kind not in "iu":
            raise ValueError(f"OneHot expects integer class numbers, got {array.dtype}")
        if array.size and (array.min() < 0 or array.max() >= self.num_classes):
            raise ValueError(
                f"OneHot expects classes from 0 to {self.num_classes - 1}, got {array.min()} to {array.max()}"
            )
        return (array[..., None] == np.arange(self.num_classes, like=array)).astype(self.dtype)


class GaussianNoise(RandomTransform):
    """Add normally distributed noise.

    Args:
        mean: of the noise.
        sigma: its standard deviation.
        clip: keep the result in [0, 1].
        generator: where the noise is drawn from; None is the default generator.

    Raises:
        ValueError: ``sigma`` is negative.
        TypeError: the input holds no floating-point numbers.

    Example:
        >>> GaussianNoise(sigma=0.1)(np.zeros((1, 4, 4))).shape
        (1, 4, 4)
    """

    def __init__(
        self,
        mean: float = 0.0,
        sigma: float = 0.1,
        clip: bool = True,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        if sigma < 0:
            raise ValueError(f"sigma should be non-negative, got {sigma}")
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def apply(self, array: Any) -> Any:
        if array.dtype.kind != "f":
            raise TypeError(f"GaussianNoise expects floating-point numbers, got {array.dtype}: use ToTensor first")
        noise = self._random.normal(self.mean, self.sigma, array.shape).astype(array.dtype)
        noisy = array + noise
        return np.clip(noisy, 0, 1, out=noisy) if self.clip else noisy


class MixUp(RandomTransform):
    """Mix every sample of a batch, and its label, with its neighbour's.

    Takes images and labels, so it goes into ``collate_fn``:
    ``lambda batch: mixup(*default_collate(batch))``.

    Args:
        alpha: the share is drawn once for each batch, from Beta(alpha, alpha).
        num_classes: how many there are, for labels that are class numbers; labels that are rows
            of probabilities need none.
        generator: where the share is drawn from; None is the default generator.

    Raises:
        ValueError: ``alpha`` is not positive, the batch and its labels differ in length, or class
            numbers come without ``num_classes``.

    Source: Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", 2018.

    Example:
        >>> images, labels = MixUp(num_classes=2)(np.ones((3, 1, 2, 2)), np.array([0, 1, 1]))
        >>> labels.shape, labels.sum(1).round(6).tolist()
        ((3, 2), [1.0, 1.0, 1.0])
    """

    def __init__(
        self,
        alpha: float = 1.0,
        num_classes: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator)
        if alpha <= 0:
            raise ValueError(f"alpha should be positive, got {alpha}")
        self.alpha, self.num_classes = alpha, num_classes

    def __call__(self, images: Any, labels: Any) -> tuple[Any, Any]:
        x, y = as_float(plain(images)), plain(labels)
        if len(x) != len(y):
            raise ValueError(f"MixUp got {len(x)} images and {len(y)} labels")
        if y.dtype.kind != "f":
            if self.num_classes is None:
                raise ValueError("MixUp needs num_classes where labels are class numbers")
            y = OneHot(self.num_classes, x.dtype).apply(y)
        share_ = self._random.beta(self.alpha, self.alpha)
        mixed = [_mix(array, share_) for array in (x, y)]
        if isinstance(images, Tensor):
            return wrap(mixed[0]), wrap(mixed[1])
        return mixed[0], mixed[1]


def _mix(array: Any, part: float) -> Any:
    return array * part + np.roll(array, 1, axis=0) * (1 - part)
