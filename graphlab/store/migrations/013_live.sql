-- A graph that follows events. What they changed is written down with the position (events so far) after which it
-- holds: summed weights and totals with what they were before, so that earlier states can be told. While a graph is
-- followed, its tables are views of what they were ("~connections") and of these. No question reads this schema.
CREATE SCHEMA IF NOT EXISTS live;
CREATE TABLE IF NOT EXISTS live.batches (
    position BIGINT NOT NULL, committed TIMESTAMP NOT NULL, events BIGINT NOT NULL, duplicates BIGINT NOT NULL
);
CREATE TABLE IF NOT EXISTS live.sources (name VARCHAR NOT NULL, position JSON NOT NULL);
CREATE TABLE IF NOT EXISTS live.producers (
    producer VARCHAR NOT NULL, sequence UBIGINT NOT NULL, first_event_id VARCHAR, last_event_id VARCHAR
);
CREATE TABLE IF NOT EXISTS live.dead_letters (
    position BIGINT NOT NULL, came TIMESTAMP NOT NULL, producer VARCHAR, sequence UBIGINT, event_id VARCHAR,
    reason VARCHAR NOT NULL, event VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS live.gone (root_id UBIGINT NOT NULL, position BIGINT NOT NULL, became VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS live.chunks (chunk VARCHAR NOT NULL, position BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS live.connections (
    position BIGINT NOT NULL, pre_root_id UBIGINT NOT NULL, post_root_id UBIGINT NOT NULL, kind VARCHAR NOT NULL,
    before DOUBLE NOT NULL, after DOUBLE NOT NULL
);
CREATE TABLE IF NOT EXISTS live.neuropils (
    position BIGINT NOT NULL, pre_root_id UBIGINT NOT NULL, post_root_id UBIGINT NOT NULL, kind VARCHAR NOT NULL,
    neuropil VARCHAR, before DOUBLE NOT NULL, after DOUBLE NOT NULL
);
CREATE TABLE IF NOT EXISTS live.compartments (
    position BIGINT NOT NULL, pre_root_id UBIGINT NOT NULL, post_root_id UBIGINT NOT NULL, kind VARCHAR NOT NULL,
    pre_compartment VARCHAR, post_compartment VARCHAR, before DOUBLE NOT NULL, after DOUBLE NOT NULL
);
CREATE TABLE IF NOT EXISTS live.totals (
    position BIGINT NOT NULL, root_id UBIGINT NOT NULL, in_before DOUBLE NOT NULL, out_before DOUBLE NOT NULL,
    in_after DOUBLE NOT NULL, out_after DOUBLE NOT NULL
);
-- Ends of synapses; null before one came, and after it went.
CREATE TABLE IF NOT EXISTS live.moves (
    position BIGINT NOT NULL, synapse_id UBIGINT NOT NULL, pre_before UBIGINT, post_before UBIGINT, pre_after UBIGINT,
    post_after UBIGINT
);
