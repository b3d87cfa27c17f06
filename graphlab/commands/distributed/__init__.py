"""What verbs need to be divided over machines."""
