"""Providers by name, and what is said of settings that do not fit."""

import pytest

from channels.registry import PROVIDERS, open_provider
from language.chinese import CHINESE
from language.problems import InputRefused


def test_each_name_begins_with_its_channel() -> None:
    for name in PROVIDERS:
        assert name.partition(".")[0] in {"sms", "email", "wechat"}


def test_an_unknown_provider_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputRefused, match=r"sms\.aliyun"):
        open_provider("sms.nobody", {})


def test_settings_that_do_not_fit_are_all_named_and_their_values_are_not() -> None:
    with pytest.raises(InputRefused) as refused:
        open_provider("sms.aliyun", {"access_key_id": "with space", "access_key_secret": 7, "sign": "s"})

    fields = {problem.field for problem in refused.value.problems}
    assert fields == {"access_key_id", "access_key_secret", "sign_name", "template_codes", "sign"}
    assert "with space" not in refused.value.told("en") + refused.value.told("zh")


def test_what_is_said_here_is_said_in_chinese_too() -> None:
    for name in ("sms.nobody", "sms.aliyun"):
        with pytest.raises(InputRefused) as refused:
            open_provider(name, {})
        assert all(problem.sentence in CHINESE for problem in refused.value.problems)
