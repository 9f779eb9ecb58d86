"""The five services. Each has one anatomy: settings.py, service.py, Dockerfile, and the modules of its own domain."""
