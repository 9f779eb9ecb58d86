"""The five services. Each has one anatomy: settings.py, service.py, and the modules of its own domain."""
