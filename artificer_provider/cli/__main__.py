"""``python -m artificer_provider.cli``."""

from __future__ import annotations

from artificer_provider.cli import main

main()
