"""Decisions as a service: a live network kept from events, sourcing and departures over HTTP."""
