"""SQL text: cut into tokens, guarded, its errors told in the user's words.

Imports nothing of ours but the schema.
"""
