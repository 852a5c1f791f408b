SELECT id FROM croft_console_alive($1::jsonb) id
