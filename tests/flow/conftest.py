"""Fixtures of the flow tests. They run against the stack that the env file ZAPORA_STACK_ENV describes.

tests/run flow makes such a stack.

To run them against a stack of your own, which they will do harm to:
    ZAPORA_STACK_ENV=$PWD/.local/env /usr/bin/python3 -m pytest tests/flow -k first_order
"""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "stack"))
from harness import Stack  # noqa: E402  (it lies outside of Python's path)


@pytest.fixture(scope="session")
def stack():
    env_file = os.environ.get("ZAPORA_STACK_ENV")
    if not env_file:
        pytest.exit("ZAPORA_STACK_ENV is not set: run tests/run flow", returncode=2)
    return Stack(env_file)


@pytest.fixture
def whole_stack(stack):
    """For tests that kill or freeze: afterwards everything runs again."""
    yield stack
    for part in stack.parts:
        if stack.alive(part):
            stack.thaw(part)
    stack.up()
