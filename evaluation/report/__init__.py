"""Results as text: tables for the terminal and for Markdown, and the pages of the docs they are written into."""
