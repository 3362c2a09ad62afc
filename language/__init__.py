"""In which words people are told what is wrong and what to do, in English and in Chinese; and how long a text is."""
