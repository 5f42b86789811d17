"""`Frozen`: the base of every part of a card; and errors in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator

from swath.errors import CardError

_inside: ContextVar[bool] = ContextVar("inside", default=False)


@contextmanager
def one_sentence(what: str) -> Iterator[None]:
    """Turn pydantic's list of problems into one `CardError` that names the field.

    Only the outermost of nested uses speaks, for it alone knows the whole path to the field.
    """
    if _inside.get():
        yield
        return
    token = _inside.set(True)
    try:
        yield
    except ValidationError as error:
        first, count = error.errors()[0], error.error_count()
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        more = f" (and {count - 1} more)" if count > 1 else ""
        raise CardError(f"{what}: {where}{': ' if where else ''}{message}{more}") from error
    except ValueError as error:  # from `_agree` of the outermost object itself
        raise CardError(f"{what}: {error}") from error
    finally:
        _inside.reset(token)


class Frozen(BaseModel):
    """Immutable data without unknown fields; wrong data raise `CardError` and not pydantic's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _speak(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        with one_sentence(cls.__name__):
            made = handler(data)
            made._agree()
            return made

    def _agree(self) -> None:
        """Raise ValueError where the fields contradict each other."""

    @classmethod
    def parse(cls, text: str, source: str = "") -> Self:
        """Read JSON text; `source` is named in the error.

        Raises:
            CardError: the text is not JSON, or a field is wrong; the message names the field.
        """
        with one_sentence(source or cls.__name__):
            return cls.model_validate_json(text)
