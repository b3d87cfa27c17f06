"""What is predicted: cell types and functional connectivity.

Imports learners and evaluation.
"""
