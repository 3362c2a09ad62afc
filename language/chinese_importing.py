"""Chinese sentences about importing members."""

IMPORTING: dict[str, str] = {
    "Import members from a file; the same file twice changes nothing.": "从文件导入会员；重复导入同一文件不会改变任何内容。",
    "A table: text in UTF-8, GB 18030 or UTF-16, or an .xlsx workbook": (
        "表格：UTF-8、GB 18030 或 UTF-16 文本，或 .xlsx 工作簿"
    ),
    "Which column is which of our fields: a map file, or a saved map's name": "哪一列对应哪个字段：映射文件，或已保存映射的名称",
    "Keep the map used under this name": "以此名称保存所用的映射",
    "The sheet of a workbook; the first if left out": "工作簿中的工作表；不写则取第一个",
    "Show what would change, keep nothing": "试运行：显示将会改变的内容，不保存",
    "What was imported, and the way back: list, undo.": "导入记录与撤销：列出、撤销。",
    "Maps kept by name: apply, list, show.": "已保存的映射：应用、列出、查看。",
    "List the files that were imported, the latest first.": "列出已导入的文件，最新的在前。",
    "The import's number, as the list shows it": "导入的编号，见列表",
    "Take an import of members back, where nothing has happened since; at most 30 days after it.": (
        "撤销一次会员导入（仅限此后没有变动的内容）；最迟在导入后 30 天内。"
    ),
    "A map file with a name, or a folder of them (*.yaml)": "带名称的映射文件，或存放这些文件的文件夹（*.yaml）",
    "Keep maps that are written in files.": "保存写在文件中的映射。",
    "List the maps that are kept.": "列出已保存的映射。",
    "The map's name": "映射的名称",
    "Show which column is which field in one map.": "查看一个映射中各列对应的字段。",
    "The header was seen before: the map {name} is used.": "此表头以前见过：使用映射 {name}。",
    "there is no map {name}; expected a map file (*.yaml) or one of {known}": (
        "没有名为 {name} 的映射；应为映射文件（*.yaml）或以下之一：{known}"
    ),
    "there is no map {name}; known are {known}": "没有名为 {name} 的映射；已有：{known}",
    "there is no import {id} of members; see tidings members imports list": (
        "没有编号为 {id} 的会员导入；请看 tidings members imports list"
    ),
    "an import can be undone for {days} days; this one is of {day}": "导入后 {days} 天内可以撤销；此次导入是 {day} 的",
    "{removed} members removed, {restored} as before again.": "移除会员 {removed} 位，{restored} 位已恢复原状。",
    "{kept} members stay: something has happened to them since, or they said yes or no.": (
        "保留会员 {kept} 位：导入之后他们已有往来，或已有授权记录。"
    ),
    "{left} fields stay: somebody has changed them since.": "保留字段 {left} 个：导入之后已有人修改。",
    "{consents} consents answered with what stood before.": "已将 {consents} 条授权记回导入之前的状态。",
    "{count} unionids or cards are another member's too.": "{count} 个 unionid 或卡号同时属于其他会员。",
    "{count} members share an address or identifier with another member:": "{count} 位会员与其他会员有相同的地址或标识：",
    "Rows that could not be used whole: {before:.2%} as written, {after:.2%} after cleaning.": (
        "不能完整使用的行：原样 {before:.2%}，清洗后 {after:.2%}。"
    ),
    "What the file was worth": "文件质量",
    "What would change": "将会改变",
    "Probably one person": "可能是同一人",
    "Imports": "导入记录",
    "Maps": "映射",
    "rows read": "读取行数",
    "rows with something brought to its one spelling": "经规范写法后可用的行",
    "rows refused": "拒绝的行",
    "addresses unusable": "不可用的地址",
    "mailboxes that look misspelt": "疑似拼错的邮箱",
    "told twice": "重复出现",
    "member": "会员",
    "other member": "另一会员",
    "matched by": "相同之处",
    "before": "之前",
    "after": "之后",
    "line": "行",
    "column": "列",
    "fields": "字段",
    "header": "表头",
    "map": "映射",
    "file_name": "文件",
    "begun": "开始",
    "not finished": "未完成",
    "undone": "已撤销",
    "refused": "拒绝",
    "the file must be text in UTF-8, GB 18030 or UTF-16 with its mark, or an .xlsx workbook": (
        "文件应为 UTF-8、GB 18030 或带标记的 UTF-16 文本，或 .xlsx 工作簿"
    ),
    "this is an old or locked workbook; save it as .xlsx without a password": (
        "这是旧版或加密的工作簿；请另存为不带密码的 .xlsx"
    ),
    "this is no workbook and has no sheet {sheet}": "这不是工作簿，没有工作表 {sheet}",
    "this is a workbook; expected a text file": "这是工作簿；应为文本文件",
    "there is no sheet {sheet}; the workbook has {listed}": "没有工作表 {sheet}；工作簿中有 {listed}",
    "the workbook cannot be read: {why}; expected an .xlsx file": "无法读取工作簿：{why}；应为 .xlsx 文件",
    "the workbook is too large unpacked; save the sheet as CSV": "工作簿解压后过大；请将工作表另存为 CSV",
    "the row has more than {most} columns": "这一行超过 {most} 列",
    "this is a strict workbook; save it as an ordinary .xlsx workbook": "这是“严格”格式的工作簿；请另存为普通的 .xlsx 工作簿",
    "a number that is shown as a day is no day; make the column text in the spreadsheet": (
        "有一个显示为日期的数字并不是日期；请在表格软件里把该列设为文本"
    ),
    "a number of more than 15 digits has lost digits in the spreadsheet; make the column text there": (
        "超过 15 位的数字在表格软件中已丢失末位；请在表格中将此列设为文本"
    ),
    "a yes without its proof is none: with {column}, say consent: {{source: …, text_version: …}}, or map consent_at": (
        "没有凭证的同意不算同意：使用 {column} 时请写明 consent: {{source: …, text_version: …}}，或映射 consent_at"
    ),
    "a yes without its proof was not recorded; expected when it was given": "没有凭证的同意未被记录；应写明同意的时间",
    "the mailbox is used but looks misspelt; did the member mean {near}?": "邮箱照常使用，但疑似拼错；是否应为 {near}？",
    "the member {other} has this too; tidings members duplicates shows who may be one person": (
        "会员 {other} 也有此标识；tidings members duplicates 会列出可能是同一人的会员"
    ),
}
