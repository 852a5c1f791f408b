SELECT address, reverse, name, serial::text FROM croft_rdns_claim()
