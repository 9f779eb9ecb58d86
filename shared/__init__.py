"""What more than one service needs, and nothing else: the wire contract, the bus, video and the model layer."""
