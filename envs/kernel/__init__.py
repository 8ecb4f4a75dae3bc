"""Compiled code: one tick of the network, and what it works on.

To follow an order line from arrival to doorstep, read `tick.py` and the files that it calls:

- `phases/arrivals.py`: the order is placed;
- `decisions/candidates.py`, `order_plan.py`, `features.py`, `decide.py`: a source is chosen;
- `phases/source.py`: units are reserved, a package is made;
- `phases/work.py`: it is picked, and later sorted;
- `phases/lane_queue.py`, `dispatch.py`: it waits for a truck, and leaves;
- `phases/trucks.py`: it arrives, and is delivered;
- `phases/settle.py`: the end of the episode.

To follow a dollar from decision to report: `ledger.py` (when it is booked), `credit.py` (which decision is charged with
it), `metrics.py` (the KPIs).

Short names are the same in all files: `w` the world, `s` the state, `b` the row of the batch, `r` the region, `j` the
slot of an order line, `k` its candidate, `p` a package, `path` the number of a route, `x` a vector of features, `g` a
set of weights.
"""
