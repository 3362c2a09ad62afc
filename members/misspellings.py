"""Domains of mailboxes that look like a slip of the finger: gmial.com, 163.con, qq.cm."""

from functools import lru_cache

#: Where members of shops have their mailboxes; what is one of these is never taken for a slip.
PROVIDERS = (
    "qq.com", "163.com", "126.com", "gmail.com", "outlook.com", "hotmail.com", "sina.com", "sohu.com", "foxmail.com",
    "139.com", "189.cn", "yeah.net", "aliyun.com", "icloud.com", "live.com", "yahoo.com", "wo.cn", "21cn.com",
    "tom.com", "msn.com", "188.com",
)  # fmt: skip

#: Real ones that stand near one of those.
OTHERS = frozenset({
    "sina.cn", "live.cn", "me.com", "mail.com", "email.com", "ymail.com", "rocketmail.com", "yahoo.cn",
    "yahoo.com.cn", "yahoo.co.jp", "yahoo.co.uk", "hotmail.co.uk", "hotmail.fr", "live.co.uk", "outlook.cn",
    "outlook.jp", "outlook.fr", "vip.qq.com", "vip.163.com", "vip.126.com", "vip.sina.com", "aliyun.cn", "mac.com",
    "aol.com", "gmx.com", "gmx.net", "googlemail.com", "263.net", "163.net", "126.net", "139.cn", "wo.com.cn",
    "live.fr", "live.nl", "yahoo.fr", "yahoo.de", "yahoo.in", "yahoo.es", "yahoo.it", "yahoo.ca", "icloud.com.cn",
})  # fmt: skip

#: Endings that are written for others in haste; none of a provider's names is sold under them.
SLIPS = {
    "con": "com", "cpm": "com", "vom": "com", "xom": "com", "comm": "com", "cmo": "com", "ocm": "com", "cim": "com",
    "coom": "com", "cm": "com", "om": "com", "co": "com", "cn": "com", "c": "com", "nte": "net", "ent": "net",
    "nt": "net", "ner": "net", "con.cn": "com", "com.cn": "com", "cc": "com",
}  # fmt: skip


@lru_cache(maxsize=8192)
def likely_domain(domain: str) -> str | None:
    """Return the provider that was probably meant by this domain, or None where nothing looks wrong.

    A name of five letters and more may have one letter wrong, left out, doubled or in its
    neighbour's place; a shorter one, such as qq, only a wrong ending.
    """
    if domain in PROVIDERS or domain in OTHERS:
        return None
    name, _, ending = domain.partition(".")
    for provider in PROVIDERS:
        known, _, known_ending = provider.partition(".")
        right_ending = ending == known_ending or SLIPS.get(ending) == known_ending
        if right_ending and (name == known or (len(known) > 4 and _one_slip(name, known))):
            return provider
    return None


def _one_slip(written: str, meant: str) -> bool:
    """Say whether one letter is wrong, missing or too much, or two neighbours have changed places."""
    if written == meant or abs(len(written) - len(meant)) > 1:
        return False
    same = next((at for at, pair in enumerate(zip(written, meant, strict=False)) if pair[0] != pair[1]), None)
    if same is None:
        return True
    rest, wanted = written[same:], meant[same:]
    swapped = len(rest) > 1 and len(wanted) > 1 and (rest[1] + rest[0] + rest[2:]) == wanted
    return swapped or rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:]
