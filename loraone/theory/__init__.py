"""Teacher–student problems as an ordinary task: many at once, through the same initialisers.

It knows neither transformers nor PEFT: a run of hundreds of steps takes milliseconds.
"""
