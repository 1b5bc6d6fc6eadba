"""The chapter of C-tiling: gates that are tiled, shifted and turned within their layer."""
