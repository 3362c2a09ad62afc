"""Which language to speak to whoever sits at the terminal; apart from the settings, so that it is known at once."""

import os
from collections.abc import Mapping
from typing import Literal


def preferred_language(environment: Mapping[str, str] = os.environ) -> Literal["zh", "en"]:
    """Return the language to speak: ``TIDINGS_LANGUAGE``, else the locale's, else English."""
    for name in ("TIDINGS_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return "zh" if environment[name].lower().startswith("zh") else "en"
    return "en"
