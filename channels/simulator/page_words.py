"""What the simulator's page says, in both languages."""

from collections.abc import Mapping
from typing import Final

ENGLISH: Final[Mapping[str, str]] = {
    "language": "en",
    "title": "Tidings simulator",
    "tagline": "Nobody gets these messages.",
    "all": "All", "sms": "Text messages", "email": "Mail", "wechat": "WeChat",
    "filter": "Number, mailbox or openid", "search": "Filter", "clear": "Clear", "refresh": "Refresh",
    "empty": "Nothing has come so far", "empty_more": "Whatever an installation sends here, appears here.",
    "nothing_found": "Nothing goes to such an address",
    "parts": "parts", "part": "part", "messages": "messages",
    "from": "From", "to": "To", "html": "As designed", "text": "Plain text", "headers": "Headers",
    "no_text": "This mail has no plain text.",
    "unsubscribe_mail": "Unsubscribe", "unsubscribe_hint": "What a mail client does when its reader taps “unsubscribe”",
    "reply_as": "Reply as the member", "reply": "Reply", "say": "Write something",
    "details": "Details", "article": "Article", "notice": "Service notice",
    "follow": "Follow", "unfollow": "Unfollow", "menu": "Tap the menu",
    "allow": "Allow one more", "decline": "Not this time", "withdraw": "Take all back",
    "template": "Template id", "notices": "Notices of a template", "account": "The account",
    "member_act_unsubscribe": "unsubscribed with one click",
    "member_act_follow": "follows the account", "member_act_unfollow": "no longer follows the account",
    "member_act_menu": "tapped the menu", "member_act_allow": "allowed one more notice",
    "member_act_decline": "declined notices this time", "member_act_withdraw": "took every permission back",
    "told": "Done. The installation was told and said yes.",
    "untold": "Done here, but the installation did not hear of it: it was told no callback address, or did not say yes.",
    "impossible": "This provider does not tell of such things.",
    "elsewhere": "This address is not this machine's and not the installation's, so nothing was sent there.",
    "ordered": "The next message will meet it.", "set": "From now on.", "calm_done": "No more faults.",
    "released": "The reports that were held have been told.",
    "faults": "Faults", "next": "The next message meets", "always": "A share of all messages",
    "share": "Share", "calm": "No faults at all", "apply": "Set", "in_force": "In force",
    "reports": "Delivery reports", "held": "held", "due": "due", "pushed": "told", "refused": "not accepted", "given_up": "given up",
    "release": "Tell those that are held", "counts": "Taken so far", "accepted": "taken", "turned_down": "refused", "unanswered": "left unanswered",
    "fault_answer_lost": "taken, answer lost", "fault_half_body": "taken, half an answer", "fault_hang": "taken, no answer",
    "fault_bad_gateway": "taken, 502", "fault_garbled": "taken, nonsense", "fault_dropped": "connection dropped",
    "fault_unavailable": "not now (503)", "fault_throttled": "too many (429)", "fault_redirected": "redirected",
    "fault_address_refused": "no such address", "fault_member_refused": "member said no", "fault_content_refused": "words refused",
    "new": "New messages", "record": "Every message since the beginning stands in", "memory": "Shown are the last {shown}.",
}  # fmt: skip

CHINESE: Final[Mapping[str, str]] = {
    "language": "zh-CN",
    "title": "Tidings 模拟器",
    "tagline": "没有人会真的收到这些消息。",
    "all": "全部", "sms": "短信", "email": "邮件", "wechat": "微信",
    "filter": "手机号、邮箱或 openid", "search": "筛选", "clear": "清除", "refresh": "刷新",
    "empty": "还没有消息", "empty_more": "发到这里的消息都会显示在这里。",
    "nothing_found": "没有发往该地址的消息",
    "parts": "条计费", "part": "条计费", "messages": "条消息",
    "from": "发件人", "to": "收件人", "html": "网页版", "text": "纯文本", "headers": "邮件头",
    "no_text": "这封邮件没有纯文本。",
    "unsubscribe_mail": "退订", "unsubscribe_hint": "等同于收件人在邮件客户端点“退订”",
    "reply_as": "以会员身份回复", "reply": "回复", "say": "输入内容",
    "details": "查看详情", "article": "图文消息", "notice": "服务通知",
    "follow": "关注", "unfollow": "取消关注", "menu": "点击菜单",
    "allow": "再允许一次", "decline": "这次不允许", "withdraw": "全部收回",
    "template": "模板编号", "notices": "某个模板的订阅", "account": "公众号",
    "member_act_unsubscribe": "一键退订",
    "member_act_follow": "关注了公众号", "member_act_unfollow": "取消了关注",
    "member_act_menu": "点击了菜单", "member_act_allow": "允许再发一条通知",
    "member_act_decline": "这次没有允许通知", "member_act_withdraw": "收回了全部订阅",
    "told": "已完成，系统已收到并确认。",
    "untold": "模拟器已记下，但系统没有收到：未设置回调地址，或系统没有确认。",
    "impossible": "该服务商不会推送此类事件。",
    "elsewhere": "该地址既不在本机，也不是本系统的地址，因此没有发送任何请求。",
    "ordered": "下一条消息将遇到此故障。", "set": "已生效。", "calm_done": "故障已全部清除。",
    "released": "暂存的回执已全部推送。",
    "faults": "故障", "next": "下一条消息遇到", "always": "所有消息按比例遇到",
    "share": "比例", "calm": "清除所有故障", "apply": "设置", "in_force": "当前",
    "reports": "送达回执", "held": "暂存", "due": "待推送", "pushed": "已推送", "refused": "未被确认", "given_up": "已放弃",
    "release": "推送暂存的回执", "counts": "累计", "accepted": "已接收", "turned_down": "已拒绝", "unanswered": "未应答",
    "fault_answer_lost": "已接收，应答丢失", "fault_half_body": "已接收，应答中断", "fault_hang": "已接收，无应答",
    "fault_bad_gateway": "已接收，502", "fault_garbled": "已接收，乱码", "fault_dropped": "连接断开",
    "fault_unavailable": "暂不可用（503）", "fault_throttled": "限流（429）", "fault_redirected": "重定向",
    "fault_address_refused": "地址不存在", "fault_member_refused": "会员拒收", "fault_content_refused": "内容被拒",
    "new": "有新消息", "record": "全部消息记录在", "memory": "此处显示最近 {shown} 条。",
}  # fmt: skip


def words_for(accepted: str) -> Mapping[str, str]:
    """Return the words of the language that a browser names first, of the two there are."""
    wanted = [each.partition(";")[0].strip().lower() for each in accepted.split(",")]
    first = next((each[:2] for each in wanted if each[:2] in ("zh", "en")), "en")
    return CHINESE if first == "zh" else ENGLISH
