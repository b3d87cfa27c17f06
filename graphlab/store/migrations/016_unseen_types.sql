-- Results of graph.predict.unseen_types: how each score of doubt tells cells of labels that were held out whole.
CREATE TABLE IF NOT EXISTS unseen_types (
    run_id VARCHAR NOT NULL, doubt VARCHAR NOT NULL, answers VARCHAR NOT NULL, auroc DOUBLE, auroc_lo DOUBLE,
    auroc_hi DOUBLE, f1 DOUBLE, f1_lo DOUBLE, f1_hi DOUBLE, withheld_known DOUBLE, withheld_strange DOUBLE, ece DOUBLE,
    f1_without_10 DOUBLE, f1_without_25 DOUBLE, f1_without_50 DOUBLE
);
