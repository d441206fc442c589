"""Reading and writing the database: one file for each noun."""
