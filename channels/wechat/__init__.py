"""WeChat messages."""
