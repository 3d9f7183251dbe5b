"""``torch.cuda``: GPUs through CuPy. What programs ask before they use one, choose, and wait for.

Without a GPU the questions have answers (`is_available`, `device_count`, `memory_allocated`, …); what needs one raises a
RuntimeError that says what is missing.
"""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

from ..device import cupy
from ..random import default_generator, initial_seed, manual_seed, seed
from ..tensor import Tensor
from .streams import Event, Stream, StreamContext, chosen, current_stream, default_stream, stream

__all__ = [
    "Event", "OutOfMemoryError", "Stream", "StreamContext", "current_device", "current_stream", "default_stream", "device",
    "device_count", "empty_cache", "get_device_capability", "get_device_name", "get_device_properties", "get_rng_state",
    "get_rng_state_all", "init", "initial_seed", "is_available", "is_bf16_supported", "is_initialized", "manual_seed",
    "manual_seed_all", "mem_get_info", "memory_allocated", "memory_reserved", "seed", "seed_all", "set_device",
    "set_rng_state", "set_rng_state_all", "stream", "synchronize",
]  # fmt: skip

OutOfMemoryError = MemoryError  # CuPy's is one

# ---- which GPUs there are ----------------------------------------------------------------------------------------


def is_available() -> bool:
    """True where CuPy is installed and finds a GPU."""
    try:
        return cupy() is not None
    except RuntimeError:
        return False


is_initialized = is_available


def init() -> None:
    """Nothing to do but to raise the RuntimeError now where there is no GPU."""
    cupy()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False: NumPy and CuPy have no bfloat16."""
    return False


def device_count() -> int:
    """How many GPUs there are."""
    return cupy().cuda.runtime.getDeviceCount() if is_available() else 0


def current_device() -> int:
    """The number of the GPU in use."""
    return cupy().cuda.Device().id


def set_device(device: Any) -> None:
    """Use this GPU from now on, for ``"cuda"`` without a number too."""
    chosen(device).use()


class device:
    """While it lasts, a GPU is the one in use: ``with cuda.device(1):``.  None changes nothing."""

    def __init__(self, device: Any):
        self._device = chosen(device)
        self.idx = self._device.id

    def __enter__(self) -> device:
        self._device.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._device.__exit__(*exc)


def get_device_properties(device: Any = None) -> SimpleNamespace:
    """A GPU's `name`, `major`, `minor` (its compute capability), `total_memory` (bytes) and `multi_processor_count`."""
    known = cupy().cuda.runtime.getDeviceProperties(chosen(device).id)
    return SimpleNamespace(
        name=known["name"].decode(),
        major=known["major"],
        minor=known["minor"],
        total_memory=known["totalGlobalMem"],
        multi_processor_count=known["multiProcessorCount"],
    )


def get_device_name(device: Any = None) -> str:
    """The name of a GPU."""
    return get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of a GPU: (9, 0), say."""
    known = get_device_properties(device)
    return known.major, known.minor


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done all that was asked of it."""
    chosen(device).synchronize()


# ---- its memory --------------------------------------------------------------------------------------------------


def empty_cache() -> None:
    """Give unused memory of the GPU back; without one there is nothing to give."""
    if is_available():
        cupy().get_default_memory_pool().free_all_blocks()


def memory_allocated(device: Any = None) -> int:
    """The bytes that arrays take; 0 without a GPU."""
    return _of_pool("used_bytes", device)


def memory_reserved(device: Any = None) -> int:
    """The bytes that CuPy has taken from the GPU, for arrays now and to come; 0 without one."""
    return _of_pool("total_bytes", device)


def _of_pool(count: str, which: Any) -> int:
    if not is_available():
        return 0
    with chosen(which):  # each GPU has a pool
        return getattr(cupy().get_default_memory_pool(), count)()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """The bytes of a GPU that are free, and all it has."""
    return chosen(device).mem_info


# ---- random numbers: there is one generator for all devices ------------------------------------------------------

manual_seed_all, seed_all = manual_seed, seed


def get_rng_state(device: Any = "cuda") -> Tensor:
    """The state of the default generator."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Put the default generator into a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


def get_rng_state_all() -> list[Tensor]:
    """The state of the default generator, for each GPU."""
    return [get_rng_state() for _ in range(device_count())]


def set_rng_state_all(new_states: list[Tensor]) -> None:
    """Put the default generator into the (last) state that `get_rng_state_all` gave."""
    for state in new_states:
        set_rng_state(state)


def __getattr__(name: str) -> Any:
    if name == "amp":  # loaded when first asked for
        return importlib.import_module("autograd.cuda.amp")
    if name in ("FloatTensor", "DoubleTensor", "HalfTensor", "LongTensor", "IntTensor", "ByteTensor", "BoolTensor"):
        return importlib.import_module("autograd.queries").legacy(name, on_gpu=True)
    raise AttributeError(
        f"module 'autograd.cuda' has no attribute {name!r}: graphs, peaks of memory and the rest are CuPy's, see cupy.cuda"
    )
