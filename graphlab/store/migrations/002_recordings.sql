-- Recordings: values lie in recordings/*.parquet, named here once they are whole.
CREATE TABLE recording_files (
    animal VARCHAR NOT NULL, part VARCHAR NOT NULL, file VARCHAR NOT NULL, frames BIGINT NOT NULL,
    columns BIGINT NOT NULL, first_s DOUBLE NOT NULL, last_s DOUBLE NOT NULL, step_s DOUBLE, segments BIGINT NOT NULL,
    sha256 VARCHAR NOT NULL, run_id VARCHAR NOT NULL
);
CREATE TABLE recorded_neurons (
    animal VARCHAR NOT NULL, trace INTEGER NOT NULL, root_id UBIGINT, name VARCHAR, neuron_class VARCHAR,
    confidence DOUBLE, run_id VARCHAR NOT NULL
);

-- Functional edges. kind is response (measured perturbation), correlation or lagged_predictive; never pooled.
CREATE TABLE functional_connections (
    run_id VARCHAR NOT NULL, kind VARCHAR NOT NULL, measure VARCHAR NOT NULL, animal VARCHAR,
    pre_root_id UBIGINT NOT NULL, post_root_id UBIGINT NOT NULL, directed BOOLEAN NOT NULL, value DOUBLE,
    lag_s DOUBLE, p DOUBLE, q DOUBLE, p_naive DOUBLE, connected BOOLEAN
);
CREATE TABLE behavior_tuning (
    run_id VARCHAR NOT NULL, animal VARCHAR NOT NULL, trace INTEGER NOT NULL, root_id UBIGINT, name VARCHAR,
    neuron_class VARCHAR, confidence DOUBLE, behavior VARCHAR NOT NULL, measure VARCHAR NOT NULL, value DOUBLE,
    lag_s DOUBLE, p DOUBLE, q DOUBLE, p_naive DOUBLE, q_naive DOUBLE, null_model VARCHAR
);
CREATE TABLE behavior_classes (
    run_id VARCHAR NOT NULL, neuron_class VARCHAR NOT NULL, behavior VARCHAR NOT NULL, measure VARCHAR NOT NULL,
    traces BIGINT NOT NULL, animals BIGINT NOT NULL, value DOUBLE, lo DOUBLE, hi DOUBLE, p DOUBLE, q DOUBLE
);
CREATE TABLE behavior_models (
    run_id VARCHAR NOT NULL, animal VARCHAR NOT NULL, model VARCHAR NOT NULL, behavior VARCHAR, trace INTEGER,
    root_id UBIGINT, split VARCHAR NOT NULL, dropped VARCHAR, decay_s DOUBLE, r2 DOUBLE, r DOUBLE, importance DOUBLE
);
CREATE TABLE structure_function (
    run_id VARCHAR NOT NULL, kind VARCHAR NOT NULL, quantity VARCHAR NOT NULL, structure VARCHAR NOT NULL,
    "group" VARCHAR, pairs BIGINT, value DOUBLE, lo DOUBLE, hi DOUBLE, null_mean DOUBLE, null_std DOUBLE, p DOUBLE,
    q DOUBLE
);
CREATE TABLE behavior_enrichment (
    run_id VARCHAR NOT NULL, behavior VARCHAR NOT NULL, label_kind VARCHAR NOT NULL, label VARCHAR NOT NULL,
    neurons BIGINT NOT NULL, encoding BIGINT NOT NULL, value DOUBLE, null_mean DOUBLE, null_std DOUBLE, ratio DOUBLE,
    p DOUBLE, q DOUBLE
);
-- Never filled; functional_connections and behavior_tuning hold what it was meant for.
DROP TABLE IF EXISTS correlations;
