"""One run from its spec to its last event, what it keeps warm, leaves behind, and costs."""
