"""Speech and text: transcription, rationale, embeddings. Pure functions over values; knows neither Slack nor the database."""

import os

# Threads that wait for work must sleep: spinning beside other processes cost five times the computing time of the
# work itself (153 ms instead of 28 ms a sentence on two busy cores). Read once, when a library starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
