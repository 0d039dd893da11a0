"""What flows between the rooms: plain data, no I/O, no torch, nothing else of augury."""
