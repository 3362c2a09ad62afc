"""The 【signature】 in front of a text message, which the mainland's carriers ask for."""

from pydantic import Field

#: The name alone, as an account's setting; None: texts go out as they are.
SIGN_NAME = Field(default=None, min_length=2, max_length=20, pattern=r"^[^【】\s]+$")


def signed(text: str, sign_name: str | None) -> str:
    """Put the signature in front of a text that bears none."""
    return text if sign_name is None or text.startswith("【") else f"【{sign_name}】{text}"
