"""DataLoader against PyTorch's: time for an epoch, both in one run, interleaved, as a ratio.

    python benchmarks/loader.py [rounds]

A ratio below 1 means that ours is faster. The images are 8x8 and float32, 64 to a batch.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils import data as torch_data

import autograd
from autograd import data

SAMPLES, BATCH = 1797, 64
IMAGES = np.random.default_rng(0).random((SAMPLES, 1, 8, 8), np.float32)
LABELS = np.arange(SAMPLES) % 10


class Samples:
    """Samples that Python code makes one by one."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return (IMAGES[index] - 0.5) / 0.25, int(LABELS[index])


class Ours(Samples, data.Dataset):
    """For gradloom."""


class Theirs(Samples, torch_data.Dataset):
    """For PyTorch."""


def epoch(loader: Any) -> float:
    """Seconds that one epoch takes."""
    start = time.perf_counter()
    samples = 0
    for x, _ in loader:
        samples += x.shape[0]
    assert samples == SAMPLES
    return time.perf_counter() - start


def compare(name: str, ours: Callable[[], Any], theirs: Callable[[], Any], rounds: int) -> float:
    """Print and return the median of the ratios of neighbouring epochs."""
    pair = ours(), theirs()
    for loader in pair:
        epoch(loader)
    times = [(epoch(pair[0]), epoch(pair[1])) for _ in range(rounds)]
    ratio = statistics.median(a / b for a, b in times)
    mine, other = (statistics.median(column) * 1e3 for column in zip(*times, strict=True))
    print(f"{name:44} {mine:8.2f} ms {other:8.2f} ms   ratio {ratio:.2f}")
    return ratio


def main(rounds: int) -> None:
    """Compare both kinds of dataset, with and without workers."""
    tensors = autograd.as_tensor(IMAGES), autograd.as_tensor(LABELS)
    torch_tensors = torch.tensor(IMAGES), torch.tensor(LABELS)
    datasets: dict[str, tuple[Any, Any]] = {
        "Dataset": (Ours(), Theirs()),
        "TensorDataset": (
            data.TensorDataset(*tensors),
            torch_data.TensorDataset(*torch_tensors),
        ),
    }
    ways: dict[str, dict[str, Any]] = {
        "no workers": {},
        "2 workers": {"num_workers": 2},
        "2 persistent workers": {"num_workers": 2, "persistent_workers": True},
    }
    print(f"{'an epoch of 29 batches':44} {'gradloom':>11} {'PyTorch':>11}")
    for kind, (ours, theirs) in datasets.items():
        for way, options in ways.items():
            compare(
                f"{kind}, {way}",
                lambda: data.DataLoader(ours, BATCH, shuffle=True, **options),  # noqa: B023
                lambda: torch_data.DataLoader(theirs, BATCH, shuffle=True, **options),  # noqa: B023
                rounds,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
