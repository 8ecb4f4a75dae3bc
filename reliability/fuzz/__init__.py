"""Mutated inputs by the thousand: each is used or refused, without a traceback, a crash, a hang or growing memory."""
