"""The ground: the words of the project (schema, ids, units, errors, registry) and the readers."""
