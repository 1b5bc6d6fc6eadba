"""The chapter of C-DLGN: a feature network without activations."""
