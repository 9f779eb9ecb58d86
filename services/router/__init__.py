"""The router: a policy decides the path of each question; every opening has an owner."""
