"""Rules that move stock between fulfillment centers on a schedule."""
