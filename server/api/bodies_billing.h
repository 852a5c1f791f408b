// Field tables of what is billed and paid.
#pragma once

#include "field.h"

extern const struct field body_account_patch[], body_account[], body_seller[], body_payment[],
    body_payment_record[], body_admin_payment[], body_refund[], body_credit[], body_redeem[],
    body_promotion[], body_promotion_patch[], body_provider[], body_provider_patch[], body_notice[],
    body_reason[], body_credit_note[], body_month[];

extern const struct field query_invoices[], query_payments[], query_admin_invoices[],
    query_admin_payments[], query_month_ends[], query_month[];
