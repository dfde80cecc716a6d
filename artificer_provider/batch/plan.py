"""What is to be done: items, phases and options, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, cast

from artificer_provider.client import limits
from artificer_provider.client.errors import ConfigurationError

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

#: A field as the engine spells it, and as we do.
_WIRE_NAMES = {
    "taskType": "task_type",
    "useRAG": "use_rag",
    "systemPrompt": "system_prompt",
    "maxTokens": "max_tokens",
    "checkpointFrequency": "checkpoint_frequency",
}

#: Fields without which a thing is none.
_TEXTS = frozenset({"name", "input"})


def as_mapping(value: object) -> dict[object, object]:
    """Take a value from outside for the mapping it must be; any other is an empty one."""
    if not isinstance(value, Mapping):
        return {}
    return dict(cast("Mapping[object, object]", value))


@dataclass(frozen=True, slots=True)
class _Wire:
    """Something written as a mapping by people, and sent as one."""

    @classmethod
    def read(cls, value: object, where: str) -> Self:
        """
        Read what a person wrote.

        :param where: its place, for the message: ``phases[1]``.
        :raises ConfigurationError: naming the place and the key.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise ConfigurationError(f"{where} is {type(value).__name__}, not a mapping.")
        known = [field.name for field in fields(cls)]
        given = {
            _WIRE_NAMES.get(str(key), str(key)): entry
            for key, entry in as_mapping(cast("object", value)).items()
        }
        for key in given:
            if key not in known:
                import difflib  # only for who mistyped

                close = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}."
                raise ConfigurationError(f"{where} has a key {key!r} that no engine knows; {hint}")
        for key in _TEXTS & set(known):
            if not isinstance(given.get(key), str):
                found = type(given[key]).__name__ if key in given else "missing"
                raise ConfigurationError(f"{where}.{key} is {found}: it must be text.")
        return cls(**cast("dict[str, Any]", given))  # the client's models check the other types

    def to_wire(self) -> dict[str, Json]:
        """Write it for the client, without what was not given."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}


@dataclass(frozen=True, slots=True)
class Item(_Wire):
    """One input, and what comes back with its row."""

    input: str
    metadata: dict[str, Json] | None = None

    def to_wire(self) -> dict[str, Json]:
        """Write it for the client. A run has a million of them: their fields are not looked up each time."""
        if self.metadata is None:
            return {"input": self.input}
        return {"input": self.input, "metadata": self.metadata}


@dataclass(frozen=True, slots=True)
class Phase(_Wire):
    """One step that every item goes through, given the answer of the one before."""

    name: str
    task_type: str | None = None
    model: str | None = None
    use_rag: bool | None = None
    system_prompt: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    parameters: dict[str, Json] | None = None
    validation: dict[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Options(_Wire):
    """How a job is run."""

    concurrency: int | None = None
    checkpoint_frequency: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """
    What is done to every item.

    :param project_id: the project whose documents a phase may look up.
    """

    phases: tuple[Phase, ...]
    options: Options
    project_id: str | None = None


def checked_item(item: Item, where: str) -> Item:
    """
    Refuse an item that no engine takes.

    :param where: its place, for the message: ``items[3]``.
    :raises ConfigurationError: naming the place.
    """
    if problem := _input_problem(item.input):
        raise ConfigurationError(f"{where}: {problem}")
    return item


def refuse_one_value(values: object, name: str) -> None:
    """
    Refuse a text or a mapping where a list is meant: each of its letters would be an item.

    :raises ConfigurationError: then.
    """
    if isinstance(values, str | Mapping):
        raise ConfigurationError(f"{name} is one value, not a list of them: put it in brackets.")


def read_phases(values: Sequence[object]) -> tuple[Phase, ...]:
    """
    Read phases: mappings with a ``name`` and what the engine knows besides.

    :raises ConfigurationError: naming the phase and the key.
    """
    refuse_one_value(values, "phases")
    if not values:
        raise ConfigurationError("There are no phases: a batch job needs at least one.")
    if len(values) > limits.MAX_PHASES:
        raise ConfigurationError(
            f"There are {len(values)} phases; one job takes at most {limits.MAX_PHASES}."
        )
    phases = tuple(Phase.read(value, f"phases[{index}]") for index, value in enumerate(values))
    seen: set[str] = set()
    for index, phase in enumerate(phases):
        if not phase.name:
            raise ConfigurationError(f"phases[{index}].name is empty.")
        if phase.name in seen:
            raise ConfigurationError(f"phases[{index}].name: there is a phase {phase.name!r} already.")
        seen.add(phase.name)
    return phases


def read_options(value: object) -> Options:
    """
    Read the options of a job.

    :raises ConfigurationError: naming the option.
    """
    options = Options.read({} if value is None else value, "options")
    for name, most in (
        ("concurrency", limits.MAX_CONCURRENCY),
        ("checkpoint_frequency", limits.MAX_CHECKPOINT_FREQUENCY),
    ):
        given = getattr(options, name)
        if given is not None and not (isinstance(given, int) and 1 <= given <= most):
            raise ConfigurationError(
                f"options.{name} is {given!r}: it must be a whole number from 1 to {most}."
            )
    return options


def _input_problem(text: str) -> str | None:
    if not text or text.isspace():
        return "the input is empty."
    if len(text) > limits.MAX_INPUT_CHARS:
        return f"the input has {len(text):,} characters; an engine takes at most {limits.MAX_INPUT_CHARS:,}."
    if "\0" in text:
        return "the input holds a NUL character, which no engine can store."
    return None
