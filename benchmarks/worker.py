"""A process that runs the workloads of one engine when asked: ``python worker.py ENGINE``.

It reads lines ``WORKLOAD COUNT`` and answers each with a line of JSON: the seconds of COUNT steps, and the loss of the
last.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "2")


def main() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[0] = here
    engine = importlib.import_module(f"engines.{sys.argv[1]}_engine")
    ready: dict = {}
    print(json.dumps(sorted(engine.WORKLOADS)), flush=True)
    for line in sys.stdin:
        name, count = line.split()
        if name not in ready:
            ready[name] = engine.WORKLOADS[name]()
        step = ready[name]
        times = []
        gc.collect()
        for _ in range(int(count)):
            start = time.perf_counter()
            loss = step()
            times.append(time.perf_counter() - start)
        print(json.dumps([times, float(loss)]), flush=True)


if __name__ == "__main__":
    main()
