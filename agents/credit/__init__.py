"""The cost of every single decision, read from the ledger and collected for a learner.

A *recorder* keeps decisions while their costs are not known yet, and hands them over afterwards. Open

- `lines.py` for sourcing decisions: an order line's return is the realised cost of its order,
- `lanes.py` for dispatch decisions: a lane's decisions form a chain over ticks, with advantages along it,
- `lane_prices.py` for samples of what lanes have cost their packages, which the price of lanes is fitted to,
- `charges.py` for what decisions are charged with beyond their own costs,
- `batch.py` for the recorders of several networks side by side.

`docs/explanation/credit.md` explains the ideas.
"""
