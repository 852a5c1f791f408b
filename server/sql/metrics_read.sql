SELECT croft_metrics() AS text
