"""A policy that tries its decisions first, on futures that are drawn at random: `POLICY+lookahead`."""
