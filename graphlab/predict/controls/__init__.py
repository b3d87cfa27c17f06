"""What a score rests on: sources left out, layers rewired, distance taken out, leaks scored."""
