"""Interleaved timing of several engines, each in a process and an environment of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".venv-benchmarks"

# What to install for each engine; HIPS autograd has our import name, so it cannot share an environment.
REQUIREMENTS = {
    "gradloom": [str(HERE.parent)],
    "gradloom_fast": [f"{HERE.parent}[fast]"],
    "torch": ["torch", "numpy"],
    "torch_compile": ["torch", "numpy", "setuptools"],
    "jax": ["jax", "numpy"],
    "mygrad": ["mygrad"],
    "hips": ["autograd"],
}


def python_of(engine: str, torch: str = "torch") -> str:
    """The interpreter of an engine's environment, made when it is missing."""
    folder = ENVIRONMENTS / engine
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making the environment of {engine} …", file=sys.stderr)
        venv.create(folder, with_pip=True)
        wanted = [torch if r == "torch" else r for r in REQUIREMENTS[engine]]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    return str(python)


class Engine:
    """A running worker."""

    def __init__(self, name: str, python: str | None = None):
        self.name = name
        module = name.removesuffix("_fast").removesuffix("_compile") if name.startswith("gradloom") else name
        self.process = subprocess.Popen(
            [python or python_of(name), str(HERE / "worker.py"), module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.workloads = json.loads(self._answer())

    def _answer(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.name} ended with status {self.process.wait()}")
        return line

    def run(self, workload: str, count: int) -> tuple[list[float], float]:
        """Seconds of `count` steps, and the last loss."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{workload} {count}\n")
        self.process.stdin.flush()
        times, loss = json.loads(self._answer())
        return times, loss

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


def race(
    engines: list[Engine], workload: str, rounds: int = 9, seconds: float = 0.25
) -> dict[str, tuple[float, float, float]]:
    """Median step time of each engine with its quartiles, in seconds, from rounds in which they take turns.

    Raises AssertionError when they do not compute the same loss.
    """
    running = [e for e in engines if workload in e.workloads]
    counts, losses = {}, {}
    for e in running:  # warm up, and see how many steps make a round
        times, _ = e.run(workload, 5)
        counts[e.name] = max(1, min(400, int(seconds / max(statistics.median(times), 1e-6))))
    medians: dict[str, list[float]] = {e.name: [] for e in running}
    for _ in range(rounds):
        for e in running:
            times, losses[e.name] = e.run(workload, counts[e.name])
            medians[e.name].append(statistics.median(times))
    return {name: (statistics.median(ms), *statistics.quantiles(ms, n=4)[::2]) for name, ms in medians.items()}  # type: ignore[misc]


def agree(engines: list[Engine], workload: str, steps: int = 3) -> None:
    """Check that all engines compute the same loss after the same number of steps."""
    found = {e.name: e.run(workload, steps)[1] for e in engines if workload in e.workloads}
    first = next(iter(found.values()))
    assert all(abs(loss - first) <= 1e-3 * abs(first) + 1e-5 for loss in found.values()), f"{workload}: {found}"


def table(results: dict[str, dict[str, tuple[float, float, float]]], reference: str) -> str:
    """A Markdown table: a row for each workload, milliseconds and the ratio to the reference."""
    names = list(dict.fromkeys(n for row in results.values() for n in row))
    lines = ["| workload | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for workload, row in results.items():
        base = row[reference][0]
        cells = []
        for n in names:
            if n not in row:
                cells.append("–")
                continue
            median, low, high = row[n]
            cells.append(f"{median * 1e3:.3g} ms ({low * 1e3:.3g}–{high * 1e3:.3g}), {median / base:.2f}×")
        lines.append(f"| {workload} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
