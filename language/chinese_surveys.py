"""Chinese sentences about surveys."""

SURVEYS: dict[str, str] = {
    "words are needed in zh, en or both": "需要写明 zh、en 或两者的文字",
    "a survey is open for 1m at least": "问卷至少开放 1m",
}
