"""A process that runs the workloads of one engine when asked: ``python worker.py ENGINE``.

Its first line says what it has: the workloads, the versions of its packages, the seconds that the import took. Then it
reads lines ``WORKLOAD COUNT`` and answers each with the seconds of COUNT steps, the loss of the last, and the memory
that is resident now and was at most, in bytes. Everything is JSON.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import importlib.util
import json
import os
import resource
import sys
import time

THREADS = "2"
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC"):  # NPROC is XLA's
    os.environ[variable] = THREADS


def memory() -> dict[str, int]:
    """Bytes of this process that are resident, now and at most."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    try:
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[1]) * resource.getpagesize()
    except FileNotFoundError:  # not Linux
        now = most
    return {"resident": now, "peak": most}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    sys.path[0] = os.path.dirname(os.path.abspath(__file__))
    start = time.perf_counter()
    engine = importlib.import_module(f"engines.{sys.argv[1]}_engine")
    seconds = time.perf_counter() - start
    packages = {p: importlib.metadata.version(p) for p in engine.PACKAGES if importlib.util.find_spec(p)}
    print(json.dumps({"workloads": list(engine.WORKLOADS), "packages": packages, "import": seconds}), file=answers)
    ready: dict = {}
    for line in sys.stdin:
        name, count = line.split()
        if name not in ready:
            ready[name] = engine.WORKLOADS[name]()
        step, times = ready[name], []
        gc.collect()
        for _ in range(int(count)):
            start = time.perf_counter()
            loss = step()
            times.append(time.perf_counter() - start)
        print(json.dumps({"seconds": times, "loss": float(loss), **memory()}), file=answers)


if __name__ == "__main__":
    main()
