"""What the command line itself says, of what was typed and in its help, is said in the user's language."""

import re
from pathlib import Path

import pytest

from console.command import command_line, every_command, run

#: What is typed, and what is said of it in English and in Chinese.
MISUSES = [
    ("members show", "the argument ID is missing", "缺少参数 ID"),
    ("members show a b c", "nothing more was expected; found b c", "多出了内容：b c"),
    ("members shwo", "there is no command shwo; did you mean show?", "没有命令 shwo；是否应为 show？"),
    ("facts xyz", "there is no command xyz; there are show, rebuild", "没有命令 xyz；现有命令：show, rebuild"),
    ("jorneys", "there is no command jorneys; did you mean journeys?", "没有命令 jorneys；是否应为 journeys？"),
    ("members show a --jsno", "there is no option --jsno; did you mean --json?", "没有选项 --jsno；是否应为 --json？"),
    ("members show a -x", "there is no option -x", "没有选项 -x"),
    ("members show a --json=3", "the option --json takes no value", "选项 --json 不带值"),
    ("points burn a 5", "the option --key is missing", "缺少选项 --key"),
    ("points burn a 5 --key", "the option --key needs a value", "选项 --key 需要一个值"),
    ("points history a --limit x", "--limit: a whole number was expected; found 'x'", "--limit: 应为整数；实际为 'x'"),
    ("points history a --limit 0", "--limit: at least 1 was expected; found '0'", "--limit: 不应小于 1；实际为 '0'"),
    ("coupons redeem c a --amount -1", "--amount: at least 0 was expected; found '-1'", "--amount: 不应小于 0；实际为 '-1'"),
    ("members imports undo x", "ID: a whole number was expected; found 'x'", "ID: 应为整数；实际为 'x'"),
    ("surveys results a --since today", "--since: a day such as 2026-08-31 was expected", "--since: 应为日期，例如 2026-08-31"),
    ("demo --language fr", "--language: one of 'zh', 'en' was expected; found 'fr'", "--language: 应为以下之一：'zh', 'en'；实际为 'fr'"),
    ("coupons apply nowhere.yaml", "path: there is no file or folder 'nowhere.yaml'", "path: 没有文件或文件夹 'nowhere.yaml'"),
    ("campaigns apply {file}", "folder: a folder was expected; '{file}' is a file", "folder: 应为文件夹；'{file}' 是文件"),
]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("typed", "english", "chinese"), MISUSES, ids=[typed for typed, *_ in MISUSES])
def test_what_was_typed_wrongly_is_told_in_the_users_language(
    typed: str, english: str, chinese: str, language: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDINGS_LANGUAGE", language)
    file = str(Path(__file__))

    status = run(typed.format(file=file).split())

    said = capsys.readouterr()
    assert (status, said.out) == (2, "")
    assert (english if language == "en" else chinese).format(file=file) in said.err


def test_the_help_of_every_command_has_its_headings_in_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDINGS_LANGUAGE", "zh")
    helps = {path: command.get_help(command.context_class(command)) for path, command in every_command(command_line())}

    english = re.compile(r"Usage|Options|Commands|Arguments|OPTIONS|COMMAND|Show this|required|default:|completion for")
    assert {path: found[0] for path, words in helps.items() if (found := english.search(words))} == {}
    assert all("用法：" in words and "选项:" in words for words in helps.values())


def test_a_family_without_a_command_shows_its_help_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TIDINGS_LANGUAGE", "zh")

    assert run(["facts"]) == 2
    assert "命令:\n  show" in capsys.readouterr().err
    assert run(["facts", "--help"]) == 0
    assert "命令:\n  show" in capsys.readouterr().out
