SELECT croft_console_close($1::jsonb)
