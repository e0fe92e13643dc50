"""Callbacks for the frameworks people train with; each module needs its framework and nothing else does."""
