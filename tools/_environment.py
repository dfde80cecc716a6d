"""The environments that tools and installers run in: pure functions over a mapping."""

from __future__ import annotations

import configparser
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# They would reach into the venv from outside, or keep Python from storing what it has compiled:
# Airflow's processes then start two to three times slower, every time.
UNWANTED = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH", "__PYVENV_LAUNCHER__")
# Each would send packages elsewhere than into the venv.
ASTRAY = ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "UV_SYSTEM_PYTHON", "UV_PROJECT_ENVIRONMENT")

# What pip calls it, what uv calls it, uv's other names for it, how uv separates several.
PIP_TO_UV = (
    ("index-url", "UV_DEFAULT_INDEX", ("UV_INDEX_URL",), " "),
    ("extra-index-url", "UV_INDEX", ("UV_EXTRA_INDEX_URL",), " "),
    ("find-links", "UV_FIND_LINKS", (), ","),
    ("trusted-host", "UV_INSECURE_HOST", (), " "),
    ("cert", "SSL_CERT_FILE", (), " "),
    ("proxy", "ALL_PROXY", ("all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), " "),
)


def with_loopback(no_proxy: str) -> str:
    """Add the loopback names to a list of hosts to reach without a proxy, keeping what is there."""
    hosts = [host.strip() for host in no_proxy.split(",") if host.strip()]
    return ",".join(hosts if "*" in hosts else dict.fromkeys([*hosts, *LOOPBACK]))


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for any process started here: loopback never goes through a proxy."""
    made = {name: value for name, value in environ.items() if name not in UNWANTED}
    no_proxy = with_loopback(",".join(environ.get(name, "") for name in ("no_proxy", "NO_PROXY")))
    return {**made, "NO_PROXY": no_proxy, "no_proxy": no_proxy}


def tool_environment(environ: Mapping[str, str], venv: Path) -> dict[str, str]:
    """Return the environment for a tool of the venv, as if that were activated."""
    path = os.pathsep.join([str(venv / "bin"), environ.get("PATH", os.defpath)])
    return {**child_environment(environ), "VIRTUAL_ENV": str(venv), "PATH": path}


def pip_config_files(environ: Mapping[str, str]) -> list[Path]:
    """List the places of pip's configuration, the strongest last, as ``pip config debug`` does."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []
    home = Path(environ.get("HOME", "/"))
    shared = [Path(folder, "pip") for folder in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)]
    own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config", "pip")
    folders = [*shared, Path("/etc"), home / ".pip", own]
    if sys.platform == "darwin":
        library = Path("Library", "Application Support", "pip")
        folders = ["/" / library, home / ".pip", own, home / library]
    return [folder / "pip.conf" for folder in folders] + ([Path(named)] if named else [])


def pip_settings(environ: Mapping[str, str], files: Iterable[Path]) -> dict[str, str]:
    """Return what ``pip install`` takes from these files and from ``PIP_*``, by pip's long names."""
    layers: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        for section, settings in layers.items():
            if parser.has_section(section):
                settings.update(parser.items(section))
    layers["environment"] = {name[4:].lower(): value for name, value in environ.items() if name[:4] == "PIP_"}
    found = [item for layer in layers.values() for item in layer.items()]
    return {name.replace("_", "-"): " ".join(value.split()) for name, value in found if value.strip()}


def pip_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for pip: its own settings, but always into the venv."""
    made = {name: value for name, value in child_environment(environ).items() if name not in ASTRAY}
    return {**made, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def uv_environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for uv: pip's settings stand for those of uv that are not set."""
    made = {name: value for name, value in child_environment(environ).items() if name not in ASTRAY}
    for setting, name, synonyms, separator in PIP_TO_UV:
        if settings.get(setting) and not any(made.get(taken) for taken in (name, *synonyms)):
            made[name] = settings[setting] if setting == "cert" else separator.join(settings[setting].split())
    # uv looks for a package in the first index that knows its name and no further, so a pin that only the
    # next index has would not be found. To look in all is safe: every file must have a hash of the lock.
    made.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return made
