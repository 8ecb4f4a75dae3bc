"""Linear and integer programs over HiGHS; used by `planning`, `baselines` and the bounds."""
