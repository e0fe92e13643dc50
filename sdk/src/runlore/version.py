"""The SDK's version, as the server is told it."""

VERSION = "0.1.0"
