"""The part of neuPrint's HTTP API that neuprint-python uses, over TLS, so that its notebooks ask a graph of one's own.

May import the files of ``graphlab.web`` but ``app`` and ``server``.
"""
