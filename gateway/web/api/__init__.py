"""Everything under ``/api/``: endpoints as data, one file per subject, one gate before all."""
