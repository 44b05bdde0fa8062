"""The web server of `prober serve`: listening, limits, TLS, passwords, headers, and who may see what.

It knows no content: `app.make_app` puts routes of other rooms (metrics, /probe, the page) behind one set of rules.
"""
