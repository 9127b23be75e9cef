"""Both engines keep the contract of sessions."""

from __future__ import annotations

import pytest

from edgerec.backends.registry import BACKEND_NAMES
from tests.contracts.sessions import SessionContract


@pytest.fixture(scope="module", params=BACKEND_NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class TestSessions(SessionContract):
    pass
