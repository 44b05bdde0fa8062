"""The page and the API: the board for people and for programs that ask. It knows the web room and the monitor."""
