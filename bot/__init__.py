"""The application: Slack listeners, HTTP API, jobs, schedule, use cases and message builders."""
