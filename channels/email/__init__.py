"""Email: mail as bytes, and a mail server to hand it to."""
