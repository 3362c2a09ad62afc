"""The page of a survey: one question, its scores, a comment; it works without scripts and fetches nothing."""

import base64
import hashlib

from markupsafe import Markup

from members.surveys.definition import LONGEST_COMMENT, Survey

STYLE = """
:root{color-scheme:light dark;--ink:#1d2733;--soft:#56626f;--paper:#fff;--ground:#f3f5f8;--accent:#1f5fbf;--on:#fff;--line:#c9d1da;--bad:#a4262c}
@media(prefers-color-scheme:dark){:root{--ink:#e8edf3;--soft:#a5b1be;--paper:#1a212a;--ground:#11161d;--accent:#7fb0ff;--on:#10161e;--line:#46525f;--bad:#ff9b9b}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--ground);color:var(--ink);
font:17px/1.6 system-ui,-apple-system,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif}
main{width:100%;max-width:36rem;padding:2rem 1.4rem;background:var(--paper)}
@media(min-width:37rem){main{margin:1.5rem;padding:2.5rem;border:1px solid var(--line);border-radius:14px}}
p{margin:.3rem 0;color:var(--soft)}
p.bad{color:var(--bad);font-weight:600}
h1,legend{margin:0 0 1.2rem;padding:0;font-size:1.35rem;font-weight:700;line-height:1.35;color:var(--ink)}
fieldset{margin:0;padding:0;border:0;min-width:0}
.scores{display:grid;gap:.5rem}
.nps{grid-template-columns:repeat(6,1fr)}
.csat{grid-template-columns:repeat(5,1fr)}
@media(min-width:37rem){.nps{grid-template-columns:repeat(11,1fr);gap:.35rem}}
.scores label{position:relative;display:block;cursor:pointer}
.scores input{position:absolute;inset:0;width:100%;height:100%;margin:0;opacity:0;cursor:pointer}
.scores span{display:grid;place-items:center;min-height:48px;border:1px solid var(--line);border-radius:10px;font-weight:600}
.scores input:checked+span{background:var(--accent);border-color:var(--accent);color:var(--on)}
.scores input:focus-visible+span{outline:3px solid var(--ink);outline-offset:2px}
.ends{display:flex;justify-content:space-between;gap:1rem;margin:.5rem 0 0;font-size:.85rem}
.comment{display:block;margin-top:1.4rem;color:var(--soft)}
textarea{width:100%;min-height:6.5rem;margin-top:.4rem;padding:.7rem;border:1px solid var(--line);border-radius:10px;background:transparent;color:var(--ink);font:inherit;resize:vertical}
textarea:focus-visible,button:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
button{width:100%;margin-top:1.4rem;padding:.85rem 1.8rem;border:0;border-radius:10px;background:var(--accent);color:var(--on);font:inherit;font-weight:600;cursor:pointer}
"""
#: Lets exactly this style sheet apply and nothing else whatever.
SURVEY_STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

WORDS = {
    "zh": {
        "nps": ("完全不可能", "非常可能"), "csat": ("非常不满意", "非常满意"), "comment": "想对我们说的话（选填）", "send": "提交",
        "no_score": "请选择一个分数。", "long_comment": f"留言请不超过 {LONGEST_COMMENT} 个字。", "no_text": "留言中有无法保存的字符。",
        "answered": "您已经回答过了", "stands": "我们已收到您的回答，谢谢。", "closed": "调查已结束", "late": "感谢您的关注。",
    },
    "en": {
        "nps": ("Not at all likely", "Extremely likely"), "csat": ("Very dissatisfied", "Very satisfied"),
        "comment": "Anything you would like to tell us (optional)", "send": "Send",
        "no_score": "Please choose a score.", "long_comment": f"Please write {LONGEST_COMMENT:,} characters or fewer.",
        "no_text": "The comment has characters that cannot be kept.",
        "answered": "You have answered already", "stands": "We have your answer, thank you.",
        "closed": "This survey is over", "late": "Thank you for your interest.",
    },
}  # fmt: skip


def question_page(
    survey: Survey, language: str, brand: str, *, score: int | None = None, comment: str = "", mistake: str = ""
) -> str:
    """Return the page that asks, with what was filled in before and what is wrong with it."""
    words = WORDS[language]
    low, high = words[survey.scale]
    scores = Markup("").join(
        Markup('<label><input type="radio" name="score" value="{0}" required{1}><span>{0}</span></label>').format(
            each, Markup(" checked") if each == score else ""
        )
        for each in survey.scores
    )
    form = Markup(
        '<form method="post" action="?" accept-charset="utf-8"><fieldset{described}><legend>{question}</legend>'
        '<div class="scores {scale}">{scores}</div><p class="ends"><span>{first} · {low}</span><span>{last} · {high}</span></p>'
        "</fieldset>{comment}<button>{send}</button></form>"
    ).format(
        described=Markup(' aria-describedby="wrong"') if mistake else "",
        question=survey.question.to(language), scale=survey.scale, scores=scores, low=low, high=high,
        first=survey.scores[0], last=survey.scores[-1], send=words["send"],
        comment=_comment(words["comment"], comment) if survey.comment else "",
    )  # fmt: skip
    wrong = Markup('<p class="bad" id="wrong" role="alert">{}</p>').format(words[mistake]) if mistake else ""
    return _page(language, brand, survey.question.to(language), Markup("{}{}").format(wrong, form))


def _comment(label: object, comment: str) -> Markup:
    # The parser drops one line break that follows the tag, so one is put there to be dropped.
    return Markup(
        '<label class="comment">{}<textarea name="comment" maxlength="{}" autocomplete="off">\n{}</textarea></label>'
    ).format(label, LONGEST_COMMENT, comment)


def thanks_page(survey: Survey, language: str, brand: str) -> str:
    """Return the page after an answer."""
    return _said(language, brand, survey.thanks.to(language), "")


def answered_page(language: str, brand: str) -> str:
    """Return the page for somebody who has answered before; the first answer stands."""
    return _said(language, brand, str(WORDS[language]["answered"]), str(WORDS[language]["stands"]))


def closed_page(language: str, brand: str) -> str:
    """Return the page after the survey's end."""
    return _said(language, brand, str(WORDS[language]["closed"]), str(WORDS[language]["late"]))


def _said(language: str, brand: str, heading: str, sentence: str) -> str:
    return _page(language, brand, heading, Markup("<h1>{}</h1><p>{}</p>").format(heading, sentence))


def _page(language: str, brand: str, title: str, inside: Markup) -> str:
    page = Markup(
        '<!doctype html><html lang="{}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        "<title>{} · {}</title><style>{}</style></head><body><main><p>{}</p>{}</main></body></html>"
    )
    return page.format("zh-CN" if language == "zh" else "en", title, brand, Markup(STYLE), brand, inside)  # noqa: S704 - our own words
