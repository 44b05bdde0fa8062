"""An embedded world on loopback to try prober in: origins, proxies, an interceptor."""
