"""`reportgen log`: a finished run, as an experiment tracker keeps it (MLflow, Weights & Biases)."""
