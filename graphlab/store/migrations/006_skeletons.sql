-- Skeletons: a row a node. parent is null at a root, radius_nm and compartment are null where unknown.
CREATE TABLE IF NOT EXISTS skeletons (
    root_id UBIGINT NOT NULL, node_id UBIGINT NOT NULL, parent UBIGINT, x_nm DOUBLE NOT NULL, y_nm DOUBLE NOT NULL,
    z_nm DOUBLE NOT NULL, radius_nm DOUBLE, compartment VARCHAR, run_id VARCHAR NOT NULL
);
-- The nearest skeleton node of each synapse's two neurons.
CREATE TABLE IF NOT EXISTS synapse_nodes (
    run_id VARCHAR NOT NULL, synapse_id UBIGINT NOT NULL, side VARCHAR NOT NULL, root_id UBIGINT NOT NULL,
    node_id UBIGINT NOT NULL, distance_nm DOUBLE NOT NULL
);
-- Connections split by where on their two neurons they lie; null is unknown. Either empty, or of every connection,
-- so that the rows of a pair add up to its weight.
CREATE TABLE IF NOT EXISTS connections_by_compartment (
    pre_root_id UBIGINT NOT NULL, post_root_id UBIGINT NOT NULL, pre_compartment VARCHAR, post_compartment VARCHAR,
    weight DOUBLE NOT NULL, kind VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS connections_by_compartment_left_out AS FROM connections_by_compartment LIMIT 0;
-- New graphs have these as virtual columns since their first script.
ALTER TABLE synapses ADD COLUMN IF NOT EXISTS pre_compartment VARCHAR;
ALTER TABLE synapses ADD COLUMN IF NOT EXISTS post_compartment VARCHAR;
ALTER TABLE synapses ADD COLUMN IF NOT EXISTS pre_supervoxel_id UBIGINT;
ALTER TABLE synapses ADD COLUMN IF NOT EXISTS post_supervoxel_id UBIGINT;
