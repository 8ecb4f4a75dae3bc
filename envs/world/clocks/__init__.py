"""Dates, time zones, opening hours, timetables and promises, by tick."""
