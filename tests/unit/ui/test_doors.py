"""Whose page asks for an action."""

from __future__ import annotations

import pytest

from artificer_provider.ui.doors import is_own_origin


@pytest.mark.parametrize(
    ("origin", "host", "base"),
    [
        ("http://localhost:8080", "localhost:8080", ""),
        ("https://a.example.com", "a.example.com", ""),
        ("https://a.example.com", "a.example.com:443", ""),
        ("https://a.example.com", "internal:8080", "https://a.example.com/air/flow"),
        ("https://A.example.com", "a.example.com", ""),
        ("http://[::1]:8080", "[::1]:8080", ""),
    ],
)
def test_a_page_of_this_airflow_is_its_own(origin: str, host: str, base: str) -> None:
    assert is_own_origin(origin, host, base)


@pytest.mark.parametrize(
    ("origin", "host", "base"),
    [
        ("null", "a.example.com", "https://a.example.com"),
        ("", "a.example.com", "https://a.example.com"),
        ("https://b.example.com", "a.example.com", "https://a.example.com"),
        ("https://a.example.com.b.example", "a.example.com", "https://a.example.com"),
        ("http://localhost:3000", "localhost:8080", "http://localhost:8080"),
        ("http://a.example.com", "internal", "https://a.example.com"),
        ("https://a.example.com:port", "a.example.com", ""),
        ("https://", "", ""),
    ],
)
def test_a_foreign_page_is_not(origin: str, host: str, base: str) -> None:
    assert not is_own_origin(origin, host, base)
