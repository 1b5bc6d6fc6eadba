"""What the papers print: numbers, numbered statements, errata, and the margins of every verdict, with their files."""
