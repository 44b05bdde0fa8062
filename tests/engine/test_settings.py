from __future__ import annotations

import pytest

from .world import settings

CERTIFICATES = {"a.b.example": "exact", "*.b.example": "near", "*.example": "far", "*": "any"}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("a.b.example", "exact"),
        ("c.b.example", "near"),
        ("x.c.b.example", "near"),
        ("b.example", "far"),
        ("example", "any"),
        ("other.test", "any"),
        ("192.0.2.1", "any"),
    ],
)
def test_the_closest_client_certificate(host: str, expected: str) -> None:
    assert settings(client_certificates=CERTIFICATES).client_certificate(host) == expected


def test_no_client_certificate() -> None:
    assert settings().client_certificate("a.b.example") is None
    assert settings(client_certificates={"*.b.example": "near"}).client_certificate("b.example") is None
