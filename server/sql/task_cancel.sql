SELECT status, body, etag, location FROM croft_task_cancel_order($1::jsonb)
