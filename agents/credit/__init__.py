"""The ledger's return of every single decision, collected for a learner."""
