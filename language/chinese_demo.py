"""Chinese sentences of the demo, of campaigns on the command line, and of ``tidings why``."""

DEMO: dict[str, str] = {
    # The demo's command
    "Make members up, run the library's journeys over their last 120 days, and report what the messages caused.": (
        "生成会员，让内置旅程走完他们最近 120 天，并报告消息带来的效果。"
    ),
    "A member file of your own, with --events": "自己的会员文件，须与 --events 同用",
    "An event file of your own": "自己的事件文件",
    "How their columns are read: sections members and events": "如何读取各列：分 members 与 events 两节",
    "How many members to make up": "生成多少会员",
    "How many days to tell": "演示多少天",
    "The same seed tells the same story": "相同的种子讲同样的故事",
    "The last day of a made-up story; 2026-08-31 if left out": "生成的故事的最后一天；不填为 2026-08-31",
    "Leave everything running at the end, until Ctrl-C": "结束后保持运行，直到按 Ctrl-C",
    "Folder for everything that is written": "写出所有文件的文件夹",
    "zh or en for the reports and the screen": "报告与屏幕使用 zh 或 en",
    "members without events have no story; give --events as well": "只有会员没有事件，无从演示；请同时给出 --events",
    "the map of a demo has the sections members and events": "演示的映射文件应分 members 与 events 两节",
    "no row of this file is an event that can be used": "文件中没有一行是可用的事件",
    "all these events lie in the last {days} days; ask for fewer with --days": "所有事件都在最近 {days} 天内；请用 --days 减少天数",
    "the demo makes the database {name} anew and so cannot run inside it; name another in database_url": (
        "演示会重建数据库 {name}，因此不能在其中运行；请在 database_url 中改用其他数据库"
    ),
    "the demo needs a database of its own; let this user create databases, or leave database_url out": (
        "演示需要自己的数据库；请允许该用户创建数据库，或不设置 database_url"
    ),
    "the demo could not go on: {reason}": "演示无法继续：{reason}",
    "The ledger and the simulator's record do not agree; see above.": "账本与模拟服务商的记录不一致，详见上文。",
    # Its bars
    "Making up members": "生成会员",
    "Importing members": "导入会员",
    "Importing events": "导入事件",
    "Simulated days": "模拟日",
    "Writing reports": "写出报告",
    # Its end
    "Closing sums: every member considered is in exactly one place": "合计核对：每位被考虑的会员恰在一处",
    "Closing sums by step": "按步骤合计核对",
    "The simulator's own record: {taken} messages taken, {unanswered} of them without an answer to us.": (
        "模拟服务商自己的记录：接收 {taken} 条，其中 {unanswered} 条的应答丢失。"
    ),
    "Against the ledger: lost {lost}, doubled {doubled}, sent to control members {control}; doubt closed as unknown {unknown}.": (
        "与账本对照：丢失 {lost}，重复 {doubled}，误发对照组 {control}；存疑后按未知结清 {unknown}。"
    ),
    "Broken: {name} ({count} rows).": "不成立：{name}（{count} 行）。",
    "Every invariant of the ledger holds.": "账本的各项约束全部成立。",
    "Written to {folder}:": "已写入 {folder}：",
    "  {file}": "  {file}",
    "  and {json} JSON files (demo.json holds everything), {csv} CSV files, {png} charts in {charts}.": (
        "  以及 {json} 个 JSON 文件（demo.json 含全部内容）、{csv} 个 CSV 文件、{charts} 中的 {png} 张图。"
    ),
    "The demo took {seconds} s.": "演示用时 {seconds} 秒。",
    "Everything is running, by the real clock again. What the phones received: {url}": "一切仍在运行，时钟已恢复真实。手机收到的消息：{url}",
    "The public HTTP side, where the links in messages lead: {url}": "对外 HTTP 服务，消息中的链接指向这里：{url}",
    "Other commands see the demo with TIDINGS_FILE={file}, for example: tidings why M000001 welcome": (
        "设置 TIDINGS_FILE={file} 后，其他命令可查看演示数据，例如：tidings why M000001 welcome"
    ),
    "Stop it with Ctrl-C.": "按 Ctrl-C 停止。",
    "Stopping.": "正在停止。",
    # tidings campaigns
    "Campaign files.": "活动文件。",
    "Folder of campaign files.": "活动文件所在的文件夹。",
    "The campaign.": "活动名称。",
    "Name everything wrong with campaign files: file, line, field and what was expected.": "指出活动文件中的所有错误：文件、行、字段以及应有的内容。",
    "Publish every campaign of a folder, or none: one broken file stops them all.": "发布文件夹中的全部活动，或一个也不发布：一个文件有误则全部不发布。",
    "List every campaign with its state, its next launch and how many sends it has.": "列出每个活动的状态、下次启动时间与发送数。",
    "When, such as 2026-09-01T10:00; without it, now.": "何时，例如 2026-09-01T10:00；不填为现在。",
    "Plan a send for every member of the audience, now or at an hour; both arms are drawn then.": (
        "为受众中的每位会员计划一次发送，立即或在指定时间；届时抽取两组。"
    ),
    "Send nothing of it until it is resumed; what a provider already has stays there.": "恢复之前不再发送；已交服务商的不受影响。",
    "Let a paused campaign go on; what expired meanwhile is not sent.": "恢复已暂停的活动；其间过期的不再发送。",
    "End a campaign for ever and cancel what no provider has heard of.": "永久结束活动，并取消尚未交给服务商的发送。",
    "{count} campaigns checked, nothing wrong.": "已检查 {count} 个活动，没有问题。",
    "Campaigns": "活动",
    "campaign": "活动",
    "control": "对照比例",
    "next launch": "下次启动",
    "sends": "发送数",
    "paused": "已暂停",
    "cancelled": "已取消",
    "What the launch planned": "本次启动的计划",
    "{name} will be launched at {moment}.": "{name} 将于 {moment} 启动。",
    "{name} is paused: what waits, waits.": "{name} 已暂停：等待中的继续等待。",
    "{name} is cancelled; {count} messages that waited will not be sent.": "{name} 已取消；等待中的 {count} 条消息不再发送。",
    # tidings why
    "Say why a member got something or did not: draw, steps, refusals, attempts, receipts, responses.": (
        "说明会员为何收到或没有收到：抽签、步骤、拒发、尝试、回执、响应。"
    ),
    "The member's key or number.": "会员编号。",
    "A campaign or a journey.": "活动或旅程的名称。",
    "there is no campaign or journey {name}; expected {known}": "没有名为 {name} 的活动或旅程；应为 {known}",
    "Never considered: nothing of {name} ever looked at this member.": "从未被考虑：{name} 从未看到过这位会员。",
    "What happened": "经过",
    "How this member can be reached now": "现在可如何联系这位会员",
    "when": "时间",
    "what": "事项",
    "channel": "渠道",
    "address": "地址",
    "usable": "可用",
    "agreed": "同意",
    "declined": "拒绝",
    "never asked": "未曾询问",
    "assignment": "抽签",
    "enrolment": "旅程",
    "step": "步骤",
    "attempt": "尝试",
    "receipt": "回执",
    "response": "响应",
    "treated": "实验组",
    "delivered": "已送达",
    "accepted": "已受理",
    "failed": "失败",
    "rejected": "被拒绝",
    "not sent": "未发出",
    "unknown": "未知",
    "bounced": "退回",
    "complained": "被投诉",
    "not answered": "没有应答",
    "finished the journey": "走完旅程",
    "Drawn for {experiment}: {arm} (bucket {bucket} of 10000, {share} held back)": "为 {experiment} 抽签：{arm}（第 {bucket} 桶，共 10000；留出 {share}）",
    "Entered the journey (version {version}) because of {cause}": "进入旅程（版本 {version}），起因：{cause}",
    "Left the journey: {reason}": "离开旅程：{reason}",
    "Step {step}, {kind}: {result}": "步骤 {step}，{kind}：{result}",
    "Step {step}, {kind}": "步骤 {step}，{kind}",
    "Send {send} of {campaign} waits for its turn, not before {not_before}": "{campaign} 的发送 {send} 等待中，不早于 {not_before}",
    "Send {send} of {campaign} is in a worker's hands": "{campaign} 的发送 {send} 正由工作进程处理",
    "Send {send} of {campaign} is being handed to the provider": "{campaign} 的发送 {send} 正交给服务商",
    "Send {send} of {campaign} by {channel}: the provider's answer was lost, and it is being asked": (
        "{campaign} 的发送 {send}（{channel}）：服务商的应答丢失，正在查询"
    ),
    "Send {send} of {campaign} by {channel}: the provider's answer was lost for good; it is not sent again": (
        "{campaign} 的发送 {send}（{channel}）：服务商的应答无从查明，不再重发"
    ),
    "Send {send} of {campaign} by {channel} was taken by the provider; no delivery was reported": (
        "{campaign} 的发送 {send}（{channel}）已被服务商受理，尚无送达回执"
    ),
    "Send {send} of {campaign} by {channel} was delivered": "{campaign} 的发送 {send}（{channel}）已送达",
    "Send {send} of {campaign} by {channel} failed: {reason}": "{campaign} 的发送 {send}（{channel}）失败：{reason}",
    "Send {send} of {campaign} was withheld: the member is in the control group": "{campaign} 的发送 {send} 被留出：会员在对照组",
    "Send {send} of {campaign} was refused: {reason}": "{campaign} 的发送 {send} 被拒发：{reason}",
    "Send {send} of {campaign} was cancelled: {reason}": "{campaign} 的发送 {send} 已取消：{reason}",
    "Attempt {number} of send {send} by {channel}: {outcome}": "发送 {send} 的第 {number} 次尝试（{channel}）：{outcome}",
    "Attempt {number} of send {send} by {channel}: {outcome} ({reason})": (
        "发送 {send} 的第 {number} 次尝试（{channel}）：{outcome}（{reason}）"
    ),
    "Send {send} left {channel} for {next}: {reason}": "发送 {send} 由 {channel} 转至 {next}：{reason}",
    "Send {send} left {channel} and stands as it was by {next}: {reason}": "发送 {send} 离开 {channel}，仍以 {next} 的结果为准：{reason}",
    "as many as its accounts may carry in a day": "该渠道各账号当日额度已用完",
    "no delivery was reported in time": "未在限时内收到送达回执",
    "it had arrived before": "此前已送达",
    "address refused": "地址被拒",
    "member refused": "会员拒收",
    "content refused": "内容被拒",
    "fallback": "转渠道",
    "The provider reported on send {send}: {status}": "服务商对发送 {send} 的回执：{status}",
    "The provider reported on send {send}: {status} ({reason})": "服务商对发送 {send} 的回执：{status}（{reason}）",
    "Responded to send {send}: {event}": "对发送 {send} 的响应：{event}",
    "Responded to send {send}: {event}, {value}": "对发送 {send} 的响应：{event}，{value}",
}
