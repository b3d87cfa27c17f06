"""The same commands over many machines: parts of an array job, leases on shared folders, tasks of a Ray cluster.

Each is a ``TaskRunner`` (``ingest.running.task_runners``), given as ``workers`` to what takes one. ``content`` hashes
functions and tasks, ``results`` writes what came of them without pickle, ``parts_folder`` is what processes share,
``array_parts`` runs and gathers parts, ``dynamic_parts`` runs whatever task is free, by ``leases``, and ``ray_tasks``
gives tasks to Ray, which it alone imports. Imports ``ingest`` and ``graphlab.store.files``.
"""
