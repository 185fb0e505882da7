"""What can happen on S11 and in RADIUS accounting, one scenario a hazard."""
from poi_lab.n4_scenario import scenario


def bearer(p, number, cause=16, **more):
	who = p.subscriber(number)
	return p.bearer(imsi=who["imsi"], msisdn=who["msisdn"], imei=who["imei"], **more).create(cause)


@scenario
def s11(p):
	"""EPC: create, connect, handover, idle, service request, delete, on S11 alone."""
	s, o = bearer(p, 0), bearer(p, 1)
	s.up(1), o.up(1)
	s.connect(p.gnb(1)), o.connect(p.gnb(1))
	s.down(2), o.down(1), s.n6(1)
	s.connect(p.gnb(2))
	s.down(1)
	s.idle()
	o.connect(s.old)
	o.down(1)
	s.connect(p.gnb(2)).down(1)
	s.delete()
	o.down(1), o.up(1)


@scenario
def s11_two_connections(p):
	"""One pair of control TEIDs for all of a user's connections; one of them ends."""
	s = bearer(p, 0)
	t = bearer(p, 0, ebi=6, control=s.control)
	s.connect(p.gnb(1)), t.connect(p.gnb(1))
	s.down(1), t.down(1), s.up(1), t.up(1)
	t.delete()
	s.down(1), s.up(1)


@scenario
def s11_mme_changed(p):
	"""Another MME has the user; the one before gives its control end to somebody else."""
	s = bearer(p, 0).connect(p.gnb(1))
	s.down(1), s.up(1)
	old = s.control[0]
	s.move(p.mme2, p.gnb(2))
	s.down(1), s.up(1)
	o = bearer(p, 1, control=(old, 0x9777 + p.world * 0x100)).connect(p.gnb(3))
	o.down(1), o.up(1), s.down(1), s.up(1)
	o.delete()
	s.down(1), s.up(1)
	s.delete()
	s.up(1, owner=False)


@scenario
def s11_sgw_changed(p):
	"""A relocation: the connection is set up at the new gateway before the old one lets go."""
	s = bearer(p, 0).connect(p.gnb(1))
	s.down(1), s.up(1)
	t = bearer(p, 0, sgw=p.sgw2, ue=s.ue, control=(s.control[0], 0x9888 + p.world * 0x100))
	s.up(1), t.up(1)
	t.connect(p.gnb(2)).down(1)
	s.delete()
	t.down(1), t.up(1), t.n6(1)
	s.up(1, owner=False)


@scenario
def s11_relocation_cancelled(p):
	"""What was set up at another gateway is deleted there again: the connection goes on where it was."""
	s = bearer(p, 0).connect(p.gnb(1))
	s.down(1), s.up(1), s.n6(1)
	t = bearer(p, 0, sgw=p.sgw2, ue=s.ue, control=(s.control[0], 0x9999 + p.world * 0x100))
	t.up(1), s.up(1), s.n6(1)
	t.delete()
	s.down(1), s.up(1), s.n6(1)


@scenario
def s11_came_anew(p):
	"""The MME has forgotten the user, and nobody told the gateway: it drops what it had when the user comes anew."""
	s = bearer(p, 0).connect(p.gnb(1))
	s.down(1), s.up(1)
	t = bearer(p, 0).connect(p.gnb(2))
	t.down(1), t.up(1), t.n6(1)
	s.up(1, owner=False), s.n6(1, owner=False)


@scenario
def s11_refused(p):
	o = bearer(p, 0, 73) and bearer(p, 1)
	o.up(1)


@scenario
def accounting(p):
	"""Fixed access: Start, Interim, Stop; an address in use again after a lost Stop."""
	def account(number, **more):
		who = p.subscriber(number)
		return p.account(name=who["nai"], calling=who["msisdn"], user={"imsi": who["imsi"]}, **more).start()
	s, o = account(0), account(1)
	s.n6(1), o.n6(1)
	s.status(3)
	s.n6(1)
	s.stop()
	s.n6(1, owner=False)
	s = account(0)
	s.n6(1)
	o = account(1, ue=s.ue)
	o.n6(1)
