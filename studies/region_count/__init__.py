"""Into how many balanced regions a network should be divided."""
