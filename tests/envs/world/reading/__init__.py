"""Safe readers."""
