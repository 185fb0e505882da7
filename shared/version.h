#pragma once

#define POI_VERSION "0.2.0"

// X1 version that this network element speaks and answers with (TS 103 221-1 table 1).
#define POI_X1_VERSION "v1.8.1"
