"""The task types, and the ``parameters`` each takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from artificer_provider.engine.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from artificer_provider.client.models.batch import PhaseConfig

Words = Annotated[str, StringConstraints(min_length=1, max_length=1_000, strip_whitespace=True)]


class Task(BaseModel):
    """What a phase is to do with a text."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Summarize(Task):
    """Say a text in a few sentences."""

    sentences: Annotated[int, Field(ge=1, le=100)] = 2


class Example(Task):
    """A text, and the label it has."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    label: Words


class Classify(Task):
    """
    Name the label that fits a text best. Labels may come with a description of what they mean.

    :param examples: texts with their labels, to tell others by.
    """

    labels: (
        Annotated[list[Words], Field(min_length=2, max_length=100)]
        | Annotated[dict[Words, Words], Field(min_length=2, max_length=100)]
    )
    examples: Annotated[list[Example], Field(max_length=100)] = Field(default_factory=list[Example])

    @model_validator(mode="after")
    def _only_known_labels(self) -> Self:
        unknown = sorted({example.label for example in self.examples} - set(self.labels))
        if unknown:
            raise ValueError(f"examples have labels that are not among the labels: {', '.join(unknown)}")
        return self

    @property
    def meanings(self) -> Mapping[str, str]:
        """What each label stands for: its description, else its own name."""
        if isinstance(self.labels, dict):
            return {label: f"{label}: {description}" for label, description in self.labels.items()}
        return {label: label for label in self.labels}


class QuestionAnswering(Task):
    """Answer one question from a text."""

    question: Words


class Extract(Task):
    """Name a text's keywords."""

    count: Annotated[int, Field(ge=1, le=100)] = 8


TASKS: Mapping[str, type[Task]] = {
    "summarize": Summarize,
    "classify": Classify,
    "qa": QuestionAnswering,
    "extract": Extract,
}


class NotATaskError(Exception):
    """A phase that does not say what to do, or not completely."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = problems


def read_task(phase: PhaseConfig) -> Task:
    """
    Read what a phase asks for.

    :raises NotATaskError: when the task type is not known, or its parameters are missing, wrong or not known.
    """
    kind = TASKS.get(phase.task_type or "")
    if kind is None:
        said = "is missing" if phase.task_type is None else f"{phase.task_type!r} is not known here"
        raise NotATaskError([Problem("taskType", f"{said}; known are {', '.join(TASKS)}.")])
    try:
        return kind.model_validate(phase.parameters or {})
    except ValidationError as error:
        raise NotATaskError(
            [
                Problem(".".join(["parameters", *(str(step) for step in found["loc"])]), found["msg"])
                for found in error.errors(include_url=False, include_input=False)
            ]
        ) from error
