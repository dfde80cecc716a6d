"""Where a call comes from: whoever calls can say what he likes, and only our own proxies are believed."""

from __future__ import annotations

import pytest

from artificer_provider.engine.addresses import caller_address, is_within, read_address, read_network

PROXIES = [read_network("10.0.0.0/8"), read_network("fd00::/8")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("192.0.2.7:443", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("[::ffff:192.0.2.7]:443", "192.0.2.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:8080", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("unknown", None),
        ("192.0.2.7.8", None),
        ("192.0.2.256", None),
        ("[192.0.2.7", None),
        ("010.0.0.1", None),
        ("1" * 10_000, None),
    ],
)
def test_an_address_is_read_however_it_is_written(text: str, expected: str | None) -> None:
    address = read_address(text)
    assert (None if address is None else str(address)) == expected


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("192.0.2.7", ["198.51.100.1"], "192.0.2.7"),  # no proxy of ours: it may say what it likes
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.1"], "198.51.100.1"),  # the caller's own claim stands left of it
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),  # all ours: the one farthest from here
        ("10.0.0.1", [" , "], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, unknown"], None),
        ("10.0.0.1", ["198.51.100.1, unknown, 10.0.0.2"], None),
        (None, ["198.51.100.1"], None),
    ],
)
def test_the_caller_is_the_first_from_the_right_that_is_no_proxy_of_ours(
    peer: str | None, forwarded: list[str], expected: str | None
) -> None:
    address = caller_address(peer, forwarded, PROXIES)
    assert (None if address is None else str(address)) == expected


def test_without_a_proxy_of_ours_nobody_is_believed() -> None:
    assert str(caller_address("127.0.0.1", ["198.51.100.1"], [])) == "127.0.0.1"


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("192.0.2.7", "::ffff:192.0.2.7", "192.0.2.8"),
        ("::ffff:192.0.2.0/120", "192.0.2.9", "192.0.3.0"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ("0.0.0.0/0", "203.0.113.1", "2001:db8::1"),
        ("::/0", "2001:db8::1", "203.0.113.1"),
    ],
)
def test_a_network_holds_its_addresses_and_no_others(network: str, inside: str, outside: str) -> None:
    networks = [read_network(network)]
    assert is_within(read_address(inside), networks)
    assert not is_within(read_address(outside), networks)
    assert not is_within(None, networks)


@pytest.mark.parametrize("text", ["", "10.0.0.1/8", "10.0.0.0/33", "engine.example", "10.0.0.0-10.0.0.9"])
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"network|host bits|permitted|octet"):
        read_network(text)
