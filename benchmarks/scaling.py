"""How time and memory grow: with the length of a graph, with the batch, and with the width of a model.

    python benchmarks/scaling.py

For chains of 10² to 2·10⁵ operations: microseconds and bytes per operation; these are to stay constant.  For an MLP: the
time of a training step against batch size and width.
"""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc

import autograd as ag
import nn
import optim
from nn import functional as F

LENGTHS = (100, 1_000, 10_000, 100_000, 200_000)


def chain(n: int) -> ag.Tensor:
    y = ag.tensor(0.5, requires_grad=True)
    for _ in range(n):
        y = y.tanh()
    return y


def seconds(run, repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        gc.collect()
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def chains() -> None:
    print("| operations | forward µs each | backward µs each | bytes each |\n|---|---|---|---|")
    for n in LENGTHS:
        repeats = max(1, 20_000 // n)
        forward = seconds(lambda n=n, r=repeats: [chain(n) for _ in range(r)]) / repeats / n
        both = seconds(lambda n=n, r=repeats: [chain(n).backward() for _ in range(r)]) / repeats / n
        tracemalloc.start()
        y = chain(n)
        size = tracemalloc.get_traced_memory()[0] / n
        tracemalloc.stop()
        del y
        print(f"| {n:,} | {forward * 1e6:.2f} | {(both - forward) * 1e6:.2f} | {size:.0f} |")


def steps() -> None:
    print("\n| width | batch 1 | batch 16 | batch 64 | batch 256 |\n|---|---|---|---|---|")
    for width in (16, 64, 256, 1024):
        cells = []
        for batch in (1, 16, 64, 256):
            model = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
            optimizer = optim.Adam(model.parameters())
            x, y = ag.randn(batch, width), ag.randint(0, 10, (batch,))

            def step(model=model, optimizer=optimizer, x=x, y=y) -> None:
                optimizer.zero_grad()
                F.cross_entropy(model(x), y).backward()
                optimizer.step()

            step()
            cells.append(f"{seconds(step, 15) * 1e3:.2f} ms")
        print(f"| {width} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    chains()
    steps()
