"""Chinese sentences about members, events, conditions and segments."""

CONDITIONS: dict[str, str] = {
    "{name} is not known here; did you mean {near}?": "这里没有 {name}；您是否想写 {near}？",
    "{name} is not known here; expected one of {known}": "这里没有 {name}；应为以下之一：{known}",
    "{name} is missing": "缺少 {name}",
    "{name} is no name; expected letters, digits and dashes": "{name} 不能作名称；应为字母、数字与短横线",
    "every row would have the kind {kind}, which is the name of a column; for what stands there write {wanted}": (
        "每一行的事件类型都会是 {kind}，而这是一列的列名；若要取该列的内容，请写 {wanted}"
    ),
    "{name} is defined twice": "{name} 定义了两次",
    "no definition files (*.yaml) are in this folder": "此文件夹中没有定义文件（*.yaml）",
    "{detail}; found {found}": "这个值不能使用；实际为 {found}",
    "one of {expected} was expected; found {found}": "应为以下之一：{expected}；实际为 {found}",
    "a whole number was expected; found {found}": "应为整数；实际为 {found}",
    "text was expected, in quotes where it looks like a number; found {found}": "应为文字，像数字的要加引号；实际为 {found}",
    "true or false was expected; found {found}": "应为 true 或 false；实际为 {found}",
    "more than {gt} was expected; found {found}": "应大于 {gt}；实际为 {found}",
    "at least {ge} was expected; found {found}": "不应小于 {ge}；实际为 {found}",
    "less than {lt} was expected; found {found}": "应小于 {lt}；实际为 {found}",
    "at most {le} was expected; found {found}": "不应大于 {le}；实际为 {found}",
    "a list was expected; found {found}": "应为列表；实际为 {found}",
    "names with values were expected; found {found}": "应为若干名称与值；实际为 {found}",
    "{operator} needs a value": "{operator} 需要一个值",
    "a condition has at most {most} parts, {deepest} deep; this one has more": (
        "条件最多 {most} 个部分、{deepest} 层；此条件超出了限制"
    ),
    "a length of time such as 90d, 2h, 30m, 1w or 45s was expected; found {found}": (
        "应为时长，例如 90d、2h、30m、1w 或 45s；实际为 {found}"
    ),
    "a mapping was expected; it may name {known}": "应为键值映射；可用的键：{known}",
    "a moment such as 2026-08-01 or 2026-08-01T10:00+08:00 was expected; found {found}": (
        "应为时刻，例如 2026-08-01 或 2026-08-01T10:00+08:00；实际为 {found}"
    ),
    "a text is too long or has characters no text has": "文本过长，或含有文本中不应有的字符",
    "a text was expected; write it in quotes; found {found}": "应为文本，请加引号；实际为 {found}",
    "an operator with its value was expected, such as {example}": "应为运算符及其值，例如 {example}",
    "between takes two values of one kind, the smaller first": "between 需要两个同类的值，小的在前",
    "one question at a time; put {names} in a list under all: or any:": (
        "一次只能问一个问题；请把 {names} 放进 all: 或 any: 的列表"
    ),
    "the number is too large, too fine or no number at all": "数字过大、小数位过多，或不是数字",
    "true and false have no order; use eq": "true 与 false 没有大小；请用 eq",
    "{found} is longer than 36500d": "{found} 超过了 36500d",
    "the segment asks about itself: {circle}": "人群引用了自身：{circle}",
    "there is no segment {name}": "没有人群 {name}",
    "there is no segment {name}; did you mean {near}?": "没有人群 {name}；您是否想写 {near}？",
    "{name} is no name for a segment; expected letters, digits and dashes": (
        "{name} 不能作为人群名；应由文字、数字和连字符组成"
    ),
}

PEOPLE: dict[str, str] = {
    "a member's key has 1 to 200 characters": "会员号应为 1 至 200 个字符",
    "the calendar of a birthday is solar or lunar": "生日历法应为 solar（公历）或 lunar（农历）",
    "there is no such day in the calendar": "日历中没有这一天",
    "{zone} is no time zone; expected a name such as Asia/Shanghai": "{zone} 不是时区；应为 Asia/Shanghai 这样的名称",
    "source, key and member must each be told, in at most 200, 500 and 200 characters": (
        "来源、事件键与会员号都必须给出，分别不超过 200、500 和 200 个字符"
    ),
    "{source} tells what follows from events; whoever tells these needs another name": (
        "{source} 是系统自身产生事件所用的来源名；请为这些事件另取来源名"
    ),
    "{kind} is no kind of event; expected words and dots, such as order.paid": (
        "{kind} 不是事件类型；应为以点分隔的单词，例如 order.paid"
    ),
    "the moment must have its offset from UTC and a year from 1900": "时刻必须带时区偏移，且不早于 1900 年",
    "the value must be a number below 1 000 000 000 000": "金额应为小于 1 000 000 000 000 的数字",
    "attributes must be plain JSON of at most 64 KiB": "会员属性应为不超过 64 KiB 的普通 JSON",
    "properties must be plain JSON of at most 64 KiB": "属性应为不超过 64 KiB 的普通 JSON",
}

FILES: dict[str, str] = {
    "the file cannot be read: {why}": "文件无法读取：{why}",
    "the file cannot be written: {why}": "文件无法写入：{why}",
    "the file is empty; expected rows of text": "文件为空；应有文本行",
    "the file must be text in UTF-8 or GB 18030": "文件应为 UTF-8 或 GB 18030 编码的文本",
    "this is no row of a table: {why}": "这一行不是表格行：{why}",
    "this import was undone while it went on": "此次导入在进行中已被撤销",
    "this file is being imported by another command; wait for its end": "另一个命令正在导入此文件；请等它结束",
    "the row has {found} cells where {expected} were expected": "此行有 {found} 个单元格，应为 {expected} 个",
    "there is no column {column}; the file has {listed}": "没有列 {column}；文件中的列有 {listed}",
    "a column's header was expected, in quotes where it is a word such as no, or its place counted from 1; found {found}": (
        "应为列标题（no 这类词请加引号）或从 1 数起的列序号；实际为 {found}"
    ),
    "a single character, tab or whitespace was expected; found {found}": (
        "应为单个字符、tab 或 whitespace；实际为 {found}"
    ),
    "no column holds the member's key; expected a header such as 会员号 or member_no, or a map with key: COLUMN": (
        "没有会员号列；应有 会员号 或 member_no 这样的标题，或在映射文件中写 key: 列名"
    ),
    "the address is kept but cannot be used: {problem}": "地址已保留，但无法使用：{problem}",
    "a day such as 2026-08-01 was expected": "应为日期，例如 2026-08-01",
    "a lunar day such as 08-15, 八月十五 or 闰六月初一 was expected": "应为农历日期，例如 08-15、八月十五 或 闰六月初一",
    "a day or moment such as 2026-08-01 or 2026-08-01 10:00 was expected": (
        "应为日期或时刻，例如 2026-08-01 或 2026-08-01 10:00"
    ),
    "是 or 否, yes or no was expected": "应为 是 或 否（yes 或 no）",
    "a JSON object was expected on this line": "这一行应为一个 JSON 对象",
    "another event is stored under this key; it says something else": "此键下已有另一个内容不同的事件",
}

COMMANDS: dict[str, str] = {
    "Members: import, imports, maps, show, tag, place, merge, export, erase.": "会员：导入、导入记录、映射、查看、打标签、定位、合并、导出、删除。",
    "Events: import.": "事件：导入。",
    "Import events from a file; the same file twice changes nothing.": "从文件导入事件；重复导入同一文件不会改变任何内容。",
    "Show everything kept about one member.": "显示一位会员的全部资料。",
    "A table, JSON lines where the name ends in .jsonl, or Parquet where it ends in .parquet": "表格文件；文件名以 .jsonl 结尾时为每行一个 JSON，以 .parquet 结尾时为 Parquet",
    "Which column is which of our fields": "映射文件：哪一列对应哪个字段",
    "Read everything, keep nothing": "试运行：全部读取，不保存",
    "Write what could not be used to this CSV file": "将无法使用的内容写入此 CSV 文件",
    "Who tells these events; keys are unique within a source": "事件来源；同一来源内键不重复",
    "The member's key in the CRM, or our id": "CRM 中的会员号，或本系统的编号",
    "This file is in already; nothing was changed.": "此文件已导入过；未作任何更改。",
    "A dry run: nothing was kept.": "试运行：未保存任何内容。",
    "{new} new, {changed} changed, {unchanged} as before; {refused} rows refused, {unusable} addresses unusable.": (
        "新增 {new}，更新 {changed}，未变 {unchanged}；拒绝 {refused} 行，不可用地址 {unusable} 个。"
    ),
    "{consents} consents recorded.": "记录授权 {consents} 条。",
    "Columns not used: {columns}. A map file can name them.": "未使用的列：{columns}。可在映射文件中指定。",
    "{stored} events stored, {duplicates} told before, {refused} rows refused.": (
        "存入事件 {stored} 条，此前已有 {duplicates} 条，拒绝 {refused} 行。"
    ),
    "Member": "会员",
    "Addresses": "地址",
    "Consents": "授权",
    "Facts": "累计数据",
    "Last events": "最近事件",
    "field": "字段",
    "value": "值",
    "is_current": "当前使用",
    "created_at": "建立时间",
    "total": "合计",
    "first_at": "首次",
    "last_at": "最近",
}

#: What a page about one member's life names.
LIFE: dict[str, str] = {
    "tier since": "等级起始",
    "tier until": "等级到期",
    "tier measured": "等级本周期累计",
    "tier needed": "等级所需",
    "tier former": "之前的等级",
    "rfm recency": "RFM 近度（R）",
    "rfm frequency": "RFM 频度（F）",
    "rfm monetary": "RFM 金额（M）",
    "rfm cell": "RFM 格子",
    "rfm scored_at": "RFM 打分时间",
    "prediction alive": "预测：仍是顾客的概率",
    "prediction expected_orders": "预测：预计订单数",
    "prediction expected_value": "预测：预计金额",
    "prediction at_risk": "预测：有流失风险",
    "prediction predicted_at": "预测时间",
    "cluster since": "会员群起始",
    "issued_at": "发放时间",
    "expires_at": "到期时间",
    "redeemed_at": "核销时间",
    "redeemed_event_id": "核销事件编号",
    "entered_at": "进入时间",
    "answered_at": "回答时间",
}

MEMBERS: dict[str, str] = {**CONDITIONS, **PEOPLE, **FILES, **COMMANDS, **LIFE}
