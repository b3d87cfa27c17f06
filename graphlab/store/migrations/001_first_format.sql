-- Format 1 of the graph folder. Word tables repeat ingest/schema.py (a test compares them);
-- sources may add columns of their own to neurons, synapses and connections.
-- No primary keys: DuckDB keeps them as an index in memory, 50 million synapses would cost gigabytes.
-- What must be unique is checked in the transaction that writes it.

CREATE TABLE meta (key VARCHAR NOT NULL, value JSON);

CREATE TABLE neurons (
    root_id UBIGINT NOT NULL, name VARCHAR, cell_type VARCHAR, super_class VARCHAR, side VARCHAR,
    nt_type VARCHAR, nt_confidence DOUBLE, neuropil VARCHAR, x_nm DOUBLE, y_nm DOUBLE, z_nm DOUBLE,
    status_axon VARCHAR, status_dendrite VARCHAR, in_graph BOOLEAN NOT NULL DEFAULT true,
    total_in DOUBLE, total_out DOUBLE
);

-- Columns that no source has brought yet are virtual and take neither time nor room: of 50 million synapses five
-- empty columns would cost two fifths of writing the rows. The first source that brings one makes it real (arrivals.py).
CREATE TABLE synapses (
    synapse_id UBIGINT NOT NULL, pre_root_id UBIGINT NOT NULL, post_root_id UBIGINT NOT NULL,
    x_nm DOUBLE AS (CAST(NULL AS DOUBLE)) VIRTUAL, y_nm DOUBLE AS (CAST(NULL AS DOUBLE)) VIRTUAL,
    z_nm DOUBLE AS (CAST(NULL AS DOUBLE)) VIRTUAL, score DOUBLE AS (CAST(NULL AS DOUBLE)) VIRTUAL,
    neuropil VARCHAR AS (CAST(NULL AS VARCHAR)) VIRTUAL, size DOUBLE AS (CAST(NULL AS DOUBLE)) VIRTUAL,
    weight DOUBLE AS (CAST(NULL AS DOUBLE)) VIRTUAL, presynapse_id UBIGINT AS (CAST(NULL AS UBIGINT)) VIRTUAL,
    kind VARCHAR AS ('chemical') VIRTUAL, pre_compartment VARCHAR AS (CAST(NULL AS VARCHAR)) VIRTUAL,
    post_compartment VARCHAR AS (CAST(NULL AS VARCHAR)) VIRTUAL,
    pre_supervoxel_id UBIGINT AS (CAST(NULL AS UBIGINT)) VIRTUAL,
    post_supervoxel_id UBIGINT AS (CAST(NULL AS UBIGINT)) VIRTUAL
);

CREATE TABLE connections (
    pre_root_id UBIGINT NOT NULL, post_root_id UBIGINT NOT NULL, weight DOUBLE NOT NULL,
    kind VARCHAR NOT NULL, neuropil VARCHAR, nt_type VARCHAR
);
CREATE TABLE connections_by_neuropil (
    pre_root_id UBIGINT NOT NULL, post_root_id UBIGINT NOT NULL, neuropil VARCHAR, weight DOUBLE NOT NULL,
    kind VARCHAR NOT NULL
);
-- Pairs with a partner that is no graph node (in_graph false); they return when it becomes one.
CREATE TABLE connections_left_out AS FROM connections;

-- Which kinds came from single synapses and which from ready pairs; the two never mix.
CREATE TABLE pair_sources (kind VARCHAR NOT NULL, origin VARCHAR NOT NULL);

CREATE TABLE embedding_files (
    model VARCHAR NOT NULL, segmentation_version VARCHAR NOT NULL, width INTEGER NOT NULL, file VARCHAR NOT NULL,
    nodes BIGINT NOT NULL, neurons BIGINT NOT NULL, sha256 VARCHAR NOT NULL, run_id VARCHAR NOT NULL
);
-- Which neuron of the graph is which segment of the embeddings: by id, by a map, or by place.
-- embedded_root_id is null where the answer is ambiguous.
CREATE TABLE neuron_embeddings (
    run_id VARCHAR NOT NULL, model VARCHAR NOT NULL, root_id UBIGINT NOT NULL, embedded_root_id UBIGINT,
    how VARCHAR NOT NULL, distance_nm DOUBLE
);
-- The nearest embedded node of each synapse's two neurons; (embedded_root_id, node_id) is a row of embeddings.
CREATE TABLE synapse_embeddings (
    run_id VARCHAR NOT NULL, model VARCHAR NOT NULL, synapse_id UBIGINT NOT NULL, side VARCHAR NOT NULL,
    root_id UBIGINT NOT NULL, embedded_root_id UBIGINT NOT NULL, node_id UBIGINT NOT NULL, distance_nm DOUBLE NOT NULL
);

CREATE TABLE property_graphs (name VARCHAR NOT NULL, definition VARCHAR NOT NULL);

CREATE TABLE runs (
    run_id VARCHAR NOT NULL, verb VARCHAR NOT NULL, started TIMESTAMP NOT NULL, seconds DOUBLE NOT NULL,
    parameters JSON NOT NULL, inputs JSON NOT NULL, versions JSON NOT NULL, seed BIGINT,
    data_version VARCHAR NOT NULL, result_hash VARCHAR, message VARCHAR
);
CREATE TABLE motif_counts (
    run_id VARCHAR NOT NULL, size INTEGER NOT NULL, "group" VARCHAR, motif VARCHAR NOT NULL,
    count BIGINT NOT NULL, count_noninduced BIGINT, null_model VARCHAR, samples BIGINT,
    null_mean DOUBLE, null_std DOUBLE, ratio DOUBLE, z DOUBLE, p DOUBLE, q DOUBLE
);
CREATE TABLE predictions (run_id VARCHAR NOT NULL, root_id UBIGINT, pre_root_id UBIGINT, post_root_id UBIGINT,
    target VARCHAR NOT NULL, value DOUBLE, label VARCHAR, uncertainty DOUBLE);
CREATE TABLE correlations (run_id VARCHAR NOT NULL, root_id UBIGINT, pre_root_id UBIGINT, post_root_id UBIGINT,
    measure VARCHAR NOT NULL, value DOUBLE, p DOUBLE, q DOUBLE);
