"""The tiny models: what makes them, from nothing but a seed."""
