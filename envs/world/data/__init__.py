"""Public data about the United States: metros, state outlines, and the script that derives them."""
