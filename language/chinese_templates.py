"""Chinese sentences about templates and messages."""

TEMPLATES: dict[str, str] = {
    # The folder and its files
    "the folder's name {name} must be of small letters, digits and hyphens": "文件夹名 {name} 只能由小写字母、数字和连字符组成",
    "no channel takes this file; a template has files such as {expected}": "没有渠道使用这个文件；模板的文件形如 {expected}",
    "the file must be text in UTF-8": "文件必须是 UTF-8 文本",
    "the text is longer than {kilobytes} KB": "文本超过 {kilobytes} KB",
    "there is {other} already; an email is written in HTML or in MJML": "已经有 {other}；一封邮件只用 HTML 或 MJML 之一来写",
    "an SVG is shown by hardly any mail program and can hold scripts; expected png, jpg or gif": (
        "几乎没有邮件程序显示 SVG，而且其中可能有脚本；请用 png、jpg 或 gif"
    ),
    "expected a png, jpg or gif with a name of letters, digits, - and _": (
        "应为 png、jpg 或 gif，文件名只含字母、数字、- 和 _"
    ),
    "the picture is larger than {kilobytes} kB": "图片超过 {kilobytes} kB",
    "the pictures are together larger than {kilobytes} kB": "图片合计超过 {kilobytes} kB",
    "the file's content is no {kind}": "文件内容不是 {kind}",
    "there is no picture {name} in the folder images; it has {known}": "images 文件夹中没有图片 {name}；有的是 {known}",
    # HTML and MJML
    "<{name}> is never closed": "<{name}> 没有结束标签",
    "<{name}> is never closed, or something around it is closed first": "<{name}> 没有结束，或外层先于它结束了",
    "</{name}> closes nothing": "</{name}> 没有对应的开始标签",
    "the comment that begins here has no end -->": "此处开始的注释没有结尾 -->",
    "MJML allows no -- inside a comment": "MJML 的注释里不能有 --",
    "the tag that begins here has no end, or a quotation mark of it is not closed": "此处的标签没有结尾，或有引号没有闭合",
    "write &lt; for a < that begins no element": "不作标签的 < 请写成 &lt;",
    "an email has at most {elements} elements, and {deepest} inside each other": (
        "一封邮件最多有 {elements} 个元素，嵌套最多 {deepest} 层"
    ),
    "{what} stands inside a tag; it may stand in text, or between the quotation marks of an attribute": (
        "{what} 写在了标签里；它可以写在文字中，或属性的引号之间"
    ),
    "{what} would be lost here; it may stand in text, or in an attribute such as href, src or alt": (
        "{what} 写在这里会丢失；它可以写在文字中，或 href、src、alt 等属性里"
    ),
    "{what} must stand with its beginning and its end around whole elements, inside one element or one attribute": (
        "{what} 的开头和结尾之间必须是完整的元素，并且在同一个元素或同一个属性里"
    ),
    "this is not MJML: {words}": "这不是 MJML：{words}",
    "MJML begins with <mjml>; found {found}": "MJML 以 <mjml> 开头；写的是 {found}",
    "MJML has no element <{name}>; expected {known}": "MJML 没有元素 <{name}>；应为 {known}",
    "the styles cannot be read: {words}": "样式无法读取：{words}",
    "the styles are too many for so many elements; say less": "元素多，样式也太多；请精简",
    "the finished HTML is longer than {kilobytes} KB": "生成的 HTML 超过 {kilobytes} KB",
    "write @media inside <style>, not as its attribute": "请把 @media 写在 <style> 里面，不要写成它的属性",
    "<{name}> would fetch something from elsewhere; write the styles themselves": "<{name}> 会从别处读取内容；请直接写出样式",
    "<{name}> works in hardly any mail program; use pictures below each other": "几乎没有邮件程序支持 <{name}>；请把图片上下排列",
    "<{name}> is not known here; write the attributes on the element itself": "这里不支持 <{name}>；请把属性写在元素上",
    "<{name}> needs a picture of your own: src": "<{name}> 要用您自己的图片：src",
    # Worth a look
    "Worth a look: {what}": "值得一看：{what}",
    "there is no text part; one was made from the HTML": "没有纯文本部分；已由 HTML 生成",
    "the HTML comes to {size} kB; Gmail cuts off what is beyond {most} kB": "HTML 有 {size} kB；Gmail 会截去超过 {most} kB 的部分",
    "the picture {address} has no alt; who sees no pictures reads nothing there": (
        "图片 {address} 没有 alt；看不到图片的人在这里什么也读不到"
    ),
    "the link {address} is not https": "链接 {address} 不是 https",
    "there is no such folder": "没有这个文件夹",
    "there is no template {name}; the library has {known}": "没有模板 {name}；模板库中有 {known}",
    # What a template may say
    "the text holds the control character U+{code}; delete it": "文本中有控制字符 U+{code}，请删除",
    "this is not a well-formed template: {words}": "模板语法有误：{words}",
    "the template is nested too deeply, or a number is too long": "模板嵌套过深，或其中的数字过长",
    "the loops of this template do too much; say less inside them": "模板的循环做得太多；请精简循环里的内容",
    "{form} is not allowed in templates": "模板中不允许使用 {form}",
    "a loop may hold one more loop and no third": "循环里最多再套一层循环，不能有第三层",
    "a loop may only walk through a list of the member, such as attributes.favourites": (
        "循环只能遍历会员的列表，例如 attributes.favourites"
    ),
    "the loop's own name {name} is already the name of a fact; choose another": "循环变量 {name} 与一项会员信息同名，请换一个",
    "say which link, such as {{{{ links.{name} }}}}": "请写明是哪个链接，例如 {{{{ links.{name} }}}}",
    "a text inside an expression may have {longest} characters": "表达式里的文本最多 {longest} 个字符",
    "unknown fact {name}; known are {known}; others are attributes.NAME or declared under facts": (
        "没有会员信息 {name}；可用的有 {known}；其他信息写作 attributes.名称，或在 facts 下声明"
    ),
    "unknown link {name}; declared under links are {known}": "没有链接 {name}；links 下声明了 {known}",
    "unknown filter {name}; allowed are {known}": "没有过滤器 {name}；可用的有 {known}",
    "unknown test {name}; allowed are {known}": "没有判断 {name}；可用的有 {known}",
    "the dictionary defines no attribute {name}; did you mean {near}?": "属性字典中没有 {name}；您是不是想写 {near}？",
    "the dictionary defines no attribute {name}; it is said if members have it, so look at its spelling, or define it": (
        "属性字典中没有 {name}；会员有此属性时仍会显示，请核对拼写，或先定义它"
    ),
    "unknown fact {name}; did you mean {near}?": "没有会员信息 {name}；您是不是想写 {near}？",
    "unknown link {name}; did you mean {near}?": "没有链接 {name}；您是不是想写 {near}？",
    "unknown filter {name}; did you mean {near}?": "没有过滤器 {name}；您是不是想写 {near}？",
    "unknown test {name}; did you mean {near}?": "没有判断 {name}；您是不是想写 {near}？",
    # What a channel asks for
    "the link unsubscribe is always there; do not declare it": "退订链接 unsubscribe 始终可用，无需声明",
    "a link begins with https:// or http://, or is survey:NAME; found {address}": (
        "链接应以 https:// 或 http:// 开头，或写作 survey:问卷名；写的是 {address}"
    ),
    "the template has words for no channel": "模板没有任何渠道的文案",
    "the title is missing in {language}": "缺少 {language} 标题",
    "{channel} has no words in the template's default language {language}": "{channel} 缺少模板默认语言 {language} 的文案",
    "this file is missing: an email has a subject, and html or mjml": "缺少这个文件：邮件要有 subject，以及 html 或 mjml",
    "expected at least one field of the approved template, such as thing1, or text": "至少要有一个已审核模板的字段（例如 thing1），或 text",
    "an advertising text must say how to stop it: 拒收请回复R, 退订 or STOP": (
        "营销短信必须写明退订方式：拒收请回复R、退订或 STOP"
    ),
    "the way to stop stands where not everybody gets it; take it out of the condition": (
        "退订方式写在条件里，并非人人都能看到；请移到条件之外"
    ),
    "members are told to answer {word}, and such an answer stops nothing; write R, T, TD, N or STOP": (
        "文案让会员回复 {word}，但这样回复不会退订；请写 R、T、TD、N 或 STOP"
    ),
    "in a mainland text message 【】 holds the signature: once, and at the very start": (
        "内地短信中【】只用于签名：只出现一次，且在最开头"
    ),
    "campaign {name}: the SMS provider puts the 【signature】 in front; take it out of template {template} ({languages})": (
        "活动 {name}：短信服务商会自动加上【签名】；请从模板 {template}（{languages}）中删除"
    ),
    "campaign {name}: the SMS provider adds no 【signature】; begin template {template} ({languages}) with 【{{{{ brand }}}}】": (
        "活动 {name}：短信服务商不添加【签名】；模板 {template}（{languages}）请以【{{{{ brand }}}}】开头"
    ),
    "an advertising email must hold {{{{ links.unsubscribe }}}} in html and text": (
        "营销邮件的 html 和 text 中都必须有 {{{{ links.unsubscribe }}}}"
    ),
    "WeChat has no such field; fields are {known} (with their number), url, and text": "微信没有这种字段；可用的有 {known}（带编号）、url 和 text",
    "{what} is not allowed in an email": "邮件中不允许使用 {what}",
    "put the value of an attribute between quotation marks": "属性的值要放在引号中",
    "an address in an email is {{{{ links.NAME }}}} or begins with https://; found {address}": (
        "邮件中的地址应为 {{{{ links.名称 }}}} 或以 https:// 开头；写的是 {address}"
    ),
    "filled in for a sample member these words are refused: {reason}": "用示例会员填写时，文案被拒：{reason}",
    "the subject comes to {length} characters; phones show {longest}": "主题有 {length} 个字符；手机只显示 {longest} 个",
    "the text comes to about {parts} parts and sms.most_parts is {most}; say less, or allow more": (
        "短信约 {parts} 条，而 sms.most_parts 为 {most}；请精简，或放宽上限"
    ),
    # Commands
    "Templates": "模板",
    "template": "模板",
    "title": "标题",
    "purpose": "用途",
    "channels": "渠道",
    "languages": "语言",
    "SMS parts (zh/en)": "短信条数（中/英）",
    "words": "文案",
    "marketing": "营销",
    "service": "服务",
    "{count} templates checked, nothing wrong.": "已检查 {count} 个模板，没有问题。",
    "{channel}: refused, {reason}": "{channel}：被拒，{reason}",
    "{channel} · {language} · {parts} part(s)": "{channel} · {language} · {parts} 条",
    "No channel has words for this member.": "没有任何渠道能为这位会员填写文案。",
    "there is no member {key}": "没有会员 {key}",
    "template {name} has no words for {channel}; it has {known}": "模板 {name} 没有 {channel} 的文案；它有 {known}",
    "there is no email to write to the file": "没有可写入文件的邮件",
    "the file cannot be written: {why}": "文件无法写入：{why}",
}
