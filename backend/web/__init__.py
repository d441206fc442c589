"""The server around the API: app, page, security, errors as problems."""
