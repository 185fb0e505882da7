"""What can happen on the links, one scenario a hazard. Each takes a Player; the first session is the target's, the
world's subscriber 0. `MAY_DIFFER`: scenarios in which packets are sent that nobody could know to be the target's, or
where the texts leave room."""
from poi_lab import n4_scenarios_pfcp, n4_scenarios_epc  # noqa: F401 they enter themselves, in this order
from poi_lab.n4_scenario import SCENARIOS  # noqa: F401

MAY_DIFFER = {"started_late", "two_answers", "handover_until_end_marker"}
