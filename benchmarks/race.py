"""Interleaved timing of several engines, each in a process and an environment of its own."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent / ".venv-benchmarks"

# What pip installs in each environment. HIPS autograd has our import name, so it cannot share one. Which build of PyTorch
# comes is pip's affair: PIP_INDEX_URL and the like.
ENVIRONMENT = {
    "gradloom": ["-e", f"{HERE.parent}[fast]"],
    "torch": ["torch==2.13.0", "numpy", "setuptools"],
    "jax": ["jax"],
    "mygrad": ["mygrad"],
    "hips": ["autograd"],
}


@dataclass(frozen=True)
class Engine:
    """What takes part: a module of ``engines/``, in an environment."""

    title: str
    module: str
    environment: str
    variables: dict[str, str] = field(default_factory=dict)
    compiles: bool = False  # keeps what it compiles on disk

    def python(self) -> str:
        """The interpreter of the environment, which is made when it is missing."""
        folder = ENVIRONMENTS / self.environment
        python = folder / "bin" / "python"
        if not python.exists():
            print(f"making the environment {self.environment} …", file=sys.stderr)
            venv.create(folder, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", *ENVIRONMENT[self.environment]], check=True)
        return str(python)


ENGINES = {
    "gradloom": Engine("gradloom with `fast`", "gradloom", "gradloom", compiles=True),
    "gradloom_numpy": Engine("gradloom, NumPy alone", "gradloom", "gradloom", {"GRADLOOM_FAST": "0"}),
    "torch": Engine("PyTorch eager", "torch", "torch"),
    "torch_compile": Engine("torch.compile", "torch_compile", "torch", compiles=True),
    "jax": Engine("JAX jit", "jax", "jax"),
    "mygrad": Engine("MyGrad", "mygrad", "mygrad"),
    "hips": Engine("HIPS autograd", "hips", "hips"),
    "floor": Engine("GEMM floor", "floor", "gradloom"),
}


class Worker:
    """A running process of an engine: ``with Worker(engine) as worker``."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.process = subprocess.Popen(
            [engine.python(), str(HERE / "worker.py"), engine.module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | engine.variables,
        )
        self.has = self._answer()  # workloads, packages, import

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker of {self.engine.title} ended with status {self.process.wait()}")
        return json.loads(line)

    def run(self, workload: str, count: int) -> dict[str, Any]:
        """Take `count` steps: seconds of each, the last loss, resident and peak memory."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{workload} {count}\n")
        self.process.stdin.flush()
        return self._answer()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


def agree(losses: dict[str, float]) -> None:
    """Raise AssertionError where engines do not compute the same loss."""
    first = next(iter(losses.values()))
    assert all(abs(loss - first) <= 1e-3 * abs(first) + 1e-5 for loss in losses.values()), f"losses differ: {losses}"


def begin(workers: dict[str, Worker], workload: str) -> dict[str, float]:
    """Take one step on each, which is when engines compile; the memory that is resident then, in bytes."""
    return {name: worker.run(workload, 1)["resident"] for name, worker in workers.items()}


def race(workers: dict[str, Worker], workload: str, rounds: int, seconds: float = 0.15) -> dict[str, dict[str, Any]]:
    """Time the steps of workers in rounds in which they take turns, each for so many seconds, and five steps at least: the
    first of a turn is slower, being cold.

    For each: "rounds", the median of each round in seconds; the loss after five steps; the peak of its memory, in bytes.
    """
    found, counts = {}, {}
    for name, worker in workers.items():
        warm = worker.run(workload, 5)
        found[name] = {"loss": warm["loss"], "rounds": []}
        counts[name] = max(5, min(400, int(seconds / max(statistics.median(warm["seconds"]), 1e-6))))
    for turn in range(rounds):
        for name, worker in list(workers.items())[:: 1 if turn % 2 else -1]:
            time.sleep(0.03)  # so long do the threads of the one before still spin
            answer = worker.run(workload, counts[name])
            found[name]["rounds"].append(statistics.median(answer["seconds"]))
            found[name]["peak"] = answer["peak"]
    return found


def ratio(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """Our time over theirs: the median over the rounds, in each of which the machine was equally fast for both."""
    return statistics.median(a / b for a, b in zip(ours["rounds"], theirs["rounds"], strict=True))


def quartiles(values: Sequence[float]) -> list[float]:
    """The first quartile, the median and the third."""
    return statistics.quantiles(values, n=4) if len(values) > 1 else [*values] * 3
