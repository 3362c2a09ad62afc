"""Names of made-up members, with the letters their email addresses are built from."""

import random
from dataclasses import dataclass
from itertools import accumulate

#: Family names with how common each is, in thousandths, and how each is written in letters.
SURNAMES = (
    ("王", "wang", 72), ("李", "li", 71), ("张", "zhang", 67), ("刘", "liu", 52), ("陈", "chen", 45), ("杨", "yang", 31),
    ("赵", "zhao", 23), ("黄", "huang", 23), ("周", "zhou", 21), ("吴", "wu", 20), ("徐", "xu", 16), ("孙", "sun", 15),
    ("胡", "hu", 13), ("朱", "zhu", 13), ("高", "gao", 12), ("林", "lin", 12), ("何", "he", 11), ("郭", "guo", 11),
    ("马", "ma", 11), ("罗", "luo", 9), ("梁", "liang", 8), ("宋", "song", 7), ("郑", "zheng", 7), ("谢", "xie", 7),
    ("韩", "han", 6), ("唐", "tang", 6), ("冯", "feng", 6), ("于", "yu", 6), ("董", "dong", 6), ("萧", "xiao", 5),
    ("欧阳", "ouyang", 1), ("司马", "sima", 1),
)  # fmt: skip

#: Given names are one or two of these.
CHARACTERS = (
    ("伟", "wei"), ("芳", "fang"), ("娜", "na"), ("敏", "min"), ("静", "jing"), ("丽", "li"), ("强", "qiang"), ("磊", "lei"),
    ("军", "jun"), ("洋", "yang"), ("勇", "yong"), ("艳", "yan"), ("杰", "jie"), ("娟", "juan"), ("涛", "tao"), ("明", "ming"),
    ("超", "chao"), ("秀", "xiu"), ("霞", "xia"), ("平", "ping"), ("刚", "gang"), ("桂", "gui"), ("文", "wen"), ("宇", "yu"),
    ("晨", "chen"), ("欣", "xin"), ("怡", "yi"), ("子", "zi"), ("涵", "han"), ("梓", "zi"), ("轩", "xuan"), ("浩", "hao"),
    ("然", "ran"), ("雨", "yu"), ("桐", "tong"), ("思", "si"), ("佳", "jia"), ("琪", "qi"), ("博", "bo"), ("嘉", "jia"),
    ("一", "yi"), ("诺", "nuo"), ("若", "ruo"), ("曦", "xi"), ("景", "jing"), ("行", "xing"), ("安", "an"), ("宁", "ning"),
)  # fmt: skip

FIRST_NAMES = (
    "Alice", "Ben", "Carla", "Daniel", "Emma", "Felix", "Grace", "Henry", "Ines", "James", "Karen", "Liam", "Maria",
    "Noah", "Olivia", "Peter", "Quentin", "Rosa", "Samuel", "Tara", "Umar", "Vera", "William", "Xenia", "Yusuf", "Zoe",
    "Mei", "Wei", "Hiro", "Siobhan",
)  # fmt: skip
LAST_NAMES = (
    "Anderson", "Brown", "Chan", "Davies", "Evans", "Fischer", "Garcia", "Hughes", "Ivanov", "Johnson", "Kowalski", "Lim",
    "Martin", "Nguyen", "O'Brien", "Patel", "Quinn", "Rossi", "Smith", "Tan", "Underwood", "Vargas", "Wong", "Young",
)  # fmt: skip


_COMMON = list(accumulate(common for _, _, common in SURNAMES))


@dataclass(frozen=True, kw_only=True, slots=True)
class FullName:
    """A name as it is written, and in plain letters for an address."""

    written: str
    letters: str
    language: str  #: zh or en


def draw_name(die: random.Random) -> FullName:
    """Draw a Chinese name, or for about one member in seven an English one."""
    if die.random() < 0.15:
        first, last = die.choice(FIRST_NAMES), die.choice(LAST_NAMES)
        letters = f"{first}.{last}".lower().replace("'", "")
        return FullName(written=f"{first} {last}", letters=letters, language="en")
    family, family_letters, _ = die.choices(SURNAMES, cum_weights=_COMMON)[0]
    given = die.sample(CHARACTERS, 1 if die.random() < 0.18 else 2)
    return FullName(
        written=family + "".join(written for written, _ in given),
        letters=family_letters + "." + "".join(letters for _, letters in given),
        language="zh",
    )
