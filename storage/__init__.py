"""Tables and queries on PostgreSQL: what Runlore remembers. Knows neither Slack nor the models."""
