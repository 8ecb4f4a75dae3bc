"""Anyone's policies on the leaderboard: objects with `predict()`, rows and their page."""
