"""How what was kept goes again: retention periods, erasing somebody, and the evidence of both."""
