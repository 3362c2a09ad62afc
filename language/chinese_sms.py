"""Chinese sentences about text messages."""

SMS: dict[str, str] = {
    "Text messages: count and price one before it is sent.": "短信：发送前计算条数与费用。",
    "Say in how many parts a text travels, which characters make it longer, and what it costs.": (
        "说明一段文字要分几条发送、哪些字符使它变长，以及费用多少。"
    ),
    "Ends with 1 where no network of the market takes a text of that length.": "若该市场的网络不接受这样长的文字，以 1 结束。",
    "The text as members get it, facts filled in.": "会员收到的文字，变量已填好。",
    "cn bills 70 or 67 characters; intl 160/153 septets or 70/67 units.": (
        "cn 按 70 或 67 个字符计费；intl 按 160/153 个七位字符或 70/67 个单位计费。"
    ),
    "Signature the provider puts in front; it is counted.": "服务商加在前面的签名；计入长度。",
    "the market is cn or intl; found {found}": "市场为 cn 或 intl；写的是 {found}",
    "a text message is text of at least one character": "短信应为至少一个字符的文字",
    "No 【signature】 is counted; if the provider adds one, count it with --sign NAME.": (
        "未计入【签名】；若由服务商添加，请用 --sign 名称 一并计算。"
    ),
    "Networks in the mainland take at most {longest} characters.": "内地网络最多接受 {longest} 个字符。",
    "One text message": "一条短信",
    "how much": "数值",
    "encoding": "编码",
    "characters": "字符数",
    "septets": "七位字符数",
    "UTF-16 units": "UTF-16 单位数",
    "parts": "条数",
    "price of a part": "每条价格",
    "cost": "费用",
    "Characters that force UCS-2": "使编码变为 UCS-2 的字符",
    "character": "字符",
    "times": "次数",
}
