"""Tables that a server holds, through the users' own packages: caveclient and neuprint-python. A download is proved
complete by the server's own counts and kept as Parquet. Readers in ``ingest.tables`` open what was kept.

Imports: ``schema``, ``running``.
"""
