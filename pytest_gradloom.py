"""gradloom's pytest plugin: the fixtures `gradcheck` and `grad_snapshot`, and their options.

It lies outside the package `autograd`, because pytest loads it in every run of everyone who has
gradloom installed: nothing is imported here but what pytest has imported already. The work is done
in `autograd.testing.plugin`, which is loaded when a test asks for one of the fixtures. Turn it off
with `-p no:pytest_gradloom`.
"""

from __future__ import annotations

import contextlib
import sys

import pytest

MODES = ("fast", "full", "auto", "off")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gradloom", "gradient checks")
    group.addoption(
        "--gradcheck",
        choices=MODES,
        default=None,
        help="mode of every gradcheck: fast, full, auto (by size), or off (they pass unrun)",
    )
    group.addoption(
        "--gradcheck-seed",
        default="0",
        metavar="N",
        help="seed of the random projections: a number, or 'random'; printed in the header",
    )
    group.addoption(
        "--gradcheck-report",
        metavar="DIR",
        default=None,
        help="save a page with a heat map and the arrays of each failed check in DIR",
    )
    group.addoption(
        "--grad-snapshot-update",
        action="store_true",
        help="write the snapshots of grad_snapshot anew instead of comparing with them",
    )


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config, parser: pytest.Parser):
    result = yield
    # Many a conftest.py has a --device of its own, which then also counts here: so ours comes last.
    with contextlib.suppress(ValueError):
        parser.getgroup("gradloom").addoption(
            "--device", default=None, help="device of gradcheck's inputs: cpu or cuda"
        )
    return result


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "gradcheck(mode, order, rtol, kinks, ...): defaults for the gradcheck calls of a test",
    )
    seed = config.getoption("--gradcheck-seed")
    if seed == "random":
        import secrets

        config.option.gradcheck_seed = str(secrets.randbelow(2**31))
    elif not str(seed).isdigit():
        raise pytest.UsageError(f"expected --gradcheck-seed to be a number or 'random', got {seed!r}")


def pytest_report_header(config: pytest.Config) -> str:
    mode, seed = config.getoption("--gradcheck"), config.getoption("--gradcheck-seed")
    return f"gradcheck: mode={mode or 'as called'}, --gradcheck-seed={seed}"


@pytest.fixture(scope="session")
def gradcheck(request: pytest.FixtureRequest):
    """`autograd.testing.gradcheck` with the options of the command line and of the test's marker.

    Session-scoped, so that it can be used under Hypothesis.
    """
    from autograd.testing.plugin import Gradcheck

    return Gradcheck(request.config)


@pytest.fixture
def grad_snapshot(request: pytest.FixtureRequest):
    """Compare gradients with those saved beside the test: `grad_snapshot.check({"w": w.grad})`."""
    from autograd.testing.plugin import GradSnapshot

    snapshot = GradSnapshot(request.node, update=bool(request.config.getoption("--grad-snapshot-update")))
    yield snapshot
    snapshot.finish()


def pytest_runtest_setup(item: pytest.Item) -> None:
    if "gradcheck" in getattr(item, "fixturenames", ()):
        from autograd.testing.plugin import begin

        begin(item)


def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    plugin = sys.modules.get("autograd.testing.plugin")
    if plugin is not None:
        plugin.summarize(terminalreporter, config)
