"""What WeCom's errcodes mean, code by code; some numbers mean something else than with official accounts.

Source: https://developer.work.weixin.qq.com/document/path/90313 and 90454, read in November 2026.
"""

from collections.abc import Mapping

from channels.errors import (
    AddressRefused,
    ContentRefused,
    MessageRefused,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from channels.meaning import Meaning, each

#: The token is no longer good; a new one may be asked for, once.
TOKEN_REFUSED = frozenset({40014, 42001})

_SECRET = Meaning(ProviderMisconfigured, "WeCom does not accept our corp id, secret or network address")
_RIGHTS = Meaning(ProviderMisconfigured, "this application may not do this in WeCom")

MEANINGS: Mapping[int, Meaning] = {
    -1: Meaning(ProviderUnavailable, "the provider is busy", wait=2.0),
    45009: Meaning(ProviderUnavailable, "this minute's calls are used up, or this hour's", wait=60.0),
    45033: Meaning(ProviderUnavailable, "too many calls at once", wait=2.0),
    **each((40001, 40013, 40091, 60020), _SECRET),
    **each((48002, 60011, 301002), _RIGHTS),
    **each(
        (40096, 81013), Meaning(AddressRefused, "WeCom knows nobody by this id, or this application may not see them")
    ),
    84061: Meaning(MessageRefused, "this customer is no contact of this member of staff any more"),
    45002: Meaning(ContentRefused, "these words are too long for WeCom"),
}
