"""The slow system: takes jobs from a queue, answers from a longer window and retrieved notes."""
