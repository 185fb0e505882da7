#pragma once

// Random events and targets for the model's test. Few users, names and values, so that they come
// again and meet.

#include "functions_model.h"

enum model_place { MODEL_SMF, MODEL_AMF, MODEL_SMSF, MODEL_BOTH }; // functions of the test

struct chance {
	uint64_t state; // not 0
};
uint32_t below(struct chance *c, uint32_t n);
bool percent(struct chance *c, uint32_t n);

// An event of the function, mostly one that is taken. Its texts are constants.
void any_event(struct chance *c, struct model_event *e, unsigned function);
void any_target(struct chance *c, struct session_target *t);
