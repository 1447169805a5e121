"""What a question must be; the service and `predict` refuse the same ones for the same reasons."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    create_model,
)
from pydantic_core import PydanticCustomError

from .tokenize import clean


def _asked(text: str) -> str:
    text = clean(text).strip()
    if not any(character.isalnum() for character in text):
        raise PydanticCustomError("no_words", "A question holds at least one word")
    return text


def question_type(longest: int) -> Any:
    """The annotation of a question of at most `longest` characters; it is cleaned as it is read."""
    return Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=longest),
        AfterValidator(_asked),
        Field(
            title="Question",
            description="As you would ask a person",
            json_schema_extra={"pattern": r"[\p{L}\p{N}]"},  # what `_asked` looks for
        ),
    ]


def body_model(name: str, longest: int, **more: object) -> type[BaseModel]:
    """The body of a request that holds a question, and `more` fields as pydantic takes them."""
    fields = {"question": (question_type(longest), ...), **more}
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)  # type: ignore[call-overload]


def problem(question: object, longest: int) -> str | None:
    """Why something is not a question, in one sentence; None if it is one."""
    try:
        TypeAdapter(question_type(longest)).validate_python(question)
    except ValidationError as error:
        return f"question: {error.errors()[0]['msg']}."
    return None
