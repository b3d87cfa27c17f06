"""From a parsed question to a plan: bind names, rewrite, choose an engine.

Imports the intermediate representation and SQL text tools; no engine.
"""
