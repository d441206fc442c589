"""The one-step full fine-tuning gradient: exact, layer by layer or sketched, and shared."""
