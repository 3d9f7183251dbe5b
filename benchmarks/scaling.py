"""How time and memory grow: with the length of a graph, with the batch, and with the width of a model.

    python benchmarks/scaling.py

For chains of 10² to 2·10⁵ operations, time and memory of one operation: the time is to stay within 1.3 of what it is in
the shortest chain, the memory below 500 bytes. What grows is Python's garbage collector, which walks over the living
graph while the graph is made. For an MLP: the time of a training step against batch size and width.
"""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable

import autograd as ag
import nn
import optim
from nn import functional as F

LENGTHS = (100, 1_000, 10_000, 100_000, 200_000)
BATCHES = (1, 16, 64, 256)


def chain(n: int) -> ag.Tensor:
    y = ag.tensor(0.5, requires_grad=True)
    for _ in range(n):
        y = y.tanh()
    return y


def forward_and_backward(n: int, repeats: int) -> tuple[float, float]:
    """Seconds of one operation in a chain of n, on the way there and back."""
    gc.collect()
    there = back = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        y = chain(n)
        turn = time.perf_counter()
        y.backward()
        back += time.perf_counter() - turn
        there += turn - start
    return there / repeats / n, back / repeats / n


def size(n: int) -> float:
    """Bytes of one operation in a chain of n."""
    chain(1)
    tracemalloc.start()
    y = chain(n)
    found = tracemalloc.get_traced_memory()[0] / n
    tracemalloc.stop()
    del y
    return found


def chains(rounds: int = 7) -> None:
    found: dict[int, list[tuple[float, float]]] = {n: [] for n in LENGTHS}
    for _ in range(rounds):  # the lengths take turns: a slow moment hits all
        for n in LENGTHS:
            found[n].append(forward_and_backward(n, max(1, 20_000 // n)))
    print(
        "| operations | forward, µs each | backward | both | ratio to the shortest | bytes each |\n" + "|---" * 6 + "|"
    )
    shortest = [there + back for there, back in found[LENGTHS[0]]]
    for n, pairs in found.items():
        there, back = (statistics.median(column) * 1e6 for column in zip(*pairs, strict=True))
        both = [there + back for there, back in pairs]
        ratio = statistics.median(a / b for a, b in zip(both, shortest, strict=True))  # of each round
        both = statistics.median(both) * 1e6
        row = f"{n:,}", f"{there:.2f}", f"{back:.2f}", f"{both:.2f}", f"{ratio:.2f}", f"{size(n):.0f}"
        print("| " + " | ".join(row) + " |")


def training(width: int, batch: int) -> Callable[[], None]:
    model = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
    optimizer = optim.Adam(model.parameters())
    x, y = ag.randn(batch, width), ag.randint(0, 10, (batch,))

    def step() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def milliseconds(step: Callable[[], None], repeats: int = 15) -> float:
    times = []
    for _ in range(repeats + 2):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:]) * 1e3


def steps() -> None:
    print("\n| ms a step, width | " + " | ".join(f"batch {batch}" for batch in BATCHES) + " |\n" + "|---" * 5 + "|")
    for width in (16, 64, 256, 1024):
        cells = [f"{milliseconds(training(width, batch)):.2f}" for batch in BATCHES]
        print(f"| {width} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    chains()
    steps()
