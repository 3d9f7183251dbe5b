"""Datasets: what a DataLoader reads from, with the names and the behaviour of ``torch.utils.data``."""

from __future__ import annotations

import bisect
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from autograd.data.randomness import permutation
from autograd.random import Generator
from autograd.tensor import Tensor

__all__ = [
    "ChainDataset",
    "ConcatDataset",
    "Dataset",
    "IterableDataset",
    "StackDataset",
    "Subset",
    "TensorDataset",
    "random_split",
]

Item = TypeVar("Item", covariant=True)


class Dataset(Generic[Item]):
    """Maps an index to a sample: subclasses define ``__getitem__``, and ``__len__`` for the samplers.

    A subclass may also define ``__getitems__(indices) -> list of samples``, which a DataLoader
    then calls once for each batch.

    Example:
        >>> class Squares(Dataset):
        ...     def __len__(self):
        ...         return 4
        ...     def __getitem__(self, index):
        ...         return index * index
        >>> Squares()[3]
        9
    """

    def __getitem__(self, index: Any) -> Item:
        raise NotImplementedError(f"{type(self).__name__} defines no __getitem__(self, index)")

    def __add__(self, other: Dataset) -> Dataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[Item], Iterable[Item]):
    """A stream of samples: subclasses define ``__iter__``.

    With workers, every worker iterates over its own copy: ``get_worker_info()`` tells a copy which
    share of the stream is its own.

    Example:
        >>> class Count(IterableDataset):
        ...     def __iter__(self):
        ...         return iter(range(3))
        >>> list(Count() + Count())
        [0, 1, 2, 0, 1, 2]
    """

    def __add__(self, other: Dataset) -> ChainDataset:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples are rows of tensors: ``dataset[i]`` is ``(tensors[0][i], tensors[1][i], ...)``.

    Args:
        *tensors: tensors of shape ``(N, ...)``, all with the same ``N``.

    Raises:
        AssertionError: the tensors do not agree on ``N``.

    Example:
        >>> import autograd
        >>> len(TensorDataset(autograd.zeros(5, 2), autograd.arange(5)))
        5
    """

    tensors: tuple[Any, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset needs at least one tensor, got none")
        lengths = [tensor.shape[0] for tensor in tensors]
        if len(set(lengths)) > 1:
            raise AssertionError(
                f"Size mismatch between tensors: their first dimensions are {lengths}, and must be equal"
            )
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def collated(self, indices: list[int]) -> list[Tensor] | None:
        """The batch that default_collate would make of these samples, by one gather per tensor."""
        if type(self).__getitem__ is not TensorDataset.__getitem__:
            return None
        return [tensor[indices] for tensor in self.tensors]


class StackDataset(Dataset[Any]):
    """Several datasets side by side: ``dataset[i]`` has sample ``i`` of each, as a tuple or a dict.

    Args:
        *args: datasets of equal length, for samples that are tuples.
        **kwargs: datasets of equal length, for samples that are dicts.

    Raises:
        ValueError: no dataset, both kinds, or different lengths.

    Example:
        >>> StackDataset(text=["good", "bad"], label=[1, 0])[0]
        {'text': 'good', 'label': 1}
    """

    datasets: tuple | dict

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if args and kwargs:
            raise ValueError(
                "StackDataset takes datasets by position (samples are tuples) or by keyword "
                "(samples are dicts), got both"
            )
        if not args and not kwargs:
            raise ValueError("StackDataset needs at least one dataset, got none")
        self.datasets = args or kwargs
        lengths = [len(dataset) for dataset in (args or kwargs.values())]
        if len(set(lengths)) > 1:
            raise ValueError(f"Size mismatch between datasets: their lengths are {lengths}")
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: list) -> list:
        if isinstance(self.datasets, dict):
            columns = [_items(dataset, indices) for dataset in self.datasets.values()]
            return [dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)]
        return list(zip(*(_items(dataset, indices) for dataset in self.datasets), strict=True))

    def __len__(self) -> int:
        return self._length


class ConcatDataset(Dataset[Item]):
    """Datasets one after the other, as one.

    Args:
        datasets: map-style datasets with a length.

    Raises:
        AssertionError: no dataset, or an IterableDataset among them.

    Example:
        >>> joined = ConcatDataset([[10, 11], [20]])
        >>> len(joined), joined[2], joined[-2]
        (3, 20, 11)
    """

    datasets: list[Any]
    cumulative_sizes: list[int]

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise AssertionError("datasets should not be an empty iterable")
        for dataset in self.datasets:
            if isinstance(dataset, IterableDataset):
                raise AssertionError("ConcatDataset does not support IterableDataset: use ChainDataset")
        self.cumulative_sizes = list(itertools.accumulate(map(len, self.datasets)))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def __getitem__(self, index: int) -> Item:
        if index < 0:
            if -index > len(self):
                raise ValueError(
                    f"absolute value of index should not exceed dataset length: got {index} for length {len(self)}"
                )
            index += len(self)
        which = bisect.bisect_right(self.cumulative_sizes, index)
        if which == len(self.datasets):
            raise IndexError(f"index {index} is out of range for a dataset of length {len(self)}")
        start = self.cumulative_sizes[which - 1] if which else 0
        return self.datasets[which][index - start]


class ChainDataset(IterableDataset[Item]):
    """Streams one after the other, as one.

    Args:
        datasets: IterableDatasets.

    Raises:
        AssertionError: on iteration, at a dataset that is not an IterableDataset.
    """

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[Item]:
        for dataset in self._checked():
            yield from dataset

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self._checked())

    def _checked(self) -> Iterator[Any]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise AssertionError(
                    f"ChainDataset only supports IterableDataset, got {type(dataset).__name__}: use ConcatDataset"
                )
            yield dataset


class Subset(Dataset[Item]):
    """The samples of a dataset at some indices.

    Args:
        dataset: the whole dataset.
        indices: sequence of indices into it.

    Raises:
        NotImplementedError: a subclass overrides ``__getitem__`` and not ``__getitems__``, which
            is the one that a DataLoader calls.

    Example:
        >>> list(Subset("abcdef", [5, 0]))
        ['f', 'a']
    """

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices
        kind = type(self)
        if kind.__getitem__ is not Subset.__getitem__ and kind.__getitems__ is Subset.__getitems__:
            raise NotImplementedError(
                f"{kind.__name__} overrides __getitem__ but not __getitems__, which a DataLoader "
                "calls: add\n\ndef __getitems__(self, indices):\n"
                "    return [self.__getitem__(idx) for idx in indices]"
            )

    def __getitem__(self, index: Any) -> Item:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[Item]:
        return _items(self.dataset, [self.indices[i] for i in indices], exact=False)

    def __len__(self) -> int:
        return len(self.indices)

    def collated(self, indices: list[int]) -> Any:
        """The batch that default_collate would make, where the whole dataset can gather it."""
        gather = getattr(self.dataset, "collated", None)
        if gather is None or type(self).__getitems__ is not Subset.__getitems__:
            return None
        return gather([self.indices[i] for i in indices])


def _items(dataset: Any, indices: list, exact: bool = True) -> list:
    """Samples at several indices, by the dataset's own ``__getitems__`` where it has one."""
    getitems = getattr(dataset, "__getitems__", None)
    if not callable(getitems):
        return [dataset[index] for index in indices]
    items: Any = getitems(indices)
    if exact and len(items) != len(indices):
        raise ValueError(f"Nested dataset's output size mismatch. Expected {len(indices)}, got {len(items)}")
    return items


def random_split(dataset: Any, lengths: Sequence[int | float], generator: Generator | None = None) -> list[Subset]:
    """Split a dataset at random into subsets that share no sample.

    Args:
        dataset: what to split; needs a length.
        lengths: sizes that add up to ``len(dataset)``, or fractions that add up to 1; what
            rounding leaves over goes to the first subsets, one each.
        generator: where the permutation is drawn from; None is the default generator.

    Returns:
        One Subset for each length.

    Raises:
        ValueError: the lengths do not add up, or a fraction is outside [0, 1].

    Example:
        >>> [len(part) for part in random_split(range(10), [0.75, 0.25])]
        [8, 2]
    """
    total = len(dataset)
    if math.isclose(sum(lengths), 1) and sum(lengths) <= 1:
        lengths = _sizes_of_fractions(lengths, total)
    if sum(lengths) != total:
        raise ValueError(
            f"Sum of input lengths does not equal the length of the input dataset! Got {sum(lengths)} for {total}"
        )
    indices = permutation(total, generator)
    ends = itertools.accumulate(lengths)
    return [Subset(dataset, indices[int(end - length) : int(end)]) for end, length in zip(ends, lengths, strict=True)]


def _sizes_of_fractions(fractions: Sequence[float], total: int) -> list[int]:
    for i, fraction in enumerate(fractions):
        if fraction < 0 or fraction > 1:
            raise ValueError(f"Fraction at index {i} is not between 0 and 1: got {fraction}")
    sizes = [math.floor(total * fraction) for fraction in fractions]
    for i in range(total - sum(sizes)):
        sizes[i % len(sizes)] += 1
    for i, size in enumerate(sizes):
        if size == 0:
            warnings.warn(
                f"Length of split at index {i} is 0. This might result in an empty dataset.",
                stacklevel=3,
            )
    return sizes
