"""What the tape costs: small workloads, against PyTorch eager, MyGrad and HIPS autograd, taking turns in one run.

    python benchmarks/overhead.py [--rounds 9] [--torch torch==2.13.0]

Each engine runs in an environment of its own under `.venv-benchmarks/`, made when it is missing.  Prints the Markdown
table that the README shows: medians of the rounds' medians, their quartiles, and the ratio to PyTorch.
"""

from __future__ import annotations

import argparse

from race import Engine, agree, python_of, race, table

TITLES = {
    "scalar_chain": "scalar chain of 750 ops, forward + backward",
    "tiny_mlp": "MLP 2-16-16-1, batch 4, Adam step",
    "mlp": "MLP 784-128-10, batch 64, Adam step",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--torch", default="torch", help="what pip installs as PyTorch")
    parser.add_argument("--engines", default="gradloom,torch,mygrad,hips")
    options = parser.parse_args()
    engines = [Engine(name, python_of(name, options.torch)) for name in options.engines.split(",")]
    results = {}
    for workload, title in TITLES.items():
        agree(engines, workload)
        results[title] = race(engines, workload, options.rounds)
    for engine in engines:
        engine.close()
    print(table(results, "torch"))


if __name__ == "__main__":
    main()
