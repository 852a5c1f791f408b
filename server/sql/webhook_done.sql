SELECT croft_webhook_done($1::jsonb) AS reply
