"""Google's SegCLR releases: CSV-ZIP shards and TFRecord pairs, read and written.

Imports the reader seam, columns and the schema.
"""
