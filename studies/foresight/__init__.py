"""How much of the gap to the optimum in hindsight a policy closes by looking ahead, with none to all orders known."""
