// Field tables of exports.
#pragma once

#include "field.h"

extern const struct field query_bulk_usage[], query_billing_export[];
