"""Lower bounds on an episode's dollars, with all its orders known in advance."""
