"""Parts of the OpenAPI description that several endpoints share."""

from typing import Any, Final

from pydantic import BaseModel, Field


class Problem(BaseModel):
    """Why a request was refused."""

    code: str = Field(description="For programs.")
    message: str = Field(description="For people: what to do.")


class Rejection(BaseModel):
    """A message that is a dead letter now."""

    index: int = Field(description="Its place in the batch.")
    message_id: str = Field(description="Its id.")
    reason: str = Field(description="Reason code of the dead letter.")
    detail: str = Field(description="Which fields, never their values.")


class Stored(BaseModel):
    """Kafka has acknowledged every message; those that are none of ours are dead letters."""

    success: bool = Field(description="Always true.")
    accepted: int | None = Field(None, description="How many are events; left out where all are.")
    rejected: list[Rejection] | None = Field(None, description="The others; left out where there are none.")


REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": Problem, "description": "No JSON, a broken gzip stream, or a single message that is no event"},
    401: {"model": Problem, "description": "No key, or an unknown one"},
    403: {"model": Problem, "description": "A key without this scope, or from a page of another origin"},
    413: {"model": Problem, "description": "Too large"},
    429: {"model": Problem, "description": "Too fast; Retry-After says when to come again"},
    503: {"model": Problem, "description": "Kafka does not take records; Retry-After says when to come again"},
}


def takes(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a JSON body, whatever its Content-Type says."""
    content = {name: {"schema": schema} for name in ("application/json", "text/plain")}
    return {"requestBody": {"required": True, "content": content}, "security": [{"key": []}]}


KEY: Final = {"key": {"type": "http", "scheme": "basic", "description": "The key is the user; the password is empty."}}
"""How a request is let in."""
