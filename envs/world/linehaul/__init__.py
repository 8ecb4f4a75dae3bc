"""Between the sites: lanes on which trucks could run, those that do, and the routes that are made of them."""
