-- Results of graph.circuits.match.
CREATE TABLE IF NOT EXISTS matched_neurons (
    run_id VARCHAR NOT NULL, root_id UBIGINT NOT NULL, partner_root_id UBIGINT, known BOOLEAN NOT NULL, shared DOUBLE,
    margin DOUBLE, agreement DOUBLE, confidence DOUBLE
);
