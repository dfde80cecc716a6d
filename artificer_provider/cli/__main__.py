"""``python -m artificer_provider.cli``."""

from __future__ import annotations

import sys

from artificer_provider.cli import main

sys.exit(main())
