"""A method that goes wrong in every way a method of a user's own can."""
