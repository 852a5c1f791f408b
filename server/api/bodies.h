// Field tables of every body and every query that the API takes.
#pragma once

#include "field.h"

extern const struct field body_session[], body_token[], body_vps[], body_vps_patch[], body_user[],
    body_join_token[], body_pool[], body_image[], body_image_patch[];

// bodies_nodes.c
extern const struct field body_location[], body_location_patch[], body_node_patch[], body_retire[],
    body_adopt[], body_orphan[], body_drift[], body_check_report[], query_placement[];

// bodies_tenant.c
extern const struct field body_tenant[], body_admin_tenant[], body_tenant_patch[], body_quotas[],
    body_overrides[], body_suspend[], body_close[];

// bodies_plan.c
extern const struct field body_plan[], body_plan_patch[], body_plan_version[], body_viewers[],
    body_plan_offer[];

// bodies_operations.c
extern const struct field body_power[], body_hostname[], body_ssh_keys[], body_ssh_key[],
    body_vps_password[], body_resize[], body_address[], query_address[], query_delete[],
    body_console[], query_console[];

// bodies_images.c
extern const struct field body_publish[];

// bodies_network.c
extern const struct field body_firewall[], body_rdns[], body_address_set[], body_network[],
    body_network_member[], query_network_member[], body_port_forward[];
// bodies_snapshots.c
extern const struct field body_snapshot[], body_schedule[], body_reinstall[], body_rescue[],
    body_clone[], query_snapshots[];

extern const struct field query_none[], query_page[], query_vps[], query_images[], query_tasks[],
    query_usage[], query_series[], query_task[], query_dry_run[], query_tenants[],
    query_admin_tenants[], query_holders[], query_admin_vps[], query_admin_tasks[];

// bodies_events.c
extern const struct field query_events[], query_admin_events[], query_stream[],
    query_admin_stream[], query_webhooks[], query_deliveries[], body_webhook[],
    body_webhook_patch[];

// What a table cannot say: a field of that name is one of these words. ERR_INVALID names the field.
int bodies_check_words(const struct field *table, json_t *object, struct err *err) _must_check_;

// A decoded query as the JSON object that statements take: integers as integers. ERR_INVALID.
int bodies_read_query(const struct field *table, const char **names, const char **values, int count,
                      json_t **ret_object, struct err *err) _must_check_;
