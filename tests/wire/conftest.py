"""One certificate authority for the room."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import trustme

from .tls_peer import Contexts, server_context, write_identity


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of `host.test`, one PEM file."""
    return write_identity(tmp_path_factory.mktemp("tls"), trustme.CA(), "host.test")


@pytest.fixture(scope="session")
def contexts(identity: Path) -> Contexts:
    """Makes server contexts for `host.test`."""
    return partial(server_context, identity)
