"""Tests of gateway/store/migrations."""
