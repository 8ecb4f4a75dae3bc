"""How far lower bounds with all orders known are below the shipped policies, and how much of that is the bounds."""
