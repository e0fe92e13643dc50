"""A Slack-compatible workspace on this machine: Web API, Socket Mode, signed events, files and a page."""
