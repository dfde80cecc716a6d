"""What is known of the engines that tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from support.engine import Engine

#: Gives the shared engine that has these quirks.
EngineWith: TypeAlias = Callable[[str], Engine]

API_KEY = "sk_shared"
HONEST = ""
#: What an answer of the model server costs: 7 tokens in at 1, 3 out at 2 per million.
CALL_COST, CALL_TOKENS = 13e-6, 10
#: All that a deployed engine does wrong to jobs that run well and to who calls at a human pace.
DEPLOYED = (
    "blocking_start,start_from_anywhere,late_pause,failures_uncounted,early_percent,zero_costs,zombies,"
    "server_error_moves,unknown_dropped,nul_orphan,small_bodies,keep_alive"
)
APOLOGETIC = "apologies,row_before_items"
EVERYTHING = "all"
