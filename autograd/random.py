"""Random numbers: one generator for all, or your own; NumPy's global one is never touched."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from .tensor import Tensor, wrap


class Generator:
    """A source of random numbers with a state of its own.

    >>> Generator().manual_seed(3).initial_seed()
    3
    """

    def __init__(self, device: Any = "cpu"):
        from .device import device as Device

        self.device = Device(device)
        self.manual_seed(67280421310721)  # PyTorch's default seed

    def manual_seed(self, seed: int) -> Generator:
        """Start again from this seed; returns itself."""
        self._seed = int(seed)
        self.__dict__.pop("numpy", None)
        return self

    @functools.cached_property
    def numpy(self) -> np.random.Generator:
        """NumPy's generator underneath, made when first used: importing numpy.random takes a while."""
        return np.random.Generator(np.random.PCG64(self._seed % 2**64))

    def seed(self) -> int:
        """Start again from a seed that the operating system draws; returns it."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> 1))
        return self._seed

    def initial_seed(self) -> int:
        """The seed it last started from."""
        return self._seed

    def get_state(self) -> Tensor:
        """Its state, as a uint8 tensor that `set_state` takes back."""
        state = self.numpy.bit_generator.state
        numbers = [
            self._seed % 2**64,
            *divmod(state["state"]["state"], 2**64),
            *divmod(state["state"]["inc"], 2**64),
            state["has_uint32"],
            state["uinteger"],
        ]
        return wrap(np.array(numbers, np.uint64).view(np.uint8))

    def set_state(self, state: Tensor) -> Generator:
        """Go on from a state that `get_state` gave; returns itself."""
        array = np.ascontiguousarray(state.cpu().array)
        if array.dtype != np.uint8 or array.size != 56:
            raise RuntimeError(
                f"expected the 56 bytes that get_state() returns, got {array.dtype} of shape {array.shape}"
            )
        seed, high, low, inc_high, inc_low, has, word = (int(n) for n in array.view(np.uint64))
        self.manual_seed(seed)
        self.numpy.bit_generator.state = {
            "bit_generator": "PCG64",
            "state": {"state": (high << 64) + low, "inc": (inc_high << 64) + inc_low},
            "has_uint32": has,
            "uinteger": word,
        }
        return self

    def clone_state(self) -> Generator:
        """Another generator in the same state."""
        return Generator(self.device).set_state(self.get_state())


default_generator = Generator()


def rng(generator: Generator | None) -> np.random.Generator:
    """NumPy's generator behind ours, or behind the default."""
    return (generator or default_generator).numpy


def manual_seed(seed: int) -> Generator:
    """Start the default generator again from this seed.

    >>> import autograd as ag
    >>> _ = ag.manual_seed(0)
    >>> first = ag.rand(3)
    >>> _ = ag.manual_seed(0)
    >>> ag.equal(first, ag.rand(3))
    True
    """
    return default_generator.manual_seed(seed)


def seed() -> int:
    """Start the default generator from a seed that the operating system draws; returns it."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default generator last started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator."""
    return default_generator.get_state()


def set_rng_state(state: Tensor) -> None:
    """Put the default generator into a state that `get_rng_state` gave."""
    default_generator.set_state(state)
