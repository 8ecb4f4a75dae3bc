"""What a scenario says, and the arrays made from it: sites, lanes, routes, regions, stock, demand, events."""
