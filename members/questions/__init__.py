"""What a condition may ask about a member: the questions as data, and each as SQL."""
