"""A prompt that stays warm: questions in every language over one open graph."""
