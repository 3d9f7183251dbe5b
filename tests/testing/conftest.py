"""Hypothesis draws the same examples each time, so that a failure is somebody's doing; `thorough` draws new and many."""

import contextlib

with contextlib.suppress(ImportError):
    from hypothesis import settings

    settings.register_profile("same", derandomize=True, deadline=None, max_examples=200)
    settings.register_profile("thorough", deadline=None, max_examples=10_000)
    settings.load_profile("same")
