SELECT node_id FROM croft_node_join($1::text, $2::text, $3::text, $4::text) AS node_id
