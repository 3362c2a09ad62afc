"""Template versions, read and compiled once per process.

A version never changes and is known by the digest of its content, so what was read of it once
holds for ever, in whichever database it was found.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Connection, select

from database.tables import template_versions
from templates.rendering import CompiledTemplate, compile_anew

MOST_KEPT: Final = 128  #: versions; with pictures one takes up to 2 MB, without some 50 kB


@dataclass(frozen=True, kw_only=True)
class PinnedTemplate:
    """One version of a template; shared by all who ask for it, so nobody may change anything of it."""

    content: Mapping[str, Any]

    @cached_property
    def compiled(self) -> CompiledTemplate:
        """The version ready to be filled in.

        Raises:
            InputRefused: it says something templates may not say.
        """
        return compile_anew(self.content)


_kept: OrderedDict[str, PinnedTemplate] = OrderedDict()  #: those used last, by digest, the latest at the end
_lock = threading.Lock()


def pinned_template(connection: Connection, mark: str) -> PinnedTemplate:
    """Return the version whose content has this digest; the database is asked for it once."""
    with _lock:
        known = _kept.get(mark)
        if known is not None:
            _kept.move_to_end(mark)
            return known
    asked = select(template_versions.c.content).where(template_versions.c.digest == mark)
    read = PinnedTemplate(content=connection.execute(asked).scalar_one())
    with _lock:
        # Another thread may have been faster; everybody then shares its version.
        pinned = _kept.setdefault(mark, read)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return pinned
