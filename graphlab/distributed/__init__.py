"""The same commands over many machines: parts of an array job, leases on shared folders, a Ray cluster.

Each is a ``TaskRunner`` (``ingest.running.task_runners``), given as ``workers`` to what takes one. ``content`` hashes
functions and tasks, ``results`` writes what came of them without pickle, ``parts_folder`` is what processes share, and
``array_parts`` runs and gathers parts. Imports ``ingest`` and ``graphlab.store.files``.
"""
