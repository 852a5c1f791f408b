-- What a sample comes to, held against its watermark: croft_usage_judged() (functions/70-usage.sql). d_ is what it adds to a counter.
CREATE TYPE usage_judged AS (vps_id uuid, boot uuid, seq bigint, mono_ns bigint, cpu_ns bigint, io_read_bytes bigint, io_write_bytes bigint,
    io_read_ops bigint, io_write_ops bigint, net_rx_bytes bigint, net_tx_bytes bigint, net_rx_packets bigint, net_tx_packets bigint,
    oom_kills bigint, memory_bytes bigint, memory_anon_bytes bigint, disk_bytes bigint, pids bigint, net_rx_inside_bytes bigint,
    net_tx_inside_bytes bigint, net_rx_outside_bytes bigint, net_tx_outside_bytes bigint, net_gaps bigint, m_seq bigint, d_net_gaps bigint,
    d_cpu_ns bigint, d_io_read_bytes bigint, d_io_write_bytes bigint, d_io_read_ops bigint, d_io_write_ops bigint, d_net_rx_bytes bigint,
    d_net_tx_bytes bigint, d_net_rx_packets bigint, d_net_tx_packets bigint, d_net_rx_inside_bytes bigint, d_net_tx_inside_bytes bigint,
    d_net_rx_outside_bytes bigint, d_net_tx_outside_bytes bigint, seconds float8, at timestamptz, hour timestamptz, n int, known boolean,
    measured boolean, unmeasured boolean, turns boolean, tenant_id uuid, fine text, reason text);
ALTER TYPE usage_judged OWNER TO croft_owner;

-- Functions that are no more.
DROP FUNCTION IF EXISTS croft_usage_check(usage_sample[]), croft_usage_ceiling(uuid);

-- Points of ten seconds are half of all that usage writes into the log, and are kept for an hour: they are not worth logging. After a crash of
-- PostgreSQL (or on a replica that takes over) that hour shows its minutes. docs/decisions/0062-usage-by-column.md.
ALTER TABLE usage_fine_0 SET UNLOGGED;
ALTER TABLE usage_fine_1 SET UNLOGGED;
ALTER TABLE usage_fine_2 SET UNLOGGED;
ALTER TABLE usage_fine_3 SET UNLOGGED;
ALTER TABLE usage_fine_4 SET UNLOGGED;
