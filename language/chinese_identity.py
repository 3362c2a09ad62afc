"""Chinese sentences about who is who, what was agreed to, and what somebody may ask of us."""

MERGING: dict[str, str] = {
    "Pairs that may be one person or two: list, decide.": "可能是同一人也可能是两个人的会员：列出、决定。",
    "Show which rows look like one person, and why; nothing is merged.": "显示哪些会员看来是同一人及原因；不作合并。",
    "Merge two rows that are one person, or all that are certain; tidings members unmerge takes it back.": (
        "合并同属一人的两条会员记录，或合并所有确定的；tidings members unmerge 可撤回。"
    ),
    "Take a merge back; what came since stays with the row that stayed.": "撤回一次合并；合并之后发生的留在保留的会员上。",
    "List merges, the latest first: what was merged, by what, by whom, and whether it was taken back.": (
        "列出合并，最近的在前：合并了谁、依据什么、由谁决定、是否已撤回。"
    ),
    "List pairs that share an address and may be two people.": "列出共用地址、可能是两个人的会员。",
    "Say whether two rows are one person.": "决定两条会员记录是否为同一人。",
    "Who decided, for the record": "由谁决定，留作记录",
    "A member's key, or our id": "会员号，或本系统的编号",
    "The member who is the same person": "与之为同一人的会员",
    "Which of the two stays; else the one who joined first": "保留两者中的哪一个；不填则保留先入会的",
    "Merge every pair that is certain": "合并所有确定的会员",
    "As shown by tidings members merges": "见 tidings members merges",
    "As shown by tidings members conflicts list": "见 tidings members conflicts list",
    "merge: one person; apart: two, for good": "merge：同一人；apart：永远视为两个人",
    "Rows that look like one person": "看来是同一人的会员",
    "Pairs that wait for somebody to decide": "等待人工决定的会员",
    "Merges": "合并记录",
    "kept": "保留",
    "kept_name": "保留者姓名",
    "one row": "其一",
    "the other row": "其二",
    "gone": "并入",
    "gone_name": "并入者姓名",
    "matched_by": "依据",
    "decided_by": "决定者",
    "merged_at": "合并时间",
    "undone_at": "撤回时间",
    "{certain} pairs are certain, {unsure} wait for somebody to decide.": "{certain} 对确定，{unsure} 对等待人工决定。",
    "{merged} merges, {ended} messages stopped that would have come twice.": "合并 {merged} 次，停止重复消息 {ended} 条。",
    "To take it back within 30 days: tidings members unmerge {id}": "30 天内可撤回：tidings members unmerge {id}",
    "{conflicts} pairs wait for somebody to decide: tidings members conflicts list": (
        "{conflicts} 对等待人工决定：tidings members conflicts list"
    ),
    "Merge {id} is taken back; the two are two members again.": "合并 {id} 已撤回；两者又是两位会员。",
    "Decided.": "已决定。",
    "name two members to merge, or --certain": "请写明要合并的两位会员，或用 --certain",
    "{first} and {second} are one row already": "{first} 与 {second} 已是同一条记录",
    "--keep names one of the two; expected {first} or {second}": "--keep 应为两者之一：{first} 或 {second}",
    "{decision} is no decision; expected merge or apart": "{decision} 不是决定；应为 merge 或 apart",
    "there is no conflict {id} that waits for a decision": "没有等待决定的冲突 {id}",
    "a row can be merged with one other at a time": "一条记录一次只能与另一条合并",
    "there is no merge {id}": "没有合并 {id}",
    "merge {id} was taken back already": "合并 {id} 已经撤回",
    "the member of merge {id} was erased; there is nothing to give back": "合并 {id} 的会员已被删除；没有可归还的内容",
    "merge {id} is older than {days} days and stays": "合并 {id} 已超过 {days} 天，不能撤回",
    "merge {later} into the same row came after merge {id}; take that one back first": (
        "合并 {later} 在合并 {id} 之后并入了同一会员；请先撤回那一次"
    ),
    "the row that stayed in merge {id} was merged itself since; take that merge back first": (
        "合并 {id} 中保留的会员之后又被合并；请先撤回那一次"
    ),
    "one person with another row": "与另一会员为同一人",
}

CONSENT: dict[str, str] = {
    "Consent: show, record, request, confirm, verify.": "授权：查看、记录、请求、确认、校验。",
    "Show every answer of a member, and which of them stand now.": "显示一位会员的全部答复，以及现在有效的是哪些。",
    "Record a member's answer that was given to a person.": "记录会员当面或电话给出的答复。",
    "Note a member's wish to hear from us, and show the link that confirms it; until then it is no consent.": (
        "记下会员希望收到消息的意愿，并给出确认链接；确认之前不算授权。"
    ),
    "Confirm a wish, as its link does.": "确认意愿，与打开链接相同。",
    "Check that nobody changed, removed, added or moved an answer in the log.": "检查授权记录是否被改动、删除、插入或调换。",
    "sms, email or wechat": "sms、email 或 wechat",
    "marketing or service": "marketing（营销）或 service（服务）",
    "Where it was said: counter, phone, letter": "在何处给出：柜台、电话、信件",
    "Which wording it was about": "针对哪一版文字",
    "What the member said": "会员的答复",
    "The link, or what follows its last /": "链接，或其最后一个 / 之后的部分",
    "A last digest noted earlier, which must still be in the chain": "此前记下的摘要，应仍在链中",
    "stands": "有效",
    "channel": "渠道",
    "purpose": "用途",
    "granted": "同意",
    "text_version": "文字版本",
    "proof": "凭据",
    "say --yes or --no": "请写 --yes 或 --no",
    "{source} is what we write ourselves; say where it was said, such as counter, phone or letter": (
        "{source} 是系统自己写的来源；请写明在何处说的，例如 counter、phone、letter"
    ),
    "{channel} and {purpose} are no channel and purpose of ours": "{channel} 与 {purpose} 不是可用的渠道与用途",
    "Recorded.": "已记录。",
    "Whoever opens it and presses the button agrees; it holds until {moment}.": "打开并点按钮即为同意；有效期至 {moment}。",
    "this link is none of ours, or its member was erased": "此链接不是本系统的，或其会员已被删除",
    "this wish was not confirmed in time; request it once more": "该意愿未及时确认；请重新请求",
    "Confirmed.": "已确认。",
    "It was confirmed before; nothing changed.": "此前已确认；未作更改。",
    "The digest that was noted is not in the chain: it was written anew since.": "记下的摘要不在链中：此后有人重写了链。",
    "{consents} consents in {links} links, all as they were written.": "{consents} 条授权，{links} 个链节，均与写入时一致。",
    "Last digest, to be noted elsewhere: {head}": "最后的摘要，请记在别处：{head}",
    "{flaw}": "{flaw}",
    "consent log": "授权记录",
    "{consents} consents are as they were written.": "{consents} 条授权与写入时一致。",
    "Compare with a backup; see docs/consent.md. Run: tidings consent verify": (
        "请与备份比对；参见 docs/consent.md。运行：tidings consent verify"
    ),
    "link {link} of {moment} does not hold: one of the consents {first} to {last}, or the link before it, was changed, removed or moved": (
        "{moment} 的链节 {link} 不成立：授权 {first} 至 {last} 之一或前一链节被改动、删除或移动"
    ),
    "consent {id} was removed": "授权 {id} 被删除",
    "consent {id} was added past the chain": "授权 {id} 是绕过链插入的",
    "the proof of consent {id} was changed": "授权 {id} 的凭据被改动",
}

ERASING: dict[str, str] = {
    "Erase everything kept about a member, everywhere; what reports count stays, and names nobody.": (
        "删除一位会员的全部资料；报表所计的数字保留，但不指向任何人。"
    ),
    "List who was erased, by number and keyed hash; for tidings members erase --again after an old copy was restored.": (
        "按编号和带密钥的摘要列出被删除者；恢复旧备份后供 tidings members erase --again 使用。"
    ),
    "Hand out everything kept about a member, as JSON, table by table.": "按表导出一位会员的全部资料（JSON）。",
    "Let somebody who was erased come in again, as somebody new; no consent comes back.": (
        "允许被删除者作为新会员重新加入；授权不会恢复。"
    ),
    "Why, for the record; nothing about the member": "原因，留作记录；勿写会员信息",
    "Erase those of the log whom a restored copy brought back": "再次删除被旧备份带回的会员",
    "The log of erasures; else the one beside the secret": "删除记录文件；不填则用密钥旁的那一个",
    "Really do it; nothing brings it back": "确认执行；无法恢复",
    "Write the log to this file, to be kept elsewhere": "将记录写入此文件，另处保存",
    "Write to this file instead of the screen": "写入此文件而不是屏幕",
    "The key the member had in the CRM": "该会员在 CRM 中的会员号",
    "name a member to erase, or --again": "请写明要删除的会员，或用 --again",
    "{count} rows of members erased.": "已删除 {count} 条会员记录。",
    "{count} erasures put back that this database did not know of.": "已补回此数据库所不知道的 {count} 条删除记录。",
    "{count} messages were being handed over; what is reported of them is cleared every hour.": (
        "{count} 条消息正在交付；其回执每小时清除一次。"
    ),
    "this is no entry of a log of erasures": "这不是删除记录中的一条",
    "{count} entries written to {file}.": "已将 {count} 条写入 {file}。",
    "Erasures": "删除记录",
    "erased at": "删除时间",
    "reason": "原因",
    "{rows} rows of {tables} tables written to {file}.": "已将 {tables} 张表的 {rows} 行写入 {file}。",
    "nobody of the key {key} was erased": "没有会员号为 {key} 的被删除者",
    "Somebody of the key {key} may come in again.": "会员号 {key} 可以重新加入。",
    "there is no member {key}": "没有会员 {key}",
    "this member was erased and is not taken in again; to lift that on purpose: tidings members readmit": (
        "该会员已被删除，不再收入；如确需恢复：tidings members readmit"
    ),
}

IDENTITY: dict[str, str] = {**MERGING, **CONSENT, **ERASING}
