"""Documents taken out of JSON while it arrives."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artificer_provider.engine.documents.bodies import MAX_REST_BYTES, DocumentField, Sieve
from artificer_provider.engine.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from artificer_provider.engine.documents.bodies import Place


@pytest.fixture(scope="module")
def new_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    folder = tmp_path_factory.mktemp("bodies")
    names = iter(range(10**9))
    return lambda: folder / str(next(names))


def sifted(
    new_path: Callable[[], Path], body: bytes, *places: Place, pieces: int = 10**9, most: int = 10**6
) -> tuple[object, dict[Place, bytes | str]]:
    """Give the rest as JSON, and by place each document, or what is wrong with it."""
    sieve = Sieve({place: DocumentField(str(place[-1]), "PDF", most, new_path) for place in places})
    for begin in range(0, len(body), pieces):
        sieve.feed(body[begin : begin + pieces])
    sieve.write()
    sieve.close()
    found = {
        place: upload.problem or upload.path.read_bytes() for place, upload in sieve.body.uploads.items()
    }
    sieve.body.close()
    return json.loads(sieve.body.rest), found


def test_a_document_goes_to_a_file_and_the_rest_stays(new_path: Callable[[], Path]) -> None:
    for body in (
        b'{"pdfData":"aGVsbG8=","options":{"dpi":300}}',
        b'{ "options" : {"dpi":300} , "pdfData" : "aGVsbG8=" }',
    ):
        rest, found = sifted(new_path, body, ("pdfData",))
        assert rest == {"pdfData": "", "options": {"dpi": 300}}
        assert found == {("pdfData",): b"hello"}


def test_only_the_string_at_its_place_is_a_document(new_path: Callable[[], Path]) -> None:
    body = {
        "pdfData": {"pdfData": "aaaa"},
        "x": ["pdfData", "aaaa", {"pdfData": "aaaa"}],
        'a"pdfData': "aaaa",
        "options": {"pdfData": "aaaa"},
    }
    rest, found = sifted(new_path, json.dumps(body).encode(), ("pdfData",))
    assert (rest, found) == (body, {})
    assert sifted(new_path, b'["pdfData"]', ("pdfData",)) == (["pdfData"], {})


def test_a_name_may_be_written_with_escapes_and_twice(new_path: Callable[[], Path]) -> None:
    _, found = sifted(new_path, rb'{"pdf\u0044ata":"aGVsbG8="}', ("pdfData",))
    assert found == {("pdfData",): b"hello"}
    _, found = sifted(new_path, b'{"pdfData":"b25l","pdfData":"dHdv"}', ("pdfData",))
    assert found == {("pdfData",): b"two"}


def test_slashes_and_line_breaks_may_be_escaped(new_path: Callable[[], Path]) -> None:
    data = bytes(range(256)) * 3
    text = b64encode(data).replace(b"/", rb"\/")
    text = text[:76] + rb"\r\n" + text[76:]
    for pieces in (1, 2, 3, 7, 1000):
        _, found = sifted(new_path, b'{"pdfData":"%b"}' % text, ("pdfData",), pieces=pieces)
        assert found == {("pdfData",): data}


def test_each_call_of_a_batch_has_its_own(new_path: Callable[[], Path]) -> None:
    body = {str(n): {"json": {"pdfData": b64encode(b"%d" % n).decode()}, "meta": {}} for n in range(3)}
    places: list[Place] = [(str(n), "json", "pdfData") for n in (0, 2)]
    rest, found = sifted(new_path, json.dumps(body).encode(), *places)
    assert found == {("0", "json", "pdfData"): b"0", ("2", "json", "pdfData"): b"2"}
    assert rest["1"]["json"]["pdfData"] == "MQ=="  # type: ignore[index]  # JSON


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"abc", "multiple of 4"),
        (b"ab*d", "no base64"),
        (b"QQ==QUJD", "after padding"),
        (b"QUJDQQ=", "multiple of 4"),
        (b"data:application/pdf;base64,QUJD", "no base64"),
        (rb"QUJ\u0044", "no base64"),
    ],
)
def test_what_is_no_base64_is_told(new_path: Callable[[], Path], text: bytes, problem: str) -> None:
    for pieces in (1, 5, 1000):
        _, found = sifted(new_path, b'{"pdfData":"%b"}' % text, ("pdfData",), pieces=pieces)
        assert problem in str(found["pdfData",])


def test_what_is_too_large_is_counted_and_not_kept(new_path: Callable[[], Path]) -> None:
    sieve = Sieve({("pdfData",): DocumentField("pdfData", "PDF", 2 * 1024**2, new_path)})
    sieve.feed(b'{"pdfData":"')
    for _ in range(4):
        sieve.feed(b64encode(bytes(3 * 2**18)))
        sieve.write()
    sieve.feed(b'"}')
    upload = sieve.body.uploads["pdfData",]
    assert upload.path.stat().st_size <= 2 * 1024**2
    with pytest.raises(EngineError, match=r"PDF too large\. Maximum size: 2MB, received: 3\.00MB") as caught:
        upload.taken()
    assert caught.value.status == 413
    sieve.body.close()
    assert not upload.path.exists()


def test_what_stands_beside_documents_is_bounded(new_path: Callable[[], Path]) -> None:
    sieve = Sieve({("pdfData",): DocumentField("pdfData", "PDF", 1, new_path)})
    with pytest.raises(EngineError, match="beside pdfData"):
        sieve.feed(b"[" * (MAX_REST_BYTES + 1))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("pdfData"), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rest=st.dictionaries(st.text().filter(lambda name: name != "pdfData"), JSON, max_size=4),
    document=st.binary(max_size=300),
    pieces=st.integers(1, 40),
    is_first=st.booleans(),
)
def test_any_json_comes_through_however_it_is_cut(
    new_path: Callable[[], Path], rest: dict[str, Any], document: bytes, pieces: int, *, is_first: bool
) -> None:
    own = {"pdfData": b64encode(document).decode()}
    body = json.dumps(own | rest if is_first else rest | own).encode()
    sifted_rest, found = sifted(new_path, body, ("pdfData",), pieces=pieces)
    assert sifted_rest == {**rest, "pdfData": ""}
    assert found == {("pdfData",): document}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b'"pdfData"', b"QUJD", b"/"]))
)
def test_what_is_no_json_does_no_harm(new_path: Callable[[], Path], signs: list[bytes]) -> None:
    sieve = Sieve({("pdfData",): DocumentField("pdfData", "PDF", 100, new_path)})
    sieve.feed(b"".join(signs))
    sieve.write()
    sieve.close()
    sieve.body.close()
