"""An embedded world on loopback to try prober in: look-alike authorities, origins, proxies, an interceptor.

Everything binds 127.0.0.1 and leads nowhere else: a proxy of the lab dials the lab's own listeners only.
Look-alike names say "Prober Lab"; nothing here can be mistaken for a real authority.
"""
