"""The site: run and execute chapters, stage sources, write the generated pages, build."""
