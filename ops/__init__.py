"""What runs Pulse on one machine: an embedded PostgreSQL, migrations, and a supervisor for the services."""
