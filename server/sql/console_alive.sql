SELECT id, reason FROM croft_console_alive($1::jsonb)
