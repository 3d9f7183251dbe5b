"""Transforms of samples: preprocessing and augmentation, with torchvision's names where it has them.

Images are ``(H, W)`` or ``(C, H, W)``, as arrays or Tensors; leading dimensions beyond that share
one draw. Random numbers come from a transform's ``generator`` or the default one, and in a
DataLoader from the batch's own stream. Transforms of text are those of `autograd.data.text`.

Example:
    >>> import autograd
    >>> augment = Compose([RandomCrop(8, padding=1), RandomHorizontalFlip(), Normalize(0.5, 0.25)])
    >>> tuple(augment(autograd.rand(1, 8, 8)).shape)
    (1, 8, 8)
"""

from autograd.data.transforms.base import (
    Compose,
    GaussianNoise,
    MixUp,
    Normalize,
    OneHot,
    Standardize,
    ToTensor,
    Transform,
)
from autograd.data.transforms.geometry import (
    CenterCrop,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
    RandomVerticalFlip,
)

__all__ = [
    "CenterCrop",
    "Compose",
    "GaussianNoise",
    "MixUp",
    "Normalize",
    "OneHot",
    "Pad",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Standardize",
    "ToTensor",
    "Transform",
]
