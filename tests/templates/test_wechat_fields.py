"""What WeChat takes in a field, and what is made to fit."""

import pytest

from templates.wechat_fields import fit, fits, kind_of


@pytest.mark.parametrize(
    "field, text, taken",
    [
        ("thing1", "好" * 20, True),
        ("thing1", "好" * 21, False),
        ("thing1", "🎉" * 10, True),
        ("thing1", "🎉" * 11, False),
        ("thing1", "", False),
        ("character_string2", "AB-12", True),
        ("character_string2", "券AB", False),
        ("character_string2", "A" * 33, False),
        ("number3", "12.5", True),
        ("number3", "12元", False),
        ("letter4", "abc", True),
        ("letter4", "ab1", False),
        ("symbol5", "*-!", True),
        ("symbol5", "a*", False),
        ("time6", "15:01", True),
        ("time6", "2019年10月1日 15:01", True),
        ("time6", "2019年10月1日 15:01~2019年10月2日 16:00", True),
        ("time6", "tomorrow", False),
        ("date7", "2019年10月1日", True),
        ("date7", "2019年10月1日~2019年10月3日", True),
        ("date7", "2019-10-01", False),
        ("amount8", "¥12.50", True),
        ("amount8", "12.50元", True),
        ("amount8", "12345678901", False),
        ("phone_number9", "+86-0766-66888866", True),
        ("phone_number9", "call", False),
        ("car_number10", "粤A8Z888挂", True),
        ("name11", "王小明", True),
        ("phrase12", "已发货", True),
        ("phrase12", "shipped", False),
        ("phrase12", "已经发货了啊", False),
        ("url", "https://x.cn", True),
        ("url", "javascript:x", False),
        ("text", "您好，\n您的问题已处理。", True),
        ("text", "好" * 682, True),
        ("text", "好" * 683, False),
        ("text", " \n", False),
    ],
)
def test_a_value_is_held_to_its_kind(field: str, text: str, taken: bool) -> None:
    assert fits(field, text) is taken


@pytest.mark.parametrize("field", ["thing", "think1", "1", "", "url2x", "thing1x"])
def test_a_field_without_a_known_kind_and_a_number_is_none(field: str) -> None:
    assert kind_of(field) is None


@pytest.mark.parametrize(
    "field, text, fitted",
    [
        ("thing1", "好" * 25, "好" * 19 + "…"),
        ("thing1", "🎉" * 11, "🎉" * 9 + "…"),
        ("name1", "王" * 12, "王" * 9 + "…"),
        ("name1", "A" * 25, "A" * 19 + "…"),
        ("phrase1", "已经发货了啊", "已经发货了啊"),
    ],
)
def test_things_and_names_are_shortened_and_nothing_else(field: str, text: str, fitted: str) -> None:
    assert fit(field, text) == fitted
