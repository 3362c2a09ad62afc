"""Chinese sentences about RFM, predictions, what is bought together, and clusters."""

DEFINED: dict[str, str] = {
    "there can be one definition of {kind}; found {names}": "{kind} 只能有一份定义；实际有 {names}",
    "nothing is defined yet; run: tidings {kind} apply FILE": "尚无定义；请运行：tidings {kind} apply 文件",
    "{name}: {what}. It acts from the next night on; at once with: tidings {then}": (
        "{name}：{what}。从下一个夜里起生效；立即生效请运行：tidings {then}"
    ),
    "Nothing new was learnt on {at}: {why}": "{at} 未能学到新内容：{why}",
    "The file that defines it.": "定义文件。",
    "the bounds of {letter} must rise, such as 30, 60, 120, 240": "{letter} 的分界必须递增，例如 30、60、120、240",
    "the bounds of recency are whole days": "recency 的分界应为整天数",
    "the cell {cell} is there twice": "格子 {cell} 出现了两次",
    "no cell takes recency {r}, frequency {f}, monetary {m}; let the last cell take every score": (
        "没有格子包含 R={r}、F={f}、M={m}；请让最后一个格子包含所有分数"
    ),
    "the cell {cell} is never reached: those before it take all its scores": "格子 {cell} 永远轮不到：前面的格子已包含它的全部分数",
    "back must not be less than below, which is {below}": "back 不能小于 below（{below}）",
    "the horizon must be a day at least": "预测期至少一天",
    "to must not be less than from, which is {start}": "to 不能小于 from（{start}）",
    "the fact {fact} is there twice": "指标 {fact} 出现了两次",
}

LEARNT: dict[str, str] = {
    "too little to learn from: {members} members with orders, {repeaters} of them on more than one day; "
    "expected at least {fewest} and {fewest_repeaters}": (
        "数据太少，无法学习：有订单的会员 {members} 位，其中 {repeaters} 位在不止一天下单；至少需要 {fewest} 位和 {fewest_repeaters} 位"
    ),
    "too little to learn from: {found} members have repeat orders with an amount; expected at least {fewest}": (
        "数据太少，无法学习：有 {found} 位会员的复购订单带金额；至少需要 {fewest} 位"
    ),
    "the orders do not tell enough for the model: no best parameters were found; what was known stays": (
        "订单信息不足以拟合模型：找不到最优参数；已有结果保持不变"
    ),
    "nobody ordered before {day}; there is nothing to learn from": "{day} 之前无人下单；没有可学习的数据",
    "nobody has facts about orders yet; there is nothing to compare": "还没有会员的订单指标；无可比较",
    "the fact {fact} is known of nobody; leave it out or work it out first": "没有会员有指标 {fact}；请去掉它，或先把它算出来",
    "{members} members are too few or too much alike for {number} clusters; {fewest} different ones were expected": (
        "{members} 位会员太少或太相似，分不出 {number} 个群；需要至少 {fewest} 位且各不相同"
    ),
    "a name has 1 to 100 characters": "名称应为 1 至 100 个字符",
    "there is no cluster {cluster}; expected one of {known}": "没有群 {cluster}；应为以下之一：{known}",
    "no clusters are known yet; run: tidings clusters fit": "尚未分群；请运行：tidings clusters fit",
}

FACT_WORDS: dict[str, str] = {
    "days since the last order": "距上次下单天数", "bought lately": "最近买过", "long quiet": "沉默已久",
    "days since the first order": "距首次下单天数", "new with us": "新会员", "long with us": "老会员",
    "orders": "订单数", "few orders": "订单少", "many orders": "订单多",
    "money spent": "消费额", "little spent": "消费少", "much spent": "消费多",
    "money refunded": "退款额", "little refunded": "退款少", "much refunded": "退款多",
    "average order": "客单价", "small orders": "客单价低", "large orders": "客单价高",
    "days between orders": "下单间隔天数", "orders often": "下单频繁", "orders seldom": "下单间隔长",
    "orders in 7 days": "近 7 天订单数", "few orders in 7 days": "近 7 天订单少", "many orders in 7 days": "近 7 天订单多",
    "orders in 30 days": "近 30 天订单数", "few orders in 30 days": "近 30 天订单少", "many orders in 30 days": "近 30 天订单多",
    "orders in 90 days": "近 90 天订单数", "few orders in 90 days": "近 90 天订单少", "many orders in 90 days": "近 90 天订单多",
    "orders in a year": "近一年订单数", "few orders in a year": "近一年订单少", "many orders in a year": "近一年订单多",
    "money spent in 7 days": "近 7 天消费额", "little spent in 7 days": "近 7 天消费少", "much spent in 7 days": "近 7 天消费多",
    "money spent in 30 days": "近 30 天消费额", "little spent in 30 days": "近 30 天消费少", "much spent in 30 days": "近 30 天消费多",
    "money spent in 90 days": "近 90 天消费额", "little spent in 90 days": "近 90 天消费少", "much spent in 90 days": "近 90 天消费多",
    "money spent in a year": "近一年消费额", "little spent in a year": "近一年消费少", "much spent in a year": "近一年消费多",
    "chance of being a customer still": "仍是顾客的概率", "likely gone": "很可能已流失", "likely to stay": "很可能留存",
    "orders expected": "预计订单数", "few orders expected": "预计订单少", "many orders expected": "预计订单多",
    "money expected": "预计消费额", "little money expected": "预计消费少", "much money expected": "预计消费多",
}  # fmt: skip

SHOWN: dict[str, str] = {
    "{members} members scored; {changed} have other scores than before, {gone} bought nothing within the window any more, "
    "{moved} moves were told.": "已为 {members} 位会员评分；{changed} 位分数有变，{gone} 位在窗口内已无订单，告知了 {moved} 次移动。",
    "RFM cells": "RFM 分群", "cell": "格子", "called": "名称", "share of members": "会员占比",
    "money": "金额", "share of money": "金额占比",
    "{member} has no scores: no order within {window} days when last scored": "{member} 没有分数：上次评分时 {window} 天内无订单",
    "{member}: recency {recency}, frequency {frequency}, monetary {monetary}: {title} ({cell}), since {at:%Y-%m-%d}.": (
        "{member}：R={recency}、F={frequency}、M={monetary}：{title}（{cell}），自 {at:%Y-%m-%d}。"
    ),
    "{members} members predicted for {days} days ahead; {at_risk} are at risk, {crossed} crossings were told.": (
        "已为 {members} 位会员预测未来 {days} 天；{at_risk} 位有流失风险，告知了 {crossed} 次进入风险。"
    ),
    "How often (BG/NBD, in weeks)": "多久买一次（BG/NBD，以周计）", "For how much (Gamma-Gamma)": "每次多少钱（Gamma-Gamma）",
    "parameter": "参数", "value": "值", "log-likelihood": "对数似然",
    "correlation of orders and amounts; the model takes it for 0": "次数与金额的相关；模型假设为 0",
    "No amounts are predicted: {why}": "未预测金额：{why}",
    "nothing is predicted of {member}: no order when last predicted": "没有 {member} 的预测：上次预测时没有订单",
    "{member}, within {days} days, predicted on {at:%Y-%m-%d}": "{member}，未来 {days} 天内，预测于 {at:%Y-%m-%d}",
    "Predictions": "预测", "risk of leaving": "流失风险", "at risk": "有流失风险", "not at risk": "无",
    "a file ending in .png or .svg was expected; found {found}": "应为以 .png 或 .svg 结尾的文件；实际为 {found}",
    "Orders after the cut, by repeat orders before it": "按切分日之前的复购次数看之后的订单",
    "repeat orders before": "之前的复购次数", "expected on average": "平均预计", "seen on average": "平均实际",
    "Learnt up to {cut}, compared with the {weeks} weeks to {end}: {expected} orders expected, {actual} seen ({off:+.1%}).": (
        "用 {cut} 及以前的订单学习，与到 {end} 为止的 {weeks} 周比较：预计 {expected} 单，实际 {actual} 单（{off:+.1%}）。"
    ),
    "repeat orders so far": "累计复购订单", "week": "周", "learnt until here": "学习到此为止", "seen": "实际", "expected": "预计",
    "orders after, on average": "之后的平均订单数", "All members together": "全体会员", "By repeat orders before": "按之前的复购次数",
    "{orders} orders with {items} different items, {followed} of them with a next one: {together} rules for together, "
    "{next} for next; the next category of {touched} members may be another now.": (
        "{orders} 个订单，{items} 种商品或品类，其中 {followed} 个订单有下一单：同买规则 {together} 条，"
        "下一单规则 {next} 条；{touched} 位会员的下一品类可能已变。"
    ),
    "No pair is kept: nothing was counted yet, or no pair came often enough (fewest, support).": (
        "没有保留的组合：尚未统计，或没有组合达到次数要求（fewest、support）。"
    ),
    "nothing is known of {item}; near it: {near}": "没有关于 {item} 的规则；相近的有：{near}",
    "nothing is known of {item}: it came in no pair often enough": "没有关于 {item} 的规则：含它的组合出现得不够多",
    "Bought together": "同买", "Bought in the next order": "下一单", "item": "商品或品类", "other": "另一个",
    "support": "支持度", "confidence": "置信度", "lift": "提升度",
    "{members} members compared; {changed} are in another cluster, {moved} moves were told.": (
        "已比较 {members} 位会员；{changed} 位换了群，告知了 {moved} 次移动。"
    ),
    "How well so many clusters stand apart": "各群数的分离程度", "clusters": "群数", "silhouette": "轮廓系数",
    "Clusters, with the mean of each fact": "会员群及各指标均值", "cluster": "群",
    ", ": "、", "like everybody": "与全体相近", "in nothing unlike everybody": "各方面都与全体相近",
    "{cluster}, {title}: {members} members ({share:.1%})": "{cluster}，{title}：{members} 位会员（{share:.1%}）",
    "  {sentence}": "  {sentence}",
    "{fact}: {mean:,.1f} on average": "{fact}：平均 {mean:,.1f}",
    "{fact}: {mean:,.1f} on average, {times:.1f} × everybody's {everybody:,.1f}": (
        "{fact}：平均 {mean:,.1f}，是全体平均 {everybody:,.1f} 的 {times:.1f} 倍"
    ),
    "{cluster} is called {name}.": "{cluster} 现在叫 {name}。",
}  # fmt: skip

COMMANDS: dict[str, str] = {
    "RFM: apply, run, show, cells.": "RFM：应用、评分、查看、分布。",
    "Keep how members are scored; every night from then on.": "保存评分方式；此后每夜评分。",
    "Score everybody now, as every night, and tell who moved.": "立即像每夜一样为所有人评分，并告知谁移动了。",
    "Show what would stand in each cell if everybody were scored now; nothing is kept.": "显示若现在评分各格子会有什么；不保存。",
    "Show a member's scores and cell.": "查看一位会员的分数与格子。",
    "Predictions: apply, fit, show, check.": "预测：应用、拟合、查看、检验。",
    "Keep how far to look ahead and from where on members are at risk.": "保存预测期与流失风险的界线。",
    "Learn from all orders now, as every night, and predict for everybody.": "立即像每夜一样从全部订单学习，并为所有人预测。",
    "Show what is predicted of a member.": "查看对一位会员的预测。",
    "Would predictions have come true?  Learn from older orders only and compare with what followed.": (
        "预测会成真吗？只用较早的订单学习，再与之后的实际比较。"
    ),
    "Would predictions have come true? Learn from older orders only and compare with what followed.": (
        "预测会成真吗？只用较早的订单学习，再与之后的实际比较。"
    ),
    "Weeks of orders that are held out": "留作检验的周数",
    "Draw the comparison into this PNG or SVG file": "把比较图画到此 PNG 或 SVG 文件",
    "Bought together and next: apply, run, show.": "同买与下一单：应用、计数、查看。",
    "Keep what an order is made of and which pairs are worth keeping.": "保存订单由什么组成、哪些组合值得保留。",
    "Count all pairs now, as every night.": "立即像每夜一样统计全部组合。",
    "Show what goes with an item, the best first; without one, the pairs with the highest lift.": (
        "查看与某商品或品类相配的，最好的在前；不指定则列出提升度最高的组合。"
    ),
    "A category or item; left out: the strongest of all": "品类或商品；不填则为全部中最强的",
    "What is bought in the next order, instead of together": "看下一单买什么，而不是同单",
    "How many rows": "行数",
    "Clusters: apply, fit, show, explain, name.": "会员群：应用、拟合、查看、解释、命名。",
    "Keep by what members are compared, and into how many kinds.": "保存用哪些指标比较会员、分成几群。",
    "Draw the borders between clusters anew now and put every member into one.": "立即重新划定各群的边界，并把每位会员归入一群。",
    "Show every cluster, how many members it has and what it is called.": "列出每个群、会员数与名称。",
    "Say in words what marks a cluster.": "用文字说明一个群的特征。",
    "The cluster's id, such as c1; left out: every one": "群的编号，例如 c1；不填则为全部",
    "The cluster's id, such as c1": "群的编号，例如 c1",
    "What people call it": "大家对它的称呼",
    "Name a cluster; the name stays with it when the borders are drawn anew.": "给一个群命名；重新划界后名称仍跟随它。",
}

INSIGHT: dict[str, str] = {**DEFINED, **LEARNT, **FACT_WORDS, **SHOWN, **COMMANDS}
