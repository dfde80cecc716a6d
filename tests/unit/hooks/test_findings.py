"""What a trial of a connection says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from artificer_provider.client.errors import (
    ArtificerConnectionError,
    ArtificerTimeoutError,
    AuthenticationError,
    PermissionDeniedError,
    RateLimitError,
    ReplyError,
    ServerError,
    StatusError,
)
from artificer_provider.hooks.findings import Found, candidates
from artificer_provider.hooks.places import address_in, place_of, pointed_at
from artificer_provider.hooks.problems import problem

URL = "https://engine.example.com"
FOUND = Found(
    URL,
    "rest",
    status="ok",
    version="1.2",
    mode="embedded",
    user="ann",
    key_id="key_1",
    scopes=("chat", "batch"),
    seen_from="10.0.0.7",
    calls_left=57,
    models=3,
)


def test_all_that_was_found_is_told() -> None:
    assert FOUND.told() == (
        "The engine at https://engine.example.com answers: speaks rest, status ok, version 1.2, mode "
        "embedded. You are ann (key key_1; scopes: chat, batch), seen from 10.0.0.7. "
        "57 calls are left of this minute's rate limit. It has 3 models, none known to be unwell."
    )


def test_what_was_not_said_is_not_invented() -> None:
    assert Found(URL, "trpc").told() == (
        "The engine at https://engine.example.com answers: speaks trpc. It knows you by no name. "
        "It says nothing of a rate limit."
    )


def test_models_that_are_not_well_are_named_and_the_rest_counted() -> None:
    told = replace(FOUND, models=1, unwell=["a"]).told()
    assert "It has 1 model; not well: a." in told
    assert "not well: a, b, c and 2 more." in replace(FOUND, models=9, unwell=list("abcde")).told()


def test_a_key_that_goes_over_plain_http_is_warned_of_beyond_this_machine() -> None:
    warning = "The key goes over the network unencrypted: use https."
    assert warning in replace(FOUND, base_url="http://engine:3001").told()
    for url in ("http://127.0.0.1:3001", "http://localhost:3001", "http://[::1]:3001", URL):
        assert warning not in replace(FOUND, base_url=url).told()
    assert warning not in replace(FOUND, base_url="http://engine:3001", key_id=None).told()


def test_an_engine_that_says_that_it_is_unwell_is_not_well() -> None:
    assert FOUND.is_well
    assert replace(FOUND, status=None).is_well
    assert replace(FOUND, status="healthy").is_well
    assert not replace(FOUND, status="unhealthy").is_well


@pytest.mark.parametrize(
    ("base_url", "others"),
    [
        ("https://h", ["https://h/api"]),
        ("https://h/", ["https://h/api"]),
        ("https://h:8/ui", ["https://h:8", "https://h:8/api"]),
        ("https://h/api", ["https://h"]),
        ("https://h/a/b/c", ["https://h/a/b", "https://h/a", "https://h", "https://h/api"]),
    ],
)
def test_other_addresses_of_the_same_server_are_tried_the_nearest_first(
    base_url: str, others: list[str]
) -> None:
    assert candidates(base_url) == others


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://h/openapi.json", "https://h"),
        ("https://h/base/api/trpc/auth.public", "https://h/base"),
        ("https://h/api/auth/protected", "https://h"),
        ("https://sso.example.com/login", "https://sso.example.com/login"),
        ("/openapi.json", "/"),
    ],
)
def test_a_redirect_is_told_without_what_was_asked(location: str, told: str) -> None:
    assert pointed_at(location) == told


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("Access denied. IP 127.0.0.1 is not whitelisted.", "127.0.0.1"),
        ("not from 2001:db8::7, where it comes from", "2001:db8::7"),
        ("Key 1.2 at 10:30, from 10.0.0.7.", "10.0.0.7"),
        ("This needs the scope batch:read.", None),
    ],
)
def test_an_address_is_found_in_a_sentence(words: str, address: str | None) -> None:
    assert address_in(words) == address


def test_a_place_is_named_with_its_port() -> None:
    assert place_of("https://h/x") == "h:443"
    assert place_of("http://[::1]") == "[::1]:80"


def refusal(kind: type[StatusError], status: int, reason: str, location: str | None = None) -> StatusError:
    return kind(f"Failed: {reason}", status_code=status, reason=reason, location=location)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            refusal(AuthenticationError, 401, "Invalid key"),
            "does not take the API key (401): Invalid key. One that was copied in part",
        ),
        (
            refusal(PermissionDeniedError, 403, "Access denied. IP 10.0.0.7 is not whitelisted."),
            "lets nobody in from 10.0.0.7, which is where it sees Airflow (403): have that address added",
        ),
        (refusal(PermissionDeniedError, 403, "Not you"), "knows the key, and refuses it (403): Not you."),
        (refusal(RateLimitError, 429, "Wait."), "takes no more calls for now (429): Wait."),
        (refusal(ServerError, 503, "No database"), "is there, and fails (503): No database."),
        (
            refusal(StatusError, 301, "moved", "https://other/openapi.json"),
            "redirects to https://other (301), where the key is not sent. If that is the engine, put it",
        ),
        (ReplyError("It is HTML."), "What answers at https://engine.example.com is no engine. It is HTML."),
        (ArtificerTimeoutError("late", sent=True), "takes the connection, and does not answer in time"),
        (ArtificerConnectionError("cut", sent=True), "ends the connection without an answer"),
    ],
)
def test_an_error_is_a_sentence_that_says_what_to_do(error: StatusError, told: str) -> None:
    assert told in problem(error, URL, has_key=True)


def test_a_missing_key_is_told_from_a_wrong_one() -> None:
    error = refusal(AuthenticationError, 401, "No key.")
    assert problem(error, URL, has_key=False) == (
        "The engine at https://engine.example.com asks for an API key (401): put one into the connection."
    )
