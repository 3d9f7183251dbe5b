"""What drawing costs, and how large its pictures are: one line per promise, run with ``python benchmarks/drawing.py``.

Times are CPU times of this process (a `dot` that is running is another one), the median of three runs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import timeit
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import autograd as ag
import nn
import optim
from autograd import draw, op
from tests.draw.models import GPT, RNN, examples, mlp, tokens

RUNS = 3


def measure(make: Callable[[], draw.Drawing]) -> tuple[float, draw.Drawing, str]:
    """Seconds for capture, folding, layout and SVG; the drawing; the SVG."""
    times = []
    for _ in range(RUNS):
        start = process_time()
        picture = make()
        text = picture.to_svg()
        times.append(process_time() - start)
    return statistics.median(times), picture, text


def chain(ops: int) -> ag.Tensor:
    """One op after the other."""
    y = ag.ones(2, requires_grad=True)
    for _ in range(ops):
        y = y.tanh()
    return y


def pictures(engine: str) -> list[tuple[str, str, str, str, bool]]:
    """Rows: what, how large the graph is, what was measured, the bar, whether it is met."""
    rows = []
    for name, (model, x) in examples().items():
        seconds, picture, _ = measure(lambda model=model, x=x: draw.graph(model, x, engine=engine))
        drawn = {p.name for node in picture.graph for p in node.params}
        named = all(p in drawn for p, _ in model.named_parameters())
        fed = all_inputs(picture)
        text = f"{picture.boxes} boxes, {seconds * 1e3:.0f} ms"
        rows.append(
            (name, f"{picture.graph.ops} ops", text, "≤ 60 boxes, complete", picture.boxes <= 60 and named and fed)
        )
    y = GPT(450)(tokens())
    seconds, picture, text = measure(lambda: draw.graph(y, engine=engine))
    rows.append(
        ("450 transformer layers", f"{picture.graph.ops:,} ops", *bar(seconds, 1.0, len(text), 100_000, picture))
    )
    html = len(picture._repr_mimebundle_()["text/html"])
    rows.append(("… in a notebook cell", "", f"{html / 1e3:.0f} kB", "< 100 kB", html < 100_000))
    y = RNN()(ag.randn(2, 1420, 4))
    seconds, picture, text = measure(lambda: draw.graph(y, engine=engine))
    rows.append(("RNN over 1,420 steps", f"{picture.graph.ops:,} ops", *bar(seconds, 1.0, len(text), 100_000, picture)))
    y = chain(100_000)
    seconds, picture, text = measure(lambda: draw.graph(y, engine=engine))
    rows.append(("chain of 100,000", f"{picture.graph.ops:,} ops", *bar(seconds, 5.0, len(text), 100_000, picture)))
    return rows


def all_inputs(picture: draw.Drawing) -> bool:
    """Does every box have all the arrows that its op has inputs?"""
    boxes, links = picture.scene.visible()
    for box in boxes:
        if box.kind in ("op", "module"):
            arriving = sum(link.count for link in links if link.target is box and not link.carried)
            if arriving != len(picture.graph.nodes[box.node].inputs):
                return False
    return True


def bar(seconds: float, most: float, size: int, largest: int, picture: draw.Drawing) -> tuple[str, str, bool]:
    """Measured, promised, kept?"""
    text = f"{seconds:.2f} s, {size / 1e3:.0f} kB, {picture.boxes} boxes"
    return text, f"< {most:.0f} s, < {largest // 1000} kB", seconds < most and size < largest


def idle_cost() -> tuple[str, str, str, str, bool]:
    """What `record` costs a training step while nothing records: one truth test per op."""
    model = mlp()
    optimizer = optim.Adam(model.parameters())
    x, target = ag.randn(4, 8), ag.randn(4, 3)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), target).backward()
        optimizer.step()

    step()
    with draw.record() as rec:
        step()
    ops = len(rec.events)
    seconds = statistics.median(timeit.repeat(step, number=200, repeat=7)) / 200
    empty = min(timeit.repeat("pass", number=1_000_000, repeat=5))
    test = (
        min(timeit.repeat("observers and 1", globals={"observers": op.observers}, number=1_000_000, repeat=5)) - empty
    )
    share = ops * max(test, 0.0) / 1e6 / seconds
    return "recording, when off", f"{ops} ops a step", f"{share:.3%} of {seconds * 1e6:.0f} µs", "< 1 %", share < 0.01


def recording_cost() -> tuple[str, str, str, str, bool]:
    """What it costs while it is on, for information."""
    model, x = GPT(4), tokens()

    def step() -> None:
        model.zero_grad()
        model(x).sum().backward()

    def best(run: Callable[[], None]) -> float:
        times = []
        for _ in range(7):
            start = perf_counter()
            run()
            times.append(perf_counter() - start)
        return min(times)

    plain = best(step)

    def recorded() -> None:
        with draw.record():
            step()

    return "recording everything", "4 layers", f"{best(recorded) / plain:.1f} × the step", "-", True


def main() -> int:
    """Print the table; 1 if a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="auto", choices=("auto", "dot", "builtin"))
    engine = parser.parse_args().engine
    print("| what | graph | measured | promised | |\n|---|---|---|---|---|")
    kept = True
    tables = [("with dot", os.environ.get("PATH", "")), ("with an empty PATH", "")]
    for title, path in tables:
        os.environ["PATH"] = path
        print(f"| **{title}** | | | | |")
        for row in pictures(engine if path else "auto"):
            kept &= row[-1]
            print("|", " | ".join([*row[:-1], "✓" if row[-1] else "✗"]), "|", flush=True)
    print("| **recording** | | | | |")
    for row in (idle_cost(), recording_cost()):
        kept &= row[-1]
        print("|", " | ".join([*row[:-1], "✓" if row[-1] else "✗"]), "|", flush=True)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
