"""The server: stores events, schedules runs, serves figures and the page. Never imports torch."""
