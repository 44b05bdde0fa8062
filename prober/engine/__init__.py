"""The only room with sockets: resolver, driver, limits, deadlines, scheduling."""
