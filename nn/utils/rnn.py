"""Sequences of different lengths in one batch: padded, or packed without the padding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

import autograd
from autograd.tensor import Tensor, unwrap

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence", "pad_sequence",
    "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None


class PackedSequence(_Packed):
    """Sequences without padding, the longest first: all first steps, then all second steps, …

    Attributes:
        data: (sum of lengths, *).
        batch_sizes: how many sequences have a step t, for each t; on the CPU.
        sorted_indices: where each sequence came from, or None where they came sorted.
        unsorted_indices: the inverse of that.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        if batch_sizes is None:
            raise ValueError("a PackedSequence needs batch_sizes; pack_padded_sequence() makes one")
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same with its data in another type or on another device."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        indices = (None if i is None else i.to(data.device) for i in (self.sorted_indices, self.unsorted_indices))
        return type(self)(data, self.batch_sizes, *indices)

    def cuda(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """The same on a GPU."""
        return self.to(device="cuda")

    def cpu(self) -> PackedSequence:
        """The same in main memory."""
        return self.to(device="cpu")

    @property
    def is_cuda(self) -> bool:
        """Are the data on a GPU?"""
        return self.data.is_cuda

    def pin_memory(self) -> PackedSequence:
        """Itself."""
        return self


def _conversion(dtype: str) -> Callable[[PackedSequence], PackedSequence]:
    def method(self: PackedSequence) -> PackedSequence:
        return self.to(dtype=dtype)

    method.__doc__ = f"The same in {dtype}."
    return method


for _name, _dtype in (
    ("byte", "uint8"), ("char", "int8"), ("double", "float64"), ("float", "float32"), ("half", "float16"),
    ("int", "int32"), ("long", "int64"), ("short", "int16"),
):  # fmt: skip
    setattr(PackedSequence, _name, _conversion(_dtype))


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another one; None stands for none."""
    return None if permutation is None else permutation.argsort()


def _steps(lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each step of each sequence, in packed order: which step, of which sequence.  The longest comes first."""
    step, sequence = np.nonzero(np.arange(lengths.max())[:, None] < lengths)
    return step, sequence


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Leave out the padding.

    Args:
        input: (T, B, *), or (B, T, *) with `batch_first`.
        lengths: (B,), each at least 1, on the CPU.
        enforce_sorted: the longest sequence has to come first; otherwise they are sorted, and sorted back in the end.

    >>> import autograd as ag
    >>> pack_padded_sequence(ag.tensor([[1, 2], [3, 0]]), [2, 1]).data
    tensor([1, 2, 3])
    """
    sizes = np.asarray(unwrap(lengths), np.int64)
    order = None
    if not enforce_sorted:
        order = autograd.from_numpy(np.argsort(-sizes, kind="stable")).to(input.device)
        sizes = sizes[np.argsort(-sizes, kind="stable")]
        input = input.index_select(0 if batch_first else 1, order)
    if batch_first:
        input = input.transpose(0, 1)
    if sizes.shape != (input.shape[1],):
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size={input.shape[1]})"
        )
    if sizes.size == 0 or sizes[-1] <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if (np.diff(sizes) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True; pass enforce_sorted=False"
        )
    if sizes[0] > input.shape[0]:
        raise RuntimeError(f"Expected lengths of at most {input.shape[0]} steps, got {sizes[0]}")
    step, sequence = _steps(sizes)
    counts = (np.arange(sizes[0])[:, None] < sizes).sum(1)
    return PackedSequence(input[step, sequence], autograd.from_numpy(counts), order)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Put the padding back: the inverse of `pack_padded_sequence`.

    Returns:
        The padded batch (T, B, *), or (B, T, *) with `batch_first`, and the lengths (B,).
    """
    counts = np.asarray(sequence.batch_sizes.array)
    longest, batch = len(counts), int(counts[0])
    if total_length is not None and total_length < longest:
        raise ValueError(
            f"Expected total_length to be at least the length of the longest sequence in input, but got "
            f"total_length={total_length} and max sequence length being {longest}"
        )
    lengths = (counts[:, None] > np.arange(batch)).sum(0)
    data = sequence.data
    # Every place of the padded batch is a row of the data, or of one more row with the padding.
    rows = np.full((total_length or longest, batch), data.shape[0])
    rows[_steps(lengths)] = np.arange(data.shape[0])
    padding = data.new_full((1, *data.shape[1:]), padding_value)
    padded = autograd.cat([data, padding])[rows]
    sizes = autograd.from_numpy(lengths)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(1, sequence.unsorted_indices)
        sizes = sizes[sequence.unsorted_indices.cpu()]
    return padded.transpose(0, 1) if batch_first else padded, sizes


def pad_sequence(
    sequences: Iterable[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Pad sequences (L, *) to the longest and stack them: (T, B, *), or (B, T, *) with `batch_first`.

    >>> import autograd as ag
    >>> pad_sequence([ag.tensor([1, 2]), ag.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("expected at least one sequence to pad, got an empty list")
    longest = max(s.shape[0] for s in sequences)
    padded = []
    for s in sequences:
        missing = s.new_full((longest - s.shape[0], *s.shape[1:]), padding_value)
        padded.append(
            autograd.cat([s, missing] if padding_side == "right" else [missing, s]) if missing.shape[0] else s
        )
    return autograd.stack(padded, 0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Any, batch_first: bool = False) -> list[Tensor]:
    """The sequences (L, *) of a padded batch."""
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    return [sequence[:size] for sequence, size in zip(padded_sequences, sizes, strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (L, *)."""
    lengths = [s.shape[0] for s in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences (L, *) that were packed."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences))
