"""The register of scenarios, and what all of them begin with."""

SCENARIOS = {}


def scenario(f):
	SCENARIOS[f.__name__] = f
	return f


def target(p, **more):
	return p.session(**p.subscriber(0), **more)


def other(p, **more):
	return p.session(**p.subscriber(1), **more)
