"""Finding the wrong element: projections that tell, bisection that locates, verdicts that explain.

One random direction v over all entries of x and one random cotangent u of the outputs compare
<gradient, v> with the numeric derivative of <u, f> along v: two numbers that agree only when every
entry does. When they disagree, halves of x are compared the same way until single entries are
left; those are examined on their own, with left and right slopes where the function may have a
kink; and the output entry is found by bisecting u.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograd.testing.findings import KINK, OK, UNSEEN, UNSURE, WRONG, Failure
from autograd.testing.numeric import Estimate, complex_step, differentiate, extrapolate, one_sided, step_sizes
from autograd.testing.packing import norm
from autograd.testing.problem import Problem

__all__ = ["Search"]

EVERYTHING = 512  # up to so many entries, a mismatch is followed by a look at every one
ENOUGH = 16  # of more entries, stop after so many wrong ones
TESTS = 400  # or after so many comparisons


@dataclass
class Column:
    """Derivatives of all outputs with respect to one entry of x."""

    value: np.ndarray
    error: np.ndarray
    rounding: np.ndarray


def _between(
    analytic: float, u: np.ndarray, left: np.ndarray, right: np.ndarray, kinked: np.ndarray | bool, noise: float
) -> bool:
    """Does a value lie between left and right slopes?  Each output has its own interval; u stretches and adds them."""
    low = np.where(kinked, np.minimum(u * left, u * right), u * (left + right) / 2).sum()
    high = np.where(kinked, np.maximum(u * left, u * right), u * (left + right) / 2).sum()
    return bool(low - noise <= analytic <= high + noise)


class Search:
    """One problem, compared entry by entry or in random projections."""

    def __init__(
        self,
        problem: Problem,
        rng: np.random.Generator,
        rtol: float | None = None,
        kinks: str = "subgradient",
        order: int = 1,
    ) -> None:
        self.problem, self.rng, self.kinks, self.order = problem, rng, kinks, order
        self.rtol = problem.plan.rtol if rtol is None else rtol
        self.pairs: list[tuple[np.ndarray, np.ndarray]] = []  # (cotangent, gradient)
        self.active = np.ones(problem.x.size, bool)  # False: not to be moved, known to be special
        self.missing = np.zeros(problem.x.size, bool)  # True: the gradient came back as None
        self.verdicts = np.full(problem.x.size, UNSEEN, np.int8)
        self.analytic = np.full(problem.x.size, np.nan)
        self.numeric = np.full(problem.x.size, np.nan)
        self.failures: list[Failure] = []
        self.notes: list[str] = []
        self.columns: dict[int, Column] = {}
        self.slopes: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # left and right, at kinks whose value lies between
        self.complete = True

    # The two modes --------------------------------------------------------------------------

    def cotangent(self) -> np.ndarray:
        """Random signs times U(0.5, 1.5): plain signs would cancel on errors of position."""
        size = self.problem.y.size
        return self.rng.choice([-1.0, 1.0], size) * self.rng.uniform(0.5, 1.5, size)

    def add_pair(self, u: np.ndarray, g: np.ndarray) -> None:
        self.pairs.append((u, g))

    def full(self) -> None:
        """Examine every entry under every cotangent."""
        for entry in np.flatnonzero(self.active):
            self.examine(int(entry))

    def fast(self) -> None:
        """Compare projections, and look closer only when they disagree."""
        everything = np.flatnonzero(self.active)
        if self.kinks == "error":  # a projection does not show kinks whose middle slope is right
            return self.full()
        for number in range(len(self.pairs)):
            if self.suspicious(everything, number):
                self.locate(everything, number)
                return

    def locate(self, entries: np.ndarray, number: int) -> None:
        """Find the wrong entries among those whose projection disagrees.

        When no half of a group disagrees, the halves have been compared on their own, and the
        group's disagreement was a kink or noise that only their common step had met.
        """
        if entries.size <= EVERYTHING:
            self.full()
        else:
            self._bisect(entries, number)

    @property
    def bad(self) -> int:
        """How many entries are wrong or undecided."""
        return int(np.sum((self.verdicts == WRONG) | (self.verdicts == UNSURE)))

    def _bisect(self, entries: np.ndarray, number: int) -> None:
        stack, tests, found = [entries], 0, 0
        while stack and found < ENOUGH and tests < TESTS:
            group = stack.pop()
            if group.size == 1:
                self.examine(int(group[0]))
                found += self.verdicts[group[0]] != OK
                continue
            middle = group.size // 2
            halves = [group[:middle], group[middle:]]
            suspects = [half for half in halves if self.suspicious(half, number)]
            tests += 2
            stack.extend(reversed(suspects))
        if stack:
            self.complete = False
            for entry in self.rng.choice(entries, min(24, entries.size), replace=False):
                if self.verdicts[entry] == UNSEEN:
                    self.examine(int(entry))

    # Comparing --------------------------------------------------------------------------------

    def slope(self, v: np.ndarray, weights: np.ndarray | None) -> Estimate:
        problem = self.problem
        method = complex_step if problem.method == "complex" else differentiate
        return method(problem.forward, problem.x, problem.typical, v, problem.plan, weights)

    def _project(self, entries: np.ndarray, number: int) -> tuple[Estimate, float]:
        u, g = self.pairs[number]
        v = np.zeros(self.problem.x.size)
        v[entries] = self.rng.choice([-1.0, 1.0], entries.size) * self.rng.uniform(0.5, 1.5, entries.size)
        estimate = self.slope(v, u)
        return estimate, float(g[entries] @ estimate.direction[entries])

    def suspicious(self, entries: np.ndarray, number: int) -> bool:
        """Does the projection on these entries disagree, or say nothing?"""
        estimate, analytic = self._project(entries, number)
        g = self.pairs[number][1]
        scale = max(float(np.abs(g[entries]) @ np.abs(estimate.direction[entries])), abs(estimate.value))
        return self._undecided(estimate.error, estimate.rounding, scale) or not (
            abs(analytic - estimate.value) <= self.rtol * scale + 10 * estimate.error
        )

    def _undecided(self, error: float, rounding: float, scale: float) -> bool:
        return not error <= self.problem.plan.hopeless * scale + 100 * rounding

    def column(self, entry: int) -> Column:
        """Derivatives of every output with respect to one entry, kept for the other cotangents."""
        found = self.columns.get(entry)
        if found is None:
            v = np.zeros(self.problem.x.size)
            v[entry] = 1.0
            estimate = self.slope(v, None)
            length = abs(estimate.direction[entry])
            sign = np.sign(estimate.direction[entry])
            found = Column(estimate.value / (length * sign), estimate.error / length, estimate.rounding / length)
            if self.problem.x.size * self.problem.y.size <= 1_000_000:
                self.columns[entry] = found
        return found

    def examine(self, entry: int) -> None:
        """Decide on one entry: ok, wrong, a kink, or undecided."""
        if self.verdicts[entry] != UNSEEN:
            return
        column = self.column(entry)
        self.verdicts[entry] = OK
        for number, (u, g) in enumerate(self.pairs):
            analytic, numeric = float(g[entry]), float(u @ column.value)
            error = norm(u * column.error)
            if number == 0:
                self.analytic[entry], self.numeric[entry] = analytic, numeric
            scale = max(abs(analytic), float(np.abs(u) @ np.abs(column.value)))
            undecided = self._undecided(error, norm(u * column.rounding), scale)
            doubtful = undecided or self.kinks == "error"
            if doubtful or not abs(analytic - numeric) <= self.rtol * scale + 10 * error:
                verdict = self._second_look(entry, number, column, undecided)
                if verdict != OK:
                    self.verdicts[entry] = verdict
                    self.analytic[entry], self.numeric[entry] = analytic, numeric
                    return

    def _second_look(self, entry: int, number: int, column: Column, undecided: bool) -> int:
        """Rule out a lucky error estimate, rounding in the gradient itself, then kinks."""
        u, g = self.pairs[number]
        column = self._confirmed(entry, column)
        closer = self._closer(entry, column, u)
        column, undecided = (closer, False) if closer is not None else (column, undecided)
        analytic, numeric = float(g[entry]), float(u @ column.value)
        error = norm(u * column.error)
        scale = max(abs(analytic), float(np.abs(u) @ np.abs(column.value)))
        undecided = undecided or self._undecided(error, norm(u * column.rounding), scale)
        slack = self.rtol * scale + 10 * error + self._noise(entry, u, g)
        noise_only = error <= 1e6 * self.problem.plan.eps * norm(u)
        if undecided and noise_only and abs(analytic - numeric) <= 10 * error:
            return OK  # a saturated function: its slope is lost in the rounding inside f
        agrees = not undecided and abs(analytic - numeric) <= slack
        if agrees and self.kinks != "error":
            return OK
        if self._is_beneath_notice(entry, analytic, numeric, u, g):
            return OK
        if not undecided and self.bad >= ENOUGH and not np.any(self.verdicts == KINK):
            # So many smooth mismatches: one more is hardly a kink, and slopes are dear.
            self.failures.append(self._wrong(entry, number, column))
            return WRONG
        size = step_sizes(self.problem.x, self.problem.typical, "typical")[entry]
        (left, left_error), (right, right_error) = (self._one_sided(entry, size, side) for side in (-1, +1))
        jump = np.abs(right - left)
        size = np.maximum(np.abs(left), np.abs(right))
        with np.errstate(all="ignore"):
            kinked = jump > 1e-5 * size + 10 * (left_error + right_error)
        certain = np.all(np.isfinite(left_error + right_error))
        if certain and np.any(kinked):
            noise = 1e-6 * scale + 10 * float(np.abs(u) @ (left_error + right_error))
            inside = _between(analytic, u, left, right, kinked, noise)
            return self._kink(entry, number, column, left, right, inside)
        if agrees:
            return OK
        if undecided and certain and float(np.abs(u) @ jump) <= 1e-3 * scale:
            numeric = float(u @ (left + right)) / 2
            noise = float(np.abs(u) @ (left_error + right_error))
            if abs(analytic - numeric) <= self.rtol * scale + 10 * noise <= 1e-3 * scale:
                return OK
            if abs(analytic - numeric) > 1e-3 * scale + 100 * noise:
                undecided = False  # smooth enough close by, and plainly different
                column = Column((left + right) / 2, left_error + right_error, column.rounding)
        if undecided:
            return self._inconclusive(entry, analytic, numeric, error)
        self.failures.append(self._wrong(entry, number, column))
        return WRONG

    def compare_kinks(self) -> None:
        """Are values that lie between left and right slopes one by one possible together?

        Two elements that tie for the maximum may each have a slope between 0 and 1, but only 1 in sum. Kinks that have
        nothing to do with each other, as in relu(x) - relu(y), have slopes that add up; there each may choose.
        """
        if len(self.slopes) < 2 or self.kinks == "skip":
            return
        entries = np.array(sorted(self.slopes))
        u, g = self.pairs[0]
        sides = [self._one_sided(entries, float(np.min(self.problem.typical[entries])), side) for side in (-1, +1)]
        (left, left_error), (right, right_error) = sides
        alone = [np.sum([pair[side] for pair in self.slopes.values()], axis=0) for side in (0, 1)]
        size = np.maximum(*np.abs(alone))
        noise = 1e-5 * size + 10 * (left_error + right_error)
        tied = (np.abs(left - alone[0]) > noise) | (np.abs(right - alone[1]) > noise)
        analytic, noise = float(g[entries].sum()), float(np.abs(u) @ noise)
        if not np.any(tied) or not np.isfinite(noise) or _between(analytic, u, left, right, True, noise):
            return
        slots = self.problem.inputs
        names = ", ".join(slots.slot_of(e).spell(e) for e in entries[:3]) + (", …" if entries.size > 3 else "")
        self.verdicts[entries] = WRONG
        self.failures.append(
            self._failure(
                "kink",
                int(entries[0]),
                where=f"d <u, out> / d ({names}) together",
                analytic=analytic,
                numeric=float(u @ (left + right)) / 2,
                left=float(u @ left),
                right=float(u @ right),
                message="one by one the analytic values are valid subgradients, together they are not: do elements "
                "that tie each get the whole gradient?",
            )
        )

    def _confirmed(self, entry: int, column: Column) -> Column:
        """A column whose error covers what other steps give: the best of many estimates may be luck.

        A complex step is confirmed by real ones, as the rounding of complex functions is another.
        """
        problem = self.problem
        v = np.zeros(problem.x.size)
        v[entry] = 0.61
        again = differentiate(problem.forward, problem.x, problem.typical, v, problem.plan)
        apart = np.abs(again.value / again.direction[entry] - column.value)
        return Column(column.value, np.maximum(column.error, apart), column.rounding)

    def _curve(self, entries: int | np.ndarray, size: float) -> Callable[[float], np.ndarray]:
        """f as a function of t, where some entries of x move by t sizes."""
        problem = self.problem

        def curve(t: float) -> np.ndarray:
            moved = problem.x.copy()
            moved[entries] += t * size
            return problem.forward(moved)

        return curve

    def _closer(self, entry: int, column: Column, u: np.ndarray) -> Column | None:
        """The derivatives by steps that are small beside x itself, if these tell more: a jump or a fold may be close by."""
        problem, size = self.problem, abs(self.problem.x[entry])
        if size == 0 or problem.plan.eps > 1e-12:
            return None
        curve, eps = self._curve(entry, size), problem.plan.eps
        for step in (1e-4, 1e-9):
            try:
                value, error, rounding = (part / size for part in extrapolate(curve, step, 3, eps))
                again = extrapolate(curve, 0.61 * step, 3, eps)[0] / size
            except Exception:  # outside the domain even there
                continue
            error = np.maximum(error, np.abs(again - value))
            resolved = float(np.abs(u) @ error) <= problem.plan.hopeless * float(np.abs(u) @ np.abs(value))
            if not (resolved and np.all(np.isfinite(error))):
                continue
            differs = np.abs(value - column.value) > 10 * (error + column.error)
            better = float(np.abs(u) @ error) < float(np.abs(u) @ column.error)
            if better or np.any(differs):
                return Column(value, error, rounding)
        return None

    def _is_beneath_notice(self, entry: int, analytic: float, numeric: float, u: np.ndarray, g: np.ndarray) -> bool:
        """Is a slope that long steps confirm lost to short ones in the rounding inside f?

        That is believed of nothing but slopes that vanish beside those of other entries: a staircase looks alike.
        """
        problem = self.problem
        largest = float(np.max(np.abs(g) * problem.typical)) / problem.typical[entry]
        if problem.plan.eps > 1e-12 or max(abs(analytic), abs(numeric)) > 1e-9 * largest:
            return False
        v = np.zeros(problem.x.size)
        v[entry] = problem.typical[entry]
        for step in (2e-2, 0.1, 0.5):
            try:
                value, error, _ = extrapolate(
                    lambda t: problem.forward(problem.x + t * v), step, 2, problem.plan.eps, u
                )
            except Exception:  # outside the domain
                continue
            value, error = float(value) / v[entry], float(error) / v[entry]
            most = max(0.5 * abs(analytic), 1e-11 * largest)
            if abs(analytic - value) <= min(10 * error, most) + 0.1 * abs(analytic):
                return True
        return False

    def _noise(self, entry: int, u: np.ndarray, g: np.ndarray) -> float:
        """How much gradient and difference quotient move when x moves by its own rounding; a jump is not noise."""
        problem, size = self.problem, self.problem.typical[entry]
        step = np.zeros_like(problem.x)
        step[entry] = 0.1 * size
        concerned = (problem.forward(problem.x + step) != problem.y) | (problem.forward(problem.x - step) != problem.y)
        spread = 0.0
        for _ in range(2):
            eps = problem.plan.eps * self.rng.choice([-2.0, 2.0], problem.x.size)
            x = problem.x * (1 + eps)
            change = np.where(concerned, problem.forward(x) - problem.y, 0.0)
            spread = max(spread, abs(problem.pullback(x, u)[entry] - g[entry]), norm(u * change) / (2e-2 * size))
        slot = problem.inputs.slot_of(entry)
        most = 1e-4 * float(np.max(np.abs(g[slot.start : slot.stop])))
        return min(10 * spread, most) if np.isfinite(spread + most) else 0.0

    def _one_sided(self, entries: int | np.ndarray, size: float, side: int) -> tuple[np.ndarray, np.ndarray]:
        """One-sided slopes at the best of several steps; how far the next best is off is error."""
        problem = self.problem
        curve = self._curve(entries, size)
        found = []
        for step in (0.05, 0.02, 0.01) if problem.plan.eps > 1e-12 else (1e-3, 1e-5, 3e-7, 1e-7):
            try:
                with np.errstate(all="ignore"):
                    value, error = one_sided(curve, side, step, problem.plan.eps)
            except Exception:  # outside the domain on this side
                continue
            if np.all(np.isfinite(error)):
                found.append((value, error))
        if len(found) < 2:
            return np.full(problem.y.size, np.nan), np.full(problem.y.size, np.inf)
        found.sort(key=lambda item: float(np.sum(item[1])))
        (value, error), others = found[0], found[1:]
        apart = min((np.abs(value - other) for other, _ in others), key=np.sum)
        return value / size, np.maximum(error, apart) / size

    # Saying what is wrong ----------------------------------------------------------------------

    def _failure(self, kind: str, entry: int, **details) -> Failure:
        slot = self.problem.inputs.slot_of(entry)
        return Failure(
            kind,
            order=self.order,
            input=slot.name,
            in_index=slot.element(entry),
            x=float(self.problem.x[entry]),
            **details,
        )

    def _spell(self, entry: int, output: int | None) -> str:
        outputs = self.problem.outputs
        top = "<u, out>" if output is None else outputs.slot_of(output).spell(output)
        return f"d {top} / d {self.problem.inputs.slot_of(entry).spell(entry)}"

    def _kink(self, entry, number, column, left, right, inside: bool) -> int:
        if self.kinks == "skip" or (inside and self.kinks == "subgradient"):
            name = self.problem.inputs.slot_of(entry).spell(entry)
            state = "lies between" if inside else "was not compared with"
            self.notes.append(f"kink at {name}: the analytic value {state} the left and right slopes")
            self.slopes[entry] = left, right
            return KINK
        output = int(np.argmax(np.abs(right - left)))
        failure = self._wrong(entry, number, column, output)
        failure.kind = "kink"
        failure.left, failure.right = float(left[output]), float(right[output])
        side = "a valid subgradient" if inside else "outside [left, right]"
        failure.message = f"the analytic value is {side}"
        self.failures.append(failure)
        return WRONG

    def _inconclusive(self, entry: int, analytic: float, numeric: float, error: float) -> int:
        if self.kinks == "skip":
            return KINK
        self.failures.append(
            self._failure(
                "inconclusive",
                entry,
                where=self._spell(entry, None),
                analytic=analytic,
                numeric=numeric,
                error=error,
                message="the numeric derivative's own error is too large to decide: "
                "a kink, a jump or noise is close by, or the domain ends here",
            )
        )
        return UNSURE

    def _wrong(self, entry: int, number: int, column: Column, output: int | None = None) -> Failure:
        """A failure with its output entry, found by bisecting the cotangent."""
        u, g = self.pairs[number]
        analytic, numeric = float(g[entry]), float(u @ column.value)
        error = norm(u * column.error)
        details: dict = {}
        if len(self.failures) < 8:  # more would not be shown
            output = self._output_of(entry, number, column) if output is None else output
            if output is not None:
                unit = np.zeros_like(u)
                unit[output] = 1.0
                analytic = float(self.problem.pullback(self.problem.x, unit)[entry])
                numeric, error = float(column.value[output]), float(column.error[output])
                slot = self.problem.outputs.slot_of(output)
                details = {"output": slot.name, "out_index": slot.element(output)}
        kind = "none" if self.missing[entry] else "value"
        where = self._spell(entry, output)
        return self._failure(kind, entry, where=where, analytic=analytic, numeric=numeric, error=error, **details)

    def _output_of(self, entry: int, number: int, column: Column) -> int | None:
        """The output entry whose derivative is wrong; None when only sums of them are."""
        u, _ = self.pairs[number]
        group = np.arange(u.size)
        if group.size == 1 and self._differs(entry, group, np.ones(1), column):
            return 0
        while group.size > 1:
            middle = group.size // 2
            for half in (group[:middle], group[middle:]):
                if self._differs(entry, half, u[half], column):
                    group = half
                    break
            else:
                return None
        unit_differs = self._differs(entry, group, np.ones(1), column)
        return int(group[0]) if unit_differs else None

    def _differs(self, entry: int, outputs: np.ndarray, weights: np.ndarray, column: Column) -> bool:
        u = np.zeros(self.problem.y.size)
        u[outputs] = weights
        analytic = float(self.problem.pullback(self.problem.x, u)[entry])
        numeric = float(weights @ column.value[outputs])
        error = norm(weights * column.error[outputs])
        scale = max(abs(analytic), float(np.abs(weights) @ np.abs(column.value[outputs])))
        return not abs(analytic - numeric) <= self.rtol * scale + 10 * error
