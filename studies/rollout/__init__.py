"""Regions switch one by one, pioneers first: each region's KPIs on its own day zero."""
