"""What every language says and every engine answers: patterns, expressions, property graphs.

Imports nothing of ours outside this folder but the schema.
"""
