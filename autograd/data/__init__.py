"""Data: datasets, samplers and the DataLoader of ``torch.utils.data``; data sets, transforms, text.

Example:
    >>> import autograd
    >>> data = TensorDataset(autograd.arange(6).reshape(6, 1), autograd.arange(6))
    >>> train, test = random_split(data, [4, 2])
    >>> len(DataLoader(train, batch_size=2, shuffle=True))
    2
"""

from autograd.data import sets, text, transforms
from autograd.data.collate import default_collate, default_convert
from autograd.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    TensorDataset,
    random_split,
)
from autograd.data.loader import DataLoader
from autograd.data.sampler import (
    BatchSampler,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from autograd.data.workers import get_worker_info

__all__ = [
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StackDataset",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "default_collate",
    "default_convert",
    "get_worker_info",
    "random_split",
    "sets",
    "text",
    "transforms",
]
