SELECT croft_rdns_forgo()
