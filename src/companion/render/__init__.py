"""From frames to tables, figures and Markdown; nothing is computed here."""
