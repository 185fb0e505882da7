// How a report names an issue to ADMFs of each minor.
#include "control/report/x1_report_form.h"

#include <stddef.h>

#include "control/xml/x1_types.h"

const char *x1_report_type(const struct issue *i, unsigned minor)
{
	static const char *const of_ne[] = {[ISSUE_FAULT] = "FaultReport",
		[ISSUE_CLEAR] = "FaultCleared",
		[ISSUE_WARNING] = "Warning"};
	static const char *const of_others[] = {[ISSUE_FAULT] = "NonTerminatingFault",
		[ISSUE_TERMINATING] = "TerminatingFault",
		[ISSUE_CLEAR] = "AllClear",
		[ISSUE_WARNING] = "Warning",
		[ISSUE_DONE] = "FullyActionedAndSuccessful",
		[ISSUE_NOT_DONE] = "FullyActionedAndUnsuccessful",
		[ISSUE_IMPLICIT] = "ImplicitDeactivation"};

	if (i->scope == ISSUE_NE && i->type == ISSUE_FAULT && i->code == X1_STATUS_KEEPALIVES &&
		minor >= X1_MINOR_ALERT) {
		return "Alert";
	}
	if (i->scope == ISSUE_NE) {
		return i->type < sizeof(of_ne) / sizeof(*of_ne) ? of_ne[i->type] : NULL;
	}
	return i->type < sizeof(of_others) / sizeof(*of_others) ? of_others[i->type] : NULL;
}

int x1_report_code(const struct issue *i)
{
	static const int usual[] = {[ISSUE_FAULT] = X1_STATUS_FAULT,
		[ISSUE_TERMINATING] = X1_STATUS_TERMINATING,
		[ISSUE_CLEAR] = X1_STATUS_CLEARED,
		[ISSUE_WARNING] = X1_STATUS_WARNING,
		[ISSUE_DONE] = X1_STATUS_ACTIONED,
		[ISSUE_NOT_DONE] = X1_STATUS_TERMINATING,
		[ISSUE_IMPLICIT] = 0}; // no fault: table 46 has no code for it

	return i->code != 0 ? (int)i->code : usual[i->type];
}
