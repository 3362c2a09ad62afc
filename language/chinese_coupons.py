"""Chinese sentences about coupons."""

COUPONS: dict[str, str] = {
    "Coupons: apply, import, list, show, issue, redeem.": "优惠券：定义、导入券码、列表、查询、发放、核销。",
    "The coupon.": "优惠券名称。",
    "The code as it is printed.": "券码，与印制的一致。",
    "A definition file, or a folder of them.": "一个定义文件，或存放定义文件的文件夹。",
    "Define coupons from a file or a folder; one that is wrong keeps all out.": (
        "从文件或文件夹定义优惠券；有一个出错则全部不生效。"
    ),
    "A CSV file with the column code, or codes alone.": "含“券码”（code）列的 CSV 文件，或只有券码的文件。",
    "Put codes from a file into a pool, each once; a file that was cut off is simply given again.": (
        "把文件中的券码放入券池，每个券码只入一次；中断后重新导入同一文件即可。"
    ),
    "List every coupon: codes that are free, with members, redeemed and ended, and what that cost.": (
        "列出所有优惠券：未发放、会员持有、已核销、已过期的数量，以及成本。"
    ),
    "Show what became of a code: whose it is, for what, until when, and what redeemed it.": (
        "查询一个券码：属于谁、因何发放、何时到期、由什么核销。"
    ),
    "What it is for; the same again is the same coupon.": "发放缘由；同一缘由再次发放仍是同一张券。",
    "Give one member a coupon, once per occasion, and print its code.": "给一名会员发一张券（每个缘由一张），并输出券码。",
    "What the order came to.": "订单金额。",
    "Redeem a code where no event will tell of it; ends with 1 where it does not count.": (
        "在没有事件上报时人工核销券码；无效则以 1 结束。"
    ),
    "Show everything worked out about a member: tier, points, coupons, orders, scores, segments, answers.": (
        "显示关于一名会员推算出的一切：等级、积分、优惠券、订单、评分、人群、问卷回答。"
    ),
    "{name} ({key})": "{name}（{key}）",
    "Standing": "现状",
    "Answers": "问卷回答",
    "Nothing has been worked out about this member so far.": "关于这名会员还没有任何推算结果。",
    "Coupons": "优惠券",
    "Code": "券码",
    "coupon": "优惠券",
    "free": "未发放",
    "open": "可用",
    "redeemed": "已核销",
    "expired": "已过期",
    "pool": "券池",
    "coupon code": "券码",
    "occasion": "缘由",
    "issued": "发放时间",
    "ends": "到期时间",
    "redeeming event": "核销事件",
    "{new} codes are new, {known} were there, {refused} rows refused.": "新增 {new} 个券码，已有 {known} 个，拒绝 {refused} 行。",
    "{coupon} has no code to give: none is free, or its time is over.": "{coupon} 没有可发的券码：已发完或活动已结束。",
    "{code} of {coupon} is redeemed.": "{coupon} 的券码 {code} 已核销。",
    "{code} does not count: {reason}.": "券码 {code} 无效：{reason}。",
    "it has been used": "已经用过",
    "its time is over": "已过期",
    "it belongs to another member": "属于另一名会员",
    "nobody was given it": "尚未发放给任何人",
    "an occasion is a text of at most 200 characters": "缘由应为不超过 200 个字符的文字",
    "no pool has the code {code}": "没有任何券池含有券码 {code}",
    "{coupon} makes up its codes by a rule; only codes: pool takes a file": (
        "{coupon} 的券码按规则生成；只有 codes: pool 才能导入文件"
    ),
    "a code of at most {longest} characters without blanks was expected; found {found}": (
        "应为不超过 {longest} 个字符、不含空格的券码；实际为 {found}"
    ),
    "the code {code} stands on line {before} already": "券码 {code} 已在第 {before} 行出现",
    "the code {code} is in this pool already": "券码 {code} 已在此券池中",
    "codes is pool, or a rule such as {example}": "codes 应为 pool，或规则，例如 {example}",
    "codes this short could be guessed; length must be {least} or more": "券码太短，可能被猜中；length 至少为 {least}",
    "a cost is either fixed or a share_of_order": "成本为 fixed 或 share_of_order 之一",
    "a coupon that is valid for no time is none": "有效期不能为零",
    "campaign {name}: there is no coupon {coupon}; expected {known}": "活动 {name}：没有优惠券 {coupon}；应为 {known}",
    "expire_soon needs valid_for or until": "expire_soon 需要 valid_for 或 until",
    "expire_soon must be shorter than valid_for": "expire_soon 必须短于 valid_for",
    "each length under expire_soon is named once and longer than nothing": "expire_soon 中的每个时长只写一次，且大于零",
}
