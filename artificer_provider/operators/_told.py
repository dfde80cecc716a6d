"""What a log says of a run that is over: a table of its manifest, as aligned lines."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from artificer_provider.operators._landing import Manifest

#: Of each list at most; the manifest has all of it.
_PHASES = _FAILURES = 5
_JOBS = _MODELS = 3
#: Characters of a line at most, whatever an engine writes: more is cut. A place is never cut.
WIDTH = 110
#: US dollars; what costs less is not told apart.
_LEAST = 0.0001
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def told(manifest: Manifest, failures: Sequence[str], place: str, seconds: float | None) -> str:
    """
    Tell what a run came to, in at most 20 lines.

    :param failures: the first reasons why items have no good answer.
    :param place: where the manifest is.
    :param seconds: from its first job on; None where that says nothing of it.
    """
    good = manifest.counts.get("succeeded", 0)
    lines = [f"The run ended ({manifest.outcome}): {good:,} of {manifest.items:,} items have a good answer."]
    facts = list(_facts(manifest, place, seconds))
    aligned = max(len(name) for name, _ in facts)
    for name, fact in facts:
        line = f"  {name:<{aligned}}  {fact}"
        lines.append(line if fact.endswith(place) else _cut(line))
    if failures:
        lines.append("  first failures")
        lines += [_cut(f"    {' '.join(reason.split())}") for reason in failures[:_FAILURES]]
    return "\n".join(lines)


def _facts(manifest: Manifest, place: str, seconds: float | None) -> Iterator[tuple[str, str]]:
    yield (
        "rows",
        ", ".join(f"{count:,} {status}" for status, count in manifest.counts.items() if count) or "0",
    )
    yield "cost", money(manifest.cost)
    phases = list(manifest.phase_costs.items())
    for name, cost in phases[:_PHASES]:
        yield f"  {_cut(name, 30)}", money(cost)
    if len(phases) > _PHASES:
        yield "", f"and {len(phases) - _PHASES} more phases"
    yield "tokens", "unknown" if manifest.tokens is None else f"{manifest.tokens:,}"
    if manifest.models:
        yield "models", _first(manifest.models, _MODELS)
    if manifest.job_ids:
        yield "jobs", f"{len(manifest.job_ids):,}: {_first(manifest.job_ids, _JOBS)}"
    if seconds is not None:
        yield "time", span(seconds)
    yield "landed", f"{len(manifest.files):,} file(s) beside {place}"


def money(dollars: float | None) -> str:
    """Write what something cost, to a hundredth of a cent."""
    if dollars is None:
        return "unknown"
    return f"under ${_LEAST}" if 0 < dollars < _LEAST else f"${dollars:,.4f}"


def span(seconds: float) -> str:
    """Write how long something took, in its two largest units."""
    left = max(0, round(seconds))
    for (size, unit), (smaller, minor) in pairwise(_SPANS):
        if left >= size:
            return f"{left // size} {unit} {left % size // smaller} {minor}"
    return f"{left} s"


def _first(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _cut(text: str, width: int = WIDTH) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
