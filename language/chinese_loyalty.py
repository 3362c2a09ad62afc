"""Chinese sentences about tiers, points and the occasions of members' lives."""

TIERS: dict[str, str] = {
    "there is a programme of tiers already, {name}; drop it first: tidings tiers drop {name}": (
        "已有等级方案 {name}；请先停用：tidings tiers drop {name}"
    ),
    "there is no programme of tiers called {name}": "没有名为 {name} 的等级方案",
    "{count} members stand in {tier}, which is no longer in the file; name it under `also` of the tier they shall have": (
        "有 {count} 位会员处于 {tier}，而文件中已无此等级；请在他们应归入的等级的 `also` 中写上它"
    ),
    "the lowest tier is everybody's: {name} must be from 0": "最低等级人人都有：{name} 的 from 应为 0",
    "{name} is the name of two tiers": "{name} 同时是两个等级的名称",
    "floor: {name} is none of the tiers; expected one of {known}": "floor：没有等级 {name}；应为以下之一：{known}",
    "orders are counted in whole numbers": "订单数应为整数",
    "drop_soon takes lengths of time from 1s to 366d, such as [30d, 7d]": "drop_soon 应为 1s 至 366d 的时长，例如 [30d, 7d]",
    "tiers are listed from the lowest up; {higher} must ask for more than {lower}": (
        "等级由低到高列出；{higher} 的门槛应高于 {lower}"
    ),
    "{name} is applied; {told} moves were told.": "{name} 已启用；产生了 {told} 次等级变动事件。",
    "Who would move": "将要变动的会员",
    "{looked_at} members were looked at; nothing was changed.": "查看了 {looked_at} 位会员；未作任何改动。",
    "{name} is dropped; {count} members stood in it.": "{name} 已停用；其中原有 {count} 位会员。",
    "Tiers": "等级",
    "Tier": "会员等级",
    "{count} have a tier this file does not name and would be left alone.": "有 {count} 位会员的等级不在此文件中，将保持不变。",
    "{key} stands in no tier of a programme": "{key} 不在任何等级方案中",
    "No programme of tiers is applied. Run: tidings tiers apply FILE": "尚未启用等级方案。请运行：tidings tiers apply 文件",
    "Tiers: apply, preview, list, show, drop.": "等级：apply、preview、list、show、drop。",
    "Apply a programme and place every member: up at once, down only when a period has ended.": (
        "启用方案并评定所有会员：达标即升，期满才降。"
    ),
    "The file that defines the programme.": "定义方案的文件。",
    "Say who would move from which tier to which if this file were applied now; nothing is kept.": (
        "说明若现在启用此文件，谁会从哪一级变到哪一级；不保存任何内容。"
    ),
    "List the tiers of the programme, what each asks for and how many stand in it.": "列出各等级、门槛与人数。",
    "Show a member's tier: since when, until when, and what was measured.": "显示会员的等级：何时起、何时止、累计多少。",
    "Forget a programme; the tier kept with each member stays as it is.": "停用方案；会员资料上的等级保持不变。",
    "The programme.": "方案名。",
    "from": "从",
    "to": "到",
    "why": "原因",
    "for example": "例如",
    "tier": "等级",
    "member": "会员",
    "programme": "方案",
    "since": "起始",
    "until": "到期",
    "measured": "本周期累计",
    "next": "下一级",
    "measure": "计算方式",
    "placed": "首次评定",
    "one definition was expected; this folder has {count}": "应只有一份定义；此文件夹中有 {count} 份",
    "told": "由文件告知",
    "lapsed": "到期",
    "mended": "方案已改",
    "reached": "达标",
}

POINTS: dict[str, str] = {
    "the programme began on {since}; from an earlier day on the whole past between would earn": (
        "该方案自 {since} 起生效；若改为更早的日期，其间的全部过往都会积分"
    ),
    "the programme counts days of {zone}; other days would move what was earned and when it expires": (
        "该方案按 {zone} 的日期计算；改用别的日期会改变已得积分及其到期时间"
    ),
    "rule {name} is new or says something else than before, so the past would earn by it; end the old one with until: "
    "and give the new one a name and a since: of its own": (
        "规则 {name} 是新的或与先前不同，会使过去的事件按它积分；请用 until: 结束旧规则，并给新规则自己的名称和 since:"
    ),
    "there is a programme of points already, {name}; drop it first: tidings points drop {name}": (
        "已有积分方案 {name}；请先停用：tidings points drop {name}"
    ),
    "there is no programme of points called {name}": "没有名为 {name} 的积分方案",
    "a number of points above zero was expected; found {amount}": "积分数应大于零；实际为 {amount}",
    "a number of points above or below zero was expected; found {amount}": "积分数应大于或小于零；实际为 {amount}",
    "{amount} points are more than one entry may hold": "{amount} 分超过了一笔记录的上限",
    "{wanted} points were asked for and {present} are there": "要扣 {wanted} 分，而只有 {present} 分",
    "the key {key} is taken by another entry of {source}": "键 {key} 已被 {source} 的另一笔记录占用",
    "until must be after since; found {since} and {until}": "until 应晚于 since；实际为 {since} 与 {until}",
    "say when points are multiplied: days, weekdays, days_of_month, birthday_month or tiers": (
        "请说明何时多倍积分：days、weekdays、days_of_month、birthday_month 或 tiers"
    ),
    "either months or years was expected, such as {example}": "应为 months 或 years 之一，例如 {example}",
    "{name} is no rule of earn; expected one of {known}": "earn 中没有规则 {name}；应为以下之一：{known}",
    "expire_soon takes lengths of time from 1s to 366d, such as [30d, 7d]": (
        "expire_soon 应为 1s 至 366d 的时长，例如 [30d, 7d]"
    ),
    "{kind} earns points; it cannot be what spends them too": "{kind} 用来积分，不能同时用来扣分",
    "Points": "积分",
    "Points in all": "积分总账",
    "{name} is dropped; the ledger stays as it is.": "{name} 已停用；积分账本保持不变。",
    "{name} is applied; {count} entries were written.": "{name} 已启用；记入 {count} 笔。",
    "{member} has {points} points.": "{member} 有 {points} 分。",
    "Written; {member} has {points} points.": "已记入；{member} 有 {points} 分。",
    "This was written before under the same key; {member} has {points} points.": "同一键此前已记入；{member} 有 {points} 分。",
    "The sums close: no entry takes more than there was.": "账目相符：没有一笔超出当时所有。",
    "Entries that cannot be: {ids}": "不可能存在的记录：{ids}",
    "Points: apply, balance, history, burn, adjust, totals, drop.": "积分：apply、balance、history、burn、adjust、totals、drop。",
    "Apply a programme of points and let everybody have what they earned since it began.": (
        "启用积分方案，并补记所有会员自方案开始以来应得的积分。"
    ),
    "Say how many points a member has, or had at the end of a day.": "说明会员现有多少积分，或某日结束时有多少。",
    "A day, at its end, or a moment; left out: now": "某日（取当日结束时）或某一时刻；省略则为现在",
    "Show a member's latest entries, each with the balance after it.": "显示会员最近的记录及每笔之后的余额。",
    "Entries at most, the latest first": "最多几笔，最新的在前",
    "Spend a member's points; never more than there are, whoever else is spending them.": (
        "扣减会员积分；无论同时有谁在扣，都不会超过余额。"
    ),
    "How many points": "多少分",
    "Your own id for this entry; the same key again changes nothing": "您为这笔记录起的键；同一键再次提交不会改变任何内容",
    "Put a balance right: give points, or take them with a number below zero.": "更正余额：给积分，或用负数扣回。",
    "How many points to give, or below zero to take": "给多少分；负数为扣回",
    "Why, for whoever reads the history": "原因，供查看记录的人参考",
    "Sum up the ledger: earned, spent, expired, adjusted, and what is left; and say whether it closes.": (
        "汇总账本：获得、使用、过期、更正与结余，并说明是否相符。"
    ),
    "Let a programme earn no more; the ledger stays and expires as it would.": "停止积分；账本保留，积分照常过期。",
    "earn": "获得",
    "burn": "使用",
    "expire": "过期",
    "adjust": "更正",
    "points earned": "获得",
    "points spent": "使用",
    "points expired": "过期",
    "points put right": "更正",
    "points left": "结余",
    "members with points": "有积分的会员",
    "balance": "余额",
    "amount": "数量",
    "rule": "规则",
    "kind": "类型",
    "points": "积分",
}

OCCASIONS: dict[str, str] = {
    "{name} is applied; occasions are told from now on.": "{name} 已启用；从现在起产生这些事件。",
    "{name} is dropped; no occasions are told any more.": "{name} 已停用；不再产生这些事件。",
    "Occasions": "生命周期时刻",
    "Occasions ahead": "未来的生命周期时刻",
    "occasions are chosen already by {name}; drop it first: tidings occasions drop {name}": (
        "已由 {name} 选定；请先停用：tidings occasions drop {name}"
    ),
    "No occasions are chosen. Run: tidings occasions apply FILE": "尚未选定。请运行：tidings occasions apply 文件",
    "Nobody has an occasion in these days.": "这些日子里没有会员有这样的时刻。",
    "there is no choice of occasions called {name}": "没有名为 {name} 的选择",
    "Occasions: apply, list, preview, drop.": "生命周期时刻：apply、list、preview、drop。",
    "Choose which occasions are told as events from now on; none are before this.": (
        "选定从现在起哪些时刻产生事件；未选定之前一概不产生。"
    ),
    "The file that says which occasions are told.": "说明产生哪些事件的文件。",
    "List which occasions are told, and how many were in the last 30 days.": "列出产生哪些事件，以及最近 30 天各有多少。",
    "Count whose occasions the coming days bring, as things are now; nothing is told.": (
        "按目前情况统计未来几天各有多少会员；不产生任何事件。"
    ),
    "A file not applied yet; left out: what is applied": "尚未启用的文件；省略则用已启用的",
    "How many days ahead": "未来几天",
    "Tell no more occasions; journeys that begin with them let nobody in any more.": (
        "不再产生这些事件；由它们触发的旅程不再有人进入。"
    ),
    "The name in the file.": "文件中的名称。",
    "event": "事件",
    "day": "日期",
    "told in 30 days": "30 天内",
}

LOYALTY: dict[str, str] = {**TIERS, **POINTS, **OCCASIONS}
