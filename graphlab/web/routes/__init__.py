"""The API, one router a subject. May import the files of ``graphlab.web`` but ``app`` and ``server``."""
