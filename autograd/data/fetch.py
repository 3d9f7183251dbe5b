"""Reads one batch: the same code in the main process and in every worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from autograd.data.collate import default_collate
from autograd.data.dataset import IterableDataset
from autograd.data.randomness import batch_stream

__all__ = ["WHOLE_BATCH", "Fetcher", "place"]

WHOLE_BATCH = -1  # a position: it is not one sample that is being read, but the batch


class Fetcher:
    """Turns what a sampler yields into a batch.

    Args:
        dataset: map-style or iterable.
        batched: the sampler yields lists of indices, not single ones.
        collate_fn: makes the batch of a list of samples, or converts a single sample.
        drop_last: an iterable dataset's last batch is left out unless it is full.
    """

    def __init__(self, dataset: Any, batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> None:
        self.dataset = dataset
        self.batched = batched
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.position: Any = [WHOLE_BATCH]  # its first element tells how far it has come
        self._stream: Iterator[Any] | None = None
        self._ended = False

    def restart(self) -> None:
        """Begin another epoch."""
        self._stream, self._ended = None, False

    def fetch(self, indices: Any, epoch_seed: int, batch: int) -> Any:
        """The batch of these indices, or of so many samples of a stream.

        Args:
            indices: what the sampler gave.
            epoch_seed: with the batch's number, starts the random numbers drawn meanwhile.
            batch: the batch's number in the epoch.

        Raises:
            StopIteration: the stream has ended.
            RuntimeError: a map-style dataset raised StopIteration, which would end the epoch.
        """
        self.position[0] = WHOLE_BATCH
        if self.batched and self.collate_fn is default_collate:
            gather = getattr(self.dataset, "collated", None)
            gathered = gather(indices) if gather else None
            if gathered is not None:
                return gathered
        with batch_stream(epoch_seed, batch):
            if isinstance(self.dataset, IterableDataset):
                return self.collate_fn(self._from_stream(indices))
            try:
                samples = self._samples(indices) if self.batched else self.dataset[indices]
                return self.collate_fn(samples)
            except StopIteration as error:
                raise RuntimeError("the dataset raised StopIteration") from error

    def _samples(self, indices: list) -> list:
        getitems = getattr(self.dataset, "__getitems__", None)
        if getitems:
            return getitems(indices)
        dataset, position, samples = self.dataset, self.position, []
        for position[0], index in enumerate(indices):
            samples.append(dataset[index])
        position[0] = WHOLE_BATCH
        return samples

    def _from_stream(self, indices: Any) -> Any:
        if self._ended:
            raise StopIteration
        if self._stream is None:
            self._stream = iter(self.dataset)
        if not self.batched:
            return next(self._stream)
        samples: list = []
        for _ in indices:
            try:
                samples.append(next(self._stream))
            except StopIteration:
                self._ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(indices)):
            raise StopIteration
        return samples


def place(dataset: Any, batched: bool, indices: Any, position: int, batch: int) -> str:
    """Where the reading of a batch was, in words for an error."""
    if isinstance(dataset, IterableDataset):
        return f"batch {batch} of the stream"
    if not batched:
        return f"index {indices!r}"
    if position != WHOLE_BATCH:
        return f"index {indices[position]!r}"
    shown = ", ".join(map(repr, indices[:8])) + (", ..." if len(indices) > 8 else "")
    return f"batch {batch}, the indices [{shown}]"
