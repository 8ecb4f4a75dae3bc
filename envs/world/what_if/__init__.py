"""A network with sites closed, added or moved, other capacities, fleets and stock: `Scenario.what_if` put into effect.

What is not named stays as it was before: every other site keeps its lanes, capacity, fleet and stock. Only
`before` and `apply_what_if` are used to build a network; capacities and stock compare with the network before.
"""

from regional_dispatch.envs.world.what_if.sites import apply_what_if, before

__all__ = ["apply_what_if", "before"]
