"""The reader: video sources become frame logs, in step with the bench's grants or with the wall clock."""
