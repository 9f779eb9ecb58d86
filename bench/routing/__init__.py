"""Analysis of routing: policies replayed on paired runs, misroutes, training, and runs completed for a policy."""
