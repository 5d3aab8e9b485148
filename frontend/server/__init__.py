"""Serves the built pages, and tells them at run time where the services are."""
