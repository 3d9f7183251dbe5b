"""What the fixtures of gradloom's pytest plugin do; the plugin itself is `pytest_gradloom`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from autograd.testing.gradcheck import gradcheck
from autograd.testing.libraries import to_array
from autograd.testing.packing import flatten
from autograd.testing.result import GradCheckError, GradCheckResult

__all__ = ["GradSnapshot", "Gradcheck", "begin", "summarize"]

_current: dict[str, Any] = {"id": "", "marker": {}}  # the test that is running, and its marker
_reports: list[tuple[GradCheckResult, Path]] = []


def begin(item: Any) -> None:
    """Note the defaults that a test's markers give; the innermost marker wins."""
    marker: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers("gradcheck"))):
        if mark.args:
            raise TypeError(f"expected keyword arguments in the gradcheck marker of {item.nodeid}, got {mark.args}")
        marker |= mark.kwargs
    _current.update(id=item.nodeid, marker=marker)


class Gradcheck:
    """The fixture `gradcheck`: called like `autograd.testing.gradcheck`."""

    def __init__(self, config: Any) -> None:
        self.mode = config.getoption("--gradcheck")
        self.seed = int(config.getoption("--gradcheck-seed"))
        self.report = config.getoption("--gradcheck-report")
        self.device = config.getoption("--device", None)

    def __call__(self, f: Any, *inputs: Any, **options: Any) -> GradCheckResult:
        __tracebackhide__ = True
        options = {"seed": self.seed, **_current["marker"], **options}
        if self.device not in (None, "cpu"):
            options.setdefault("device", self.device)
        if self.mode == "off":
            return GradCheckResult(options.get("name") or getattr(f, "__name__", "f"), mode="off")
        if self.mode is not None:
            options["mode"] = self.mode
        try:
            return gradcheck(f, *inputs, **options)
        except GradCheckError as error:
            result = error.result
        mode = f" --gradcheck={self.mode}" if self.mode is not None else ""
        result.repro = f"pytest '{_current['id']}' --gradcheck-seed={self.seed}{mode}"
        if self.report:
            _save(result, Path(self.report), inputs)
        raise GradCheckError(result)


def _save(result: GradCheckResult, folder: Path, inputs: tuple) -> None:
    """A page with the heat map, and the inputs and gradients as arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w.-]+", "_", _current["id"].rpartition("/")[2]) or "gradcheck"
    taken = len(list(folder.glob(f"{stem}*.html")))
    stem += f"-{taken + 1}" if taken else ""
    arrays: dict[str, np.ndarray] = {}
    for name, value in flatten(list(inputs), "input"):
        array = to_array(value)
        if array is not None:
            arrays[name] = array
    for item in result.maps:
        for kind in ("verdict", "analytic", "numeric"):
            arrays[f"{kind} {item.name}"] = getattr(item, kind).reshape(item.shape)
    np.savez(folder / f"{stem}.npz", **arrays)  # type: ignore[arg-type]  # names are keywords here
    result.saved = str(folder / f"{stem}.npz")
    page = "<!doctype html><meta charset='utf-8'><title>gradcheck</title>"
    page += f"<h1 style='font:16px sans-serif'>{_current['id']}</h1>{result._repr_html_()}"
    (folder / f"{stem}.html").write_text(page, encoding="utf-8")
    _reports.append((result, folder / f"{stem}.html"))


def summarize(reporter: Any, config: Any) -> None:
    """Say where the reports are."""
    if _reports:
        reporter.section("gradcheck reports")
        for result, path in _reports:
            reporter.write_line(f"{result.name}: {path}")
        _reports.clear()


class GradSnapshot:
    """The fixture `grad_snapshot`: gradients saved as numbers that a person can read and diff.

    For each array the file keeps shape, dtype, norm, eight fixed projections and the first values,
    nine digits each, compared with a tolerance. It lies in `__grad_snapshots__` beside the test.
    """

    def __init__(self, node: Any, update: bool = False) -> None:
        self.path = Path(node.path).parent / "__grad_snapshots__" / f"{Path(node.path).stem}.json"
        self.test = node.nodeid.partition("::")[2]
        self.update = update
        self.known: dict[str, Any] = self._read().get(self.test, {})
        self.seen: dict[str, Any] = {}
        self.interrupted = False  # a failed comparison ends the test before its other checks

    def check(self, gradients: Any, name: str = "", rtol: float | None = None) -> None:
        """Compare gradients with the saved ones.

        Args:
            gradients: a tensor or array, a (nested) dict or list of them, or a module, whose
                parameters' `.grad` are taken.
            name: to tell several checks of one test apart.
            rtol: relative tolerance; default 1e-6, for float32 1e-4, for float16 1e-2.

        Raises:
            AssertionError: they differ, there is no snapshot yet, or a name has come or gone.
        """
        __tracebackhide__ = True
        if hasattr(gradients, "named_parameters"):
            gradients = {key: p.grad for key, p in gradients.named_parameters() if p.requires_grad}
        for key, value in flatten(gradients, name or "gradient"):
            described = _describe(key, value)
            if key in self.seen:
                raise ValueError(f"{key!r} was checked twice in this test; give the second check a name=")
            self.seen[key] = described
            if not self.update:
                self.interrupted = True
                self._compare(key, described, rtol)
                self.interrupted = False

    __call__ = check

    def finish(self) -> None:
        """After the test: write, or fail for saved names that were not checked."""
        if self.update:
            if self.seen or self.known:
                content = self._read()
                content[self.test] = self.seen
                self._write({test: entries for test, entries in content.items() if entries})
            return
        stale = sorted(set(self.known) - set(self.seen))
        if stale and self.seen and not self.interrupted:
            raise AssertionError(
                f"{self.path.name} has snapshots of {stale} that {self.test} no longer checks; "
                "run with --grad-snapshot-update to remove them"
            )

    def _compare(self, key: str, found: dict[str, Any], rtol: float | None) -> None:
        __tracebackhide__ = True
        expected = self.known.get(key)
        if expected is None:
            raise AssertionError(
                f"there is no snapshot of {key!r} of {self.test} in {self.path}; "
                "look at the gradient, then run with --grad-snapshot-update to keep it"
            )
        for part in ("shape", "dtype"):
            if found[part] != expected[part]:
                raise AssertionError(f"{key}: {part} is {found[part]}, was {expected[part]} in {self.path.name}")
        default = {"float16": 1e-2, "float32": 1e-4, "complex64": 1e-4}
        tolerance = default.get(found["dtype"], 1e-6) if rtol is None else rtol
        norm = max(abs(expected["norm"]), abs(found["norm"]))
        for part in ("norm", "first", "projections"):
            a, b = np.atleast_1d(found[part]), np.atleast_1d(expected[part])
            # A projection is a sum of terms as large as the norm.
            close = np.isclose(a, b, rtol=0 if part != "norm" else tolerance, atol=tolerance * norm, equal_nan=True)
            if not close.all():
                at = int(np.argmin(close))
                what = part if part == "norm" else f"{part}[{at}]"
                raise AssertionError(
                    f"{key}: {what} is {a[at]:.9g}, was {b[at]:.9g} in {self.path.name} (rtol {tolerance:g}); "
                    "if the change is meant, run with --grad-snapshot-update"
                )

    def _read(self) -> dict[str, Any]:
        return json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}

    def _write(self, content: dict[str, Any]) -> None:
        if not content:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(exist_ok=True)
        text = json.dumps(content, indent=1, sort_keys=True)
        # One line for each list of numbers: a changed gradient is a few changed lines.
        text = re.sub(r"\[[^\[\]{}]*\]", lambda m: re.sub(r"\s+", " ", m[0]), text)
        self.path.write_text(text + "\n", encoding="utf-8")


def _describe(key: str, value: Any) -> dict[str, Any]:
    array = None if value is None else to_array(value)
    if array is None:
        return {"shape": None, "dtype": "None", "norm": 0.0, "first": [], "projections": []}
    flat = array.ravel()
    wide = flat.astype(np.complex128).view(np.float64) if array.dtype.kind == "c" else flat.astype(np.float64)
    rng = np.random.default_rng(20240501)  # the same directions for ever
    projections = [_round(d @ wide) for d in rng.uniform(-1, 1, (8, wide.size))] if wide.size else []
    return {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "norm": _round(np.linalg.norm(wide)),
        "first": [_round(v) for v in wide[:8]],
        "projections": projections,
    }


def _round(value: Any) -> float:
    return float(f"{float(value):.9g}")
