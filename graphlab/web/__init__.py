"""A graph over HTTP: the server core, its JSON and Arrow API, the built page, and the neuPrint door.

Everything here is a thin layer over the verbs of ``graphlab.graph``; nothing is written, unless sets may be. May import
``graphlab.graph`` and what is below it; needs the extra ``web``. ``app.create_app`` is the seam for further routers.
"""
