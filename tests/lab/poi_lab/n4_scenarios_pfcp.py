"""What can happen on N4 and in the tunnels, one scenario a hazard."""
from poi_lab.n4_scenario import other, scenario, target


@scenario
def life(p):
	"""Set up, handed over, idle, back, released; somebody else beside it."""
	p.associate()
	s, o = target(p), other(p)
	s.establish()
	s.up(2)
	o.establish().connect(p.gnb(1))
	s.connect(p.gnb(1))
	s.down(2), o.down(2), s.up(2), o.up(2)
	s.n6(1), o.n6(1)
	s.connect(p.gnb(2))
	s.down(2), s.up(1)
	s.idle()
	s.report()
	s.n6(1)
	s.connect(p.gnb(2))
	s.down(2), s.up(1), o.down(1)
	s.release()
	o.down(1), o.up(1)


@scenario
def tunnel_from_smf(p):
	"""The F-TEID is in the request: uplink between request and response."""
	s = target(p, choose=False)
	request = s.send(s.establishment())
	s.up(2)
	s.established(request)
	s.connect(p.gnb(1))
	s.up(1), s.down(1)
	s.release()


@scenario
def downlink_before_the_response(p):
	s = target(p).establish()
	request = s.send(s.connection(p.gnb(1)))
	s.down(3)
	s.answer(request)
	s.down(2)
	request = s.send(s.connection(p.gnb(2)))
	s.down(2), s.down(1, gnb=s.old)
	s.answer(request)
	s.down(2)


@scenario
def response_first(p):
	"""Two mirror ports: each answer is seen before its request."""
	s = target(p)
	request = s.establishment()
	s.established(request), s.send(request)
	s.up(2)
	request = s.connection(p.gnb(1))
	s.answer(request), s.send(request)
	s.down(2)
	request = s.request(54)
	s.answer(request), s.send(request)
	o = other(p, teid=s.teid).establish()
	o.up(1)


@scenario
def idle_tunnel_to_another(p):
	"""An idle session's FAR keeps its outer header; the gNB gives the TEID to somebody else."""
	s, o = target(p).establish(), other(p).establish()
	tunnel = p.gnb(1)
	s.connect(tunnel).down(2)
	s.idle()
	o.connect(tunnel)
	o.down(2)
	s.connect(p.gnb(1)).down(2)
	o.down(1)


@scenario
def handover_until_end_marker(p):
	s = target(p).establish().connect(p.gnb(1))
	s.down(1)
	s.connect(p.gnb(2))
	s.down(2, gnb=s.old)
	s.end_marker()
	s.down(2)
	s.down(1, gnb=s.old, owner=False)  # nobody's: the tunnel was closed


@scenario
def handover_until_time(p):
	s = target(p).establish().connect(p.gnb(1))
	s.connect(p.gnb(2))
	s.down(1, gnb=s.old), s.down(1)
	p.wait(1.5)
	s.down(1, gnb=s.old, owner=False)
	s.down(1)


@scenario
def handover_tunnel_to_another(p):
	s, o = target(p).establish().connect(p.gnb(1)), other(p).establish().connect(p.gnb(3))
	s.connect(p.gnb(2))
	o.connect(s.old)
	o.down(2), s.down(2)


@scenario
def handover_and_back(p):
	s = target(p).establish()
	one, two = p.gnb(1), p.gnb(2)
	s.connect(one).down(1)
	s.connect(two).down(1)
	s.connect(one).down(1)
	p.wait(1.5)
	s.down(2), s.up(1)


@scenario
def late_retransmission(p):
	"""An old modification comes again after a newer one: it changes nothing."""
	s = target(p).establish()
	one = s.connection(p.gnb(1))
	s.answer(s.send(one))
	old = s.gnb
	s.connect(p.gnb(2))
	p.wait(1.5)
	s.send(one), s.answer(one)
	p.wait(1.5)
	s.down(2)
	s.down(1, gnb=old, owner=False)


@scenario
def retransmissions(p):
	s = target(p)
	request = s.establishment()
	s.send(request), s.send(request)
	s.established(request), s.established(request)
	s.up(2)
	request = s.connection(p.gnb(1))
	s.send(request), s.send(request), s.send(request)
	s.answer(request)
	s.down(2)
	s.release()


@scenario
def sequence_used_again(p):
	"""The same number and ends, other octets: a new transaction."""
	s = target(p).establish()
	first = s.connection(p.gnb(1))
	s.answer(s.send(first))
	second = s.connection(p.gnb(2))
	second["sequence"] = first["sequence"]
	s.answer(s.send(second))
	p.wait(1.5)
	s.down(2)
	s.down(1, gnb=s.old, owner=False)


@scenario
def two_answers(p):
	"""The UPF took a repetition for a new session: both are the target's until they are deleted."""
	s = target(p)
	request = s.send(s.establishment())
	s.established(request)
	twin = target(p, ue=s.ue, cp=s.seid)
	s.send(request)
	twin.established(request)
	s.up(1), twin.up(1)
	s.release()
	twin.up(1)


@scenario
def refused(p):
	"""A session that never was, a modification that changed nothing, a deletion that did not happen."""
	s = target(p, choose=False)
	request = s.send(s.establishment())
	s.answer(request, 73, node=p.upf.n4)
	o = other(p, choose=False, teid=s.teid).establish()
	o.up(1)
	s = target(p).establish().connect(p.gnb(1))
	tunnel = p.gnb(2)
	s.modify(75, update_far=[{"id": 1, "action": {"forw"}, "destination": 0, "outer": (tunnel[1], tunnel[0])}])
	s.down(1)
	o.connect(tunnel).down(1)
	s.release(77)
	s.down(1), s.up(1)


@scenario
def gone_by_cause(p):
	"""Session context not found: the UPF has lost it."""
	s = target(p).establish().connect(p.gnb(1))
	s.down(1)
	s.modify(65, update_far=[{"id": 1, "action": {"forw"}}])
	o = other(p, teid=s.teid).establish().connect(s.gnb)
	o.down(1), o.up(1)


@scenario
def tunnel_used_again(p):
	s = target(p).establish().connect(p.gnb(1))
	s.up(1), s.down(1)
	tunnel = s.gnb
	s.release()
	o = other(p, teid=s.teid).establish().connect(tunnel)
	o.up(2), o.down(2)
	o.release()
	again = target(p, teid=s.teid).establish().connect(tunnel)
	again.up(2), again.down(2)


@scenario
def address_used_again(p):
	s = target(p).establish()
	s.n6(1)
	s.release()
	o = other(p, ue=s.ue).establish()
	o.n6(2)


@scenario
def one_address_in_two_networks(p):
	s = target(p, ni="internet").establish()
	o = other(p, ue=s.ue, ni="ims").establish()
	s.connect(p.gnb(1)), o.connect(p.gnb(2))
	s.down(1), o.down(1), s.up(1), o.up(1)


@scenario
def equal_numbers(p):
	"""Two gNBs with one TEID, two SMFs with one SEID, two UPFs with one TEID."""
	s = target(p, cp=1).establish()
	o = other(p, smf=p.smf2, cp=1).establish()
	s.connect(("203.0.113.1", 7)), o.connect(("203.0.113.2", 7))
	s.down(2), o.down(2)
	third = other(p, upf=p.upf2, teid=s.teid).establish()
	third.up(2), s.up(2)


@scenario
def smf_changed(p):
	"""Another SMF of a set takes over: a new CP F-SEID."""
	s = target(p).establish().connect(p.gnb(1))
	s.down(1)
	s.smf, new = p.smf2, 0x7777
	request = s.send(s.request(52, node=p.smf2.n4, f_seid=(new, p.smf2.n4)))
	s.answer(request)
	s.seid = new
	s.down(1)
	s.connect(p.gnb(2)).down(1)
	s.release()


@scenario
def started_late(p):
	"""The session was there before: only what its modifications say can be known."""
	s = target(p)
	s.connect(p.gnb(1))
	s.down(1), s.up(1)
	o = other(p).establish().connect(p.gnb(2))
	o.down(1), o.up(1)


@scenario
def address_from_upf(p):
	s = target(p)
	ue, s.ue = s.ue, "choose4"
	request = s.send(s.establishment())
	s.ue = ue
	s.established(request, created_pdr=[{"id": 1, "ue": [ue]}, {"id": 2, "fteid": s.local}])
	s.n6(1), s.up(1)


@scenario
def ipv6_prefix(p):
	"""SLAAC: any interface identifier of the prefix is the user's."""
	s = target(p, ue=p.prefix6(1)).establish().connect(p.gnb(1))
	s.n6(2), s.up(1), s.down(1)
	o = other(p, ue=p.prefix6(2)).establish()
	o.n6(1)


@scenario
def both_families(p):
	"""A local F-TEID with two addresses: either may carry the packets. A user with both."""
	s = target(p, ue=(p.ue(), p.prefix6(1).replace("::/64", "::2")), dual=True).establish().connect(p.gnb(1))
	s.up(1), s.up(2, six=True), s.down(1), s.n6(1)


@scenario
def tunnel_to_the_smf(p):
	"""N4-u: router advertisements between SMF and UPF are on their way elsewhere."""
	s = target(p)
	request = s.establishment()
	request["create_pdr"].append({"id": 3, "precedence": 1000, "source": 3, "ni": s.ni, "fteid": ("choose", None), "far": 1})
	request["create_far"].append({"id": 3, "action": {"forw"}, "destination": 3, "outer": (1, p.smf.n4)})
	s.send(request)
	s.established(request, created_pdr=[{"id": 2, "fteid": s.local}, {"id": 3, "fteid": (0x3333, p.upf.n3)}])
	s.up(1)
	p.gpdu(p.upf.n3, p.smf.n4, 1, (s.ue, "198.18.0.1"))
	p.gpdu(p.smf.n4, p.upf.n3, 0x3333, ("198.18.0.1", s.ue))
	s.connect(p.gnb(1)).down(1)


@scenario
def fragmented(p):
	"""A request larger than the link's frames."""
	s = target(p, flows=[(n, 100 + n, 2, f"permit out 17 from 192.0.2.{n} to assigned {6000 + n}", None) for n in range(10, 20)])
	s.establish(fragments=3)
	s.up(1)
	s.connect(p.gnb(1)).down(1)


@scenario
def bundled(p):
	"""Several messages in one datagram, and answers bundled otherwise."""
	s, o = target(p), other(p)
	one, two = s.establishment(), o.establishment()
	p.datagram("pfcp", p.smf.n4, p.upf.n4, [two, one])
	o.established(two), s.established(one)
	s.up(1), o.up(1)
	one, two = s.connection(p.gnb(1)), o.connection(p.gnb(2))
	p.datagram("pfcp", p.smf.n4, p.upf.n4, [one, two])
	s.answer(one), o.answer(two)
	s.down(1), o.down(1)


@scenario
def upf_restarted(p):
	"""Another recovery time stamp: all of its sessions are gone."""
	p.associate()
	p.heartbeat()
	s = target(p).establish().connect(p.gnb(1))
	s.down(1)
	p.heartbeat(from_upf=True)
	s.down(1)
	p.upf.recovery += 60
	p.heartbeat()
	o = other(p, teid=s.teid).establish().connect(s.gnb)
	o.down(1), o.up(1)


@scenario
def association_again(p):
	"""Accepted for a node that was associated: its sessions are deleted, whatever the stamps say."""
	p.associate()
	s = target(p).establish().connect(p.gnb(1))
	s.down(1)
	p.associate()
	s.down(1, owner=False)
	o = other(p, teid=s.teid).establish()
	o.up(1)


@scenario
def association_retained(p):
	p.associate()
	s = target(p).establish().connect(p.gnb(1))
	p.associate(retention=True)
	s.down(1), s.up(1)


@scenario
def association_released(p):
	p.associate()
	s = target(p).establish().connect(p.gnb(1))
	s.down(1)
	p.dissociate()
	s.down(1, owner=False), s.up(1, owner=False)


@scenario
def restored(p):
	"""After a restart the same session comes back with its tunnels and another UP F-SEID."""
	p.associate()
	s = target(p, choose=False).establish().connect(p.gnb(1))
	s.down(1)
	p.upf.recovery += 60
	p.associate()
	s.up_seid += 0x100
	s.establish(resti=True)
	s.up(1), s.down(1)


@scenario
def sets_deleted(p):
	"""One message ends the sessions of several sets, and none of another."""
	s, t, o = target(p, csid=7).establish(), target(p, csid=8).establish(), target(p, csid=9).establish()
	for one in (s, t, o):
		one.connect(p.gnb(1))
		one.down(1), one.up(1)
	t.send(t.connection(p.gnb(2)))  # never answered
	p.delete_sets(7, 8)
	for one in (s, t, o):
		one.down(1, owner=one is o), one.up(1, owner=one is o)


@scenario
def deleted_by_the_upf(p):
	s = target(p).establish().connect(p.gnb(1))
	s.down(1)
	s.report(kind=2, psdbu=True)
	s.down(1, owner=False)


@scenario
def traffic_endpoints(p):
	s = target(p, endpoint=True).establish().connect(p.gnb(1))
	s.up(2), s.down(2), s.n6(1)
	s.modify(remove_endpoint=[1])
	s.up(1, owner=False)
	s.down(1)


@scenario
def two_sessions(p):
	"""Two sessions of one subscriber, in two networks."""
	s, t, o = target(p).establish(), target(p, ni="ims").establish(), other(p).establish()
	s.connect(p.gnb(1)), t.connect(p.gnb(1)), o.connect(p.gnb(1))
	for one in (s, t, o):
		one.up(1), one.down(1)
	t.release()
	s.up(1), s.down(1)


@scenario
def flows(p):
	"""Rules of one tunnel, told apart by their filters and precedence."""
	s = target(p, flows=[(10, 100, 2, "permit out 17 from 198.18.0.0/24 5060-5070 to assigned", None), (11, 90, 3,
		"permit out 17 from any to assigned 9000,9100-9110", None), (12, 80, 4,
		"permit out 17 from any 6000 to assigned", 5)])
	s.establish().connect(p.gnb(1))
	for remote, local in ((5065, 4000), (5065, 9105), (5071, 4000), (7053, 9000), (7053, 9111)):
		s.down(1, ports=(remote, local)), s.up(1, ports=(local, remote))
	s.up(1, ports=(4000, 6000), qfi=5), s.up(1, ports=(4000, 6000)), s.up(1, qfi=5), s.up(1, protocol=1)
	s.down(1, ports=(6000, 9105))
	s.modify(remove_pdr=[11, 111])
	s.down(1, ports=(7053, 9000)), s.up(1, ports=(9105, 5065))


@scenario
def flows_behind_the_upf(p):
	"""On N6 a packet has left its tunnel: what belongs to a rule is told by addresses and filters, each direction by
	its own rules."""
	s = target(p, flows=[(10, 100, 2, "permit out 17 from 198.18.0.0/24 5060-5070 to assigned", None), (11, 90, 3,
		"permit out 17 from any to assigned 9000,9100-9110", None)])
	s.establish().connect(p.gnb(1))
	for remote, local in ((5065, 4000), (5065, 9105), (5071, 4000), (7053, 9000), (7053, 9111)):
		s.n6(1, ports=(local, remote))
	s.modify(remove_pdr=[11])  # the downlink rule alone
	s.n6(1, ports=(9105, 5065)), s.n6(1, ports=(9000, 7053))
	s.down(1, ports=(7053, 9000)), s.up(1, ports=(9000, 7053))


@scenario
def rules_by_address(p):
	"""Rules of one tunnel that only the user's address tells apart: one of IPv4, one of IPv6."""
	six = p.prefix6(1)
	s = target(p)
	request = s.establishment()
	down, up = request["create_pdr"]
	request["create_pdr"] += [{**down, "id": 3, "ue": [six]}, {**up, "id": 4, "ue": [six]}]
	s.send(request)
	s.established(request)
	s.connect(p.gnb(1))
	host, server = six.replace("::/64", "::7"), "2001:db8:5e::1"
	for _ in range(2):
		s.up(1), s.down(1), s.n6(1)
		p.gpdu(s.gnb[0], s.upf.n3, s.teid, (host, server), pdu_type=1, owner=s)
		p.gpdu(s.upf.n3, *s.gnb, (server, host), pdu_type=0, ports=(5000, 4000), owner=s)
		p.plain((host, server), owner=s), p.plain((server, host), ports=(5000, 4000), owner=s)


@scenario
def names_as_text(p):
	"""A Network Instance as labels, as text, and with the operator's part."""
	s, t = target(p, ni="text:Internet").establish(), other(p, ni="internet.mnc001.mcc001.gprs").establish()
	o = other(p, ni="ims").establish()
	for one in (s, t, o):
		one.connect(p.gnb(1))
		one.up(1), one.down(1)


@scenario
def intermediate_upf(p):
	"""An I-UPF: tunnels on both sides, N3 to the gNB and N9 to the anchor."""
	s = target(p)
	anchor, down = ("198.51.100.9", 0x9000 + p.world), s.teid + 0x80
	request = s.establishment()
	request["create_pdr"][0].update(fteid=("choose", 6), ue=[])
	request["create_far"][1]["outer"] = (anchor[1], anchor[0])
	s.send(request)
	s.established(request, created_pdr=[{"id": 1, "fteid": (down, p.upf.n3)}, {"id": 2, "fteid": s.local}])
	s.up(1)
	p.gpdu(p.upf.n3, *anchor, (s.ue, s.server()), pdu_type=1, link="n9", owner=s)
	s.connect(p.gnb(1))
	p.gpdu(anchor[0], p.upf.n3, down, (s.server(), s.ue), pdu_type=0, ports=(5000, 4000), link="n9", owner=s)
	s.down(1), s.up(1)
	s.release()


@scenario
def tunnel_of_the_upf_changed(p):
	"""A modification that asks for another local F-TEID: the old one ends with the answer."""
	s = target(p).establish().connect(p.gnb(1))
	s.up(1)
	old, s.teid = s.teid, 0x4444
	pdr = dict(s.pdrs()[1])
	request = s.send(s.request(52, update_pdr=[pdr]))
	s.up(1, teid=old)
	s.answer(request, created_pdr=[{"id": 2, "fteid": s.local}])
	s.up(2)
	s.up(1, teid=old, owner=False)
