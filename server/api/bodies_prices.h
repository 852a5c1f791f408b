// Field tables of prices, costs and charges.
#pragma once

#include "field.h"

extern const struct field body_price_book[], body_price_book_patch[], body_price_version[],
    body_tax_rule[], query_costs[], query_charges[], query_admin_charges[], query_sellers[];
