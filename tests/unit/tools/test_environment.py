from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _environment import child_environment, pip_settings, uv_environment, with_loopback

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "127.0.0.1,localhost,::1"),
        ("corp.example, localhost", "corp.example,localhost,127.0.0.1,::1"),
        ("*", "*"),
    ],
)
def test_loopback_joins_the_hosts_without_a_proxy(before: str, after: str) -> None:
    assert with_loopback(before) == after


def test_both_spellings_of_no_proxy_are_kept_and_made_one() -> None:
    made = child_environment({"NO_PROXY": "upper", "no_proxy": "lower", "PYTHONHOME": "/x", "KEPT": "1"})
    assert made["NO_PROXY"] == made["no_proxy"] == "lower,upper,127.0.0.1,localhost,::1"
    assert "PYTHONHOME" not in made
    assert made["KEPT"] == "1"


def test_pip_settings_come_from_its_files_sections_and_variables_the_strongest_last(tmp_path: Path) -> None:
    shared, own = tmp_path / "shared.conf", tmp_path / "own.conf"
    shared.write_text(
        "[global]\nindex_url = a\ncert = /c\n[install]\ntrusted-host = t1\n  t2\n[list]\nproxy = p\n"
    )
    own.write_text("[global]\nindex-url = b\ntrusted-host = weaker\n")
    settings = pip_settings({"PIP_CERT": "/d", "PIP_INDEX_URL": ""}, [shared, tmp_path / "none", own])
    assert settings == {"index-url": "b", "cert": "/d", "trusted-host": "t1 t2"}


def test_pip_settings_stand_for_those_of_uv_that_the_user_has_not_set() -> None:
    settings = {
        "index-url": "a",
        "extra-index-url": "b c",
        "find-links": "d e",
        "trusted-host": "h",
        "cert": "/f g",
    }
    made = uv_environment({"UV_INDEX_URL": "mine", "PIP_TARGET": "/astray"}, settings)
    del made["NO_PROXY"], made["no_proxy"]
    assert made == {
        "UV_INDEX_URL": "mine",
        "UV_INDEX": "b c",
        "UV_FIND_LINKS": "d,e",
        "UV_INSECURE_HOST": "h",
        "SSL_CERT_FILE": "/f g",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
