"""Where random numbers of data come from: each batch of an epoch reads from a stream of its own.

A batch's stream depends on the epoch's seed and the batch's number alone. So it does not matter
which process makes the batch, nor what was made before it: the numbers are the same for any number
of workers, and no two workers repeat each other's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from autograd.random import Generator, default_generator

__all__ = ["batch_stream", "numpy_generator", "permutation", "random_seed", "seed_everything"]

_batch: tuple[int, int] | None = None  # (the epoch's seed, the batch's number) while one is made
_derived: dict[int, np.random.Generator] = {}  # of explicit generators, for this batch


def random_seed(generator: Generator | None = None) -> int:
    """Draw an int in [0, 2**63) from a generator; None is the default generator."""
    return int(numpy_generator(generator).integers(2**63))


def numpy_generator(generator: Generator | None = None) -> np.random.Generator:
    """The NumPy generator to draw from: of the given Generator, else of the default one.

    While a DataLoader makes a batch, an explicit generator gives its seed, and the batch gives the
    rest: were its state used, every worker would repeat the numbers of the others.

    Raises:
        TypeError: ``generator`` is no Generator.
    """
    if generator is None:
        return default_generator.numpy
    if not isinstance(generator, Generator):
        raise TypeError(
            f"generator must be an autograd.Generator, got {type(generator).__name__}: "
            "autograd.Generator().manual_seed(0) makes one"
        )
    if _batch is None:
        return generator.numpy
    if id(generator) not in _derived:
        entropy = (generator.initial_seed() % 2**64, *_batch)
        _derived[id(generator)] = np.random.Generator(np.random.PCG64(entropy))
    return _derived[id(generator)]


def permutation(n: int, generator: Generator | None = None) -> list[int]:
    """The numbers 0 to n - 1 in random order."""
    return numpy_generator(generator).permutation(n).tolist()


def seed_everything(epoch_seed: int, batch: int) -> None:
    """Point autograd's, Python's and NumPy's global generators at the batch's stream."""
    default_generator.numpy = np.random.Generator(np.random.PCG64((epoch_seed, batch)))
    random.seed(epoch_seed << 64 | batch)
    np.random.seed([epoch_seed & 0xFFFFFFFF, epoch_seed >> 32, batch & 0xFFFFFFFF])


_spare: np.random.MT19937 | None = None  # takes the place of the one behind np.random for a while


@contextmanager
def batch_stream(epoch_seed: int, batch: int) -> Iterator[None]:
    """While one batch is made, draw from its stream; afterwards nobody can tell.

    Datasets written for PyTorch draw from ``random`` and ``np.random`` as well: those too are
    pointed at the stream, and put back as they were.
    """
    global _batch, _derived, _spare
    outer = _batch, _derived
    ours, python, legacy = default_generator.numpy, random.getstate(), np.random.get_bit_generator()
    # A loader inside a dataset inside a loader finds the spare in use, and makes another.
    spare, _spare = _spare or np.random.MT19937(0), None
    try:
        np.random.set_bit_generator(spare)
        _batch, _derived = (epoch_seed, batch), {}
        seed_everything(epoch_seed, batch)
        yield
    finally:
        np.random.set_bit_generator(legacy)
        random.setstate(python)
        default_generator.numpy = ours
        _spare, (_batch, _derived) = spare, outer
