"""Speech and text: transcription, rationale, embeddings. Pure functions over values; knows neither Slack nor the database."""
