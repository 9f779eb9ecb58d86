"""The program that plays benchmark streams into the services, collects the answers and computes scores."""
