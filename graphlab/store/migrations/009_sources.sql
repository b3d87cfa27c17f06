-- What every source brought, so that one of them can be taken back. In a schema of its own: these tables are the
-- store's, no question reads them. Beside ``sources`` there is, for the run of a source:
-- "rows_<run>": its rows as they came (neurons, names without ids, connections where there are several sources of them)
--   or, where form is 'state', the connections that it made; "neuropils_<run>", "compartments_<run>": their parts;
-- "kinds_<run>": their kinds; "ids_<run>": its synapse ids, where there are several sources of synapses;
-- "names_<run>": names that its rows gave.
-- A source that is the only one of connections or synapses keeps nothing: the tables are what it brought (form 'table').
CREATE SCHEMA IF NOT EXISTS kept;
CREATE TABLE IF NOT EXISTS kept.sources (
    seq INTEGER NOT NULL, run_id VARCHAR NOT NULL, name VARCHAR NOT NULL, as_ VARCHAR NOT NULL, rows BIGINT,
    policy JSON, columns JSON, by_name JSON, first_id UBIGINT, form VARCHAR NOT NULL, said JSON
);
-- Sources of before are listed; nothing was kept of them (form 'earlier').
INSERT INTO kept.sources
SELECT row_number() OVER (ORDER BY started, run_id), run_id, map_keys(CAST(inputs AS MAP(VARCHAR, VARCHAR)))[1],
       parameters->>'as', NULL, NULL, NULL, NULL, NULL, 'earlier', NULL
FROM runs WHERE verb = 'ingest' AND run_id NOT IN (SELECT run_id FROM kept.sources);
