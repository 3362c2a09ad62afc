"""The text part that is made from HTML says what the HTML says, and is a template as well."""

import pytest

from templates.mail_html import make_html
from templates.plain_text import text_from
from templates.sandbox import sandbox


def text(html: str, *, mjml: bool = False) -> str:
    made = make_html(html, "zh", mjml=mjml)
    assert made.problems == []
    return made.protected.restore(text_from(made.protected, made.html))


@pytest.mark.parametrize(
    "html, expected",
    [
        ("<h1>标题</h1><p>正文</p>", "标题\n\n正文"),
        ("<p>a<br>b</p>c", "a\nb\n\nc"),
        ("<p>第一行\n  第二行 and\nEnglish  words</p>", "第一行第二行 and English words"),
        ('<a href="{{ links.shop }}">去看看</a>', "去看看 ({{ links.shop }})"),
        ('<a href="https://a.cn/?x=1&amp;y=2">x</a>', "x (https://a.cn/?x=1&y=2)"),
        ('<a href="https://a.cn">https://a.cn</a> <a href="mailto:a@b.cn">a@b.cn</a>', "https://a.cn a@b.cn"),
        ('<a href="#top">top</a>', "top"),
        ('<a href="{{ links.shop }}"><img src="https://a.cn/a.png" alt="新品"></a>', "新品 ({{ links.shop }})"),
        ('<a href="{{ links.shop }}"><img src="https://a.cn/a.png" alt=""></a>', "{{ links.shop }}"),
        ("<ul><li>一</li><li>二<ul><li>三</li></ul></li></ul>四", "- 一\n- 二\n  - 三\n\n四"),
        ("<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"),
        (
            "<ol>{% for x in attributes.l %}<li>{{ x }}</li>{% endfor %}</ol>",
            "{% for x in attributes.l %}- {{ x }}\n{% endfor %}",
        ),
        ("<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td></td><td>3</td></tr></table>", "A | B\n1 |  | 3"),
        ('<table role="presentation"><tr><td>a</td><td>b</td></tr></table>', "a\nb"),
        ('<div style="DISPLAY : none">预览</div><p hidden>x</p>see', "see"),
        ("<head><title>t</title><style>p{}</style></head><body>x<!-- note --></body>", "x"),
        ("<p>a&nbsp;b &lt;c&gt; &amp; d&#8203;&zwnj;&shy;e</p>", "a b <c> & de"),
        ("<p>a</p><hr><p>b</p>", "a\n\n----\n\nb"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        (
            "<p>a</p>{% if tier %}<p>b</p>{% else %}<p>c</p>{% endif %}<p>d</p>",
            "a\n\n{% if tier %}b\n\n{% else %}c\n\n{% endif %}d",
        ),
        ("Hi {% if tier %}VIP {% endif %}there", "Hi {% if tier %}VIP {% endif %}there"),
        ('<p title="{% if tier %}x{% endif %}">a</p>', "a"),
        (
            "<p>a</p>\n{%- if tier -%}\n<p>b</p>\n{%- endif -%}\n<p>c {{- name -}} d</p>",
            "a\n\n{% if tier %}b\n\n{% endif %}c{{ name }}d",
        ),
        ("<p>1 {{--5 -}} 2</p>", "1{{ -5 }}2"),
    ],
)
def test_text_says_what_html_says(html: str, expected: str) -> None:
    assert text(html) == expected


def test_a_table_of_mjml_reads_row_by_row_and_its_preview_is_left_out() -> None:
    source = (
        "<mjml><mj-head><mj-preview>预览</mj-preview></mj-head><mj-body><mj-section><mj-column><mj-text>您好</mj-text>"
        '<mj-table><tr><td>咖啡</td><td>2</td></tr></mj-table><mj-button href="{{ links.shop }}">去</mj-button>'
        "</mj-column></mj-section></mj-body></mjml>"
    )

    assert text(source, mjml=True) == "您好\n\n咖啡 | 2\n\n去 ({{ links.shop }})"


def test_the_text_of_a_member_has_no_entities_and_no_hole_where_a_condition_is_false() -> None:
    made = sandbox("zh", html=False).from_string(
        text("<p>{{ name }}</p>{% if tier %}<p>gold</p>{% endif %}<p>再见</p>")
    )

    assert made.render(name="A & B", tier=None) == "A & B\n\n再见"
    assert made.render(name="王", tier="gold") == "王\n\ngold\n\n再见"
