"""What came of it: responses credited, arms compared, the closing sum, and the same numbers in every form."""
