"""The fast system: owns openings, answers from a short window, writes notes to memory."""
