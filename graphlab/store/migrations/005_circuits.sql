-- Results of graph.circuits about flow; a fraction names its denominator.
CREATE TABLE IF NOT EXISTS signal_flow (
    run_id VARCHAR NOT NULL, root_id UBIGINT NOT NULL, component BIGINT NOT NULL, neurons BIGINT NOT NULL, flow DOUBLE
);
