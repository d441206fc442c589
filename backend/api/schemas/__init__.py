"""What requests and responses hold, as pydantic models."""
