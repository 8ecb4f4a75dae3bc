"""Lower bounds on the cost of an episode, with all its orders known in advance."""
