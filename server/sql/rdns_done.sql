SELECT croft_rdns_done($1::text, $2::bigint, $3::text)
