"""Chinese sentences about what a campaign would do, before anything is planned."""

PREFLIGHT: dict[str, str] = {
    # The command
    "Campaigns: check, apply, list, preflight, launch, pause, resume, cancel.": "活动：检查、发布、列出、预检、启动、暂停、恢复、取消。",
    "Say whom a campaign would reach, what it would cost and why messages would be refused; nothing is planned or sent.": (
        "说明活动会触达谁、费用多少、哪些消息会被拒及其原因；不计划、不发送任何消息。"
    ),
    "Ends with 1 where the campaign, a channel or an account would send nothing at all.": "若活动、某个渠道或某个账号完全发不出消息，以 1 结束。",
    "The campaign; with --file, left out.": "活动名；使用 --file 时不填。",
    "A campaign file, as if it had been applied.": "活动文件，视同已发布。",
    "Look at the members of this segment only.": "只看这个分群的会员。",
    "As if launched then, such as 2026-09-01T10:00; without it, now.": "视同在该时刻启动，例如 2026-09-01T10:00；不填为现在。",
    "Members of each channel whose words are tried.": "每个渠道试写文案的会员数。",
    "name either a campaign or, with --file, a campaign file": "请写活动名，或用 --file 指定活动文件，二者取一",
    # Its tables
    "Preflight of {name}, as if launched at {moment}. Nothing was planned or sent.": "预检 {name}，视同于 {moment} 启动。未计划、未发送任何消息。",
    "Whom it would reach": "会触达谁",
    "would be sent by {channel}": "将经{channel}发送",
    "refused: {reason}": "不发送：{reason}",
    "considered": "考虑的会员",
    "such as": "例如",
    "Their words, tried on some of them": "文案：对其中部分会员试写",
    "language": "语言",
    "tried": "试写人数",
    "parts on average": "平均条数",
    "parts at most": "最多条数",
    "What it would cost if one account carried all of its channel": "若由单个账号承担整个渠道的费用",
    "share": "占比",
    "one message": "每条消息",
    "likely": "预计",
    "at most": "最多",
    "Together about {likely} {currency}, shared among the accounts by weight; from {least} to {most}.": (
        "合计约 {likely} {currency}（各账号按权重分担）；介于 {least} 与 {most} 之间。"
    ),
    "When it would go": "何时发出",
    "first": "最早",
    "last": "最晚",
    "wait for quiet hours": "等免打扰",
    "takes": "用时",
    "quota": "配额",
    "days": "天数",
    "{place}: {told}": "{place}：{told}",
    # What stands in the way
    "It could go.": "可以启动。",
    "It could not go as it is: see what is marked ✗.": "目前不能启动：见标有 ✗ 的各项。",
    " ({count} of {sampled} tried, such as {names})": "（试写 {sampled} 人中有 {count} 人，例如 {names}）",
    "there is nobody in the audience": "受众中没有任何会员",
    "nobody in the audience would be sent anything": "受众中没有任何会员会收到消息",
    "the campaign names no audience, so everybody is considered here; where a journey sends it, the journey chooses": (
        "活动没有写受众，这里考虑了所有会员；由旅程发送时，由旅程决定发给谁"
    ),
    "template {template} has changed since the campaign was applied; what is sent are the words of then": (
        "模板 {template} 在活动发布之后有改动；发送的仍是当时的文案"
    ),
    "the text messages would bear two signatures, for the SMS provider puts one in front ({languages})": (
        "短信会带两个签名：短信服务商会在前面再加一个（{languages}）"
    ),
    "the text messages would bear no 【signature】, for the SMS provider adds none ({languages})": (
        "短信会没有【签名】：短信服务商不会添加（{languages}）"
    ),
    "no words can be written: {reason}": "无法写出文案：{reason}",
    "the words hold {word}, which is on the list sensitive_words": "文案中有“{word}”，它在 sensitive_words 名单上",
    "nothing is left of what members allowed under the notice's template": "会员对该通知模板的授权次数已用完或已撤回",
    "the accounts' quotas have room for {left} of {messages} messages on the first day; it takes {days} days": (
        "{messages} 条消息中，各账号第一天的配额只够 {left} 条；共需 {days} 天"
    ),
    "{count} messages would be given up before the accounts have room for them": "有 {count} 条消息会在账号腾出余量之前过期放弃",
    "this account is in trouble just now and left alone until one message goes well": "该账号目前异常，暂不使用，直到有一条消息发送成功",
    # What providers turn down
    "this account has no approved template for these words": "该账号没有与此文案对应的已审核模板",
    "the message lacks a variable of the approved template": "消息缺少已审核模板中的变量",
    "the text comes to more than {longest} characters, the most that networks in the mainland take": (
        "短信超过 {longest} 个字符，内地网络最多接受这么多"
    ),
    "the variable {name} holds an address on the web, which is turned down unless the account was granted it": (
        "变量 {name} 含有网址；除非账号另获许可，否则会被拒"
    ),
    "the variable {name} holds an emoji, and such texts are turned down": "变量 {name} 含有表情符号，这样的短信会被拒",
    "the variable {name} has more than {longest} characters, too many for accounts opened since 2024": (
        "变量 {name} 超过 {longest} 个字符，2024 年以后开通的账号不接受"
    ),
    "the text comes to more than {longest} characters, the most that Twilio takes": "短信超过 {longest} 个字符，Twilio 最多接受这么多",
    "this is not a phone number": "这不是电话号码",
    "the text has more parts than the gateway would send": "短信的条数超过网关会发送的条数",
    "this account has no notice template for these words": "该账号没有与此文案对应的通知模板",
    "these words have no fields, which a notice must have": "文案没有字段，而通知必须有字段",
    "WeChat forbids marketing in template messages; use a subscription notice or a mass send": (
        "微信禁止用模板消息做营销；请改用订阅通知或群发"
    ),
    "WeChat allows customer-service messages only as answers; use a subscription notice or a mass send": (
        "微信的客服消息只能用于回复；请改用订阅通知或群发"
    ),
    "WeChat carries an answer only to a member who wrote or acted shortly before": "微信只把回复发给不久前留言或互动过的会员",
}
