"""The lab: an ADMF, a mediation function and the certificates they need. Python standard library and
the openssl command only; shares no code with the product, so that the two check each other."""
