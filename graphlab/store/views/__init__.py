"""A graph folder as somebody sees it: a part, or an earlier state, in views of its own cursors."""
