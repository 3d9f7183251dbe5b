"""Each workload on each engine, taking turns in one run: time, spread, ratio to PyTorch eager, and memory.

    python benchmarks/steps.py                                   # everything: about ten minutes
    python benchmarks/steps.py --workloads cnn,gpt --engines gradloom,torch
    python benchmarks/steps.py --write                           # and replace these rows in the README

Each engine runs in an environment of its own under `.venv-benchmarks/`, made when it is missing, and in a fresh process
for each workload, with two threads. All start from the same numbers and must come to the same loss. A time is the median
of the rounds' medians with its quartiles; a ratio is the median of the rounds' ratios, since the machine's speed may change
between rounds. The last lines name what misses its bar. `--write` keeps the figures in `benchmarks/results.json`, of which the
README's tables are made.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from race import ENGINES, HERE, Worker, agree, begin, quartiles, race, ratio

README, RESULTS = HERE.parent / "README.md", HERE / "results.json"
MARKERS = "<!-- steps -->\n", "<!-- end -->\n"


class Workload(NamedTuple):
    title: str
    agrees: bool = True  # False where random numbers are drawn: each engine has its own
    batches: int = 0  # how many a step loads, if it loads


WORKLOADS = {
    "scalar_chain": Workload("scalar chain of 750 ops, forward + backward"),
    "tiny_mlp": Workload("MLP 2-16-16-1, batch 4, Adam"),
    "gan": Workload("GAN 16-64-64 / 64-64-1, batch 64, Adam"),
    "mlp": Workload("MLP 784-128-10, batch 64, Adam"),
    "mlp_dropout": Workload("MLP 784-128-10 with dropout, batch 64, Adam", agrees=False),
    "cnn": Workload("CNN, 3 × (conv 3×3, ReLU, pool) of 32-64-128, batch 64 of 1×32×32, Adam"),
    "resnet": Workload("ResNet blocks of 16 and 32, batch norm, batch 32 of 3×32×32, SGD momentum"),
    "lstm": Workload("LSTM language model, 64 → 128, 64 steps, batch 32, Adam"),
    "gpt": Workload("GPT, 4 layers, d 128, 4 heads, 64 tokens, batch 16, Adam"),
    "elementwise": Workload("gelu, square, add, sigmoid, sum of 1 M floats, forward + backward"),
    "loader": Workload("DataLoader, 2 workers, 8×8 images, batches of 64", batches=256),
    "import": Workload("import", agrees=False),
}

# What gradloom is to take at most, as a ratio to another engine's time (and, after a step of the CNN, memory).
BARS: dict[str, dict[tuple[str, str], float]] = {
    name: {("gradloom", "torch"): 1.0, ("gradloom_numpy", "torch"): 1.5} for name in WORKLOADS
}
for name in "scalar_chain", "tiny_mlp":
    BARS[name] = {("gradloom", "torch"): 0.7, ("gradloom_numpy", "torch"): 0.7, ("gradloom", "mygrad"): 0.35}

Row = dict[str, dict[str, Any]]


def measured(workload: str, engines: list[str], rounds: int, packages: dict[str, dict[str, str]]) -> Row:
    """The figures of each engine that has the workload; notes the versions of its packages."""
    for name in engines:
        if ENGINES[name].compiles:  # fill the cache on disk: memory is that of a program's second start
            with Worker(ENGINES[name]) as worker:
                if workload in worker.has["workloads"]:
                    worker.run(workload, 2)
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(ENGINES[name])) for name in engines}
        packages |= {name: worker.has["packages"] for name, worker in workers.items()}
        workers = {name: worker for name, worker in workers.items() if workload in worker.has["workloads"]}
        resident = begin(workers, workload)
        row = race(workers, workload, rounds)
    if WORKLOADS[workload].agrees:
        agree({name: figures["loss"] for name, figures in row.items() if name != "floor"})
    return {name: figures | {"resident": resident[name]} for name, figures in row.items()}


def imports(engines: list[str], rounds: int) -> Row:
    """Seconds that a fresh process takes to import what the workloads need."""
    seconds: dict[str, list[float]] = {name: [] for name in engines if name not in ("gradloom_numpy", "floor")}
    for _ in range(rounds):
        for name, found in seconds.items():
            with Worker(ENGINES[name]) as worker:
                found.append(worker.has["import"])
    return {name: {"rounds": found} for name, found in seconds.items()}


def short(x: float) -> str:
    """Three digits, without an exponent."""
    return f"{x:.0f}" if x >= 99.95 else f"{x:.3g}"


def cell(workload: Workload, figures: dict[str, Any], base: dict[str, Any] | None) -> str:
    low, median, high = quartiles(figures["rounds"])
    if workload.batches:
        text = f"{workload.batches / median:,.0f} / s"
    else:
        text = f"{short(median * 1e3)} ({short(low * 1e3)}–{short(high * 1e3)})"
    if base is None:
        return text
    times = ratio(figures, base)
    return f"{text}, **{times:{'.2f' if times >= 0.1 else '.1g'}}×**"


def table(head: str, engines: list[str], lines: list[tuple[str, dict[str, str]]]) -> str:
    """Markdown; an engine that has none of the workloads has no column."""
    engines = [name for name in engines if any(name in cells for _, cells in lines)]
    rows = [[head, *(ENGINES[name].title for name in engines)], ["---"] * (len(engines) + 1)]
    rows += [[title, *(cells.get(name, "–") for name in engines)] for title, cells in lines]
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def report(rows: dict[str, Row]) -> str:
    """Both tables: times, and memory."""
    times, memory = [], []
    for name, workload in WORKLOADS.items():
        if name not in rows:
            continue
        row = rows[name]
        base = row.get("torch")
        times.append((workload.title, {e: cell(workload, f, None if e == "torch" else base) for e, f in row.items()}))
        if name in ("import", "loader"):  # the loader's memory is its workers'
            continue
        memory.append((workload.title, {e: f"{f['peak'] / 1e6:.0f}" for e, f in row.items() if e != "floor"}))
    if "cnn" in rows:
        resident = {e: f"{f['resident'] / 1e6:.0f}" for e, f in rows["cnn"].items() if e != "floor"}
        memory.append(("resident after one step of the CNN", resident))
    text = table("milliseconds a step (quartiles), ratio to PyTorch eager", list(ENGINES), times)
    return text + "\n" + table("peak memory of the process, MB", list(ENGINES), memory) if memory else text


def missed(rows: dict[str, Row]) -> list[str]:
    """One line for each bar that is not met."""
    found = []
    for workload, row in rows.items():
        for (ours, theirs), bar in BARS[workload].items():
            if ours not in row or theirs not in row:
                continue
            kinds = {"time": ratio(row[ours], row[theirs])}
            if workload == "cnn":
                kinds["memory after a step"] = row[ours]["resident"] / row[theirs]["resident"]
            found += [
                f"{workload}: {kind} of {ours} is {value:.2f} of {theirs}'s, to be at most {bar}"
                for kind, value in kinds.items()
                if value > bar
            ]
    return found


def machine() -> str:
    """The processor, and how many cores of it this process may use."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    except FileNotFoundError:  # not Linux
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} cores, Python {platform.python_version()}"


def written(results: dict[str, Any]) -> str:
    """What stands between the README's markers."""
    versions = {package: v for packages in results["packages"].values() for package, v in packages.items()}
    versions["HIPS autograd"] = versions.pop("autograd")
    listed = ", ".join(f"{package} {version.split('+')[0]}" for package, version in sorted(versions.items()))
    return report(results["rows"]) + f"\n{results['machine']}; {listed}.\n"


def write(rows: dict[str, Row], packages: dict[str, dict[str, str]]) -> None:
    """Replace these rows in the file of results, and the README's tables by those made of it."""
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"packages": {}, "rows": {}}
    results["machine"] = machine()
    results["packages"] |= packages
    results["rows"] |= rows
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    before, rest = README.read_text().split(MARKERS[0])
    _, after = rest.split(MARKERS[1])
    README.write_text(before + MARKERS[0] + written(results) + MARKERS[1] + after)


def main() -> None:
    def some(of: dict[str, Any]) -> Any:
        def names(text: str) -> list[str]:
            if unknown := set(text.split(",")) - of.keys():
                raise argparse.ArgumentTypeError(f"expected some of {', '.join(of)}, got {', '.join(unknown)}")
            return [name for name in of if name in text.split(",")]

        return names

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--workloads", type=some(WORKLOADS), default=list(WORKLOADS), help=", ".join(WORKLOADS))
    parser.add_argument("--engines", type=some(ENGINES), default=list(ENGINES), help=", ".join(ENGINES))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", action="store_true", help="replace these rows in results.json and the README")
    options = parser.parse_args()
    rows, packages = {}, {}
    for workload in options.workloads:
        print(f"{workload} …", file=sys.stderr)
        if workload == "import":
            rows[workload] = imports(options.engines, options.rounds)
        else:
            rows[workload] = measured(workload, options.engines, options.rounds, packages)
    print(report(rows))
    print("\n".join(missed(rows) or ["all bars are met"]))
    if options.write:
        write(rows, packages)


if __name__ == "__main__":
    main()
