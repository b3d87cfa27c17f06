"""The verbs of the command line, one file a kind of work; each verb is one method of ``graphlab.Graph``."""
