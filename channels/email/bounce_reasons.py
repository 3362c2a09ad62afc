"""Why a mail did not arrive, as one of four verdicts: read by known words first, then by enhanced code.

A 5xx says only that this attempt shall not be repeated; most of them are not about the
address.  So an address is called dead only where the words or the code say so and nothing
says otherwise, and whatever is undecided is soft, which is counted and not final.

Source: RFC 3463, RFC 5321 section 4.2, RFC 3464; the words are those big receivers and mail
servers use in bounces, read in November 2026.
"""

import enum
import re
from collections.abc import Iterable


class Verdict(enum.StrEnum):
    """What a mail that came back says about one address."""

    HARD = "hard"  #: the address is dead: suppress it
    SOFT = "soft"  #: it did not work this time: count it
    SENDER = "sender"  #: our sending, our text or the receiver's filter: never the member's address
    COMPLAINT = "complaint"  #: the member called the mail unwanted: suppress it
    NONE = "none"  #: nothing that concerns the address


_LONGEST = 4_000

_ENHANCED = re.compile(r"(?<![\w.-])([245])\.(\d{1,3})\.(\d{1,3})(?![\w.]*\.\d|\d)")
_REPLY = re.compile(r"(?<![\w.])([45]\d\d)(?=[ \-#]|$)")
#: Words inside addresses and names of hosts are nobody's reason.
_NAMES = re.compile(
    r"https?://\S{1,500}|<?[^\s<>]{1,128}@[^\s<>]{1,255}>?|(?<![\w.])(?:[A-Za-z_][\w-]{0,62}\.)+[A-Za-z]{2,10}\b"
)
#: A relay that says "unknown address" of every refusal, and quotes the refusal itself behind it.
_QUOTING = re.compile(r"Unknown address error \d{3}[ -](?:'|\")?(.{1,2000})", re.IGNORECASE | re.DOTALL)


def _any(*words: str) -> re.Pattern[str]:
    return re.compile("|".join(words), re.IGNORECASE)


_FULL = _any(
    r"mail ?box.{0,40}\b(?:full|exceed)|\bfull mail ?box|(?:over|exceed\w*|out of).{0,30}\b(?:quota|storage)",
    r"\bover ?quota|\bquota\b.{0,20}(?:exceed|full|reached|violat)|storage.{0,20}(?:full|exceed)",
    r"insufficient (?:system |disk )?(?:storage|space)|(?:not enough|no) (?:\w+ )?space|disk (?:is )?full",
    r"folder is full",
    r"(?:容量|空间|邮箱|信箱).{0,6}(?:已满|不足|超限|超出)|(?:超出|超过).{0,8}(?:容量|配额)",
)
_OUR_QUOTA = _any(r"\b(?:sending|sender|daily|hourly)\b.{0,20}\b(?:quota|limit)")
_LATER = _any(r"gr[ae]y-?list", r"receiving mail (?:at a rate|too quickly)", r"mailbox unavailable or access denied")
_SENDER = _any(
    r"\b(?:un|anti-?)?spam\w*|\bunsolicited|\bjunk\b|\bphish|\bvirus|\bmalware|\bviruses",
    r"\b(?:black|block|deny) ?-?list|\bbanned|(?<!account )(?<!user )(?<!mailbox )\bblocked\b|\bdnsbl|\brbl\b",
    r"reputation",
    r"\bdmarc\b|\bspf\b|\bdkim\b|sender.?id\b|unauthenticated|not authenticated",
    r"authentication (?:is )?(?:required|fail)",
    r"\bpolic(?:y|ies)\b|not (?:been )?(?:authori[sz]ed|permitted|allowed)|unauthori[sz]ed|prohibited|restricted",
    r"relay(?:ing)? (?:is )?(?:access )?(?:not|denied|prohibited)|unable to relay|access (?:is )?denied",
    r"connection denied",
    r"frequency limit|rate.?limit|throttl|too many (?!hops|received)|too fast",
    r"(?:(?<!to )(?<!to the )sender|mail from|return.path|envelope from)\b.{0,40}"
    r"(?:reject|denied|refus|verif|invalid|not exist|unknown|not found|fail)",
    r"bad sender|reverse (?:dns|lookup)|\brdns\b|\bptr\b|\bhelo\b|\behlo\b|bad reputation",
    r"(?:content|message|mail|email) (?:was |has been |is )?(?:content )?(?:denied|refused|rejected|blocked|filtered)",
    r"suspicious|inappropriate|recipient preferences|only accept\w* mail from|refuses? (?:to receive|mail)",
    r"rejected by (?:user|recipient)",
    r"too (?:large|big)|size (?:limit|exceed)|exceed\w*.{0,30}\bsize|maximum.{0,20}\bsize",
    r"垃圾|黑名单|病毒|拒收|频率|策略|违规",
)
_ACCOUNT_OFF = _any(
    r"\bdisabled|\bsuspend|\bdeactivat|\binactiv|\bdiscontinu|\blocked\b|account (?:is |has been )?blocked",
    r"停用|冻结|暂停|禁用",
)
_NOT_NOW = _any(r"temporar|try (?:it )?again|稍后")
_WHO = r"(?:user|mail ?box|recipient|account|address\w*|addressee|alias|inbox|local ?part)"
#: An "unknown error" is nothing known about the address.
_UNKNOWN = r"unknown(?! (?:error|reason|problem|host|domain|failure|command|status))"
_DEAD = _any(
    rf"{_WHO}(?:'s)?\b.{{0,60}}?\b(?:{_UNKNOWN}|not found|not exist|n[o']t exist|"
    r"no longer (?:exist|valid|in use)|not known|invalid)",
    rf"{_WHO}\b.{{0,40}}?(?:couldn.?t be found|could not be found|wasn.?t found|was not found|notfound)",
    rf"\b(?:{_UNKNOWN}|no such|invalid|non-?existent|bad destination|not a (?:valid|known)) (?:\w+ ){{0,2}}?{_WHO}",
    r"\b(?:doesn.?t|does not) have (?:an?|any)\b.{0,40}\baccount",
    r"is not (?:a |our )(?:known )?(?:user|customer)|invalid rcptto",
    r"no mailbox (?:here )?by that name|no account by that name|user \S{0,80} ?(?:unknown|not known)",
    r"unroute?able address",
    r"not listed in|nobody (?:here )?by that name|is not a (?:valid|known|registered) |recipientnotfound",
    r"adr\.exrecipnotfound",
    r"(?:用户|收件人|邮箱|地址|帐号|账号|帐户|账户).{0,6}(?:不存在|未找到|无效|错误)|(?:无|没有|查无)此(?:用户|人|邮箱|账号)",
)
_NO_DOMAIN = _any(
    r"(?:host|domain)(?: or domain)?(?: name)?.{0,40}(?:not found|unknown|not exist|nonexistent|n[o']t exist)",
    r"\bnxdomain",
    r"couldn.?t find any host|no such (?:host|domain)|unknown (?:host|domain)|unrouteable (?:mail )?domain",
    r"null ?mx|域名.{0,4}不存在",
)
_AFTER_THE_WORDS = _any(r"end of data|after data was sent|message content")

_DEAD_CODES = frozenset({"1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "4.4"})
_SENDER_CODES = frozenset({"1.7", "1.8", "3.4"})
#: Codes with which "unknown user" is to be believed; with others the server itself says it is something else.
_ABOUT_THE_ADDRESS = re.compile(r"0\.|1\.(?![78]$)|2\.(?![23]$)|3\.0$|5\.")


def enhanced_code(*texts: str) -> str | None:
    """Return the enhanced code that says most: the last specific one of the first text that has one."""
    vague = None
    for text in texts:
        found = [f"{one[1]}.{int(one[2])}.{int(one[3])}" for one in _ENHANCED.finditer(text[:_LONGEST])]
        specific = [code for code in found if not code.endswith(".0.0")]
        if specific:
            return specific[-1]
        vague = vague or (found[-1] if found else None)
    return vague


def reply_code(text: str) -> int | None:
    """Return the SMTP reply code in a server's words."""
    found = _REPLY.search(text[:_LONGEST])
    return int(found[1]) if found else None


def judge(*, status: str, diagnostic: str, told: str = "") -> Verdict:
    """Say what a mail's not arriving means for the address.

    ``diagnostic`` is the remote server's own words.  ``told`` is what the notice says to
    people; it is asked only where the others decide nothing.
    """
    quoted = _QUOTING.search(diagnostic[:_LONGEST])
    words = quoted[1] if quoted else diagnostic[:_LONGEST]
    code = enhanced_code(words) if quoted else enhanced_code(words, status)
    after_the_words = bool(_AFTER_THE_WORDS.search(diagnostic[:_LONGEST]) or _AFTER_THE_WORDS.search(told[:_LONGEST]))
    found = _by_words(words, code) or _by_code(code)
    if found is None and told:
        told = told[:_LONGEST]
        code = enhanced_code(told) or code
        found = _by_words(told, code) or _by_code(code)
    if found is Verdict.HARD and after_the_words:
        return Verdict.SENDER  # The recipient was accepted and then the mail was not: a filter, whatever it says.
    return found or Verdict.SOFT


def _by_words(text: str, code: str | None) -> Verdict | None:
    words = " ".join(_NAMES.sub(" ", text).split())
    if _OUR_QUOTA.search(words):
        return Verdict.SENDER
    if _FULL.search(words):
        return Verdict.SOFT
    if _LATER.search(words):
        return Verdict.SOFT
    if _SENDER.search(words):
        return Verdict.SENDER
    # "Try again" is polite in a 5.1.1 and meant in everything else.
    if _ACCOUNT_OFF.search(words) or (_NOT_NOW.search(words) and not (code or "").startswith("5.1.")):
        return Verdict.SOFT
    if (code is None or _ABOUT_THE_ADDRESS.match(code[2:])) and _DEAD.search(words):
        return Verdict.HARD
    if _NO_DOMAIN.search(words) and not (code and code.startswith("4")):
        return Verdict.HARD
    return None


def _by_code(code: str | None) -> Verdict | None:
    """Judge by an enhanced code alone; None: it says nothing in particular."""
    if code is None or code.endswith(".0.0"):
        return None
    detail = code[2:]
    if detail in _SENDER_CODES or detail.startswith(("5.", "6.")):
        return Verdict.SENDER
    if detail.startswith("7."):
        return Verdict.SOFT if code in ("4.7.0", "4.7.1") else Verdict.SENDER
    return Verdict.HARD if code.startswith("5") and detail in _DEAD_CODES else Verdict.SOFT


def gentlest(verdicts: Iterable[Verdict]) -> Verdict:
    """Return one verdict for several on one address: a complaint, else the one that does it the least harm."""
    said = set(verdicts)
    for verdict in (Verdict.COMPLAINT, Verdict.SENDER, Verdict.SOFT, Verdict.HARD):
        if verdict in said:
            return verdict
    return Verdict.NONE
