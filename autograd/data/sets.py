"""Data sets by name: each function returns ``(train, test)``.

The digits come with scikit-learn and need no network. The others are downloaded once by the Hugging
Face ``datasets`` library, which checks, caches and shows how far it has come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd.data.dataset import Dataset, StackDataset
from autograd.extras import require
from autograd.tensor import Tensor, wrap

__all__ = ["Images", "Splits", "Texts", "cifar10", "digits", "fashion_mnist", "imdb", "mnist"]

Transformation = Callable[[Any], Any]


class Images(Dataset[tuple[Any, int]]):
    """Images and their class numbers: a sample is ``(image, label)``.

    Args:
        images: array ``(N, C, H, W)``; uint8 is kept as it is and handed out as float32 in [0, 1].
        labels: N class numbers.
        classes: the names of the classes.
        transform: applied to every image, a float32 Tensor ``(C, H, W)``.
        target_transform: applied to every label, an int.

    Raises:
        ValueError: the images have other dimensions, or not as many labels.

    Example:
        >>> x, y = Images(np.zeros((3, 1, 8, 8)), [0, 1, 1], ["cat", "dog"])[1]
        >>> tuple(x.shape), x.dtype.name, y
        ((1, 8, 8), 'float32', 1)
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: Sequence[int] | np.ndarray,
        classes: Sequence[str],
        transform: Transformation | None = None,
        target_transform: Transformation | None = None,
    ) -> None:
        if images.ndim != 4 or len(images) != len(labels):
            raise ValueError(f"expected images (N, C, H, W) and N labels, got {images.shape} and {len(labels)}")
        self.images = images
        self.labels = np.asarray(labels, np.int64)
        self.classes = tuple(classes)
        self.transform = transform
        self.target_transform = target_transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image: Any = wrap(_floats(self.images[index]))
        label: Any = int(self.labels[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    @property
    def tensors(self) -> tuple[Tensor, Tensor]:
        """All images, float32 ``(N, C, H, W)``, and all labels, int64 ``(N,)``; not transformed."""
        return wrap(_floats(self.images)), wrap(self.labels.copy())

    def collated(self, indices: list[int]) -> list[Tensor] | None:
        """The batch that default_collate would make, in one go, where no sample needs work."""
        plain = self.transform is None and self.target_transform is None
        if not plain or type(self).__getitem__ is not Images.__getitem__:
            return None
        return [wrap(_floats(self.images[indices])), wrap(self.labels[indices])]


def _floats(images: np.ndarray) -> np.ndarray:
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    return images.astype(np.float32)


class Texts(StackDataset):
    """Texts and their class numbers: a sample is ``(text, label)``.

    Args:
        texts: N strings.
        labels: N class numbers.
        classes: the names of the classes.

    Example:
        >>> Texts(["fine", "poor"], [1, 0], ["neg", "pos"])[0]
        ('fine', 1)
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[int], classes: Sequence[str]) -> None:
        super().__init__(list(texts), [int(label) for label in labels])
        self.texts, self.labels = self.datasets[0], self.datasets[1]
        self.classes = tuple(classes)


class Splits(NamedTuple):
    """The two parts of a data set.

    Attributes:
        train: to learn from.
        test: to measure by.
    """

    train: Any
    test: Any


def digits(
    transform: Transformation | None = None,
    target_transform: Transformation | None = None,
    test_every: int = 5,
) -> Splits:
    """1,797 handwritten digits of 8x8 pixels, from scikit-learn (extra ``demo``); no download.

    Args:
        transform: applied to every image.
        target_transform: applied to every label.
        test_every: of each class every so-manieth digit is for testing, so that the split is
            always the same, and even in the classes and in the writers, who come in turn.

    Returns:
        Two Images: 1,442 digits to train, 355 to test; pixels are float32 in [0, 1].

    Raises:
        ImportError: scikit-learn is not installed.
        ValueError: ``test_every`` is less than 2.

    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.

    Example:
        >>> train, test = digits()
        >>> len(train), len(test), train.images.shape[1:]
        (1442, 355, (1, 8, 8))
    """
    if test_every < 2:
        raise ValueError(f"test_every must leave something to train: at least 2, got {test_every}")
    source = require("sklearn.datasets", extra="demo").load_digits()
    images = (source.images[:, None] / 16).astype(np.float32)
    test = np.zeros(len(images), bool)
    for digit in range(10):
        test[np.flatnonzero(source.target == digit)[test_every - 1 :: test_every]] = True
    names = [str(digit) for digit in range(10)]
    return Splits(
        *(Images(images[part], source.target[part], names, transform, target_transform) for part in (~test, test))
    )


def mnist(
    transform: Transformation | None = None,
    target_transform: Transformation | None = None,
    source: str = "ylecun/mnist",
) -> Splits:
    """70,000 handwritten digits of 28x28 pixels (extra ``datasets``).

    Args:
        transform: applied to every image, float32 ``(1, 28, 28)``.
        target_transform: applied to every label.
        source: name on the Hugging Face hub, or a local folder of files in the same form.

    Returns:
        Two Images: 60,000 to train, 10,000 to test.

    Raises:
        ImportError: the extra is not installed.
        RuntimeError: it is neither in the cache nor to be had.

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document
    Recognition", 1998.
    """
    return _images(source, "mnist", "image", transform, target_transform)


def fashion_mnist(
    transform: Transformation | None = None,
    target_transform: Transformation | None = None,
    source: str = "zalando-datasets/fashion_mnist",
) -> Splits:
    """70,000 articles of clothing of 28x28 pixels in 10 classes (extra ``datasets``).

    Arguments, result and errors are those of `mnist`.

    Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST", 2017.
    """
    return _images(source, "fashion_mnist", "image", transform, target_transform)


def cifar10(
    transform: Transformation | None = None,
    target_transform: Transformation | None = None,
    source: str = "uoft-cs/cifar10",
) -> Splits:
    """60,000 colour photographs of 32x32 pixels in 10 classes (extra ``datasets``).

    Arguments and errors are those of `mnist`; images are float32 ``(3, 32, 32)``.

    Returns:
        Two Images: 50,000 to train, 10,000 to test.

    Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
    """
    return _images(source, "cifar10", "img", transform, target_transform)


def imdb(source: str = "stanfordnlp/imdb") -> Splits:
    """50,000 film reviews, negative (0) or positive (1) (extra ``datasets``).

    Args:
        source: name on the Hugging Face hub, or a local folder of files in the same form.

    Returns:
        Two Texts: 25,000 to train, 25,000 to test.

    Raises:
        ImportError: the extra is not installed.
        RuntimeError: it is neither in the cache nor to be had.

    Source: Maas et al., "Learning Word Vectors for Sentiment Analysis", 2011.
    """
    parts = [_load(source, "imdb", split) for split in ("train", "test")]
    return Splits(*(Texts(part["text"], part["label"], part.features["label"].names) for part in parts))


def _images(
    source: str,
    name: str,
    column: str,
    transform: Transformation | None,
    target_transform: Transformation | None,
) -> Splits:
    parts = [_load(source, name, split) for split in ("train", "test")]
    return Splits(
        *(
            Images(
                np.stack([_channels_first(image) for image in part[column]]),
                np.asarray(part["label"]),
                part.features["label"].names,
                transform,
                target_transform,
            )
            for part in parts
        )
    )


def _channels_first(image: Any) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def _load(source: str, name: str, split: str) -> Any:
    library = require("datasets", extra="datasets")
    try:
        return library.load_dataset(source, split=split)
    except Exception as error:
        # What stands between us and the hub raises errors of half a dozen libraries.
        raise RuntimeError(
            f"{name} could not be loaded from {source!r}: unless it is in the cache, connect to the "
            f"network once, or give source= a local folder ({type(error).__name__}: {error})"
        ) from error
