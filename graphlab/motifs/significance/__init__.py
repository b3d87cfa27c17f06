"""What a count says beside a null: ratio, z, p and q with their doubts, profiles.

Imports nulls and the census.
"""
