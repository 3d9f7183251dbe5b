"""Samplers: the order in which a DataLoader reads a dataset, as in ``torch.utils.data``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any, Generic, TypeVar

import numpy as np

from autograd.data.randomness import numpy_generator, permutation, random_seed
from autograd.random import Generator
from autograd.sampling import host
from autograd.tensor import wrap

__all__ = [
    "BatchSampler",
    "DistributedSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "SubsetRandomSampler",
    "WeightedRandomSampler",
]

Index = TypeVar("Index", covariant=True)


class Sampler(Generic[Index]):
    """Yields indices, or lists of indices: subclasses define ``__iter__`` and, if known, ``__len__``.

    Example:
        >>> class Backwards(Sampler):
        ...     def __init__(self, data):
        ...         self.data = data
        ...     def __iter__(self):
        ...         return reversed(range(len(self.data)))
        >>> list(Backwards("abc"))
        [2, 1, 0]
    """

    def __iter__(self) -> Iterator[Index]:
        raise NotImplementedError(f"{type(self).__name__} defines no __iter__(self)")


class SequentialSampler(Sampler[int]):
    """The indices in order.

    Args:
        data_source: anything with a length.

    Example:
        >>> list(SequentialSampler("abc"))
        [0, 1, 2]
    """

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """The indices in random order.

    Args:
        data_source: anything with a length.
        replacement: draw every index anew, so that one may come twice.
        num_samples: how many to draw; None is one for each sample of the dataset. Without
            replacement, more than that starts on a second permutation.
        generator: where they are drawn from; None is the default generator.

    Raises:
        TypeError: ``replacement`` is not a bool.
        ValueError: ``num_samples`` is not a positive int.

    Example:
        >>> sorted(RandomSampler("abcd"))
        [0, 1, 2, 3]
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(replacement, bool):
            raise TypeError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        if not isinstance(self.num_samples, int) or self.num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={self.num_samples}")

    @property
    def num_samples(self) -> int:
        """How many are drawn."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        # One draw from the given generator starts a stream of our own: what else is drawn from
        # it while the epoch runs (earlier or later, as workers read ahead) changes no order.
        n, rng = len(self.data_source), np.random.default_rng(random_seed(self.generator))
        if self.replacement:
            return self._with_replacement(n, rng)
        return self._permutations(n, rng)

    def _with_replacement(self, n: int, rng: np.random.Generator) -> Iterator[int]:
        for start in range(0, self.num_samples, 4096):
            yield from rng.integers(n, size=min(4096, self.num_samples - start)).tolist()

    def _permutations(self, n: int, rng: np.random.Generator) -> Iterator[int]:
        for start in range(0, self.num_samples, n):
            yield from rng.permutation(n)[: self.num_samples - start].tolist()

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """The given indices in random order.

    Args:
        indices: sequence of indices.
        generator: where the order is drawn from; None is the default generator.

    Example:
        >>> sorted(SubsetRandomSampler([7, 3, 5]))
        [3, 5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        order = permutation(len(self.indices), self.generator)
        return (self.indices[i] for i in order)

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn with given probabilities.

    Args:
        weights: a weight >= 0 for each index; they need not add up to one.
        num_samples: how many to draw.
        replacement: whether an index may come twice.
        generator: where they are drawn from; None is the default generator.

    Raises:
        ValueError: wrong ``num_samples`` or ``replacement``, weights that are not one row of
            finite numbers >= 0 with a positive sum, or fewer positive ones than
            ``num_samples`` without replacement.

    Example:
        >>> list(WeightedRandomSampler([0.0, 1.0, 0.0], num_samples=3))
        [1, 1, 1]
    """

    def __init__(
        self,
        weights: Sequence[float] | Any,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if not isinstance(num_samples, int) or isinstance(num_samples, bool) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        array = np.array(host(weights), np.float64)
        if array.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {array.shape}")
        if not np.isfinite(array).all() or (array < 0).any() or array.sum() <= 0:
            raise ValueError("weights should be finite, none negative, and not all zero")
        if not replacement and np.count_nonzero(array) < num_samples:
            raise ValueError(
                f"{num_samples} samples without replacement need as many positive weights, got "
                f"{np.count_nonzero(array)}"
            )
        self.weights = wrap(array)
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        weights, rng = np.asarray(self.weights.array), numpy_generator(self.generator)
        drawn = rng.choice(len(weights), self.num_samples, self.replacement, p=weights / weights.sum())
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Groups what another sampler yields into lists.

    Args:
        sampler: any iterable of indices.
        batch_size: how many make a batch.
        drop_last: leave out a last batch that is not full.

    Raises:
        ValueError: ``batch_size`` is not a positive int, or ``drop_last`` not a bool.

    Example:
        >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
        [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(batch_size, int) or isinstance(batch_size, bool) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        size: int = len(self.sampler)  # type: ignore[arg-type]
        return size // self.batch_size if self.drop_last else -(-size // self.batch_size)


class DistributedSampler(Sampler[int]):
    """The share of one of several training processes: every ``num_replicas``-th index.

    Args:
        dataset: anything with a length.
        num_replicas: how many processes share the dataset.
        rank: which of them this is, from 0.
        shuffle: in an order drawn from ``seed`` and the epoch, the same in every process.
        seed: the same number in every process.
        drop_last: drop the tail that does not divide evenly, instead of repeating the first
            indices to fill it.

    Raises:
        RuntimeError: ``num_replicas`` or ``rank`` is missing: there is no process group to ask.
        ValueError: ``rank`` is not in ``[0, num_replicas)``.

    Example:
        >>> list(DistributedSampler("abcde", num_replicas=2, rank=1, shuffle=False))
        [1, 3, 0]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError("DistributedSampler has no process group to ask: pass num_replicas and rank")
        if rank >= num_replicas or rank < 0:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0
        share = len(dataset) / num_replicas
        self.num_samples = math.floor(share) if drop_last else math.ceil(share)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        n = len(self.dataset)
        rng = np.random.default_rng(self.seed + self.epoch)
        indices = rng.permutation(n).tolist() if self.shuffle else range(n)
        filled = itertools.islice(itertools.cycle(indices), self.total_size)
        return itertools.islice(filled, self.rank, None, self.num_replicas)

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch's order; call it before each epoch, or every epoch has the same."""
        self.epoch = epoch
