"""DataLoader: batches of a dataset, made here or by worker processes."""

from __future__ import annotations

import math
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.context import BaseContext
from typing import Any, Generic, TypeVar

from autograd.data.collate import default_collate, default_convert
from autograd.data.dataset import IterableDataset
from autograd.data.fetch import Fetcher, place
from autograd.data.randomness import random_seed
from autograd.data.sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from autograd.data.workers import WorkerIterator
from autograd.random import Generator

__all__ = ["DataLoader"]

Item = TypeVar("Item", covariant=True)
_FIXED = {"batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"}


class _Endless(Sampler[None]):
    """Stands in for the sampler of a stream, which alone decides when it ends."""

    def __iter__(self) -> Iterator[None]:
        while True:
            yield None


class DataLoader(Generic[Item]):
    """Iterates over a dataset in batches.

    The order of the samples, and every random number that is drawn while they are read (from
    autograd, ``random`` or ``np.random``), follow from the generator's state when an epoch begins:
    the number of workers changes neither.

    Args:
        dataset: map-style (``__getitem__`` and ``__len__``) or an IterableDataset.
        batch_size: samples in a batch; None yields single samples.
        shuffle: a new random order every epoch.
        sampler: yields the indices, instead of ``shuffle``.
        batch_sampler: yields lists of indices, instead of ``batch_size``, ``shuffle``, ``sampler``
            and ``drop_last``.
        num_workers: how many processes make the batches; 0 makes them in this one.
        collate_fn: makes a batch of a list of samples; None is ``default_collate``.
        pin_memory: accepted and of no effect: NumPy's memory has no page-locked kind.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a worker's batch; 0 waits as long as the worker lives.
        worker_init_fn: called as ``worker_init_fn(worker_id)`` in each worker as it starts.
        multiprocessing_context: how workers start, "fork", "spawn", "forkserver" or a context;
            None is Python's default. Other ways than "fork" pickle the dataset and the functions.
        generator: where the order and the epoch's seed are drawn from; None is the default one.
        prefetch_factor: batches that each worker makes ahead; None is 2.
        persistent_workers: keep the workers for the next epoch.
        pin_memory_device: accepted and of no effect.
        in_order: False yields batches as they come, not in the sampler's order.

    Raises:
        ValueError: arguments that contradict each other.
        RuntimeError: on iteration, a worker died or timed out; the message names the index. What
            a dataset raises in a worker is raised here as the same type, with the index and the
            worker's traceback.

    Source: https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader

    Example:
        >>> import autograd
        >>> from autograd.data import DataLoader, TensorDataset
        >>> data = TensorDataset(autograd.arange(5), autograd.ones(5, 2))
        >>> [tuple(y.shape) for x, y in DataLoader(data, batch_size=2)]
        [(2, 2), (2, 2), (1, 2)]
    """

    dataset: Any
    sampler: Any
    batch_sampler: Any

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler | Iterable | None = None,
        batch_sampler: Sampler[list] | Iterable[list] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        multiprocessing_context: str | BaseContext | None = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        iterable = isinstance(dataset, IterableDataset)
        if iterable:
            _check_stream(shuffle, sampler, batch_sampler)
        _check_batches(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        if sampler is None:
            if iterable:
                sampler = _Endless()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)

        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.pin_memory = pin_memory
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.prefetch_factor = prefetch_factor or (2 if num_workers else None)
        self.pin_memory_device = pin_memory_device
        self.in_order = in_order
        self._announced: int | None = None  # the length that a stream has told
        self._iterator: WorkerIterator | None = None
        self.persistent_workers = persistent_workers
        self._initialized = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _FIXED and "_initialized" in self.__dict__:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized: make another loader"
            )
        super().__setattr__(name, value)

    @property
    def multiprocessing_context(self) -> BaseContext | None:
        """How workers start; None is Python's default."""
        return self._context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: str | BaseContext | None) -> None:
        if context is not None and self.num_workers == 0:
            raise ValueError(
                "multiprocessing_context can only be used with multi-process loading "
                f"(num_workers > 0), but got num_workers={self.num_workers}"
            )
        if isinstance(context, str):
            methods = multiprocessing.get_all_start_methods()
            if context not in methods:
                raise ValueError(
                    "multiprocessing_context option should specify a valid start method in "
                    f"{methods!r}, but got multiprocessing_context={context!r}"
                )
            context = multiprocessing.get_context(context)
        if context is not None and not isinstance(context, BaseContext):
            raise TypeError(
                "multiprocessing_context option should be a valid context object or a string "
                f"specifying the start method, but got multiprocessing_context={context}"
            )
        self._context = context

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            batches: Any = _SerialIterator(self)
        else:
            _warn_of_too_many(self.num_workers)
            batches = self._worker_iterator()
        if isinstance(self.dataset, IterableDataset) and self._announced is not None:
            return _counted(batches, self)
        return batches

    def _worker_iterator(self) -> WorkerIterator:
        if not self.persistent_workers:
            return WorkerIterator(self)
        if self._iterator is None:
            self._iterator = WorkerIterator(self)
        else:
            self._iterator.begin_epoch()
        return self._iterator

    def __len__(self) -> int:
        """How many batches an epoch has; of a stream, how many its own ``len`` promises."""
        if not isinstance(self.dataset, IterableDataset):
            return len(self._index_sampler)
        samples = len(self.dataset)  # type: ignore[arg-type]
        if self.batch_size is None:
            length = samples
        elif self.drop_last:
            length = samples // self.batch_size
        else:
            length = math.ceil(samples / self.batch_size)
        self._announced = length
        return length

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    def _fetcher(self) -> Fetcher:
        return Fetcher(self.dataset, self._auto_collation, self.collate_fn, self.drop_last)


class _SerialIterator:
    """Iterates over a DataLoader's batches, making each when it is asked for."""

    def __init__(self, loader: DataLoader) -> None:
        self._fetcher = loader._fetcher()
        self._seed = random_seed(loader.generator)
        self._sampler = loader._index_sampler
        self._indices = enumerate(self._sampler)

    def __iter__(self) -> _SerialIterator:
        return self

    def __len__(self) -> int:
        return len(self._sampler)

    def __next__(self) -> Any:
        fetcher = self._fetcher
        batch, indices = next(self._indices)
        try:
            return fetcher.fetch(indices, self._seed, batch)
        except StopIteration:
            raise
        except Exception as error:
            where = place(fetcher.dataset, fetcher.batched, indices, fetcher.position[0], batch)
            error.add_note(f"A DataLoader was at {where}.")
            raise


def _counted(batches: Iterator[Any], loader: DataLoader) -> Iterator[Any]:
    """The batches of a stream, with a warning where there are more than its length promised."""
    announced = loader._announced
    for count, batch in enumerate(batches, start=1):
        if announced is not None and count > announced:
            warnings.warn(
                f"Length of IterableDataset {loader.dataset} was reported to be {announced}, but "
                f"{count} batches have been fetched"
                + (
                    ": with workers, each must read its own share (see get_worker_info)." if loader.num_workers else "."
                ),
                stacklevel=2,
            )
        yield batch


def _check_workers(num_workers: int, timeout: float, prefetch_factor: int | None, persistent_workers: bool) -> None:
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            f"multiprocessing, got {num_workers}"
        )
    if timeout < 0:
        raise ValueError(f"timeout option should be non-negative, got {timeout}")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing: let num_workers > 0 "
            "to enable multiprocessing, otherwise set prefetch_factor to None"
        )
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ValueError(f"prefetch_factor option should be positive, got {prefetch_factor}")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_batches(batch_size: int | None, shuffle: Any, sampler: Any, batch_sampler: Any, drop_last: bool) -> None:
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
    if batch_sampler is None and batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")


def _check_stream(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    options = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in options.items():
        if value is not None:
            raise ValueError(
                f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
            )


def _warn_of_too_many(num_workers: int) -> None:
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if num_workers > cores:
        warnings.warn(
            f"This DataLoader will create {num_workers} worker processes in total, and this "
            f"machine has {cores} cores: more workers than cores make it slower.",
            stacklevel=4,
        )
