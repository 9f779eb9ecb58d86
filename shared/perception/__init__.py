"""What S1 and S2 make of frames and notes, the same in the stack and offline: windows, note writing, answering."""
