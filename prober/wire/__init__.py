"""Sans-IO protocols: bytes in, bytes and an outcome out. No asyncio, no sockets, no clock."""
