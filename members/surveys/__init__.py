"""Surveys: one question behind a signed link, answered once by each member it was sent to."""
