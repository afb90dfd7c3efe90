"""What a suite answers, in words of a terminal: answers, decisions, and who took part."""
