// Sorts ports into classes of link, and decides which class shows which packets.

#include "dataplane/match/link_class.h"

#define BIT(link) ((uint8_t)(1u << (link)))

struct link_classes link_classes_of(const struct config_dataplane *config)
{
	struct link_classes l = {0};

	for (uint32_t i = 0; i < config->n_ports; i++) {
		l.classes |= BIT(config->ports[i].link);
		if (config->ports[i].tunnel == CONFIG_TUNNEL_GTPU)
			l.tunnel |= BIT(config->ports[i].link);
		else if (config->ports[i].link == CONFIG_LINK_OTHER)
			l.plain = true;
	}
	return l;
}

uint8_t link_class_bind_any(const struct link_classes *l, bool by_tunnel)
{
	static const uint8_t plain[] = {CONFIG_LINK_N6, CONFIG_LINK_N3, CONFIG_LINK_N9};
	static const uint8_t tunnel[] = {CONFIG_LINK_N3, CONFIG_LINK_N9, CONFIG_LINK_N6};
	const uint8_t *order = by_tunnel ? tunnel : plain;
	uint8_t present = by_tunnel && l->tunnel ? l->tunnel : l->classes;
	// A port without a class is no second sight of one with a class: it is always looked at, or
	// an OK could intercept nothing there.
	uint8_t other = present & BIT(CONFIG_LINK_OTHER);

	if ((l->classes & (l->classes - 1)) == 0)
		return 0;
	for (int i = 0; i < 3; i++)
		if (present & BIT(order[i]))
			return BIT(order[i]) | other;
	return other;
}

uint8_t link_class_bind(const struct link_classes *l, const struct filter *f)
{
	return link_class_bind_any(l, (f->kinds & (FILTER_TEID | FILTER_FTEID)) != 0);
}

uint8_t link_class_bind_session(
	const struct link_classes *l, bool tunnel, uint8_t link, bool tunnels)
{
	const uint8_t n6 = BIT(CONFIG_LINK_N6), other = BIT(CONFIG_LINK_OTHER);
	bool on_n6 = l->classes & n6 && !tunnels;

	if (!tunnel)
		return (uint8_t)((on_n6 ? n6 : 0) | (!tunnels && l->plain ? other : 0));
	if (on_n6)
		return link == CONFIG_LINK_N3 ? l->tunnel & other : 0;
	return l->tunnel & (uint8_t)~n6;
}

uint8_t link_class_first(const struct link_classes *l)
{
	bool n9 = !(l->tunnel & BIT(CONFIG_LINK_N3)) && l->tunnel & BIT(CONFIG_LINK_N9);

	return n9 ? CONFIG_LINK_N9 : CONFIG_LINK_N3;
}

bool link_class_tunnels(const struct link_classes *l)
{
	return l->tunnel & (BIT(CONFIG_LINK_N3) | BIT(CONFIG_LINK_N9) | BIT(CONFIG_LINK_OTHER));
}
