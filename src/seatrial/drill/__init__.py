"""Drills: start a service, load it, stop it, and record what really happened. `trial.drill` is the way in."""
